"""Questions that come to ask themselves: the answers are those of a fixpoint, whoever is asked first."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastapi_lint.files.source import Source
from fastapi_lint.index.build import build
from fastapi_lint.model.names.symbols import NEVER, Instance, Module, Type
from fastapi_lint.model.project import Project
from fastapi_lint.tracking import memoized_cyclic, memory, recording

_LEAVES = ("requests.Session", "httpx.Client")
_graphs = st.lists(st.lists(st.integers(-len(_LEAVES), 7), min_size=1, max_size=3), min_size=8, max_size=8)
"""What eight functions return: calls of each other by number, below zero a new object."""


def _reached(graph: list[list[int]], start: int) -> set[int]:
    seen, queue = {start}, [start]
    for each in queue:  # grows while it runs
        for other in graph[each] if each >= 0 else ():
            if other not in seen:
                seen.add(other)
                queue.append(other)
    return seen


def _linked(text: str) -> Project:
    source = Source("main.py", text.encode())
    return Project([Module(source, build(source.utf8))])


def _returned(graph: list[list[int]], order: list[int]) -> list[Type]:
    """What the functions of a graph return, asked in an order."""
    text = "import httpx, requests\n"
    for number, leaves in enumerate(graph):
        text += f"def f{number}(n):\n"
        for at, each in enumerate(leaves):
            text += f"    if n == {at}:\n        return {f'f{each}(n - 1)' if each >= 0 else _LEAVES[each] + '()'}\n"
    project = _linked(text)
    found = {number: project.types.return_type(project.functions[number]) for number in order}
    return [found[number] for number in range(len(graph))]


@settings(deadline=None)
@given(_graphs, st.permutations(range(8)))
def test_a_function_returns_what_those_that_it_comes_to_return(graph: list[list[int]], order: list[int]) -> None:
    for number, found in enumerate(_returned(graph, order)):
        leaves = {_LEAVES[each] for each in _reached(graph, number) if each < 0}
        if len(leaves) == 1:
            assert isinstance(found, Instance)
            assert found.cls == leaves.pop()
        else:  # two that have nothing in common, or none: it never comes back
            assert found is (None if leaves else NEVER)


class _Graph:
    """A query about a graph whose answers are made of each other."""

    def __init__(self, graph: list[list[int]]) -> None:
        self._graph = graph

    @memoized_cyclic(frozenset())
    def below(self, number: int) -> frozenset[int]:
        """The numbers that one leads to, itself included."""
        return frozenset([number]).union(*(self.below(each) for each in self._graph[number] if each >= 0))


@settings(deadline=None)
@given(_graphs, st.permutations(range(8)), st.booleans())
def test_a_query_that_asks_itself_has_the_answer_of_a_fixpoint(
    graph: list[list[int]], order: list[int], is_recorded: bool
) -> None:
    query = _Graph(graph)
    if is_recorded:
        recording.enable()
    try:
        found = {number: query.below(number) for number in order}
    finally:
        recording.disable()
    assert found == {number: frozenset(each for each in _reached(graph, number) if each >= 0) for number in order}
    assert memory.open_from == memory.CLOSED


def test_a_question_that_is_too_deep_is_asked_when_there_is_room() -> None:
    chain = "".join(f"def f{number}():\n    return f{number + 1}()\n" for number in range(300))
    project = _linked(f"import requests\n{chain}def f300():\n    return requests.Session()\n")
    found = [project.types.return_type(function) for function in project.functions]
    assert {each.cls for each in found if isinstance(each, Instance)} == {"requests.Session"}
    assert None not in found


def test_an_answer_that_fails_leaves_no_circle_open() -> None:
    class Failing:
        @memoized_cyclic(0)
        def one(self, number: int) -> int:
            return self.one(number) + self.other(number)

        @memoized_cyclic(0)
        def other(self, number: int) -> int:
            if self.one(number) == 0:
                raise ValueError("no")
            return 1

    failing = Failing()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            failing.one(1)
        assert memory.open_from == memory.CLOSED
