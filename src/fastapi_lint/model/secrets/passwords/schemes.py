"""The schemes with which passlib hashes passwords, as its contexts and hashes are called. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


WEAK = frozenset({
    "md5_crypt", "apr_md5_crypt", "des_crypt", "bsdi_crypt", "bigcrypt", "crypt16", "sha1_crypt", "plaintext",
    "hex_md4", "hex_md5", "hex_sha1", "hex_sha256", "hex_sha512", "ldap_md5", "ldap_sha1",
    "ldap_salted_md5", "ldap_salted_sha1", "ldap_salted_sha256", "ldap_salted_sha512", "ldap_plaintext", "mysql323",
    "mysql41", "postgres_md5", "oracle10", "oracle11", "mssql2000", "mssql2005", "lmhash", "nthash", "msdcc", "msdcc2",
    "cisco_pix", "cisco_asa", "cisco_type7", "django_salted_sha1", "django_salted_md5", "django_des_crypt",
})  # fmt: skip
"""Schemes that are fast, or keep passwords as they are."""
_CONTEXT = "passlib.context.CryptContext"


def scheme_of(project: Project, module: Module, call: f.Call) -> str | None:
    """The scheme with which a call of passlib hashes; "" for a context that has none, None for other calls and where it
    is not known."""
    name = project.called_name(module, call) or ""
    if name == _CONTEXT:
        return _default(project, call, module)
    parts = name.split(".")
    is_hash = name.startswith("passlib.hash.") and len(parts) > 3 and parts[-1] in ("hash", "encrypt", "using")
    return parts[2] if is_hash else None


def _default(project: Project, call: f.Call, module: Module) -> str | None:
    """The scheme with which a context hashes: "" when it has none, None when that is not known."""
    where = (module, call.block, call.start)
    if any(arg.name in ("*", "**") for arg in call.args):
        return None
    if (chosen := f.keyword(call, "default")) is not None:
        return project.values.text(chosen.value, where)
    given = f.keyword(call, "schemes") or next((arg for arg in call.args if arg.name == ""), None)
    if given is None:
        return "" if not call.args else None
    value, place = given.value, where
    if isinstance(value, (f.Name, f.Attr)):
        found = list(project.values.definitions(value, where))
        if len(found) != 1:
            return None
        value, place = found[0]
    if isinstance(value, f.Display):
        return project.values.text(value.items[0], place) if value.items else ""
    return project.values.text(value, place)
