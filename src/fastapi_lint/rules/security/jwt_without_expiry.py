"""FAPI606: a token is signed that never expires."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model.names import Module, evaluated, walk
from fastapi_lint.model.tokens import OTHERS, Encoding, Frame, Payloads, contains, encodings, takes_back, token_call
from fastapi_lint.rule import Check, rule

_NAMELESS = frozenset({"jti", "sid", "iat", "nbf", "auth_time", "nonce", "iss", "typ"})
"""Claims that tell of the token, and not of whom it is for."""
_IDS = frozenset({"jti", "sid"})
_CALLERS = 2
_ENDED = "it is valid until somebody takes it back, also one that nobody knows to be copied"
_STATE = "state"
"""What OAuth 2 calls a value that comes back with the answer to a login (RFC 6749, 4.1.1)."""


@rule("FAPI606", severity=Severity.WARNING, words={"encode"})
def jwt_without_expiry(module: Module, check: Check) -> Iterator[Finding]:
    """A JWT is signed without an expiry, on every way or on one.

    Why is this bad?
    A signed token cannot be taken back: who has copied one from a log, a browser or a backup stays logged in for
    ever, also after the password was changed. The same holds for links to verify an address or to reset a password.
    Put `exp` into every payload, and let none of the callers leave it out. Where the program looks tokens up, or asks
    when or for which session they were issued, somebody can take them back, and this is an information.

    Known limits
    Payloads that come out of functions outside of the project, and what is put in under a computed key, are taken
    to have one. A condition on the way counts when the call decides it (a parameter that is left out). Tokens for
    another service, which says itself what it wants (`aud` is its address), are not reported, nor are those that hold
    nothing but an id (`jti`, `sid`): whose they are is kept by the server, which ends them. Nor is the `state` of an
    OAuth login, with which nobody logs in.

    References
    - [OAuth2 with password and JWT](https://fastapi.tiangolo.com/tutorial/security/oauth2-jwt/)
    - [PyJWT: registered claim names](https://pyjwt.readthedocs.io/en/stable/usage.html#registered-claim-names)
    - [RFC 8725: JSON Web Token best current practices](https://datatracker.ietf.org/doc/html/rfc8725)
    """
    if module.is_test:
        return
    payloads = Payloads(check.project)
    for encoding in encodings(module, check.project):
        lacking = payloads.without(encoding, "exp")
        if lacking is None or _is_for_others(encoding, payloads) or _is_only_an_id(encoding, lacking, payloads):
            continue
        if encoding.call.use == "statement":  # it only tries the key
            continue
        if _is_state(module, encoding.call, payloads) or _is_unsigned(encoding, check):
            continue
        # What is looked up, or asked when it was issued, somebody can end: it only lives longer than it has to.
        maker = module.enclosing(encoding.call.block)
        ends = takes_back(check.project, access=maker is not None and not contains((maker.name,), OTHERS))
        severity = Severity.INFO if ends else None
        if isinstance(lacking, Frame):
            line = lacking.module.source.line_of(lacking.call.start)
            at = f"in line {line}" if lacking.module is module else f"at {lacking.module.path}:{line}"
            yield check.finding(
                encoding.call,
                f"A token is signed that has no `exp` when `{lacking.function.name}` is called as {at}",
                why=_ENDED if ends else "it is valid for ever: who has copied it cannot be locked out",
                instead="set `exp` in every payload, whatever the caller passes",
                severity=severity,
                related=[check.related(lacking.call, "this call gives no expiry", module=lacking.module)],
            )
        else:
            yield check.finding(
                encoding.call,
                "A token is signed that never expires",
                why=_ENDED if ends else "who has copied it cannot be locked out, not even by a new password",
                instead="put `exp` into the payload, a few minutes to an hour ahead",
                severity=severity,
            )


def _is_unsigned(encoding: Encoding, check: Check) -> bool:
    """Whether nothing signs a token: that it also never expires is the least of it, and FAPI605 speaks."""
    written = token_call(encoding.module, encoding.call, check.project)
    return written is not None and written.flaw == "unsigned"


def _is_for_others(encoding: Encoding, payloads: Payloads) -> bool:
    """Whether a token goes to another service: it names its address."""
    for part in payloads.claims(encoding, "aud"):
        text = payloads.project.values.text(part.value, part.where)
        if text is not None and "://" in text:
            return True
    return False


def _is_state(module: Module, call: f.Call, payloads: Payloads, depth: int = _CALLERS) -> bool:
    """Whether a token is the `state` that a login at another service brings back: an argument or a key of that name,
    there or wherever a function that makes it is called."""
    function = module.enclosing(call.block)
    itself: f.Expr = f.CallRef(module.call_numbers[call.start, call.end])
    if function is None:
        return False
    bound = [entry.target for entry in module.assigns_in.get(function.index, ()) if entry.value == itself]
    values = (itself, *bound)
    if any(arg.name == _STATE and arg.value in values for call in function.calls for arg in call.args):
        return True
    for expr, _, _ in evaluated(function):
        for part in walk(expr):
            if isinstance(part, f.Mapping) and any(k == f.Const(_STATE) and v in values for k, v in part.items):
                return True
    if depth <= 0 or not any(leave.kind == "return" and leave.value in values for leave in function.exits):
        return False
    frames = payloads.unfolding.frames(function)
    return bool(frames) and all(_is_state(each.module, each.call, payloads, depth - 1) for each in frames)


def _is_only_an_id(encoding: Encoding, lacking: Frame | Encoding, payloads: Payloads) -> bool:
    """Whether a token is just the key of a session: it says neither who it is for nor what is allowed."""
    keys = payloads.keys(encoding, (lacking,) if isinstance(lacking, Frame) else ())
    return keys is not None and keys <= _NAMELESS and bool(keys & _IDS)
