"""A place: what tells one entry of the facts from every other one of the project.

Facts are made once for equal content, so two files of equal bytes hold the very same entries, and equal expressions of
all files may be one object. Whatever outlives one call, or compares entries of two modules, therefore goes by place.
"""

from __future__ import annotations

from typing import Protocol

from fastapi_lint.model.names.symbols import Module

Place = tuple[Module, int, int]
"""A module, and the byte offsets of a start and an end in its text."""


class Spanned(Protocol):
    """An entry of the facts that stands somewhere: a call, parameter, assignment, exit or block."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


class OfCall(Protocol):
    """What a call of a module does or makes: a registration, an inclusion, a use of a dependency."""

    @property
    def module(self) -> Module: ...

    @property
    def call(self) -> Spanned: ...


def place_of(module: Module, entry: Spanned) -> Place:
    """The place of an entry of a module's facts; no two entries of one kind share it."""
    return module, entry.start, entry.end


def same_call(one: OfCall, other: OfCall) -> bool:
    """Whether one call stands behind both: a decorator that registers two paths, for example."""
    return place_of(one.module, one.call) == place_of(other.module, other.call)
