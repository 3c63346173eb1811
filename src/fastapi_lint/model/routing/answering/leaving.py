"""Where an `HTTPException` leaves a function. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    Type,
)

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
        self._known: dict[Function, frozenset[Type]] = {}

    def places(self, function: Function) -> Iterator[Left]:
        """Where an `HTTPException` is raised, here or by a function that is called, and not caught."""
        yield from dict.fromkeys(left for left, _ in self._errors(function, 0))

    def _errors(self, function: Function, depth: int) -> Iterator[tuple[Left, Type]]:
        """Each place with what is raised there: who catches a subclass of `HTTPException` catches that one."""
        module, types = function.module, self.project.types
        for leave in function.exits:
            if leave.kind == "raise" and leave.value is not None:
                value = types.infer(leave.value, (module, leave.block, leave.start))
                raised = types.instantiate(value) if isinstance(value, (External, ClassObject)) else value
                if types.is_instance(raised, _ERROR) and not self._is_caught(module, leave.block, raised):
                    yield (leave.block, leave.start, leave.end, ""), raised
        if depth >= _DEEPEST:
            return
        for step in self.project.effects.execution.steps(function):
            target = step.function
            if target is None or step.call is None:
                continue
            if target not in self._known:
                self._known[target] = frozenset()  # for a function that comes back to itself
                self._known[target] = frozenset(raised for _, raised in self._errors(target, depth + 1))
            for raised in self._known[target]:
                if not self._is_caught(module, step.call.block, raised):
                    yield (step.call.block, step.call.start, step.call.name_end, target.name), raised

    def _is_caught(self, module: Module, block: int, raised: Type) -> bool:
        """Whether a place stands in the body of a `try` that may catch what is raised there."""
        blocks = module.facts.blocks
        while block >= 0 and blocks[block].kind not in ("function", "lambda", "class", "module"):
            outer = blocks[block].parent
            if blocks[block].kind == "body":
                if any(self._may_catch(module, blocks[number], raised) for number in module.clauses_of(outer)):
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

    def _may_catch(self, module: Module, clause: f.Block, raised: Type) -> bool:
        if clause.test is None:
            return True
        tests = clause.test.items if isinstance(clause.test, f.Display) else (clause.test,)
        for test in tests:
            name = self.project.name(test, module, clause.parent, clause.start)
            if name is None or name in _CATCHING or not name.rsplit(".", 1)[-1][:1].isupper():
                return True
            caught = self.project.types.infer(test, (module, clause.parent, clause.start))
            if isinstance(caught, ClassObject) and self._is_one(raised, caught.cls):
                return True
        return False

    def _is_one(self, raised: Type, cls: Class) -> bool:
        """Whether what is raised is of this class: a base of `HTTPException` that somebody gave it, or a subclass."""
        return isinstance(raised, Instance) and self.project.types.is_subclass(raised.cls, cls)
