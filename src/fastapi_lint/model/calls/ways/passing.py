"""Whether control has come by one of several places before it comes to another. Infers no values."""

from __future__ import annotations

from collections.abc import Collection

from fastapi_lint.model.calls.ways.endings import Endings
from fastapi_lint.model.names.symbols import Function
from fastapi_lint.model.types.inference.inference import Inference

Place = tuple[int, int]
"""A block, and an offset in it."""


def passes_all(function: Function, places: Collection[Place], before: Place, types: Inference) -> bool:
    """Whether every way that leads to the place `before` comes by one of the places. Loops are taken not to run."""
    block, at = before
    earlier = {one for one, start in places if start < at}
    if not earlier:
        return False
    blocks = function.module.facts.blocks
    ways = _Ways(function, earlier, types)
    while block >= 0:
        if block in earlier:
            return True
        if blocks[block].kind not in ("choice", "try"):
            if any(ways.passes(child) for child in ways.children.get(block, ()) if blocks[child].end <= at):
                return True
        if blocks[block].kind in ("function", "lambda", "class", "module"):
            return False
        block = blocks[block].parent
    return False


class _Ways:
    """The control structure of one function, and the blocks that hold a place."""

    def __init__(self, function: Function, wanted: Collection[int], types: Inference) -> None:
        self.function = function
        self.wanted = wanted
        self.endings = types.shared(Endings)
        self.blocks = function.module.facts.blocks
        self.children = function.module.children

    def passes(self, index: int) -> bool:
        """Whether going through a compound statement comes by one of the places."""
        inner = self.children.get(index, [])
        kinds = {each: self.blocks[each].kind for each in inner}
        match self.blocks[index].kind:
            case "choice":
                branches = [each for each in inner if kinds[each] in ("if", "else", "case")]
                is_whole = any(kinds[each] in ("else", "case") for each in branches)
                return is_whole and all(self._holds(each) or not self._ends(each) for each in branches)
            case "try":
                if any(self._holds(each) for each in inner if kinds[each] == "finally"):
                    return True
                body = any(self._holds(each) for each in inner if kinds[each] in ("body", "else"))
                handlers = [each for each in inner if kinds[each] == "except"]
                return body and all(self._holds(each) or not self._ends(each) for each in handlers)
            case "with":
                return self._holds(index)
        return False

    def _holds(self, index: int) -> bool:
        return index in self.wanted or any(self.passes(child) for child in self.children.get(index, ()))

    def _ends(self, index: int) -> bool:
        return self.endings.comes_out(self.function, index)
