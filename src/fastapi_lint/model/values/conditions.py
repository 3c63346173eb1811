"""Whether a place in the code is reached: what the `if` statements and early returns around it say. Infers no types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.environment import Condition, Environment

__all__ = ["Condition", "Conditions"]


class Judge(Protocol):
    """Who knows whether an expression is true."""

    def truth(self, expr: f.Expr | None, where: Where, environment: Environment, depth: int = 0) -> bool | None:
        """Whether it is; None when not known."""


class Conditions:
    """Answers "under which conditions does this run"."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._branches: dict[Module, dict[int, list[int]]] = {}

    def branches(self, module: Module, choice: int) -> list[int]:
        """The blocks of an `if` or `match` statement."""
        if module not in self._branches:
            table: dict[int, list[int]] = {}
            for index, block in enumerate(module.facts.blocks):
                if block.parent >= 0 and module.facts.blocks[block.parent].kind == "choice":
                    table.setdefault(block.parent, []).append(index)
            self._branches[module] = table
        return self._branches[module].get(choice, [])

    def tests(self, module: Module, entry: f.Block) -> Iterator[f.Expr]:
        """The tests that decide whether a block runs."""
        if entry.parent >= 0 and module.facts.blocks[entry.parent].kind == "choice":
            for index in self.branches(module, entry.parent):
                if (test := module.facts.blocks[index].test) is not None:
                    yield test

    def around(self, module: Module, block: int, at: int, environment: Environment) -> tuple[Condition, ...] | None:
        """What has to hold for a place to be reached from the start of its function or module; None when it is not."""
        found: list[Condition] = []
        inside = set()
        current = block
        blocks = module.facts.blocks
        while current >= 0:
            inside.add(current)
            entry = blocks[current]
            if entry.kind in ("function", "class", "lambda", "module"):
                break
            runs = self._runs(module, current, environment)
            if runs is False:
                return None
            if runs is None:
                found.append(Condition(module, current, entry.start))
            current = entry.parent
        function = blocks[block].function
        for leaving in module.exits_in.get(function, ()) if function >= 0 else ():
            if leaving.kind != "return" or leaving.start >= at or leaving.block in inside:
                continue
            answers = []
            current = leaving.block
            while current >= 0 and current not in inside:
                answers.append(self._runs(module, current, environment))
                current = blocks[current].parent
            if False in answers:
                continue
            if None not in answers and not any(blocks[b].kind == "except" for b in (leaving.block,)):
                return None
            found.append(Condition(module, leaving.block, leaving.start))
        return tuple(found)

    def _runs(self, module: Module, index: int, environment: Environment) -> bool | None:
        blocks = module.facts.blocks
        entry = blocks[index]
        if entry.kind in ("except", "case", "while"):
            return None
        if entry.parent < 0 or blocks[entry.parent].kind != "choice":
            return True
        where = (module, entry.parent, entry.start)
        known = True
        for branch in self.branches(module, entry.parent):
            test = blocks[branch].test
            if branch == index:
                own = True if entry.kind == "else" else self._judge.truth(test, where, environment)
                return False if own is False else (True if own and known else None)
            answer = self._judge.truth(test, where, environment)
            if answer:
                return False
            known = known and answer is False
        return None
