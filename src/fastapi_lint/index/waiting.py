"""Calls that are awaited further down, by the name that their result is given: `coming = f()`, then `await coming`."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter

from msgspec.structs import replace

from fastapi_lint.index.draft import Draft
from fastapi_lint.index.facts import Assign, Attr, CallRef, Name, Sub, target_names


def mark_later_awaits(d: Draft) -> None:
    """Says of each call in a complete draft whether the block that names its result awaits it later.

    Nothing else is given that name in between, and what lies between is passed on every way: what holds for the place
    of the call (conditions, `try`, locks) holds for that of the `await`.
    """
    if not d.waits:
        return
    blocks = d.blocks
    wanted = {(blocks[block].function, name) for name, block, _ in d.waits}
    bound: dict[tuple[int, str], list[tuple[int, Assign | None]]] = {}
    for function, name, start, entry in _bindings(d):
        if (function, name) in wanted:
            bound.setdefault((function, name), []).append((start, entry))
    for name, block, awaited_at in d.waits:
        before = (one for one in bound.get((blocks[block].function, name), ()) if one[0] < awaited_at)
        match max(before, key=itemgetter(0), default=None):
            case (_, Assign(value=CallRef(index=index), op="=" | ":=") as entry):
                made = d.calls[index]
                if entry.block == block and entry.end <= awaited_at and not made.awaited:
                    d.calls[index] = replace(made, awaited=True, later=True)


def _bindings(d: Draft) -> Iterator[tuple[int, str, int, Assign | None]]:
    """Every name that something binds: its function, the name, the place, and the assignment, if it is a plain one."""
    blocks = d.blocks
    for entry in d.assigns:
        owner = blocks[entry.block].function
        if isinstance(entry.target, Name):
            if entry.value is not None:
                yield owner, entry.target.id, entry.start, entry
        elif not isinstance(entry.target, (Attr, Sub)):
            yield from ((owner, name, entry.start, None) for name in target_names(entry.target))
    for block in blocks:
        if block.target is not None:
            yield from ((block.function, name, block.start, None) for name in target_names(block.target))
    for function in d.functions:
        yield blocks[function.outer].function, function.name, function.start, None
    for cls in d.classes:
        yield blocks[cls.outer].function, cls.name, cls.start, None
    for imported in d.imports:
        yield blocks[imported.block].function, imported.alias or imported.name, imported.start, None
