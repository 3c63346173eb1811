"""What of a program's texts is a secret in use: which keys sign, what only stands in, and for what. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.secrets.absences import fallbacks, is_asked_before, may_be_none
from fastapi_lint.model.secrets.beside import written_beside
from fastapi_lint.model.secrets.comparing import Comparing, Comparison
from fastapi_lint.model.secrets.fleeting import Fleeting, fleeting_keys
from fastapi_lint.model.secrets.keys import Given, keys_given, literals_given_back
from fastapi_lint.model.secrets.logs import Logged, Logs, writes_log
from fastapi_lint.model.secrets.meant import is_spared_as_test, texts_in_use
from fastapi_lint.model.secrets.passwords import (
    HASHERS,
    VERIFIES,
    Digest,
    Digests,
    Plain,
    PlainPasswords,
    hashed_literals,
    hashes,
    is_only_sent_on,
    verifies,
)
from fastapi_lint.model.secrets.ranges import connecting_ranges, documented_ranges
from fastapi_lint.model.secrets.shown import AUTHORIZATION, connects, shown
from fastapi_lint.model.secrets.told import is_only_told
from fastapi_lint.model.secrets.uses import Secrets, Use

__all__ = [
    "AUTHORIZATION",
    "HASHERS",
    "VERIFIES",
    "Comparing",
    "Comparison",
    "Digest",
    "Digests",
    "Fleeting",
    "Given",
    "Logged",
    "Logs",
    "Plain",
    "PlainPasswords",
    "Secrets",
    "Use",
    "connecting_ranges",
    "connects",
    "documented_ranges",
    "fallbacks",
    "fleeting_keys",
    "hashed_literals",
    "hashes",
    "is_asked_before",
    "is_only_sent_on",
    "is_only_told",
    "is_spared_as_test",
    "keys_given",
    "literals_given_back",
    "may_be_none",
    "shown",
    "texts_in_use",
    "verifies",
    "writes_log",
    "written_beside",
]
