"""Which memos and tables of the state before hold after a change: `tracking.memory` asks, a snapshot knows.

A verdict is data, and is reused when what it has read says the same. A memo may hold objects, and is taken over when
what it has read *is* the same: modules that were not replaced, and slices of tables that are not collected anew. (What
modules bring by themselves is made of these and of plain data, and may come anew if it says the same.)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import cast

from fastapi_lint.model.names import Module
from fastapi_lint.tracking.recording import EVERYTHING, Handle, Slice

Known = dict[Hashable, bool]


class Holding:
    """Answers about dependencies of memos, each once."""

    def __init__(self, is_current: Callable[[Module], bool], is_kept: Callable[[Slice], bool]) -> None:
        """`is_current` says whether a module is one of the project as it is, `is_kept` whether a slice holds the very
        objects that it held."""
        self._is_current = is_current
        self._is_kept = is_kept
        self._known: Known = {None: False, EVERYTHING: False}

    def holds(self, dependency: Hashable) -> bool:
        """Whether all of a dependency is what it was."""
        known = self._known
        pending = [dependency]
        while pending:
            each = pending[-1]
            if each in known:
                pending.pop()
            elif isinstance(each, frozenset):
                found = {known.get(part) for part in each}
                if False in found:
                    known[each] = False
                elif None in found:
                    parts = [part for part in each if part not in known]
                    pending += sorted(parts, key=_cost, reverse=True)  # the last one is looked at first
                else:
                    known[each] = True
            else:
                found_same = self._is_kept(each) if isinstance(each, Slice) else self._is_current(cast(Module, each))
                known.setdefault(each, found_same)  # what was denied while that was found out stays denied
        return known[dependency]


def _cost(part: Hashable) -> int:
    return 2 if isinstance(part, Slice) else 1 if isinstance(part, frozenset) else 0


def is_about(key: Hashable, gone: frozenset[Module]) -> bool:
    """Whether a question is about one of some modules, or what is in them."""
    if isinstance(key, tuple):
        return any(is_about(each, gone) for each in key)
    if isinstance(key, Handle):
        return key.module in gone
    return key in gone if isinstance(key, Module) else False
