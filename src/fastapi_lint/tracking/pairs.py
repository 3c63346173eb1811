"""Pairs that each module brings to a table by the facts about it alone: put together, renewed, compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fastapi_lint.tracking.fingerprints import plain
from fastapi_lint.tracking.recording import Input

PAIRS: dict[str, Callable[[Input], Iterable[tuple[str, object]]]] = {}
"""What a module brings to a table, each with the slice where it gets to, by the name of the table."""


@dataclass(frozen=True)
class Grouped:
    """The pairs that all modules bring to a table, by slice, with who brings how many."""

    table: dict[str, list[object]]
    contributors: dict[str, dict[str, int]]

    def renewed(self, name: str, replaced: Sequence[tuple[Input, Input]]) -> Grouped:
        """With what some modules bring now, in the place of what they brought before."""
        table, contributors = dict(self.table), dict(self.contributors)
        for old, new in replaced:
            brought: dict[str, list[object]] = {key: [] for key, _ in PAIRS[name](old)}
            for key, value in PAIRS[name](new):
                brought.setdefault(key, []).append(value)
            for key, values in brought.items():
                who, found = contributors.get(key, {}), table.get(key, [])
                start = sum(count for path, count in who.items() if path < new.path)
                table[key] = [*found[:start], *values, *found[start + who.get(new.path, 0) :]]
                counts = {**who, new.path: len(values)}
                contributors[key] = {path: counts[path] for path in sorted(counts) if counts[path]}
                if not table[key]:
                    del table[key], contributors[key]
        return Grouped(table, contributors)


def differing(name: str, one: Input | None, other: Input | None) -> set[str]:
    """The slices of a table to which two states of a module bring different pairs; None is one that is not there."""
    brought = []
    for module in (one, other):
        table: dict[str, list[object]] = {}
        for key, value in PAIRS[name](module) if module is not None else ():
            table.setdefault(key, []).append(plain(value))
        brought.append(table)
    return {key for key in {*brought[0], *brought[1]} if brought[0].get(key) != brought[1].get(key)}
