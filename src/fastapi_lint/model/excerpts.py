"""Which parts of a file a tree for one purpose can do without; opens nothing itself.

libcst takes its time for every node, and a fix needs few of them: a signature, a decorator or a body, and the imports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.source import Blank

_REBINDS = re.compile(rb"\b(?:global|nonlocal)\b")
"""A body that binds names of scopes around it is never left out."""


def blanks(facts: f.Facts, text: bytes, block: int) -> list[Blank]:
    """What can be left out for a purpose in the function with this body, or (0) at the level of the module; in order.

    In that body and at the level of the module the bodies of other functions, elsewhere whole definitions from `def`
    or `class` on: their decorators and names stay.
    """
    found: list[Blank] = []
    for blank in sorted(_candidates(facts, block)):
        if (not found or blank.start >= found[-1].end) and not _REBINDS.search(text, blank.start, blank.end):
            found.append(blank)
    return found


def _candidates(facts: f.Facts, block: int) -> Iterator[Blank]:
    kept = facts.blocks[block]
    for function in facts.functions:
        if function.name == "<lambda>" or (block and function.start <= kept.start and kept.end <= function.end):
            continue
        if block and not kept.start <= function.start < kept.end:
            yield Blank(function.start, function.end, f"def {function.name}(): ")
        else:
            body = facts.blocks[function.block]
            yield Blank(body.start, body.end)
    for cls in facts.classes if block else ():
        if not kept.start <= cls.start < kept.end and not cls.start <= kept.start < cls.end:
            yield Blank(cls.start, cls.end, f"class {cls.name}: ")
