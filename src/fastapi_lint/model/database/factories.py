"""Which factory (`async_sessionmaker(...)`) a session comes from, and whose sessions commit. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.places import Place, place_of
from fastapi_lint.model.names.symbols import Function, FunctionObject, Instance
from fastapi_lint.model.types.inference.inference import Where, is_none
from fastapi_lint.model.types.inference.passing import Unknown

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DEEPEST = 12


def committing_factories(project: Project) -> frozenset[Place | None]:
    """The places of the factories of which asynchronous sessions are committed; None among them for any that cannot be
    told, a session that a function is given for example. Tests do not count."""
    return frozenset(_committing(project))


def _committing(project: Project) -> Iterator[Place | None]:
    for name in ("commit", "begin"):
        for module, index in project.modules.calls_by_name.get(name, ()):
            call = module.facts.calls[index]
            if isinstance(call.func, f.Attr) and not module.is_test and (call.awaited or call.use == "with"):
                yield from _factories(project, call.func.value, (module, call.block, call.start), 0)


def _factories(project: Project, expr: f.Expr | None, where: Where, depth: int) -> Iterator[Place | None]:
    """The places of the calls that make the factories which a session may come from; None where that is not known."""
    module = where[0]
    match expr:
        case f.Await(value=value) if depth < _DEEPEST:
            yield from _factories(project, value, where, depth + 1)
        case f.Name(id=name) if depth < _DEEPEST and (bound := project.types.find_bindings(name, where)):
            for one in bound:
                yield from _of_binding(project, one.entry, where, name, depth)
        case f.CallRef(index=index) if depth < _DEEPEST:
            call = module.facts.calls[index]
            match project.callee(module, call):
                case Instance(cls=str(cls), origin=origin) if cls.endswith("sessionmaker") and origin is not None:
                    yield place_of(origin.module, origin.facts)
                case FunctionObject(function=function):
                    yield from _given(project, function, depth)
                case _:
                    yield None
        case _:
            yield None


def _of_binding(project: Project, entry: object, where: Where, name: str, depth: int) -> Iterator[Place | None]:
    module = where[0]
    match entry:
        case f.Assign(value=value) if value is not None and entry.target == f.Name(name):
            yield from _factories(project, value, (module, entry.block, entry.start), depth + 1)
        case f.Block(kind="with") if entry.target == f.Name(name):
            yield from _factories(project, entry.test, (module, entry.parent, entry.start), depth + 1)
        case f.Param():
            yield from _of_parameter(project, module.enclosing(where[1]), entry, depth)
        case _:
            yield None


def _of_parameter(project: Project, function: Function | None, param: f.Param, depth: int) -> Iterator[Place | None]:
    """What a dependency or the callers of a function give a parameter."""
    types = project.types
    if function is None or not any(one is param for one in function.params):
        yield None
        return
    match types.dependency_of(param, (function.module, function.facts.outer, param.start)):
        case FunctionObject(function=dependency):
            yield from _given(project, dependency, depth)
            return
    index = next(i for i, one in enumerate(function.params) if one is param)
    try:
        calls = list(types.passing(function))
        found = [(types.argument(call, function, index), call.where) for call in calls]
    except Unknown:
        found = []
    if not found:
        yield None
    for value, place in found:
        yield from _factories(project, value, place, depth + 1)


def _given(project: Project, function: Function, depth: int) -> Iterator[Place | None]:
    """What a function returns or yields."""
    given = [one for one in function.exits if one.kind in ("return", "yield") and not is_none(one.value)]
    if not given:
        yield None
    for one in given:
        yield from _factories(project, one.value, (function.module, one.block, one.start), depth + 1)
