"""FAPI605: a JWT is read without a check of its signature, or written without one."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls import is_configured
from fastapi_lint.model.names import Function, FunctionObject, Module, evaluated, walk
from fastapi_lint.model.tokens import (
    Flaw,
    Provenance,
    TokenCall,
    Trust,
    expects_expired,
    token_calls,
    trusted_headers,
)
from fastapi_lint.model.values.readers import default_of
from fastapi_lint.rule import Check, rule

_EXPIRES = frozenset({"exp", "expires_at"})
_SAYS_SO = ("unverified", "without_verif", "unsafe", "insecure")
"""Parts of the names of functions that tell their callers."""
_UNCHECKED = frozenset({"signature", "claims", "header"})
_SAID: dict[Flaw, tuple[str, str, str]] = {
    "signature": (
        "does not check the signature",
        "everybody can write a token and say in it who he is",
        "give it the key and the algorithms that you sign with, and switch no check off",
    ),
    "claims": (
        "reads the claims without checking the signature",
        "everybody can write a token and say in it who he is",
        "decode it with the key and the algorithms that you sign with",
    ),
    "header": (
        "reads more of the header than how to check the token, and nothing checks it",
        "everybody can write a token and say in it who he is",
        "decode the token with the key and the algorithms that you sign with, and read that from its claims",
    ),
    "expiry": (
        "does not check the expiry",
        "a token that has leaked is valid for ever",
        "leave `verify_exp` as it is",
    ),
    "any-algorithm": (
        "lets the token choose its algorithm",
        "who writes a token decides how it is checked",
        'name the algorithms that you sign with (`algorithms=["HS256"]`)',
    ),
    "token-algorithm": (
        "takes its algorithm from the token's own header",
        "who writes a token decides how it is checked",
        'name the algorithms that you sign with (`algorithms=["HS256"]`)',
    ),
    "token-key": (
        "takes its key from the token's own header",
        "who writes a token signs it with a key of his own",
        "look the key up by its `kid` among your own",
    ),
    "lists-none": (
        "lists the algorithm `none`",
        "only the library's own refusal keeps tokens without a signature out",
        "list nothing but the algorithms that you sign with",
    ),
    "unsigned": (
        "signs nothing",
        "everybody can write such a token",
        "sign with a key and an algorithm such as `HS256`",
    ),
}


@rule("FAPI605", severity=Severity.ERROR)
def unverified_jwt(module: Module, check: Check) -> Iterator[Finding]:
    """A JWT is decoded without its signature or expiry being checked.

    Why is this bad?
    What a token says is worth nothing until its signature is checked: everybody can write `{"sub": "admin"}`,
    encode it and send it. The same holds for algorithms that the token may choose itself (no list at all, or one
    that is made from its header), and a token whose expiry is not checked is valid for ever once it has leaked.
    The header of a token says how to check it (`kid`, `alg`), and is the client's like the rest: what else is read of
    it before it is checked is as good as a form field.

    Give the key and a fixed list of algorithms: `jwt.decode(token, key, algorithms=["HS256"])`.

    Known limits
    Not reported is a token that came straight from an identity provider's answer (`answer.json()["id_token"]`; where it
    is not seen from whom it comes, `tokens["id_token"]` as well), one that the
    same function or every caller verifies, one that a command line or an endpoint shows to its owner, and a look at
    nothing but times or the issuer, when that is compared with fixed ones. Where nobody is seen to call the function
    it is a warning, and so it is where the configuration has to say so (`ENVIRONMENT == "development"`). An expiry that
    is not checked is reported in dependencies and endpoints that do not look at `exp` themselves, read no more of the
    token than which one it is (`jti`), take away what it stands for, or make a new one of it.

    References
    - [OAuth2 with password and JWT](https://fastapi.tiangolo.com/tutorial/security/oauth2-jwt/)
    - [PyJWT: usage](https://pyjwt.readthedocs.io/en/stable/usage.html)
    - [RFC 8725: JSON Web Token best current practices](https://datatracker.ietf.org/doc/html/rfc8725)
    """
    if module.is_test:
        return
    for read in (*token_calls(module, check.project), *trusted_headers(module, check.project)):
        severity = _severity(read, check) if read.flaw is not None else None
        if severity is not None and read.flaw is not None:
            called = module.source.slice(read.call.start, read.call.name_end)
            problem, why, instead = _SAID[read.flaw]
            if _is_for_development(read, check):
                why = f"{why}, wherever the configuration says so"
            yield check.finding(read.call, f"`{called}` {problem}", why=why, instead=instead, severity=severity)


def _severity(read: TokenCall, check: Check) -> Severity | None:
    """How much a flaw matters; None when nobody trusts what is read, as far as it is seen."""
    function = read.module.enclosing(read.call.block)
    trust = Trust(check.project)
    if read.flaw == "expiry":
        if function is None or not _is_entrance(function, check) or _looks_at_expiry(function, check):
            return None
        is_meant = trust.is_only_looked_at(read) or trust.is_only_taken_away(read)
        return None if is_meant or expects_expired(function, check.project) else Severity.ERROR
    if read.flaw == "lists-none":
        return Severity.WARNING
    if read.flaw in _UNCHECKED and _is_harmless(read, function, trust):
        return None
    match "elsewhere" if trust.is_for_script(read) else trust.standing(function):
        case "served":
            return Severity.WARNING if _is_for_development(read, check) else Severity.ERROR
        case "elsewhere":
            return None if read.flaw in _UNCHECKED else Severity.WARNING
    is_told = function is not None and any(word in function.name.lower() for word in _SAYS_SO)
    return None if is_told and read.flaw in _UNCHECKED else Severity.WARNING


def _is_for_development(read: TokenCall, check: Check) -> bool:
    """Whether a token is read below a comparison of the configuration with a text that it is not unless somebody says
    so, as the name of an environment."""
    module, blocks = read.module, read.module.facts.blocks
    for index in module.blocks_around(read.call.block):
        block = blocks[index]
        parts = block.test.options if isinstance(block.test, f.Choice) and block.test.op == "and" else (block.test,)
        for part in parts if block.kind == "if" else ():
            match part:
                case f.Compare(operators=("==",), operands=(value, f.Const(value=str()) as wanted)):
                    where = (module, max(block.parent, 0), block.start)
                    if is_configured(check.project.values, value, where) and wanted not in _given(value, where, check):
                        return True
    return False


def _given(value: f.Expr, where: tuple[Module, int, int], check: Check) -> list[f.Expr]:
    """What a setting or a variable of the environment is when nobody sets it."""
    found = [(value, where), *check.project.values.definitions(value, where)]
    calls = [place[0].facts.calls[each.index] for each, place in found if isinstance(each, f.CallRef)]
    defaults = [default.value for call in calls if (default := default_of(call)) is not None]
    return [each for each, _ in found] + defaults


def _is_harmless(read: TokenCall, function: Function | None, trust: Trust) -> bool:
    """Whether what an unverified token says is not what is trusted."""
    if read.call.use == "statement":
        return True
    if read.token is not None and Provenance(trust.project).is_of_provider(read.token, read.module, function):
        return True
    return (
        trust.is_only_looked_at(read)
        or trust.is_verified(read)
        or trust.is_shown_to_its_owner(read)
        or trust.is_verified_by_callers(read)
    )


def _is_entrance(function: Function, check: Check) -> bool:
    """Whether a function is a dependency or an endpoint: nobody behind it checks what it let pass."""
    return function in check.project.dependencies.used or function in check.project.routes.by_handler


def _looks_at_expiry(function: Function, check: Check) -> bool:
    """Whether a function, or one that it calls, reads the expiry itself."""
    called = (check.project.callee(function.module, call) for call in function.calls)
    readers = [function, *(each.function for each in called if isinstance(each, FunctionObject))]
    return any(
        (isinstance(part, f.Const) and part.value in _EXPIRES) or (isinstance(part, f.Attr) and part.attr in _EXPIRES)
        for reader in readers
        for expr, _, _ in evaluated(reader, nested=True)
        for part in walk(expr)
    )
