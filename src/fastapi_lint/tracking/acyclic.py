"""Answers about what is made of each other, and in a faulty program of itself: lists of lists, texts of texts.

Of what stands in a circle nothing is known, wherever the question began: an answer that was worked out inside a circle
must not depend on where that was entered.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from fastapi_lint.tracking import recording
from fastapi_lint.tracking.memory import Memos

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_DEEPEST = 30


class Acyclic(Generic[K, V]):
    """A memo by key; `unknown` is the answer for whatever leads to itself, or too deep."""

    def __init__(self, unknown: V) -> None:
        self._unknown = unknown
        self._memos: Memos[K, V] = Memos()
        self._pending: list[K] = []
        self._circular: set[K] = set()

    def ask(self, key: K, work_out: Callable[[], V]) -> V:
        """The answer for a key, worked out once; while it is, other keys may be asked for."""
        held = self._memos[key]
        if held is not None:
            recording.depend_on(held[1])
            return held[0]
        if key in self._pending or len(self._pending) >= _DEEPEST:
            start = self._pending.index(key) if key in self._pending else 0
            self._circular.update(self._pending[start:])
            recording.depend_on(None)
            return self._unknown
        self._pending.append(key)
        try:
            answer, dependency = recording.tracked(work_out)
        finally:
            self._pending.pop()
            is_circular = key in self._circular
            self._circular.discard(key)
        known = self._unknown if is_circular else answer
        self._memos[key] = known, dependency
        return known
