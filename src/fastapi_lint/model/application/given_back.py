"""Coroutines that endpoints and dependencies give back: FastAPI awaits these functions, and not what they return.

Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.concurrent.giving import chosen, given_back
from fastapi_lint.model.calls.concurrent.using import leaves
from fastapi_lint.model.data.kinds import record_kind
from fastapi_lint.model.names.symbols import (
    ClassObject,
    Coroutine,
    Function,
    FunctionObject,
    Instance,
    Module,
    TupleOf,
    Type,
)
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

Receiver = Literal["endpoint", "dependency"]

_SAME = frozenset({"staticmethod", "classmethod", "typing.override", "typing_extensions.override", "typing.final"})
"""Decorators below which a function gives what it returns."""
_ANYTHING = frozenset({"typing.Any", "object"})
_HANDLERS = (".exception_handler", ".middleware")
"""Decorators of functions that answer without being endpoints."""


@dataclass(frozen=True)
class GivenBack:
    """A call whose coroutine FastAPI gets from an endpoint or a dependency; `in_thread` is the plain function that the
    call runs in a thread, where it is that which makes the coroutine."""

    call: f.Call
    role: Receiver
    in_thread: Function | None = None


def coroutines_given_back(project: Project, function: Function) -> Iterator[GivenBack]:
    """The calls whose coroutine an endpoint or dependency returns, alone or inside of what an endpoint answers."""
    role = _role(function, project)
    if role is None:
        return
    module, types = function.module, project.types
    for value in given_back(types, function, inside=role == "endpoint"):
        for leaf in _sent(function, value, project) if role == "endpoint" else _given(function, value, project):
            if isinstance(leaf, f.CallRef):
                call = module.facts.calls[leaf.index]
                if not call.awaited and _makes_coroutine(module, leaf.index, project):
                    yield GivenBack(call, role)
        for option in chosen(value):
            if isinstance(option, f.Await) and isinstance(option.value, f.CallRef):
                call = module.facts.calls[option.value.index]
                if (made_by := _given_by_thread(module, call, project)) is not None:
                    yield GivenBack(call, role, made_by)


def properties_given_back(project: Project, function: Function) -> Iterator[tuple[f.Attr, int, Receiver]]:
    """The properties that are coroutine functions among what an endpoint or dependency gives back, each with the place
    of its statement."""
    coroutines, module = project.coroutines, function.module
    names = coroutines.property_names
    role = _role(function, project) if names and module.mentions(*names) else None
    for leave in function.exits if role is not None else ():
        where = (module, leave.block, leave.start)
        for leaf in leaves(leave.value) if leave.kind in ("return", "yield") else ():
            if role is not None and isinstance(leaf, f.Attr) and coroutines.is_property(leaf, where):
                yield leaf, leave.start, role


def _given_by_thread(module: Module, call: f.Call, project: Project) -> Function | None:
    """The plain function that an awaited call runs in a thread, where what it gives is a coroutine."""
    types = project.types
    name = types.name_of_type(types.callee(module, call)) if call.awaited else None
    handoff = catalog.handoff(name) if name else None
    if handoff is None or handoff.to != "thread" or handoff.gives != "result" or handoff.argument >= len(call.args):
        return None
    given = types.infer(call.args[handoff.argument].value, (module, call.block, call.start))
    if not isinstance(given, FunctionObject) or given.function.is_async:
        return None
    return given.function if isinstance(types.return_type(given.function), Coroutine) else None


def _makes_coroutine(module: Module, index: int, project: Project) -> bool:
    """Whether a call gives a coroutine; a decorator of a coroutine function may give something else."""
    callee = project.types.callee(module, module.facts.calls[index])
    if isinstance(callee, FunctionObject) and callee.function.is_async:
        return project.effects.makes_coroutine(module, module.facts.calls[index])
    return isinstance(project.types.call_type(module, index), Coroutine)


def _sent(function: Function, value: f.Expr | None, project: Project, depth: int = 4) -> Iterator[f.Expr]:
    """What an answer is made of, the fields of the schemas in it included."""
    module, types = function.module, project.types
    for leaf in leaves(value):
        yield leaf
        call = module.facts.calls[leaf.index] if isinstance(leaf, f.CallRef) else None
        if call is not None and depth > 0 and isinstance(callee := types.callee(module, call), ClassObject):
            if record_kind(types, callee.cls) is not None:
                for arg in call.args:
                    yield from _sent(function, arg.value, project, depth - 1)


def _given(function: Function, value: f.Expr, project: Project) -> Iterator[f.Expr]:
    """What a dependency gives: one value, or several, where its annotation says that none of them is awaited."""
    for option in chosen(value):
        if not isinstance(option, (f.Display, f.Mapping)):
            yield option
        elif _holds_values(project.types.annotation(function.facts.returns, _place(function))):
            yield from leaves(option)


def _holds_values(declared: Type) -> bool:
    """Whether a type is that of a container of which each item is known to be no awaitable."""
    items = declared.items if isinstance(declared, TupleOf) else declared.args if isinstance(declared, Instance) else ()
    return bool(items) and all(isinstance(one, Instance) and one.cls not in _ANYTHING for one in items)


def _place(function: Function) -> Where:
    return function.module, function.facts.outer, function.facts.start


def _role(function: Function, project: Project) -> Receiver | None:
    """Whether FastAPI gets what a function returns as an "endpoint" or a "dependency"; None when others may."""
    decorators = project.types.decorators(function) if function.facts.decorators else ()
    is_handler = any(name.startswith(("fastapi.", "starlette.")) and name.endswith(_HANDLERS) for name in decorators)
    is_handler = is_handler or function in project.failures.handlers
    is_endpoint = is_handler or function in project.routes.by_handler
    if (is_endpoint and function.is_generator) or not (is_endpoint or function in project.dependencies.injected):
        return None
    if any(not name.startswith(("fastapi.", "starlette.")) and name not in _SAME for name in decorators):
        return None  # a wrapper may await it
    if is_endpoint:
        return "endpoint"
    declared = project.types.annotation(function.facts.returns, _place(function))
    if function.is_generator and isinstance(declared, Instance):
        declared = declared.args[0] if declared.args else None
    return None if isinstance(declared, Coroutine) or function.name == "__init__" else "dependency"
