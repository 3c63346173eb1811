"""Questions about the whole project that a module of any package may ask, answered once.

`query` makes one of a function of the project, `gathered` of a function of the project and one of its modules, whose
answers about all modules are put one behind the other. Whoever asks depends on the answer, not on what it was worked
out from: while that comes out the same, nothing is invalidated. What is gathered is not even worked out again when the
changed modules say what they said before, which is mostly nothing (`tables.contribution`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeVar, cast

from fastapi_lint.tracking import memory, recording
from fastapi_lint.tracking.memory import Memos
from fastapi_lint.tracking.recording import Input, Slice
from fastapi_lint.tracking.tables import ASKED, Whole, contribution, contributions, numbered, tables_of

S = TypeVar("S")
M = TypeVar("M", bound=Input)
V = TypeVar("V")

GATHERED: dict[str, Callable[[object, Input], Collection[int]]] = {}
"""By name of the query: what a module has to say to it, asked alone: a number for the answers, none without any."""


class Query(Generic[S, V]):
    """A question about a whole project; its answers can be made plain (`fingerprints.plain`)."""

    def __init__(self, name: str, answer: Callable[[S], V]) -> None:
        self.name = name
        self._answer = answer
        ASKED[name] = cast("Callable[[object], Whole[object]]", self.whole)

    def __call__(self, project: S) -> V:
        """The answer, worked out when it is first asked for."""
        whole = self.whole(project)
        return whole.read() if recording.enabled else whole.content

    def whole(self, project: S) -> Whole[V]:
        """The answer and what it depends on, whether it is worked out yet or not."""
        state, attribute = vars(project), f"_asked_{self.name}"
        found = state.get(attribute)
        if found is None:
            found = memory.placed(project, attribute, Slice(self.name, None)) if recording.enabled else None
            if found is None:
                found = Whole(self.name, lambda: self._answer(project))
            state[attribute] = found
        return cast("Whole[V]", found)


class Gathered(Query[S, "tuple[V, ...]"], Generic[S, M, V]):
    """A question to each module of a project."""

    def __init__(self, name: str, answers: Callable[[S, M], Iterable[V]]) -> None:
        super().__init__(name, self._gather)
        self._answers = answers
        GATHERED[name] = cast("Callable[[object, Input], Collection[int]]", self.contributes)

    def _gather(self, project: S) -> tuple[V, ...]:
        found: list[V] = []
        contributions(tables_of(project), self.name, lambda module: self._add(project, module, found))
        return tuple(found)

    def contributes(self, project: S, module: Input) -> Collection[int]:
        """What a module has to say, asked alone, as a number: another one for other answers."""
        return contribution(tables_of(project), self.name, module, lambda each: self._add(project, each, []))

    def _add(self, project: S, module: Input, found: list[V]) -> Collection[int]:
        answers = self._of(project, module)
        found += answers
        return numbered((0,), answers) if answers else ()

    def _of(self, project: S, module: Input) -> tuple[V, ...]:
        if not recording.active:
            return tuple(self._answers(project, cast(M, module)))
        state, attribute = vars(project), f"_gathered_{self.name}"
        memos: Memos[Input, tuple[V, ...]] | None = state.get(attribute)
        if memos is None:
            memos = state[attribute] = Memos()
        return recording.recalled(memos, module, lambda: tuple(self._answers(project, cast(M, module))))


def query(answer: Callable[[S], V]) -> Query[S, V]:
    """Makes a query of a function of the project that looks at several tables, or combines what is gathered."""
    return Query(_name(answer), answer)


def gathered(answers: Callable[[S, M], Iterable[V]]) -> Gathered[S, M, V]:
    """Makes a query of a function of the project and a module: what it says of all modules, in their order."""
    return Gathered(_name(answers), answers)


def _name(function: Callable[..., object]) -> str:
    return f"{function.__module__}:{function.__qualname__}"
