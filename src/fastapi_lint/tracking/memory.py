"""What is remembered when a project changes: memos and tables of the state before, for as long as they hold.

Who asks for a memo that is not there looks it up among those from before (`Memos.__missing__`): it is taken over when
all that it depends on is what it was, which somebody else says (`begin`). So nothing is walked over when something
changes, and what nobody asks for again costs nothing. A state that is *settled* is the one with which the next is
compared; one that is left before is forgotten.

One project at a time: the state is of the process. Who finds that it is another one's (`is_of`) has to begin anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar, cast
from weakref import ref

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_BEFORE = "_before"
_memos: list[ref[Memos[Hashable, object]]] = []
_places: dict[tuple[ref[object], str], Hashable] = {}
"""Where tables are: whose attribute they are; and the dependency that says whether they hold, None: they never do."""
_holds: Callable[[Hashable], bool] | None = None
"""Whether a dependency is what it was in the state before; None while nobody knows."""
_owner: ref[object] | None = None
CLOSED: Final = sys.maxsize
open_from = CLOSED
"""Of the questions that wait for each other (`circles`) the first one that what is being worked out has to wait for."""
_provisional: dict[int, list[tuple[Memos[Hashable, object], Hashable]]] = {}
"""The memos that are provisional, by the place of that question."""
renewed: set[Hashable] = set()
"""The tables that were made anew in this state, by the dependency that says whether they hold."""


class Memos(dict[K, tuple[V, Hashable]]):
    """Answers by what was asked, each with its dependency; `earlier` are those of the state before, `provisional` those
    that hold while a circle is open, with the place of the question that has opened it."""

    __slots__ = ("__weakref__", "earlier", "provisional")

    def __init__(self) -> None:
        super().__init__()
        self.earlier: dict[K, tuple[V, Hashable]] = {}
        self.provisional: dict[K, tuple[tuple[V, Hashable], int]] = {}
        _memos.append(cast("ref[Memos[Hashable, object]]", ref(self)))

    if TYPE_CHECKING:

        def __getitem__(self, key: K) -> tuple[V, Hashable] | None:  # type: ignore[override]
            """The memo, that of the state before if it holds, or None: it is asked for so often that it is no method
            of ours, but what a dict does."""

    def __missing__(self, key: K) -> tuple[V, Hashable] | None:
        """A provisional memo; or that of the state before, if it holds: it is one of this state then."""
        global open_from
        if key in self.provisional:
            found, place = self.provisional[key]
            open_from = min(open_from, place)
            return found
        if key not in self.earlier or _holds is None:
            return None
        memo = self.earlier[key]
        if not _holds(memo[1]):
            return None
        self[key] = memo
        return memo

    def keep(self, key: K, memo: tuple[V, Hashable]) -> None:
        """Remember an answer: for good, or while the circle is open in which it was worked out."""
        if open_from == CLOSED:
            self[key] = memo
        else:
            self.provisional[key] = memo, open_from
            _provisional.setdefault(open_from, []).append((cast("Memos[Hashable, object]", self), key))


def close(place: int, dependency: Hashable) -> None:
    """A circle that was opened at a place is closed: what is provisional in it holds, as far as a dependency does."""
    for memos, key, (answer, _) in _taken(place):
        memos[key] = answer, dependency


def drop(place: int) -> None:
    """Forget what is provisional in a circle that was opened at a place."""
    for _ in _taken(place):
        pass


def widen(place: int, first: int) -> None:
    """A circle that was opened at a place is part of one that was opened before, at `first`."""
    for memos, key, memo in [*_taken(place)]:
        memos.provisional[key] = memo, first
        _provisional.setdefault(first, []).append((memos, key))


def _taken(place: int) -> Iterator[tuple[Memos[Hashable, object], Hashable, tuple[object, Hashable]]]:
    """What is provisional in a circle that was opened at a place, which it is no more then."""
    for inner in [each for each in _provisional if each >= place]:
        for memos, key in _provisional.pop(inner):
            if memos.provisional.get(key, (None, None))[1] == inner:  # not found out again with less
                yield memos, key, memos.provisional.pop(key)[0]


def placed(owner: object, attribute: str, dependency: Hashable) -> object | None:
    """Note that a table will be an attribute. Returns that of the state before, if it holds."""
    _places[ref(owner), attribute] = dependency
    found: object | None = vars(owner).get(attribute + _BEFORE)
    if found is not None and _holds is not None and dependency is not None and _holds(dependency):
        return found
    renewed.add(dependency)
    return None


# ---------------------------------------------------------------- states


def forget(make: Callable[[], V]) -> V:
    """Nothing is known from before, and from now on it is remembered for what is made."""
    global _holds, _owner
    _memos.clear()
    _places.clear()
    renewed.clear()
    _holds = _owner = None
    made = make()
    _owner = ref(made)
    return made


def is_of(owner: object) -> bool:
    """Whether what is remembered is an owner's: since `forget` it was nobody else's."""
    return _owner is not None and _owner() is owner


def turn(*, is_settled: bool) -> None:
    """Something changes. Memos and tables become those of the state before, if that is settled."""
    global _holds
    _holds = None
    renewed.clear()
    for memos in alive():
        if is_settled:
            memos.earlier = memos.copy()
        memos.clear()
    for state, attribute, _ in _tables():
        table = state.pop(attribute, None)
        if is_settled and table is not None:
            state[attribute + _BEFORE] = table


def begin(holds: Callable[[Hashable], bool]) -> None:
    """From now on it is known which dependencies are what they were."""
    global _holds
    _holds = holds


def settle(is_gone: Callable[[Hashable], bool] | None) -> None:
    """This is the state to compare with. What nobody has asked for is kept if it holds, but for what is about things
    that are gone: None when these are not to be looked for."""
    global _holds
    holds = _holds or (lambda _: False)
    known: dict[Hashable, bool] = {}  # many memos share a dependency
    for memos in alive():
        for key, memo in memos.earlier.items():
            if key not in memos:
                if memo[1] not in known:
                    known[memo[1]] = holds(memo[1])
                if known[memo[1]]:
                    memos[key] = memo
        memos.earlier = {}
        for key in [key for key in memos if is_gone(key)] if is_gone is not None else ():
            del memos[key]
    for state, attribute, dependency in _tables():
        table = state.pop(attribute + _BEFORE, None)
        if table is not None and attribute not in state and dependency is not None and holds(dependency):
            state[attribute] = table
    _holds = None


def alive() -> list[Memos[Hashable, object]]:
    """All memos that somebody still has."""
    found = [(each, memos) for each in _memos if (memos := each()) is not None]
    _memos[:] = [each for each, _ in found]
    return [memos for _, memos in found]


def _tables() -> list[tuple[dict[str, object], str, Hashable]]:
    found = [(key, vars(owner)) for key in _places if (owner := key[0]()) is not None]
    kept = {key: _places[key] for key, _ in found}
    _places.clear()
    _places.update(kept)
    return [(state, key[1], kept[key]) for key, state in found]
