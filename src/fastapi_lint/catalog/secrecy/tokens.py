"""Calls that read and write signed tokens, from `tokens.toml`. Lookups only."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

import msgspec


class Reader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a call reads a token, and what switches its checks off; see `tokens.toml`."""

    names: tuple[str, ...]
    token: int
    algorithms: int
    options: int
    verify: str = ""
    verify_at: int = -1
    package: str = ""
    verify_below: str = ""
    own_algorithm: bool = False


class Look(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call that looks into a token without a check."""

    names: tuple[str, ...]
    token: int


class Writer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call that writes a token, and where it is told the algorithm."""

    names: tuple[str, ...]
    token: int
    algorithm: int


class Encoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call that signs a payload: where it takes it; `claims` as in `tokens.toml`."""

    names: tuple[str, ...]
    position: int
    keyword: str
    package: str
    claims: bool = False


class Unmaintained(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A library that nobody maintains, or hardly (`care`): what is imported, its package, what follows from it, what to
    use instead, and what that imports."""

    module: str
    package: str
    care: Literal["hardly", "no longer"]
    why: str
    instead: str
    maintained: tuple[str, ...]


class _Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    readers: tuple[Reader, ...]
    unchecked: tuple[Look, ...]
    headers: tuple[Look, ...]
    writers: tuple[Writer, ...]
    encoders: tuple[Encoder, ...]
    unmaintained: tuple[Unmaintained, ...]


@cache
def _catalogue() -> _Catalogue:
    data = resources.files("fastapi_lint.catalog").joinpath("tokens.toml").read_bytes()
    return msgspec.toml.decode(data, type=_Catalogue)


@cache
def _readers() -> dict[str, Reader]:
    return {name: each for each in _catalogue().readers for name in each.names}


@cache
def _unchecked() -> dict[str, Look]:
    return {name: each for each in _catalogue().unchecked for name in each.names}


@cache
def _headers() -> dict[str, Look]:
    return {name: each for each in _catalogue().headers for name in each.names}


@cache
def _writers() -> dict[str, Writer]:
    return {name: each for each in _catalogue().writers for name in each.names}


@cache
def _encoders() -> dict[str, Encoder]:
    return {name: each for each in _catalogue().encoders for name in each.names}


def reader(name: str) -> Reader | None:
    """How a callable reads a token, if it does."""
    return _readers().get(name)


def unchecked(name: str) -> Look | None:
    """How a callable reads claims without a check, if it does."""
    return _unchecked().get(name)


def header(name: str) -> Look | None:
    """How a callable reads the header of a token, if it does."""
    return _headers().get(name)


def writer(name: str) -> Writer | None:
    """How a callable writes a token, if it does."""
    return _writers().get(name)


def encoder(name: str) -> Encoder | None:
    """How a callable signs a payload, if it does."""
    return _encoders().get(name)


@cache
def unmaintained() -> dict[str, Unmaintained]:
    """The libraries that nobody maintains, by the module that is imported."""
    return {each.module: each for each in _catalogue().unmaintained}


@cache
def last_names() -> frozenset[str]:
    """The last names of all of these."""
    return frozenset(
        name.rsplit(".", 1)[-1] for table in (_readers(), _unchecked(), _headers(), _writers()) for name in table
    )
