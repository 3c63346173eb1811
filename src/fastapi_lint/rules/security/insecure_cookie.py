"""FAPI625: cookies of sessions and tokens that scripts read, or that plain HTTP carries. Their names decide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Fix, Safety
from fastapi_lint.fixing.edits import replace_argument_value, with_argument
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.application import middleware_in
from fastapi_lint.model.calls import Given, given, only_value, runs_by_configuration, switch
from fastapi_lint.model.names import External
from fastapi_lint.model.tokens import is_signed
from fastapi_lint.model.types import Where
from fastapi_lint.model.values import Unfolded
from fastapi_lint.rule import Check, rule

_SESSION = re.compile(
    r"session|token|jwt|(?:^|[^a-z])(?:auth|sid|sess|sessid|authorization|access|refresh|bearer|credentials?|login)(?:[^a-z]|$)"
)
_HARMLESS = re.compile(
    r"csrf|xsrf|forgery|theme|consent|lang|locale|unsecure|insecure|remember_?me|expir|(?:^|[^a-z])(?:state|nonce|type|hint|flag|"
    r"exists|status|id_token_hint|count|tab|view|sidebar)(?:[^a-z]|$)"
)
"""What cookies are called that scripts read, or that nobody gains by reading."""
_FOR_SCRIPTS = re.compile(r"csrf|xsrf|forgery|state|nonce|insecure|unsecure")
_FLAGS = {"httponly": 7, "secure": 6}
_WHY = {"httponly": "any script on the page can read it", "secure": "it is sent over plain HTTP as well"}
_SESSIONS = "starlette.middleware.sessions.SessionMiddleware"
_TRANSPORT = "fastapi_users.authentication.CookieTransport"
_TRANSPORTS = (_TRANSPORT, "fastapi_users.authentication.transport.CookieTransport")
_OURS = {"cookie_httponly": "httponly", "cookie_secure": "secure"}


@rule("FAPI625", fix=Safety.UNSAFE, words={"set_cookie", "SessionMiddleware", "CookieTransport"}, needs_requests=True)
def insecure_cookie(module: Module, check: Check) -> Iterator[Finding]:
    """The cookie of a session or token is readable for scripts, or is sent without TLS.

    Why is this bad?
    Whoever has the cookie is the user. Without `httponly` any script that gets into a page reads it, and without
    `secure` the browser sends it over plain HTTP, too, where everybody on the way reads it. A cookie with
    `samesite="none"` and no `secure` is dropped by browsers. `SessionMiddleware` sends its cookie over plain HTTP
    unless it is told `https_only=True`.

    Fix safety
    The fix adds the flags. It is unsafe because scripts that read the cookie no longer find it, and because a browser
    sends none over `http://`, except to localhost.

    Known limits
    Which cookie it is, its name says, or that its value is a token which the project signs; other names that are not
    known are left alone, and so are flags that settings, the environment or the request decide, cookies that are
    deleted, and headers that are written by hand. A missing `samesite` is none: Starlette sends `lax`.

    References
    - [Response cookies](https://fastapi.tiangolo.com/advanced/response-cookies/)
    - [Starlette: SessionMiddleware](https://www.starlette.dev/middleware/#sessionmiddleware)
    - [MDN: Set-Cookie](https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie)
    """
    if module.is_test:
        return
    for call in module.calls_named(("set_cookie", "CookieTransport")):
        match f.last_name(call.func):
            case "set_cookie" if _is_set(module, call, check):
                yield from _cookie(module, call, check)
            case "CookieTransport" if check.project.called_name(module, call) in _TRANSPORTS:
                yield from _transport(module, call, check)
    yield from _middleware(module, check)


def _cookie(module: Module, call: f.Call, check: Check) -> Iterator[Finding]:
    name = next((text for text in _names(module, call, check) if _is_session(text)), None) or _of_token(
        module, call, check
    )
    if name is None or _holds_nothing(module, call, check):
        return
    flags = {flag: given(check.project.values, module, call, flag, at) for flag, at in _FLAGS.items()}
    missing = [flag for flag, value in flags.items() if _is_off(value, check)]
    if runs_by_configuration(check.project.values, module, call.block):
        missing = [flag for flag in missing if flag != "secure"]  # there are several, and settings choose
    if not missing:
        return
    why = " and ".join(_WHY[flag] for flag in missing)
    same_site = given(check.project.values, module, call, "samesite", 8)
    if "secure" in missing and same_site is not None and _text(same_site, check) == "none":
        why = "browsers drop a cookie with samesite none that is not secure"
    yield check.finding(
        (call.start, call.name_end),
        f"cookie `{name}` is set without {' and '.join(f'`{flag}`' for flag in missing)}",
        why=why,
        instead=f"add `{', '.join(f'{flag}=True' for flag in missing)}`",
        fix=partial(_fix, module, call, {flag: flags[flag] for flag in missing}),
    )


def _middleware(module: Module, check: Check) -> Iterator[Finding]:
    """`SessionMiddleware` that is added without `https_only=True`."""
    for each in middleware_in(check.project, module):
        if not (isinstance(each.what, External) and each.what.name == _SESSIONS):
            continue
        value = given(check.project.values, each.module, each.call, "https_only")
        if _is_off(value, check) and not runs_by_configuration(check.project.values, module, each.block):
            yield check.finding(
                (each.start, each.end),
                "the session's cookie is sent without `https_only`",
                why="it goes over plain HTTP as well, and whoever reads it has the session",
                instead="add `https_only=True`",
                module=each.module,
                fix=partial(_fix, each.module, each.call, {"https_only": value}),
            )


def _transport(module: Module, call: f.Call, check: Check) -> Iterator[Finding]:
    """The cookie of fastapi-users, whose flags are on unless they are taken away."""
    for keyword, flag in _OURS.items():
        value = given(check.project.values, module, call, keyword)
        if value is not None and _is_off(value, check):
            yield check.finding(
                value.arg,
                f"the cookie of the user's token is set without `{flag}`",
                why=_WHY[flag],
                instead=f"leave `{keyword}` out, or read it from settings",
            )


def _is_set(module: Module, call: f.Call, check: Check) -> bool:
    """Whether a call is `set_cookie` of a response."""
    if not isinstance(call.func, f.Attr):
        return False
    where = (module, call.block, call.start)
    kind = check.project.infer(call.func.value, *where)
    return check.project.types.is_instance(kind, "fastapi.Response") or _is_passed_on(call.func.value, where, check)


def _is_passed_on(receiver: f.Expr, where: Where, check: Check) -> bool:
    """Whether it is the response that `call_next` gave to a middleware."""
    module = where[0]
    function = module.enclosing(where[1])
    if not isinstance(receiver, f.Name) or function is None:
        return False
    for binding in check.project.types.find_bindings(receiver.id, where):
        value = binding.entry.value if isinstance(binding.entry, f.Assign) else None
        waited = value.value if isinstance(value, f.Await) else None
        if isinstance(waited, f.Name):
            waited = only_value(check.project.types.find_bindings(waited.id, where), waited.id)
        if isinstance(waited, f.CallRef):
            name = f.last_name(module.facts.calls[waited.index].func)
            return name == "call_next" and any(param.name == name for param in function.params)
    return False


def _names(module: Module, call: f.Call, check: Check) -> Iterator[str]:
    """What the cookie is called: by a constant, or as callers of the function say."""
    name = given(check.project.values, module, call, "key", 0)
    if name is None:
        return
    text = check.project.values.text(name.value, name.where)
    if text is not None:
        yield text
        return
    flows = check.project.taint
    for made in flows.tracing.value(name.value, name.where):
        for whole in flows.upwards(made, "cookie"):
            if all(isinstance(piece, str) for piece in whole):
                yield "".join(str(piece) for piece in whole)


def _of_token(module: Module, call: f.Call, check: Check) -> str | None:
    """What a cookie is called that holds a token which is signed here, unless it is there for scripts to read."""
    value = given(check.project.values, module, call, "value", 1)
    names = (text for text in _names(module, call, check) if _FOR_SCRIPTS.search(text.lower()) is None)
    return next(names, None) if value is not None and is_signed(value.value, value.where, check.project) else None


def _is_session(name: str) -> bool:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return _SESSION.search(name) is not None and _HARMLESS.search(name) is None


def _holds_nothing(module: Module, call: f.Call, check: Check) -> bool:
    """Whether the cookie holds nobody's session: it is taken away, or has the same value for everybody."""
    values = check.project.values
    for name, position in (("max_age", 2), ("expires", 3)):
        if (age := given(values, module, call, name, position)) is not None:
            number = values.number(age.value, age.where)
            if number is not None and number <= 0:
                return True
    value = given(values, module, call, "value", 1)
    return value is None or values.text(value.value, value.where) is not None


def _is_off(value: Given | None, check: Check) -> bool:
    """Whether a flag is not given, or is off whatever is configured."""
    if value is None:
        return True
    if isinstance(value.value, f.Unknown):
        return False
    try:
        return not switch(check.project.values, value.value, value.where)
    except Unfolded:
        return False


def _text(value: Given, check: Check) -> str:
    return (check.project.values.text(value.value, value.where) or "").lower()


def _fix(module: Module, call: f.Call, flags: dict[str, Given | None]) -> Fix | None:
    """Add the flags that are missing, and switch on those that are off as they stand."""
    found = call_node(module, call)
    if found is None or any(arg.name in ("*", "**") for arg in call.args):
        return None
    source, node = found
    edits = []
    for value in flags.values():
        if value is not None:
            if not isinstance(value.value, f.Const):
                return None
            edits.append(replace_argument_value(source, node.args[call.args.index(value.arg)], "True"))
    if added := ", ".join(f"{flag}=True" for flag, value in flags.items() if value is None):
        edits += with_argument(source, node, added)
    return Fix(f"Add {' and '.join(f'`{flag}=True`' for flag in flags)}", Safety.UNSAFE, tuple(edits))
