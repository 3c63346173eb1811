"""FAPI611: CORS lets every site call the API with the user's cookies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.finding import Finding, Related, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model.names import Module
from fastapi_lint.model.routing import argument
from fastapi_lint.model.types import Where
from fastapi_lint.model.values import Unfolded, environment_read
from fastapi_lint.rule import Check, rule

_MIDDLEWARE = frozenset({"starlette.middleware.cors.CORSMiddleware", "fastapi.middleware.cors.CORSMiddleware"})
_MATCH_ALL = re.compile(
    r"\^?(?:\(\?:)?\(?(?:https\?|http|https|\(https\?\)|\(http\|https\)|https\?:\\?/\\?/|https\?://)?(?::\\?/\\?/)?\(?\.[*+]\)?\)?\)?\$?\Z"
)
_DEPTH = 6


@rule("FAPI611", severity=Severity.ERROR)
def wildcard_cors_with_credentials(module: Module, check: Check) -> Iterator[Finding]:
    """CORS lets every site send requests with the user's credentials and read the answers.

    Why is this bad?
    With `allow_credentials=True`, Starlette answers a request that carries a cookie with the origin that asked,
    not with `*`. So `allow_origins=["*"]` means that any page a user visits can call the API as that user and
    read what comes back. Name the origins of your front ends; without cookies or other credentials, leave
    `allow_credentials` out.

    Known limits
    Origins that depend on a condition (`["*"] if debug else origins`), are computed, or come through `**options`
    are not judged. A default of a settings class is judged as if nobody set another value.

    References
    - [CORS](https://fastapi.tiangolo.com/tutorial/cors/)
    - [Starlette: CORSMiddleware](https://www.starlette.dev/middleware/#corsmiddleware)
    - [MDN: CORS](https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CORS)
    """
    if b"CORSMiddleware" not in module.source.data or module.is_test:
        return
    for call in module.facts.calls:
        if not _adds_cors(module, call, check):
            continue
        where = (module, call.block, call.start)
        credentials = f.keyword(call, "allow_credentials")
        if credentials is None or not _is_true(credentials.value, where, check):
            continue
        yield from _judged(call, where, check)


def _judged(call: f.Call, where: Where, check: Check) -> Iterator[Finding]:
    advice = "name the origins of your front ends, or leave `allow_credentials` out"
    danger = "lets every site call this API with the user's cookies and read the answers"
    origins = f.keyword(call, "allow_origins")
    place = _wildcard(origins.value, where, check) if origins is not None else None
    if origins is not None and place is not None:
        yield check.finding(
            origins,
            f"`allow_origins` holds `*` while `allow_credentials` is true, which {danger}; {advice}",
            related=_related(place, where, check),
        )
        return
    if (pattern := f.keyword(call, "allow_origin_regex")) is not None:
        text = check.project.values.text(pattern.value, where)
        if text is not None and _MATCH_ALL.match(text):
            yield check.finding(
                pattern,
                f"`allow_origin_regex` matches every site while `allow_credentials` is true, which {danger}; {advice}",
            )


def _related(place: Where, where: Where, check: Check) -> tuple[Related, ...]:
    module, _, at = place
    if module is where[0] and at == where[2]:
        return ()
    return (check.related((at, at), "the origins come from here", module=module),)


def _adds_cors(module: Module, call: f.Call, check: Check) -> bool:
    """`app.add_middleware(CORSMiddleware, ...)`, `Middleware(CORSMiddleware, ...)`, or `CORSMiddleware(app, ...)`."""
    called = f.last_name(call.func)
    if called in ("add_middleware", "Middleware"):
        first = argument(call, 0, "middleware_class") or argument(call, 0, "cls")
        return first is not None and check.project.name(first.value, module, call.block, call.start) in _MIDDLEWARE
    return called == "CORSMiddleware" and check.project.called_name(module, call) in _MIDDLEWARE


def _is_true(value: f.Expr, where: Where, check: Check) -> bool:
    try:
        return check.project.values.constant(value, where) is True
    except Unfolded:
        return False


def _wildcard(value: f.Expr, where: Where, check: Check, depth: int = 0) -> Where | None:
    """Where the `*` among the origins stands; None when there is none, or the origins are not known."""
    module = where[0]
    match value:
        case f.Const(value=str(text)):
            return where if text.strip() == "*" else None
        case f.Display(items=items):
            return where if any(isinstance(item, f.Const) and item.value == "*" for item in items) else None
        case f.CallRef(index=index):
            return _called(module, module.facts.calls[index], check, depth)
        case f.Name() | f.Attr() if depth < _DEPTH:
            found = list(check.project.values.definitions(value, where))
            if len(found) == 1:
                return _wildcard(found[0][0], found[0][1], check, depth + 1)
    return None


def _called(module: Module, call: f.Call, check: Check, depth: int) -> Where | None:
    """`Field(default=["*"])`, `os.getenv("ORIGINS", "*").split(",")`, `list(origins)`."""
    where = (module, call.block, call.start)
    called = f.last_name(call.func)
    if called in ("list", "tuple", "set") and len(call.args) == 1:
        return _wildcard(call.args[0].value, where, check, depth + 1)
    if called == "Field":
        given = next((a for i, a in enumerate(call.args) if a.name == "default" or (a.name == "" and i == 0)), None)
        return _wildcard(given.value, where, check, depth + 1) if given else None
    if called in ("split", "strip") and isinstance(call.func, f.Attr):
        return _wildcard(call.func.value, where, check, depth + 1)
    if environment_read(module, call) is not None:
        given = next((a for i, a in enumerate(call.args) if a.name == "default" or (a.name == "" and i == 1)), None)
        return _wildcard(given.value, where, check, depth + 1) if given else None
    return None
