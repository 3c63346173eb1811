"""The passwords that people give: what holds them, which calls digest them, and where they are kept as they are."""

from __future__ import annotations

from fastapi_lint.catalog.secrecy.hashing import HASHERS, hashes
from fastapi_lint.model.secrets.passwords.digests import VERIFIES, Digest, Digests, verifies
from fastapi_lint.model.secrets.passwords.hashed import hashed_literals
from fastapi_lint.model.secrets.passwords.plain import Plain, PlainPasswords
from fastapi_lint.model.secrets.passwords.schemes import WEAK, scheme_of
from fastapi_lint.model.secrets.passwords.sent import is_only_sent_on

__all__ = [
    "HASHERS",
    "VERIFIES",
    "WEAK",
    "Digest",
    "Digests",
    "Plain",
    "PlainPasswords",
    "hashed_literals",
    "hashes",
    "is_only_sent_on",
    "scheme_of",
    "verifies",
]
