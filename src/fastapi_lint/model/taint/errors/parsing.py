"""Attempts that do nothing but parse what a client sent: what fails there is the client's own fault. Judges nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fastapi_lint.catalog.errors import parses
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.attempts.clauses import body_of
from fastapi_lint.model.names.symbols import ClassObject, Function, FunctionObject, Method, Module, Type
from fastapi_lint.model.taint.errors.told import Told
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


_READING = frozenset({"fastapi", "starlette", "pydantic", "pydantic_core", "multidict", "yarl"})
"""Packages whose objects hold what a client sent."""
_DEEPEST = 2


def only_parses(project: Project, told: Told) -> bool:
    """Whether the `try` around an except clause does nothing but read and parse what the client sent."""
    body = body_of(told.module, told.module.facts.blocks[told.block])
    if body is None or told.function is None:
        return False
    calls = [call for call in told.function.calls if body.start <= call.start < body.end]
    found = [_parses(project, told.module, call) for call in calls]
    return any(found) and None not in found


def _parses(project: Project, module: Module, call: f.Call, depth: int = 0) -> bool | None:
    """Whether a call parses (False: prepares) something; None when it does something else."""
    callee = project.callee(module, call)
    if isinstance(callee, ClassObject):
        return True if project.schemas.of(callee.cls) is not None else None
    if isinstance(callee, FunctionObject):
        return _parses_inside(project, callee.function, depth)
    name = project.types.name_of_type(callee)
    found = parses(name) if name is not None else None
    if found is None and isinstance(call.func, f.Attr) and not _is_of_another_library(callee):
        found = parses(f".{call.func.attr}")
        if found is None and (made := _maker(project, call.func.value, (module, call.block, call.start))):
            found = parses(f"{made}.{call.func.attr}")  # a method of what was parsed: of a date, of a UUID
    return False if found is None and {arg.name for arg in call.args} == {"**"} else found


def _parses_inside(project: Project, function: Function, depth: int) -> bool | None:
    """The same of a function of the project: whether it does nothing but parse, in all that it calls."""
    facts = function.facts
    if depth >= _DEEPEST or facts.is_async or facts.is_generator or facts.decorators or not function.calls:
        return None
    found = [_parses(project, function.module, call, depth + 1) for call in function.calls]
    return None if None in found else any(found)


def _is_of_another_library(callee: Type) -> bool:
    """Whether a method is one of a library that reads no requests: `get` of a client is none of a dict."""
    if not isinstance(callee, Method):
        return False
    package = callee.cls.partition(".")[0]
    return "." in callee.cls and package not in _READING and package not in sys.stdlib_module_names


def _maker(project: Project, expr: f.Expr, where: Where) -> str | None:
    """The function that gives a value: called in place, or where its one variable is assigned."""
    values = [(expr, where)] if isinstance(expr, f.CallRef) else [*project.values.definitions(expr, where)]
    match values:
        case [(f.CallRef(index=index), place)]:
            types = project.types
            return types.name_of_type(types.callee(place[0], place[0].facts.calls[index]))
    return None
