"""Conditions, cases and assigned values as they are written: each text is parsed once. Judges nothing."""

from __future__ import annotations

import ast
import re

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.cases import case_of
from fastapi_lint.model.names.symbols import Module

_LONGEST = 400


class Written:
    """Answers "which expression stands there"."""

    def __init__(self) -> None:
        self._parsed: dict[tuple[Module, int, int], ast.expr | None] = {}
        self._cases: dict[tuple[Module, int], ast.match_case | None] = {}

    def condition(self, module: Module, start: int, end: int) -> ast.expr | None:
        """The condition that begins at an offset: up to the first colon at which it is one."""
        key = (module, start, 0)
        if key not in self._parsed:
            text = module.text[start : min(end, start + _LONGEST)]
            found = None
            for colon in re.finditer(rb":(?!=)", text):
                found = _parsed(text[: colon.start()])
                if found is not None:
                    break
            self._parsed[key] = found
        return self._parsed[key]

    def case(self, module: Module, block: f.Block) -> ast.match_case | None:
        """A case of a `match`."""
        key = (module, block.start)
        if key not in self._cases:
            self._cases[key] = case_of(module, block)
        return self._cases[key]

    def assigned(self, module: Module, assign: f.Assign) -> ast.expr | None:
        """What stands to the right of an assignment."""
        key = (module, assign.start, 1)
        if key not in self._parsed:
            text = module.text[assign.start : min(assign.end, assign.start + _LONGEST)]
            _, sign, right = text.partition(b":=" if assign.op == ":=" else b"=")
            self._parsed[key] = _parsed(right) if sign else None
        return self._parsed[key]


def _parsed(text: bytes) -> ast.expr | None:
    try:
        return ast.parse(b"(" + text.strip() + b"\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
