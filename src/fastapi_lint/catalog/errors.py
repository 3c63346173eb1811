"""Exceptions of libraries, and for whom their text is written. Lookups only."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

import msgspec

Audience = Literal["internal", "system", "argument", "client", "library"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    internal: tuple[str, ...]
    system: frozenset[str]
    argument: frozenset[str]
    client: tuple[str, ...]
    parsers: frozenset[str]
    preparers: frozenset[str]
    plain: tuple[str, ...]


@cache
def _table() -> _Table:
    data = resources.files("fastapi_lint.catalog").joinpath("errors.toml").read_bytes()
    return msgspec.toml.decode(data, type=_Table)


@cache
def audience(name: str) -> Audience:
    """For whom the text of an exception is written, by the canonical name of its class; "library" when not known."""
    table = _table()
    if name in ("Exception", "BaseException") or name.startswith(table.internal):
        return "internal"
    if name in table.system:
        return "system"
    if name in table.argument:
        return "argument"
    return "client" if name.startswith(table.client) else "library"


def parses(name: str) -> bool | None:
    """Whether a function, or a method by `.name`, parses what it is given; None: it does something else.

    False is for what prepares that (`body.decode()`).
    """
    table = _table()
    if name in table.parsers:
        return True
    return False if name in table.preparers or name.startswith(table.plain) else None
