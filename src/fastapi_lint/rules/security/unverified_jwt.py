"""FAPI605: a JWT is read without a check of its signature."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model.names import Function, Module
from fastapi_lint.model.routing import argument
from fastapi_lint.rule import Check, rule

_PYJWT = frozenset({"jwt.decode", "jwt.api_jwt.decode", "jwt.decode_complete", "jwt.api_jwt.decode_complete"})
_JOSE = frozenset({"jose.jwt.decode"})
_UNVERIFIED = frozenset({"jose.jwt.get_unverified_claims"})
_EXPIRY = re.compile(rb"[\"']exp[\"']")
_EXPIRES = re.compile(rb"[\"']exp[\"']|\.exp\b|expires_at")
_FOR_EXPIRED = ("expired", "refresh", "logout", "revoke")
_FIRST_LOOKS = ("unverified", "without_verif", "sso", "oauth", "oidc", "callback")
"""Parts of the names of functions that look at a token before it is verified, or at one that a provider just gave."""
_IDENTITY = re.compile(
    rb"[\"'](?:sub|email|user|username|user_id|uid|preferred_username|roles?|scopes?|scp|groups|permissions)[\"']"
)
_CHECKS = ("verify", "validate", "userinfo", "introspect", "token_review")
"""Parts of the names of calls that check a token in another way."""
_SWITCHES = {"verify_signature": "the signature", "verify_exp": "the expiry"}


@rule("FAPI605", severity=Severity.ERROR)
def unverified_jwt(module: Module, check: Check) -> Iterator[Finding]:
    """A JWT is decoded without its signature or expiry being checked.

    Why is this bad?
        What a token says is worth nothing until its signature is checked: everybody can write `{"sub": "admin"}`,
        encode it and send it. The same holds for algorithms that the token may choose itself (`none`, or no list at
        all), and a token whose expiry is not checked is valid for ever once it has leaked. Give the key and a fixed
        list of algorithms: `jwt.decode(token, key, algorithms=["HS256"])`.

    Known limits
        A token that came straight from an identity provider's answer (`tokens["id_token"]`), a function that checks the
        token in another way as well, and one that reads nothing but its expiry are not reported. An expiry that is not
        checked is reported in dependencies and endpoints of modules that do not look at `exp`. Options that are not a
        dict literal are not judged.

    References
        - https://fastapi.tiangolo.com/tutorial/security/oauth2-jwt/
        - https://pyjwt.readthedocs.io/en/stable/usage.html
        - https://datatracker.ietf.org/doc/html/rfc8725
    """
    data = module.source.data
    if b"jwt" not in data or module.is_test or (b"decode" not in data and b"get_unverified" not in data):
        return
    for call in module.facts.calls:
        if f.last_name(call.func) not in ("decode", "decode_complete", "get_unverified_claims"):
            continue
        name = check.project.called_name(module, call)
        if name in _UNVERIFIED:
            problem = "reads the claims without checking the signature"
        elif name in _PYJWT or name in _JOSE:
            problem = _problem(module, call, name in _JOSE, check)
        else:
            continue
        if problem and not _is_harmless(module, call, problem, check):
            called = module.source.slice(call.start, call.name_end)
            yield check.finding(
                call,
                f"`{called}` {problem}; give it the key and the algorithms that you sign with, and switch no check off",
            )


def _problem(module: Module, call: f.Call, jose: bool, check: Check) -> str:
    """What is left unchecked; empty when nothing is."""
    if any(arg.name in ("*", "**") for arg in call.args):
        return ""
    verify = f.keyword(call, "verify")
    if verify is not None and isinstance(verify.value, f.Const) and verify.value.value is False:
        return "does not check the signature, so that everybody can write a token"
    options = argument(call, 3, "options")
    switches = _switches(module, call, options.value if options else None, check)
    if switches.get("verify_signature") is False:
        return "does not check the signature, so that everybody can write a token"
    algorithms = argument(call, 2, "algorithms")
    if algorithms is None:
        if jose and argument(call, 1, "key") is not None:
            return "lets the token choose its algorithm"
    elif _allows_none(module, call, algorithms.value, check):
        return "accepts unsigned tokens (algorithm `none`)"
    if switches.get("verify_exp") is False:
        return "does not check the expiry, so that a leaked token is valid for ever"
    return ""


def _switches(module: Module, call: f.Call, options: f.Expr | None, check: Check) -> dict[str, bool]:
    if isinstance(options, f.Name):
        found = list(check.project.values.definitions(options, (module, call.block, call.start)))
        options = found[0][0] if len(found) == 1 else None
    if not isinstance(options, f.Mapping):
        return {}
    return {
        key.value: value.value
        for key, value in options.items
        if isinstance(key, f.Const)
        and isinstance(key.value, str)
        and key.value in _SWITCHES
        and isinstance(value, f.Const)
        and isinstance(value.value, bool)
    }


def _allows_none(module: Module, call: f.Call, algorithms: f.Expr, check: Check) -> bool:
    if isinstance(algorithms, f.Name):
        found = list(check.project.values.definitions(algorithms, (module, call.block, call.start)))
        algorithms = found[0][0] if len(found) == 1 else algorithms
    items = algorithms.items if isinstance(algorithms, f.Display) else (algorithms,)
    return any(
        isinstance(item, f.Const) and isinstance(item.value, str) and item.value.lower() == "none" for item in items
    )


def _is_harmless(module: Module, call: f.Call, problem: str, check: Check) -> bool:
    """Whether the unverified content is not what is trusted, as far as the function shows."""
    function = module.enclosing(call.block)
    token = argument(call, 0, "token") or argument(call, 0, "jwt")
    if token is not None and _came_from_provider(token.value, module):
        return True
    if function is None:
        return False
    if "expiry" in problem:
        return not _is_entrance(function, check) or _looks_at_expiry(function)
    if _reads_expiry_only(function) or any(word in function.name.lower() for word in _FIRST_LOOKS):
        return True
    return any(_verifies(module, other, check) for other in function.calls if other is not call)


def _came_from_provider(value: f.Expr, module: Module) -> bool:
    """`tokens["id_token"]`, `response.id_token`, `data.get("access_token")`: not from a client's header."""
    match value:
        case f.Sub(items=(f.Const(value="id_token" | "access_token"),)) | f.Attr(attr="id_token" | "access_token"):
            return True
        case f.Name(id=name):
            return "id_token" in name.lower()
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            first = call.args[0].value if call.args else None
            return (
                f.last_name(call.func) == "get"
                and isinstance(first, f.Const)
                and first.value in ("id_token", "access_token")
            )
    return False


def _is_entrance(function: Function, check: Check) -> bool:
    """Whether a function is a dependency or an endpoint: nobody behind it checks what it let pass."""
    return function in check.project.dependencies.used or function in check.project.routes.by_handler


def _looks_at_expiry(function: Function) -> bool:
    """Whether a module checks the expiry itself, or the name says that expired tokens are what the function is for."""
    name = function.name.lower()
    return _EXPIRES.search(function.module.text) is not None or any(word in name for word in _FOR_EXPIRED)


def _reads_expiry_only(function: Function) -> bool:
    """Whether a function asks a token that it holds how long it lives, and for nothing of whose it is."""
    body = function.module.text[function.facts.start : function.facts.end]
    return _EXPIRY.search(body) is not None and _IDENTITY.search(body) is None


def _verifies(module: Module, call: f.Call, check: Check) -> bool:
    """Whether another call of the same function decodes a token with its signature checked."""
    if f.last_name(call.func) not in ("decode", "decode_complete"):
        return any(word in f.last_name(call.func).lower() for word in _CHECKS)
    name = check.project.called_name(module, call)
    return (name in _PYJWT or name in _JOSE) and "signature" not in _problem(module, call, name in _JOSE, check)
