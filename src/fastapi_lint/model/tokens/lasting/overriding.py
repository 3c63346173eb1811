"""Defaults that never count, as every caller gives something else: which branches and options are not taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import asked_about
from fastapi_lint.model.names.symbols import Function
from fastapi_lint.model.tokens.parts import Chain, Frame
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


class Overriding:
    """Answers for functions that get a time as a parameter, or make up one where they get none."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def is_taken(self, number: int, function: Function, chain: Chain, frames: Sequence[Frame]) -> bool:
        """Whether a block is come to: not where it lies below the absence of what every caller gives."""
        blocks = function.module.facts.blocks
        for block in function.module.block_chain(number):
            if block.kind == "if":
                absent = asked_about(block.test, is_there=False)
            elif block.kind == "else" and block.parent >= 0 and blocks[block.parent].kind == "choice":
                beside = [one.test for one in blocks if one.parent == block.parent and one.kind == "if"]
                absent = asked_about(beside[0], is_there=True) if len(beside) == 1 else None
            else:
                continue
            if absent is not None and self._is_always_given(absent, function, chain, frames):
                return False
        return True

    def options(self, choice: f.Choice, function: Function, chain: Chain, frames: Sequence[Frame]) -> Sequence[f.Expr]:
        """The options of a choice in a function that are ever taken."""
        if len(choice.options) != 2:
            return choice.options
        name, number = None, 0
        if choice.op == "or":
            name = asked_about(choice.options[0], is_there=True)
        elif choice.op == "if" and (name := asked_about(choice.test, is_there=True)) is None:
            name, number = asked_about(choice.test, is_there=False), 1
        if name is not None and self._is_always_given(name, function, chain, frames):
            return choice.options[number : number + 1]
        return choice.options

    def _is_always_given(self, name: str, function: Function, chain: Chain, frames: Sequence[Frame]) -> bool:
        """Whether every call gives a parameter something that is there, as far as all of them are known."""
        if not any(param.name == name for param in function.params):
            return False
        known = [each for each in chain if each.function is function] or list(frames)
        if not known or any(each.is_open for each in known):
            return False
        if not any(each.function is function for each in chain):
            uses = [use for use in self.project.callers.uses(function) if not use.module.is_test]
            if len(uses) != len(known) or not self.project.callers.are_known(function):
                return False
        return all(self._is_time(dict(each.bound).get(name), each.where) for each in known)

    def _is_time(self, value: f.Expr | None, where: Where, depth: int = 3) -> bool:
        """Whether a value is a `timedelta` that is made at once, or a number: nothing that may be missing."""
        match value:
            case f.Const(value=int() | float() as number):
                return bool(number)
            case f.CallRef(index=index):
                return self.project.called_name(where[0], where[0].facts.calls[index]) == "datetime.timedelta"
            case f.Name() | f.Attr() if depth:
                found = list(self.project.values.definitions(value, where))
                return bool(found) and all(self._is_time(one, place, depth - 1) for one, place in found)
        return False
