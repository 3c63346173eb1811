"""The shortest way from a function to something that running it does. Knows neither effects nor what runs what.

The answer is the same in whatever order functions are asked about: of several shortest ways it is the one that turns
off first in the order of the code, and what was found out before only shortens the search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from fastapi_lint.tracking import recording
from fastapi_lint.tracking.memory import Memos

if TYPE_CHECKING:
    from fastapi_lint.model.calls.steps import Step
    from fastapi_lint.model.calls.ways.branches import Settings
    from fastapi_lint.model.names.symbols import Function

T = TypeVar("T")
Run = tuple["Function", "Settings"]
"""A function, and what a call sets its parameters to."""

_MOST_RUNS = 20_000
"""Functions to look at in one search before giving up: unknown is silent."""


@dataclass(frozen=True, eq=False)
class Trail(Generic[T]):
    """The shortest way to an effect: its first step, the way from there, and what the last step is known to do.

    Ways share their ends: in a chain of ten thousand calls each function has one.
    """

    first: Step
    rest: Trail[T] | None
    effect: T
    length: int

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps in order."""
        found = []
        trail: Trail[T] | None = self
        while trail is not None:
            found.append(trail.first)
            trail = trail.rest
        return tuple(found)

    def behind(self, step: Step) -> Trail[T]:
        """This way with a step before it."""
        return Trail(step, self, self.effect, self.length + 1)


@dataclass(frozen=True, eq=False)
class Memo(Generic[T]):
    """What is known about one effect: the way to it from a function, and what is in the function's own body.

    Each with what it was found out from; for trails that of the search that came across it. `single` are the ways
    without a method of one of several objects.
    """

    trails: Memos[Run, Trail[T] | None] = field(default_factory=Memos)
    own: Memos[Run, tuple[Step, T] | None] = field(default_factory=Memos)
    single: Memos[Run, Trail[T] | None] = field(default_factory=Memos)


def search(
    start: Run,
    own: Callable[[Run], tuple[Step, T] | None],
    onward: Callable[[Run], Iterator[tuple[Step, Run]]],
    memo: Memo[T],
) -> Trail[T] | None:
    """Breadth-first from a function to the nearest one with an effect in its own body; `memo` keeps the answers.

    `own` says which effect a function has itself, `onward` what it runs, in the order of the code.
    """
    held = memo.trails[start]
    if held is not None:
        recording.depend_on(held[1])
        return held[0]
    met: list[Run] = []
    found, read = recording.tracked(lambda: _searched(start, own, onward, memo, met))
    memo.trails.update([(run, (kept[0], read)) for run in met if (kept := memo.trails.get(run)) is not None])
    return found


def _searched(
    start: Run,
    own: Callable[[Run], tuple[Step, T] | None],
    onward: Callable[[Run], Iterator[tuple[Step, Run]]],
    memo: Memo[T],
    met: list[Run],
) -> Trail[T] | None:
    came_from: dict[Run, tuple[Run, Step] | None] = {start: None}
    places = {start: (0, 0)}
    queue = [start]
    best: tuple[int, list[int], Run, Trail[T]] | None = None
    for run in queue:
        depth, _ = places[run]
        if best is not None and depth >= best[0]:
            break
        if len(queue) > _MOST_RUNS:
            return _kept(start, None, memo, met)
        trail = _known(run, own, memo)
        if trail is not None:
            length = depth + trail.length
            if best is None or length < best[0]:
                best = length, _turns(run, came_from, places), run, trail
            elif length == best[0] and (turns := _turns(run, came_from, places)) < best[1]:
                best = length, turns, run, trail
        elif run not in memo.trails and (best is None or depth + 2 <= best[0]):
            for step, target in onward(run):
                if target not in came_from:
                    came_from[target] = (run, step)
                    places[target] = depth + 1, len(queue)
                    queue.append(target)
    if best is None:
        for run in queue:
            if run not in memo.trails:
                _kept(run, None, memo, met)
        return None
    _, _, run, trail = best
    _kept(run, trail, memo, met)
    while (origin := came_from[run]) is not None:
        run, step = origin
        trail = trail.behind(step)
        _kept(run, trail, memo, met)
    return trail


def _known(run: Run, own: Callable[[Run], tuple[Step, T] | None], memo: Memo[T]) -> Trail[T] | None:
    """The way from a function as far as it is known: by an earlier search, or because it ends here."""
    held = memo.trails[run]
    if held is not None:
        recording.depend_on(held[1])
        return held[0]
    known = memo.own[run]
    if known is None:
        known = memo.own[run] = recording.tracked(lambda: own(run))
    found, sources = known
    recording.depend_on(sources)
    return Trail(found[0], None, found[1], 1) if found is not None else None


def _turns(run: Run, came_from: dict[Run, tuple[Run, Step] | None], places: dict[Run, tuple[int, int]]) -> list[int]:
    """Where a search has turned off on its way to a function: smaller when earlier in the order of the code."""
    found = []
    while (origin := came_from[run]) is not None:
        found.append(places[run][1])
        run = origin[0]
    return found[::-1]


def _kept(run: Run, trail: Trail[T] | None, memo: Memo[T], met: list[Run]) -> Trail[T] | None:
    held = memo.trails.get(run)
    if held is None:
        held = memo.trails[run] = trail, None  # what it depends on is known when the search is over
        met.append(run)
    return held[0]
