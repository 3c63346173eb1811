"""Background tasks in the hands of a function: whether it makes them, and whether it does more than add to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Function, FunctionObject, Instance

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

TASKS = "starlette.background.BackgroundTasks"
_DEEPEST = 3


def is_made_here(function: Function, name: str, project: Project) -> bool:
    """Whether a variable of a function holds what is made there by `BackgroundTasks()`, and nothing else."""
    module = function.module
    found = project.types.find_bindings(name, (module, function.facts.block, function.facts.end))
    if not found or any(param.name == name for param in function.params):
        return False
    for each in found:
        entry = each.entry
        if not isinstance(entry, f.Assign) or module.facts.blocks[each.block].function != function.index:
            return False
        made = project.infer(entry.value, module, entry.block, entry.start)
        is_tasks = isinstance(made, Instance) and project.types.is_instance(made, TASKS)
        if not is_tasks or not isinstance(entry.value, f.CallRef):
            return False
    return True


def is_given(function: Function, name: str, project: Project, depth: int = 0) -> bool:
    """Whether more is done with tasks than to add to them: somebody may send them with a response, or run them."""
    module = function.module
    own = f.Name(name)
    for inner in module.functions:
        if inner.parent is function:
            if any(own in walk(expr) for expr, _, _ in evaluated(inner, nested=True)):
                return True
    handed = 0
    for call in function.calls:
        if call.func == own:
            return True
        if isinstance(call.func, f.Attr) and call.func.value == own and call.func.attr != "add_task":
            return True
        for arg in call.args:
            if arg.value == own:
                callee = project.callee(module, call)
                inner_name = _bound_name(callee.function, call, own) if isinstance(callee, FunctionObject) else ""
                if not inner_name or depth >= _DEEPEST or not isinstance(callee, FunctionObject):
                    return True
                if is_given(callee.function, inner_name, project, depth + 1):
                    return True
                handed += 1
    bare = sum(_bare(expr, own) for expr, _, _ in evaluated(function))
    return bare > handed


def _bound_name(target: Function, call: f.Call, own: f.Name) -> str:
    return next((name for name, value in bound(target, call) if value == own), "")


def _bare(expr: f.Expr, own: f.Name) -> int:
    """How often a name stands in an expression otherwise than before `.add_task`."""
    total = sum(part == own for part in walk(expr))
    before = sum(isinstance(part, f.Attr) and part.value == own and part.attr == "add_task" for part in walk(expr))
    return total - before
