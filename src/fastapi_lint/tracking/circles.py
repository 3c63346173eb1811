"""Questions that come to ask themselves: functions that return what each other returns, bases that name their heirs.

What has to wait for itself is given what it came to so far: at first `unknown`. Whatever that went into is provisional:
it is remembered while the circle is open (`memory.Memos.keep`), and only for as long. When the question that has opened
the circle has its answer, all is worked out once more with what was found, until nothing changes; then it is remembered
for good. So an answer does not depend on where a circle was entered, nor on who was the first to ask.

That is how a fixpoint is found in Datalog, and by salsa for queries that are made of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial, wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

from fastapi_lint.tracking import memory, recording
from fastapi_lint.tracking.recording import memoized

S = TypeVar("S")
V = TypeVar("V")
P = ParamSpec("P")

_MOST_ROUNDS = 6
"""How often a circle is worked out before its answers are taken as they are: types may grow without end."""
_MOST_POSTPONED = 20
"""How many postponed questions are asked in the end; what waits for more remains unknown."""
_active: dict[Hashable, int] = {}
"""The questions that are being worked out, each with its place among them: those before wait for it."""
_awaited: dict[Hashable, tuple[int, object]] = {}
"""The questions that had to wait for themselves, each with its place, and what was said for it."""
_postponed: dict[Hashable, Callable[[], object]] = {}
"""The questions that were not asked for want of depth: when there is room they are."""
_found: dict[Hashable, object] = {}
"""What questions of open circles have come to in this round."""
_guesses: dict[Hashable, object] = {}
"""What they came to in the round before."""


def ask(key: Hashable, answer: Callable[[], V], unknown: V) -> V:
    """The answer to a question, `unknown` where it comes to ask itself and nothing is known yet."""
    if key in _active:
        return _so_far(key, _active[key], unknown)
    place = _active[key] = len(_active)
    before, memory.open_from = memory.open_from, memory.CLOSED
    is_answered = False
    try:
        found = answer()
        if memory.open_from == place:
            found = _again(key, place, answer, found)
        if memory.open_from < place:
            _found[key] = found
            _widen(place)
        is_answered = True
        return found
    finally:
        del _active[key]
        if not is_answered or memory.open_from == place:
            _leave(place)
            memory.open_from = memory.CLOSED
        if before < memory.open_from:
            memory.open_from = before
        if not _active and (_found or _awaited):
            for table in (_found, _guesses, _awaited, _postponed):
                table.clear()


def postpone(key: Hashable, answer: Callable[[], V], unknown: V) -> V:
    """What is known so far of a question for which too many others wait: it is asked when there is room again."""
    if key in _active:
        return _so_far(key, _active[key], unknown)
    _postponed[key] = answer
    return _so_far(key, 0, unknown)


def is_open() -> bool:
    """Whether what is being worked out had to wait for a question that waits for it."""
    return memory.open_from != memory.CLOSED


def _so_far(key: Hashable, place: int, unknown: V) -> V:
    recording.depend_on(None)
    memory.open_from = min(memory.open_from, place)
    said = _guesses.get(key, unknown)
    _awaited[key] = place, said
    return cast(V, said)


def _again(key: Hashable, place: int, answer: Callable[[], V], found: V) -> V:
    """The answer to the question that has opened a circle, when what is in it does not change any more."""
    _found[key] = found
    if place == 0:
        _make_up()
    for _ in range(_MOST_ROUNDS):
        awaited = [(each, said) for each, (at, said) in _awaited.items() if at >= place]
        if all(_found.get(each, said) == said for each, said in awaited):
            break
        _guesses.update((each, _found.get(each, said)) for each, said in awaited)
        _leave(place)
        memory.open_from = memory.CLOSED
        found = _found[key] = answer()
        if memory.open_from != place:
            break
    if memory.open_from == place:
        memory.close(place, recording.so_far())
    return found


def _make_up() -> None:
    """Ask what was postponed, and what that postpones; then from the last one to the first, which waits for it."""
    asked: dict[Hashable, Callable[[], object]] = {}
    while _postponed:
        each, answer = _postponed.popitem()
        if each not in asked:
            if len(asked) == _MOST_POSTPONED:
                return
            asked[each] = answer
            _found[each] = ask(each, answer, _awaited[each][1])
    for each, answer in reversed(asked.items()) if len(asked) > 1 else ():
        memory.drop(0)
        _guesses[each] = _found[each] = ask(each, answer, _found[each])


def _widen(place: int) -> None:
    """A question is answered for now that was asked at a place: what waits for it waits for what it waits for."""
    memory.widen(place, memory.open_from)
    for each, (at, said) in _awaited.items():
        if at >= place:
            _awaited[each] = memory.open_from, said


def _leave(place: int) -> None:
    """Forget what is provisional in a circle that was opened at a place, and what was asked there of itself."""
    memory.drop(place)
    for each in [each for each, (at, _) in _awaited.items() if at >= place]:
        del _awaited[each]


def memoized_cyclic(unknown: object) -> Callable[[Callable[Concatenate[S, P], V]], Callable[Concatenate[S, P], V]]:
    """As `memoized`, for a query that may come to ask itself: there the answer is `unknown` at first."""

    def made(method: Callable[Concatenate[S, P], V]) -> Callable[Concatenate[S, P], V]:
        @wraps(method)
        def answered(self: S, *args: P.args, **kwargs: P.kwargs) -> V:
            return ask((method, self, args), partial(method, self, *args, **kwargs), cast(V, unknown))

        return memoized(cast("Callable[Concatenate[S, P], V]", answered))

    return made
