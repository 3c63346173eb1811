"""From which registry of sessions an expression has its session: a `scoped_session`, which gives one to each thread.

A registry with a scope of its own is left out. Judges nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.steps import shown
from fastapi_lint.model.names.symbols import FunctionObject, Instance, Module, Type
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


_REGISTRY = "sqlalchemy.orm.scoped_session"
_DEEPEST = 6
_STATES = frozenset({"registry", "__call__"})
Taken = tuple[str, Union[tuple[int, int], None]]
"""A registry as the code names it, and the place of the call that takes a session of it."""


def taken_of_registry(project: Project, expr: f.Expr | None, where: Where, depth: int = 0) -> Taken | None:
    """The registry from which an expression has its session, and the call that takes it, if that is seen there."""
    module = where[0]
    if depth > _DEEPEST or expr is None:
        return None
    if _is_registry(project.infer(expr, *where)) and isinstance(expr, (f.Name, f.Attr)):
        return shown(module, expr), None
    match expr:
        case f.CallRef(index=index):
            return _of_call(project, module, module.facts.calls[index], depth)
        case f.Choice(options=options):
            return next(
                (found for each in options if (found := taken_of_registry(project, each, where, depth + 1))), None
            )
        case f.Name(id=name):
            for binding in project.types.find_bindings(name, where):
                if module.facts.blocks[binding.block].function < 0:
                    continue
                entry = binding.entry
                value = entry.value if isinstance(entry, f.Assign) and entry.target == expr else None
                place = (module, binding.block, binding.start)
                if isinstance(entry, f.Block):
                    value, place = entry.test, (module, max(entry.parent, 0), entry.start)
                if value is not None and (found := taken_of_registry(project, value, place, depth + 1)):
                    return found
    return None


def _of_call(project: Project, module: Module, call: f.Call, depth: int) -> Taken | None:
    at = (call.start, call.end)
    callee = project.callee(module, call)
    if _is_registry(callee):
        return shown(module, call.func), at
    if isinstance(call.func, f.Attr) and call.func.attr in _STATES:
        if _is_registry(project.infer(call.func.value, module, call.block, call.start)):
            return shown(module, call.func.value), at
    if isinstance(callee, FunctionObject):
        inner = callee.function
        kinds = ("yield",) if inner.is_generator else ("return",)
        for leave in inner.exits:
            if leave.kind in kinds:
                found = taken_of_registry(project, leave.value, (inner.module, leave.block, leave.start), depth + 1)
                if found is not None:
                    return found[0], at
    return None


def _is_registry(value: Type) -> bool:
    """Whether a value is a registry whose sessions belong to threads."""
    if not isinstance(value, Instance) or value.cls != _REGISTRY or value.origin is None:
        return False
    given = value.origin.facts.args
    positional = [arg for arg in given if arg.name == ""]
    return len(positional) < 2 and all(arg.name in ("", "session_factory") for arg in given)
