"""Where an `HTTPException` leaves a function. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import ClassObject, External, Function, FunctionObject, Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_ERROR = "starlette.exceptions.HTTPException"
_CATCHING = frozenset(
    {"Exception", "BaseException", _ERROR, "fastapi.HTTPException", "fastapi.exceptions.HTTPException"}
)
_DEEPEST = 3

Left = tuple[int, int, int, str]
"""A block, the place in it, and the function of the project that raises ("" for the function itself)."""


class Leaving:
    """Answers about one function after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._known: dict[Function, bool] = {}

    def places(self, function: Function) -> Iterator[Left]:
        """Where an `HTTPException` is raised, here or by a function that is called, and not caught."""
        return self._errors(function, 0)

    def _errors(self, function: Function, depth: int) -> Iterator[Left]:
        module, types = function.module, self.project.types
        for leave in function.exits:
            if leave.kind == "raise" and leave.value is not None and not self._is_caught(module, leave.block):
                value = types.infer(leave.value, (module, leave.block, leave.start))
                raised = types.instantiate(value) if isinstance(value, (External, ClassObject)) else value
                if types.is_instance(raised, _ERROR):
                    yield leave.block, leave.start, leave.end, ""
        if depth >= _DEEPEST:
            return
        for step in self.project.effects.execution.steps(function):
            target = step.function
            if target is None or step.call is None or self._is_caught(module, step.call.block):
                continue
            if target not in self._known:
                self._known[target] = False  # for a function that comes back to itself
                self._known[target] = next(self._errors(target, depth + 1), None) is not None
            if self._known[target]:
                yield step.call.block, step.call.start, step.call.name_end, target.name

    def _is_caught(self, module: Module, block: int) -> bool:
        """Whether a place stands in the body of a `try` that may catch an `HTTPException`."""
        blocks = module.facts.blocks
        while block >= 0 and blocks[block].kind not in ("function", "lambda", "class", "module"):
            outer = blocks[block].parent
            if blocks[block].kind == "body":
                if any(self._may_catch(module, blocks[number]) for number in module.clauses_of(outer)):
                    return True
            if blocks[block].kind == "with" and self._may_keep(module, blocks[block]):
                return True
            block = outer
        return False

    def _may_keep(self, module: Module, block: f.Block) -> bool:
        """Whether who is entered by a `with` may keep an error for itself."""
        if not isinstance(block.test, f.CallRef):
            return False
        callee = self.project.callee(module, module.facts.calls[block.test.index])
        if isinstance(callee, FunctionObject):
            inside = callee.function.module.blocks_in.get(callee.function.index, ())
            return any(each.kind == "except" for each in inside)
        return callee is None or self.project.types.name_of_type(callee) == "contextlib.suppress"

    def _may_catch(self, module: Module, clause: f.Block) -> bool:
        if clause.test is None:
            return True
        tests = clause.test.items if isinstance(clause.test, f.Display) else (clause.test,)
        for test in tests:
            name = self.project.name(test, module, clause.parent, clause.start)
            if name is None or name in _CATCHING or not name.rsplit(".", 1)[-1][:1].isupper():
                return True
        return False
