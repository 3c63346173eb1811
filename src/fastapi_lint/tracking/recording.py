"""Records what answers depend on: the modules that are read for them, and slices of tables about the whole project.

A memo keeps the dependencies of its answer, and gives them to whoever asks for it again (`memoized`), so that a verdict
of a rule ends up with all it depends on, however deep. Getting hold of a module counts as reading it: `Modules` records
each one that it returns. Of what is collected from all modules (`tables`) not those are recorded, but the slice that
was looked at, whose fingerprint the next run compares.

Nothing is recorded, and nothing costs time, unless `enable` was called. One project at a time: the state is of the
process.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from inspect import unwrap
from types import FunctionType
from typing import Concatenate, Final, NamedTuple, ParamSpec, Protocol, TypeVar, cast

from fastapi_lint.tracking import memory
from fastapi_lint.tracking.memory import Memos

S = TypeVar("S")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
P = ParamSpec("P")

DependencySet = set[Hashable]
"""The dependencies of an answer in the making: modules, slices, and (nested, as frozensets) those of other answers."""


class Text(Protocol):
    """The content of a module."""

    @property
    def data(self) -> bytes: ...


class Input:
    """A module, as far as tracking goes: a path that tells it from all others, and its text."""

    __slots__ = ()
    path: str
    source: Text


class Handle:
    """A function or class of a module, known by its number there."""

    __slots__ = ()
    module: Input
    index: int


class Slice(NamedTuple):
    """A part of a table: what it has under one name, or about one module (by path). None: all of it."""

    table: str
    part: str | None


EVERYTHING: Final = Slice("", None)
"""Every module was looked at: such an answer holds for one state of the project only."""

enabled = False
"""Whether dependencies are recorded for this project."""
active = False
"""Whether they are recorded at the moment."""
_current: DependencySet | None = None
_shared: dict[frozenset[Hashable], frozenset[Hashable]] = {}


def enable() -> None:
    """Record dependencies from now on; for a project that is not asked anything yet."""
    global enabled
    enabled = True
    renew()


def disable() -> None:
    """Record nothing any more."""
    global _current, active, enabled
    _current, active, enabled = None, False, False
    _shared.clear()


def renew() -> None:
    """The project that dependencies are recorded for has changed: whoever records begins anew."""
    global _current, active
    _current, active = set(), True
    _shared.clear()


def record_into(dependencies: DependencySet | None) -> DependencySet | None:
    """Record into another set from now on (None: nowhere). Returns the one before, to be put back."""
    global _current, active
    before = _current
    if before is not None:
        _current, active = dependencies, dependencies is not None
    return before


def depend_on(what: Hashable) -> None:
    """Record a module, a slice of a table, or the dependency of a memo (`tracked`); None: an answer in the making, so
    that this one holds in one state only."""
    if _current is not None:
        _current.add(what)


def combined(dependencies: DependencySet) -> Hashable:
    """The dependencies of an answer as one, to be recorded whenever the answer is given again."""
    if len(dependencies) == 1:
        (only,) = dependencies
        return only
    whole = frozenset(dependencies)
    return _shared.setdefault(whole, whole)


def tracked(answer: Callable[[], V]) -> tuple[V, Hashable]:
    """An answer and its dependency: recorded now, and to be recorded (`depend_on`) when the answer is given again."""
    global _current
    outer = _current
    if outer is None:
        return answer(), EVERYTHING
    _current = own = set[Hashable]()
    try:
        found = answer()
    finally:
        _current = outer
        outer |= own
    return found, combined(own)


def flattened(dependencies: DependencySet) -> tuple[frozenset[Input], frozenset[Slice]]:
    """All modules and slices among dependencies, nested ones included."""
    seen = set(dependencies)
    nested = [each for each in seen if type(each) is frozenset]
    while nested:  # many sets at a time: what is in them is mostly known
        new: set[Hashable] = set()
        new.update(*nested)
        new -= seen
        seen |= new
        nested = [each for each in new if type(each) is frozenset]
    leaves = [each for each in seen if each is not None and type(each) is not frozenset]
    slices = frozenset(each for each in leaves if type(each) is Slice)
    return cast("frozenset[Input]", frozenset(leaves).difference(slices)), slices


def so_far() -> Hashable:
    """All that the answer in the making depends on up to here."""
    return EVERYTHING if _current is None else combined(set(_current))


def remembered(memos: Memos[K, V], key: K, answer: Callable[[], V]) -> V:
    """An answer that is asked for the first time: worked out, and kept with its dependency while it holds."""
    global _current
    outer, before = _current, memory.open_from
    own: DependencySet | None = set() if outer is not None else None
    _current, memory.open_from = own, memory.CLOSED
    try:
        found = answer()
        whole = combined(own) if own is not None else EVERYTHING
        memos.keep(key, (found, whole))
        if outer is not None:
            outer.add(whole)
        return found
    finally:
        _current = outer
        if before < memory.open_from:
            memory.open_from = before


def recalled(memos: Memos[K, V], key: K, answer: Callable[[], V]) -> V:
    """An answer as it is remembered, or else worked out (`remembered`)."""
    held = memos[key]
    if held is None:
        return remembered(memos, key, answer)
    depend_on(held[1])
    return held[0]


def memoized(method: Callable[Concatenate[S, P], V]) -> Callable[Concatenate[S, P], V]:
    """A query: a method that works out each answer once. Its arguments are positional and hashable."""
    slot = f"_{method.__name__}_memos"
    work_out = cast("Callable[..., V]", method)

    def compute(self: object, arguments: tuple[object, ...], key: Hashable) -> V:
        global _current
        memos: Memos[Hashable, V] | None = self.__dict__.get(slot)
        if memos is None:
            memos = self.__dict__[slot] = Memos()
        # As `remembered`, written out: nearly all questions come by here, and each call more is a frame more as well.
        outer, before = _current, memory.open_from
        own: DependencySet | None = set() if outer is not None else None
        _current, memory.open_from = own, memory.CLOSED
        try:
            found = work_out(self, *arguments)
            whole = combined(own) if own is not None else EVERYTHING
            if memory.open_from == memory.CLOSED:
                memos[key] = found, whole
            else:
                memos.keep(key, (found, whole))
            if outer is not None:
                outer.add(whole)
            return found
        finally:
            _current = outer
            if before < memory.open_from:
                memory.open_from = before

    def ask_with_one(self: S, key: Hashable) -> V:  # the most frequent queries have one argument
        try:
            memo: tuple[V, Hashable] | None = self.__dict__[slot][key]
        except KeyError:
            memo = None  # nobody has asked yet
        if memo is None:
            return compute(self, (key,), key)
        if _current is not None:
            _current.add(memo[1])
        return memo[0]

    def ask(self: S, *key: Hashable) -> V:
        try:
            memo: tuple[V, Hashable] | None = self.__dict__[slot][key]
        except KeyError:
            memo = None
        if memo is None:
            return compute(self, key, key)
        if _current is not None:
            _current.add(memo[1])
        return memo[0]

    chosen = ask_with_one if cast("FunctionType", unwrap(method)).__code__.co_argcount == 2 else ask
    return cast("Callable[Concatenate[S, P], V]", wraps(method)(chosen))
