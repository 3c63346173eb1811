"""What stands at a place of a file, and what there is to know of it: what editors ask. Judges nothing, formats nothing.

Places are byte offsets of a module, as facts count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fastapi_lint.catalog import Entry
from fastapi_lint.index import facts as f
from fastapi_lint.model.application.naming import events_named
from fastapi_lint.model.calls.steps import Step
from fastapi_lint.model.injection.dependencies import Depends
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, Module, Type
from fastapi_lint.model.project import Project
from fastapi_lint.model.routing.paths import PathIndex
from fastapi_lint.model.routing.routes import Address, Mount, Route, argument
from fastapi_lint.model.testing.clients import in_process, request_calls
from fastapi_lint.model.types.inference.inference import DEPENDS

_NAMING = {
    "url_for": ("fastapi.Request", "fastapi.WebSocket", "fastapi.requests.HTTPConnection"),
    "url_path_for": ("fastapi.FastAPI", "fastapi.APIRouter", "starlette.applications.Starlette"),
}
"""What looks addresses up by the name of a route, and on which objects."""


@dataclass(frozen=True)
class Blocking:
    """How running a function comes to block: the steps from it to the call that does, and what is known of that."""

    steps: tuple[Step, ...]
    entry: Entry


# ---------------------------------------------------------------- routes


def routes_at(project: Project, module: Module, offset: int) -> tuple[Route, ...]:
    """The routes whose registration, or whose handler's head, stands there."""
    found = [route for route in project.routes.by_module.get(module, ()) if route.start <= offset < route.call.end]
    if found:
        return tuple(found)
    function = _head_at(module, offset)
    return tuple(project.routes.by_handler.get(function, ())) if function is not None else ()


def _head_at(module: Module, offset: int) -> Function | None:
    """The function whose name or `def` stands there."""
    heads = (each for each in module.functions if each.name != "<lambda>")
    return next((each for each in heads if each.facts.start <= offset <= each.facts.name_end), None)


def dependencies_of(project: Project, address: Address) -> tuple[tuple[Depends, ...], bool]:
    """What FastAPI runs before the handler, outermost first, each once; and whether all of that is known."""
    found, is_complete = project.dependencies.effective(address)
    by_name = {(each.name, project.sources_of(each)): each for each in found}
    return tuple(by_name.values()), is_complete


def authentication_of(project: Project, address: Address) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the dependencies that demand authentication, and of those that let strangers in, too."""
    guards = [each for each in dependencies_of(project, address)[0] if project.dependencies.authenticates(each)]
    demanding = [each.name for each in guards if project.dependencies.demands_authentication(each)]
    optional = [each.name for each in guards if not project.dependencies.demands_authentication(each)]
    return tuple(dict.fromkeys(demanding)), tuple(dict.fromkeys(optional))


# ---------------------------------------------------------------- dependencies


def dependency_at(project: Project, module: Module, offset: int) -> Function | Class | None:
    """What is depended on there: where it is defined, in a `Depends(...)`, or as the parameter that takes it."""
    for index, call in reversed(list(enumerate(module.facts.calls))):
        if call.start <= offset < call.end and (found := project.dependencies.depends(module, index)) is not None:
            return _target(found.target)
    function = _head_at(module, offset)
    if function is not None and function in project.dependencies.injected:
        cls = function.cls
        return cls if cls is not None and function.name in ("__init__", "__call__") else function
    for cls in module.classes:
        if cls.start <= offset <= cls.end and cls in project.dependencies.used_classes:
            return cls
    for each in module.functions:
        if each.facts.name_end <= offset < each.facts.head_end:
            for parameter in project.dependencies.parameters(each):
                if parameter.start <= offset < parameter.end and parameter.marker in DEPENDS:
                    where = (module, each.facts.outer, parameter.start)
                    return _target(project.types.dependency_of(parameter.fact, where))
    return None


def _target(target: Type) -> Function | Class | None:
    match target:
        case FunctionObject(function=function):
            return function
        case ClassObject(cls=cls) | Instance(cls=Class() as cls):
            return cls
    return None


def users_of(project: Project, dependency: Function | Class) -> tuple[Address, ...]:
    """The addresses before which a dependency runs, itself or below another one."""
    return project.about(_users).get(dependency, ())


def _users(project: Project) -> Mapping[Function | Class, tuple[Address, ...]]:
    found: dict[Function | Class, dict[Address, None]] = {}
    for address in project.routes.all_addresses:
        for depends in project.dependencies.effective(address)[0]:
            for each in project.dependencies.closure(depends):
                if (target := _target(each.target)) is not None:
                    found.setdefault(target, {})[address] = None
    return {target: tuple(addresses) for target, addresses in found.items()}


# ---------------------------------------------------------------- what blocks


def blocking_in(project: Project, function: Function) -> Iterator[Blocking]:
    """What blocks the event loop when an async function runs: its own calls, and those behind what it calls."""
    effects = project.effects
    for step, entry in effects.blocking(function):
        if entry.weight == "long":
            yield Blocking((step,), entry)
    for trail in effects.chains(function):
        yield Blocking(trail.steps, trail.effect)


def blocking_at(project: Project, module: Module, offset: int) -> Blocking | None:
    """The way by which a call there comes to block."""
    function = next((each for each in reversed(module.functions) if _is_inside(each, offset)), None)
    if function is None:
        return None
    for step, entry in project.effects.blocking(function):
        if step.start <= offset < step.end:
            return Blocking((step,), entry)
    for trail in project.effects.chains(function):
        if trail.first.start <= offset < trail.first.end:
            return Blocking(trail.steps, trail.effect)
    return None


def _is_inside(function: Function, offset: int) -> bool:
    return function.facts.head_end <= offset < function.facts.end


# ---------------------------------------------------------------- from a request to its handler


def handlers_at(project: Project, module: Module, offset: int) -> tuple[Function, ...]:
    """The handlers of what is asked for there: by a client in a test, or by a name (`url_for`)."""
    for call in reversed(module.facts.calls):
        if call.start <= offset < call.end and isinstance(call.func, f.Attr):
            found = _named(project, module, call) if call.func.attr in _NAMING else _requested(project, module, call)
            if found:
                return tuple(dict.fromkeys(found))
    return ()


def _named(project: Project, module: Module, call: f.Call) -> list[Function]:
    assert isinstance(call.func, f.Attr)
    where = (module, call.block, call.start)
    given = argument(call, 0, "name")
    name = project.values.text(given.value, where) if given is not None else None
    owner = project.infer(call.func.value, *where)
    if name is None or not project.types.is_instance(owner, *_NAMING[call.func.attr]):
        return []
    events = events_named(project, name)
    return [each.handler for each in events if isinstance(each, Route) and each.handler is not None]


def _requested(project: Project, module: Module, call: f.Call) -> list[Function]:
    for app, method, path in project.about(_requests).get((module, call.start, call.end), ()):
        index = project.about(_by_app).get(app)
        fitting = [
            address.route
            for address in (index.covering(path) if index is not None else ())
            if isinstance(address.route, Route) and (not method or method in address.methods)
        ]
        if fitting:
            best = min(fitting, key=lambda route: (route.path.count("{"), route.module.path, route.start))
            return [best.handler] if best.handler is not None else []
    return []


_Place = tuple[Module, int, int]


def _requests(project: Project) -> Mapping[_Place, tuple[tuple[object, str, str], ...]]:
    """The requests of all tests, by the place of the call: app, method, path."""
    found: dict[_Place, list[tuple[object, str, str]]] = {}
    for module in project.modules:
        for client in in_process(project, module):
            for where, call, method, path in request_calls(project, client):
                found.setdefault((where, call.start, call.end), []).append((client.app.origin, method, path))
    return {place: tuple(requests) for place, requests in found.items()}


def _by_app(project: Project) -> Mapping[object, PathIndex[Address]]:
    """The addresses of each app by their paths."""
    return {app.origin: PathIndex(_patterns(project, app.origin)) for app in project.routes.apps}


def _patterns(project: Project, app: object) -> Iterator[tuple[str, Address]]:
    for address in project.routes.all_addresses:
        if address.app.origin == app and address.known and not isinstance(address.route, Mount):
            yield address.path, address
