"""The numbers that a route reads from the query, and how many rows each of them makes the program load.

They are parameters of the handler and of what it depends on, and fields of query models and data classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.database.limiting.fates import Fate, carrier
from fastapi_lint.model.injection.dependencies import Parameter
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, Module
from fastapi_lint.model.routing.routes import Route
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_PROPERTIES = ("property", "functools.cached_property", "pydantic.computed_field")
_DEEPEST = 3
_WHOLE = frozenset({"int", "pydantic.PositiveInt", "pydantic.NonNegativeInt", "pydantic.StrictInt"})
"""Types of whole numbers without an upper bound."""
_UPPER = frozenset({"le", "lt", "*", "**"})


@dataclass(frozen=True, eq=False)
class QueryNumber:
    """An int of the query: a `parameter`, or a `field` of a class; and its fate in the handler and its dependencies."""

    name: str
    module: Module
    start: int
    fate: Fate
    parameter: Parameter | None = None
    field: tuple[Class, f.Assign] | None = None


def is_open_number(annotation: f.Expr | None, where: Where, project: Project) -> bool:
    """Whether an annotation is a type of whole numbers without an upper bound: `int`, `PositiveInt`, `conint(ge=1)`."""
    if isinstance(annotation, f.CallRef):
        call = where[0].facts.calls[annotation.index]
        bounds = {arg.name for arg in call.args} & _UPPER
        return project.called_name(where[0], call) == "pydantic.conint" and not bounds
    declared = project.types.annotation(annotation, where)
    return isinstance(declared, Instance) and declared.cls in _WHOLE


def _is_number(parameter: Parameter, project: Project) -> bool:
    where = (parameter.function.module, parameter.function.facts.outer, parameter.start)
    is_int = isinstance(parameter.type, Instance) and parameter.type.cls == "int"
    return is_int or is_open_number(parameter.fact.annotation, where, project)


def query_numbers(route: Route, handler: Function, project: Project) -> Iterator[QueryNumber]:
    """The ints without a marker other than `Query` that a route is given."""
    injected = list(_injected(route, handler, project))
    for function in injected:
        for parameter in project.dependencies.parameters(function):
            if _is_number(parameter, project):
                if parameter.marker in ("", "fastapi.Query") and parameter.fact.kind not in ("args", "kwargs"):
                    fate = _fate(function, carrier(parameter.name, ""), injected, project, 0)
                    yield QueryNumber(parameter.name, function.module, parameter.start, fate, parameter)
            elif (cls := _model(parameter, project)) is not None:
                yield from _fields(parameter, cls, injected, project)


def _injected(route: Route, handler: Function, project: Project) -> Iterator[Function]:
    """The handler, and the functions, constructors and objects that it depends on."""
    yield handler
    for depends in project.dependencies.of_handler(route):
        for one in project.dependencies.closure(depends):
            match one.target:
                case FunctionObject(function=function):
                    yield function
                case ClassObject(cls=cls) | Instance(cls=Class() as cls):
                    name = "__init__" if isinstance(one.target, ClassObject) else "__call__"
                    method = project.types.member(cls, name, Instance(cls))
                    if isinstance(method, FunctionObject):
                        yield method.function


def _fate(function: Function, held: f.Expr, injected: list[Function], project: Project, depth: int) -> Fate:
    """What becomes of a number in a function and, through what it gives back, in whoever depends on it."""
    found = project.limits.fate(function, held)
    forms = set(found.forms)
    if function.cls is not None and function.name == "__init__":
        for form in found.forms:
            more, own = _in_class(function.cls, form, project)
            forms |= more
            found |= own
    for form in sorted(forms) if depth < _DEEPEST else ():
        for other in injected:
            for parameter in project.dependencies.parameters(other):
                if other is not function and _depends_on(parameter, function, project):
                    found |= _fate(other, carrier(parameter.name, form), injected, project, depth + 1)
    return found


def _in_class(cls: Class, form: str, project: Project) -> tuple[set[str], Fate]:
    """The properties that give an attribute of an object back, and what other methods do with it."""
    forms, found = set(), Fate()
    for base in project.types.mro(cls):
        for method in base.methods.values() if isinstance(base, Class) else ():
            if not method.params or method.name == "__init__":
                continue
            own = project.limits.fate(method, carrier(method.params[0].name, form))
            if any(name in _PROPERTIES for name in project.types.decorators(method)):
                if not own.is_bounded:
                    forms |= {f".{method.name}{inner}" for inner in own.forms}
            elif method.name in ("__post_init__", "model_post_init"):
                found |= Fate(is_bounded=own.is_bounded)
    return forms, found


def _depends_on(parameter: Parameter, function: Function, project: Project) -> bool:
    """Whether a parameter is given what a function, or the class with this constructor, gives back."""
    if parameter.marker_call is None:
        return False
    owner = parameter.function
    target = project.types.dependency_of(parameter.fact, (owner.module, owner.facts.outer, parameter.start))
    match target:
        case FunctionObject(function=other):
            return other is function
        case ClassObject(cls=cls):
            init = project.types.member(cls, "__init__", Instance(cls))
            return isinstance(init, FunctionObject) and init.function is function
        case Instance(cls=Class() as cls):
            called = project.types.member(cls, "__call__", target)
            return isinstance(called, FunctionObject) and called.function is function
    return False


def _fields(parameter: Parameter, cls: Class, injected: list[Function], project: Project) -> Iterator[QueryNumber]:
    """The int fields of a class that is read from the query."""
    for base in project.types.mro(cls):
        if not isinstance(base, Class) or any(
            "validator" in name for method in base.methods.values() for name in project.types.decorators(method)
        ):
            continue
        for name, entry in base.assigns.items():
            if not is_open_number(entry.annotation, (base.module, entry.block, entry.start), project):
                continue
            forms, fate = _in_class(cls, f".{name}", project)
            for form in (f".{name}", *sorted(forms)):
                fate |= _fate(parameter.function, carrier(parameter.name, form), injected, project, 0)
            yield QueryNumber(name, base.module, entry.start, fate, field=(base, entry))


def _model(parameter: Parameter, project: Project) -> Class | None:
    """The class whose fields are read from the query for a parameter; None when there is none."""
    if parameter.marker == "fastapi.Query" and isinstance(parameter.type, Instance):
        return parameter.type.cls if isinstance(parameter.type.cls, Class) else None
    if parameter.marker != "fastapi.Depends":
        return None
    function = parameter.function
    target = project.types.dependency_of(parameter.fact, (function.module, function.facts.outer, parameter.start))
    if not isinstance(target, ClassObject):
        return None
    init = project.types.member(target.cls, "__init__", Instance(target.cls))
    return None if isinstance(init, FunctionObject) else target.cls
