"""FAPI609: passwords that are hashed fast, kept in plain text, or under a weak scheme."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model.names import Module
from fastapi_lint.model.secrets import Digests, PlainPasswords
from fastapi_lint.rule import Check, rule

_CONTEXT = "passlib.context.CryptContext"
_WEAK = frozenset({
    "md5_crypt", "apr_md5_crypt", "des_crypt", "bsdi_crypt", "bigcrypt", "crypt16", "sha1_crypt", "plaintext",
    "hex_md4", "hex_md5", "hex_sha1", "hex_sha256", "hex_sha512", "ldap_md5", "ldap_sha1",
    "ldap_salted_md5", "ldap_salted_sha1", "ldap_salted_sha256", "ldap_salted_sha512", "ldap_plaintext", "mysql323",
    "mysql41", "postgres_md5", "oracle10", "oracle11", "mssql2000", "mssql2005", "lmhash", "nthash", "msdcc", "msdcc2",
    "cisco_pix", "cisco_asa", "cisco_type7", "django_salted_sha1", "django_salted_md5", "django_des_crypt",
})  # fmt: skip
_FAST = "who has copied the table tries billions of passwords in a second on one graphics card"
_INSTEAD = "use a password hash: `pwdlib.PasswordHash.recommended()` (Argon2id), or bcrypt"


@rule("FAPI609", severity=Severity.ERROR, hint=r"(?i)pass|pwd|CryptContext")
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
    of people, and where they are compared with what was looked up.

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
            why="who has copied the table knows every password, here and where people use them again",
            instead=f"{_INSTEAD}, and store and verify the hash",
        )
    yield from _contexts(module, check)


def _contexts(module: Module, check: Check) -> Iterator[Finding]:
    """Contexts of passlib whose default scheme is weak, and hashes of weak schemes."""
    if not module.mentions("passlib"):
        return
    for call in module.facts.calls:
        name = check.project.called_name(module, call) or ""
        scheme = None
        if name == _CONTEXT:
            scheme = _default(call, module, check)
            if scheme == "":
                yield check.finding(
                    call,
                    "A `CryptContext` has no schemes",
                    why="it cannot hash, or says nothing of how",
                    instead=_INSTEAD,
                )
                continue
        elif name.startswith("passlib.hash."):
            parts = name.split(".")
            scheme = parts[2] if len(parts) > 3 and parts[-1] in ("hash", "encrypt", "using") else None
        if scheme in _WEAK:
            yield check.finding(
                call, f"Passwords are hashed with `{scheme}`, which is weak", why=_FAST, instead=_INSTEAD
            )


def _default(call: f.Call, module: Module, check: Check) -> str | None:
    """The scheme with which a context hashes: "" when it has none, None when that is not known."""
    where = (module, call.block, call.start)
    if any(arg.name in ("*", "**") for arg in call.args):
        return None
    if (chosen := f.keyword(call, "default")) is not None:
        return check.project.values.text(chosen.value, where)
    given = f.keyword(call, "schemes") or next((arg for arg in call.args if arg.name == ""), None)
    if given is None:
        return "" if not call.args else None
    value, place = given.value, where
    if isinstance(value, (f.Name, f.Attr)):
        found = list(check.project.values.definitions(value, where))
        if len(found) != 1:
            return None
        value, place = found[0]
    if isinstance(value, f.Display):
        return check.project.values.text(value.items[0], place) if value.items else ""
    return check.project.values.text(value, place)


def _line(module: Module, start: int) -> tuple[int, int]:
    """The rest of the line of a place."""
    end = module.text.find(b"\n", start)
    return start, end if end >= 0 else len(module.text)
