"""What answers are made from: the modules that were read for them, and slices of tables about the whole project.

An answer that is given again brings what it was made from along (`remembered`), so that whoever asks for findings knows
on what they depend. Whoever has got hold of a module has read it: `Modules` notes each one that it hands out. What is
collected from all modules is a `Table`: not those modules are noted, but the slice that was looked at, which the next
run compares with its own.

Nothing is noted, and nothing costs time, unless `start` was called. One project at a time: the state is of the process.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Concatenate, Final, NamedTuple, ParamSpec, Protocol, TypeVar, cast

S = TypeVar("S")
V = TypeVar("V")
P = ParamSpec("P")

Reads = set[Hashable]
"""What is read for an answer in the making: modules, slices, and the sets of what other answers were made from."""


class Source(Protocol):
    """What facts come from, as far as tracking goes: something with a path that tells it from all others."""

    @property
    def path(self) -> str: ...


class Slice(NamedTuple):
    """A part of a table: what it has under one name, or about one module (by path). None: all of it."""

    table: str
    part: str | None


EVERYTHING: Final = Slice("", None)
"""Every module was looked at: such an answer holds for one state of the project only."""

started = False
"""Whether it is noted for this project what answers are made from."""
noting = False
"""Whether it is noted at the moment."""
_reads: Reads | None = None
_kept: dict[frozenset[Hashable], frozenset[Hashable]] = {}
_MISSING: Final = object()


def start() -> None:
    """From now on note what answers are made from; for a project that is not asked anything yet."""
    global _reads, noting, started
    _reads, noting, started = set(), True, True
    _kept.clear()


def stop() -> None:
    """Note nothing any more."""
    global _reads, noting, started
    _reads, noting, started = None, False, False
    _kept.clear()


def into(reads: Reads | None) -> Reads | None:
    """Note what is read from now on in another set; gives the one before, to be put back."""
    global _reads, noting
    before = _reads
    if before is not None:
        _reads, noting = reads, reads is not None
    return before


def note(what: Hashable) -> None:
    """A module, or a slice of a table, is read."""
    if _reads is not None:
        _reads.add(what)


def sum_of(reads: Reads) -> Hashable:
    """What an answer was made from, as one thing to note when it is given again."""
    if len(reads) == 1:
        return next(iter(reads))
    whole = frozenset(reads)
    return _kept.setdefault(whole, whole)


def made(answer: Callable[[], V]) -> tuple[V, Hashable]:
    """An answer, with what is to be noted (`note`) when it is given again; this time it is noted already."""
    global _reads
    outer = _reads
    if outer is None:
        return answer(), EVERYTHING
    _reads = own = set[Hashable]()
    try:
        found = answer()
    finally:
        _reads = outer
        outer |= own
    return found, sum_of(own)


def flat(reads: Reads) -> tuple[frozenset[Source], frozenset[Slice]]:
    """All modules and slices in what was noted."""
    modules: set[Source] = set()
    slices: set[Slice] = set()
    seen: set[Hashable] = set()
    pending = list(reads)
    while pending:
        each = pending.pop()
        if each in seen:
            continue
        seen.add(each)
        if isinstance(each, frozenset):
            pending.extend(each)
        elif isinstance(each, Slice):
            slices.add(each)
        elif each is not None:
            modules.add(cast("Source", each))
    return frozenset(modules), frozenset(slices)


def remembered(method: Callable[Concatenate[S, P], V]) -> Callable[Concatenate[S, P], V]:
    """A method that works out each answer once; its arguments are positional and hashable."""
    return _remembered(method, _MISSING)


def remembered_after(first: object) -> Callable[[Callable[Concatenate[S, P], V]], Callable[Concatenate[S, P], V]]:
    """As `remembered`, for answers that may go round in circles: there the answer is `first`."""
    return lambda method: _remembered(method, first)


def _remembered(method: Callable[Concatenate[S, P], V], first: object) -> Callable[Concatenate[S, P], V]:
    slot, notes = f"_{method.__name__}_answers", f"_{method.__name__}_reads"
    work_out = cast("Callable[..., V]", method)

    def anew(self: object, arguments: tuple[object, ...], key: Hashable) -> V:
        global _reads
        answers = self.__dict__.setdefault(slot, {})
        if first is not _MISSING:
            answers[key] = first
        outer = _reads
        if outer is None:
            answers[key] = made = work_out(self, *arguments)
            return made
        _reads = own = set[Hashable]()
        try:
            answers[key] = made = work_out(self, *arguments)
        finally:
            _reads = outer
        self.__dict__.setdefault(notes, {})[key] = whole = sum_of(own)
        outer.add(whole)
        return made

    def again(self: object, key: Hashable) -> None:
        assert _reads is not None
        _reads.add(self.__dict__.get(notes, {}).get(key, EVERYTHING if first is _MISSING else None))

    def ask_of_one(self: S, key: Hashable) -> V:  # the most frequent ones have one argument
        try:
            found = self.__dict__[slot][key]
        except KeyError:
            return anew(self, (key,), key)
        if _reads is not None:
            again(self, key)
        return cast(V, found)

    def ask(self: S, *key: Hashable) -> V:
        try:
            found = self.__dict__[slot][key]
        except KeyError:
            return anew(self, key, key)
        if _reads is not None:
            again(self, key)
        return cast(V, found)

    chosen = ask_of_one if method.__code__.co_argcount == 2 else ask
    return cast("Callable[Concatenate[S, P], V]", wraps(method)(chosen))
