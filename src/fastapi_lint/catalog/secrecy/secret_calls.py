"""Calls that secrets are given to, from `secrets.toml`: what takes a key, what connects. Lookups only."""

from __future__ import annotations

from functools import cache

from fastapi_lint.catalog.secrecy.secrets import Connection, Taker, catalogue


@cache
def _takers() -> dict[str, Taker]:
    return {name: taker for taker in catalogue().takers for name in taker.names}


def taker(name: str) -> Taker | None:
    """How a callable takes a key, if it does."""
    return _takers().get(name)


@cache
def taker_names() -> frozenset[str]:
    """The last names of what takes a key."""
    return frozenset(name.rsplit(".", 1)[-1] for name in _takers())


@cache
def taker_hints() -> tuple[str, ...]:
    """Words of which one occurs in every module that imports what takes a key."""
    packages = {name.split(".", 1)[0] for name in _takers()} - {"starlette", "fastapi"}
    return tuple(sorted(packages | {"SessionMiddleware"}))


@cache
def _connections() -> dict[str, Connection]:
    return {name: each for each in catalogue().connections for name in each.names}


def connection(name: str) -> Connection | None:
    """How a callable connects to a server, if it does."""
    return _connections().get(name)


@cache
def connection_names() -> frozenset[str]:
    """The last names of what connects."""
    return frozenset(name.rsplit(".", 1)[-1] for name in _connections())
