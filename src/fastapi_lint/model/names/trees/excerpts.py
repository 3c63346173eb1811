"""Which parts of a file a tree for a few places in it can do without; opens nothing itself.

libcst takes its time for every node, and a fix needs few of them: a signature, a decorator or a body, and the imports.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from fastapi_lint.files.source import Blank
from fastapi_lint.index import facts as f

_REBINDS = re.compile(rb"\b(?:global|nonlocal)\b")
"""A body that binds names of scopes around it is never left out."""


class NotYet(Exception):
    """A tree was asked for while it is only collected which parts it will need."""


def blanks(facts: f.Facts, text: bytes, places: Sequence[int]) -> list[Blank]:
    """What a tree for these byte offsets (sorted) can leave out, in order.

    Whole definitions with none of them inside, but for their names, and the bodies of functions that have one in the
    head alone.
    """
    found: list[Blank] = []
    for blank in sorted(_candidates(facts, places)):
        if (not found or blank.start >= found[-1].end) and not _REBINDS.search(text, blank.start, blank.end):
            found.append(blank)
    return found


def _candidates(facts: f.Facts, places: Sequence[int]) -> Iterator[Blank]:
    def needs(start: int, end: int) -> bool:
        index = bisect_left(places, start)
        return index < len(places) and places[index] < end

    for function in facts.functions:
        if function.name == "<lambda>":
            continue
        body = facts.blocks[function.block]
        if not needs(function.first, function.end):
            yield Blank(function.first, function.end, f"def {function.name}(): ")
        elif not needs(function.head_end, function.end):
            yield Blank(body.start, body.end)
    for cls in facts.classes:
        if not needs(cls.first, cls.end):
            yield Blank(cls.first, cls.end, f"class {cls.name}: ")
