"""FAPI609: passwords that are hashed fast, kept in plain text, or under a weak scheme."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model.names import Module
from fastapi_lint.model.secrets import Digests, PlainPasswords
from fastapi_lint.model.secrets.passwords.schemes import WEAK, scheme_of
from fastapi_lint.rule import Check, rule

_COPIED = "who has copied the table knows every password, here and where people use them again"
_WRITTEN = "the accounts stand in the source: who reads it can log in as any of them"
_FAST = "who has copied the table tries billions of passwords in a second on one graphics card"
_INSTEAD = "use a password hash: `pwdlib.PasswordHash.recommended()` (Argon2id), or bcrypt"


@rule("FAPI609", severity=Severity.ERROR, hint=r"(?i)pass|pwd|CryptContext", needs_requests=True)
def weak_password_hash(module: Module, check: Check) -> Iterator[Finding]:
    """A password is hashed with a fast digest, kept or compared as it is, or under a weak scheme of passlib.

    Why is this bad?
    Tables of users get copied. Digests such as MD5 and SHA-256 are made to be fast, with or without a salt: a graphics
    card tries billions of passwords a second against them. A password hash (Argon2id, bcrypt) is slow on purpose, and
    brings its own salt.

    Known limits
    A password is known by its name, through variables, helpers and the calls that pass it. A digest counts when it is
    compared, stored under a name such as `password_hash`, or given back by a function that hashes or checks passwords.
    Digests in front of bcrypt and the like, HMAC, HTTP digest authentication, look-ups among leaked passwords, and old
    hashes that are only compared where good ones are checked too, are fine. Plain passwords are seen in mapped classes
    of people, and where they are compared with what was looked up. In a function of an application that nothing
    calls it is information.

    References
    - [OWASP: password storage](https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html)
    - [FastAPI: hash and verify the passwords](https://fastapi.tiangolo.com/tutorial/security/oauth2-jwt/#password-hashing)
    - [CWE-916: password hash with insufficient computational effort](https://cwe.mitre.org/data/definitions/916.html)
    """
    if module.is_test:
        return
    for digest in Digests(check.project).of_module(module):
        if digest.fate in ("kept", "compared", "given"):
            yield check.finding(
                digest.call, f"A password is hashed with {digest.algorithm}, which is fast", why=_FAST, instead=_INSTEAD
            )
    for plain in PlainPasswords(check.project).of_module(module):
        place = (plain.start, plain.end) if plain.end > plain.start else _line(module, plain.start)
        if plain.is_comparison:
            title = f"A password is compared with `{plain.stored}` in plain text"
        else:
            title = f"A password is stored in `{plain.stored}` in plain text"
        yield check.finding(
            place,
            title,
            why=_WRITTEN if plain.is_of_source else _COPIED,
            instead=f"{_INSTEAD}, and store and verify the hash",
            severity=Severity.WARNING if plain.is_of_source else None,
        )
    yield from _contexts(module, check)


def _contexts(module: Module, check: Check) -> Iterator[Finding]:
    """Contexts of passlib whose default scheme is weak, and hashes of weak schemes."""
    if not module.mentions("passlib"):
        return
    for call in module.facts.calls:
        scheme = scheme_of(check.project, module, call)
        if scheme == "":
            yield check.finding(
                call, "A `CryptContext` has no schemes", why="it cannot hash, or says nothing of how", instead=_INSTEAD
            )
        if scheme in WEAK:
            yield check.finding(
                call, f"Passwords are hashed with `{scheme}`, which is weak", why=_FAST, instead=_INSTEAD
            )


def _line(module: Module, start: int) -> tuple[int, int]:
    """The rest of the line of a place."""
    end = module.text.find(b"\n", start)
    return start, end if end >= 0 else len(module.text)
