"""Routers that libraries make: which routes come with them. Lookups only."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec


class LibraryRouter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A factory of a library, the routes (methods by path) on the router it makes, and those that authenticate."""

    name: str
    routes: dict[str, tuple[str, ...]]
    authenticated: tuple[str, ...] = ()


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    router: tuple[LibraryRouter, ...]


@cache
def _routers() -> dict[str, LibraryRouter]:
    data = resources.files("fastapi_lint.catalog").joinpath("routers.toml").read_bytes()
    return {row.name: row for row in msgspec.toml.decode(data, type=_Table).router}


def library_router(name: str) -> LibraryRouter | None:
    """The router that calling this function or `Class.method` makes, if it is known."""
    # Most programs have none: the table is read when a name looks like one.
    return _routers().get(name) if name.endswith("_router") else None
