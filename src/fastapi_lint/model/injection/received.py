"""Which path parameters a route's handler and its dependencies take. Judges nothing; what cannot be read is `None`."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.decorators import shows_another_signature
from fastapi_lint.model.injection.connections import CONNECTIONS, reads_path
from fastapi_lint.model.injection.dependencies import Dependencies, Depends, Parameter
from fastapi_lint.model.injection.legibility import is_legible, sets_signature
from fastapi_lint.model.names.symbols import Class, ClassObject, External, Function, FunctionObject, Instance, Partial
from fastapi_lint.model.routing.routes import Address, Route
from fastapi_lint.model.types.inference.inference import DEPENDS, Inference

_DATA = ("pydantic.", "sqlmodel.", "typing.", "object", "abc.", "enum.", "dataclasses.")
_PLAIN = ("object", "abc.", "typing.")
_REQUESTS = ("request", "req", "websocket", "ws", "conn", "connection")

_ELSEWHERE = frozenset(f"fastapi.{name}" for name in ("Query", "Header", "Cookie", "Body", "Form", "File"))
"""Markers of what is never read from the path, whatever its alias is."""


def received(route: Route, address: Address | None, dependencies: Dependencies) -> set[str] | None:
    """The names by which the handler and the dependencies in front of it take path parameters; None if not known.

    Without an address those of the handler and the route alone count.
    """
    handler = route.handler
    if handler is None:
        return None
    if address is not None:
        depends, complete = dependencies.effective(address)
    else:
        given, complete = dependencies.holder_dependencies(route)
        depends = (*given, *dependencies.of_handler(route))
    if not complete:
        return None
    names: set[str] = set()
    if not _collect(handler, dependencies, names, route) or not _class_names(handler, names, dependencies.types):
        return None
    for dependency in depends:
        for one in dependencies.closure(dependency):
            if not _dependency(one, dependencies, names):
                return None
    return names


def taken_by(handler: Function, dependencies: Dependencies) -> set[str] | None:
    """The names that a handler itself takes, its dependencies aside; None when it may take anything."""
    names: set[str] = set()
    return (
        names if _collect(handler, dependencies, names) and _class_names(handler, names, dependencies.types) else None
    )


def path_name(parameter: Parameter) -> str | None:
    """The name under which a parameter is looked up; None when its alias is not a plain text."""
    for keyword in ("alias", "validation_alias"):
        given = parameter.keyword(keyword)
        if given is not None:
            return (
                given.value.value if isinstance(given.value, f.Const) and isinstance(given.value.value, str) else None
            )
    return parameter.name


def _collect(function: Function, dependencies: Dependencies, names: set[str], route: Route | None = None) -> bool:
    """Add what a function takes; False when it may take anything."""
    for parameter in dependencies.parameters(function):
        if parameter.fact.kind in ("args", "kwargs"):
            # FastAPI reads them from the query, by their own names. Another signature may stand before them.
            if any(not _is_route(each, function, route) for each in function.facts.decorators):
                return False
            continue
        if parameter.marker in DEPENDS:
            continue
        name = path_name(parameter)
        if name is None or not is_legible(parameter, dependencies):
            return False
        names.update((parameter.name,) if parameter.marker in _ELSEWHERE else (name, parameter.name))
        match parameter.type:
            case Instance(cls=cls) if any(dependencies.types.is_subclass(cls, one) for one in CONNECTIONS):
                if reads_path(function, parameter.name, dependencies.types):
                    return False
            case Instance(cls=Class() as cls) if parameter.marker == "fastapi.Path":
                if not _fields(cls, dependencies.types, names):
                    return False
            case None if parameter.name in _REQUESTS:
                if reads_path(function, parameter.name, dependencies.types):
                    return False
    if sets_signature(function.module, function.name):
        return False
    return not shows_another_signature(dependencies.types, function)


def _is_route(decorator: f.Expr, function: Function, route: Route | None) -> bool:
    """Whether a decorator registers a route: it is called with the function, and gives it back."""
    calls = function.module.facts.calls
    if not isinstance(decorator, f.CallRef):
        return False
    if route is not None and route.module is function.module and calls[decorator.index] is route.call:
        return True
    owners = route.project.by_handler.get(function, ()) if route is not None else ()
    return any(calls[decorator.index] is other.call for other in owners)


def _class_names(handler: Function, names: set[str], types: Inference) -> bool:
    """The attributes of a class-based view, which are parameters of all its operations; False when a base is not
    known."""
    for base in types.mro(handler.cls) if handler.cls is not None else ():
        if isinstance(base, Class):
            names.update(base.assigns)
        elif not base.startswith(_PLAIN):
            return False
    return True


def _dependency(depends: Depends, dependencies: Dependencies, names: set[str]) -> bool:
    types = dependencies.types
    target = depends.target
    match target:
        case FunctionObject(function=function):
            return _collect(function, dependencies, names)
        case Partial(callable=FunctionObject(function=function)):
            return _collect(function, dependencies, names)
        case ClassObject(cls=cls):
            init = types.member(cls, "__init__", Instance(cls))
            if isinstance(init, FunctionObject):
                return _collect(init.function, dependencies, names)
            return _fields(cls, types, names)
        case Instance(cls=Class() as cls):
            method = types.member(cls, "__call__", target)
            return isinstance(method, FunctionObject) and _collect(method.function, dependencies, names)
        case Instance(cls=str(name)) | External(name=name):
            return name.startswith("fastapi.security.")
    return False


def _fields(cls: Class, types: Inference, names: set[str]) -> bool:
    """Add the fields of a data class or model; False when a base is not known."""
    for base in types.mro(cls):
        if isinstance(base, Class):
            names.update(base.assigns)
            names.update(_aliases(base))
        elif not base.startswith(_DATA):
            return False
    return True


def _aliases(cls: Class) -> Iterator[str]:
    for entry in cls.assigns.values():
        if isinstance(entry.value, f.CallRef):
            for arg in cls.module.facts.calls[entry.value.index].args:
                if arg.name in ("alias", "validation_alias") and isinstance(arg.value, f.Const):
                    yield str(arg.value.value)
