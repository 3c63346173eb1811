"""The names by which routes and mounts are looked up (`url_for`), and the parameters each needs. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Instance, Module
from fastapi_lint.model.routing.paths import placeholders
from fastapi_lint.model.routing.routers import Address, Mount, Route, argument
from fastapi_lint.tracking.queries import gathered, query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_OWN = ("openapi", "swagger_ui_html", "swagger_ui_redirect", "redoc_html")
"""The routes that FastAPI adds to every app."""
_APPS = ("fastapi.FastAPI", "starlette.applications.Starlette")
_ADDING = frozenset({
    "include_router", "mount", "add_route", "add_api_route", "add_websocket_route", "add_api_websocket_route", "host",
})  # fmt: skip


@dataclass(frozen=True)
class Named:
    """A route or mount of a name: its full path, and the parameters that it needs; None where they are unknown.

    `hides` are the paths of the others that can never be meant: in the same app, with the same placeholders, and
    registered after it.
    """

    path: str
    parameters: frozenset[str] | None
    hides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Names:
    """All names of a project; `complete` is False where routes are made that are not all known.

    `apps` are the names of mounts below which nothing but apps of the project stands.
    """

    by_name: dict[str, tuple[Named, ...]]
    complete: bool
    apps: frozenset[str] = frozenset()


@query
def route_names(project: Project) -> Names:
    """The names of every route and mount of the project."""
    found: dict[str, list[tuple[Named, Address | None]]] = {name: [(Named("", frozenset()), None)] for name in _OWN}
    complete = not _unknown(project)
    events: list[Route | Mount] = [*project.routes.all, *_mounts(project)]
    for event in events:
        name = _name(project, event)
        if name is None:
            complete = False
            continue
        addresses = project.routes.by_route.get(event, [])
        by_path = {address.path: address for address in reversed(addresses)}
        for path in sorted(by_path) or [event.path]:
            is_known = bool(addresses) and all(each.known for each in addresses)
            parameters = frozenset(each for each, _ in placeholders(path)) if is_known else None
            if isinstance(event, Mount):  # what is looked up below it; its own placeholders may stay as they are
                parameters = frozenset({"path"}) if parameters == frozenset() else None
            found.setdefault(name, []).append((Named(path, parameters), by_path.get(path)))
    by_name = {name: tuple(dict.fromkeys(_ordered(each))) for name, each in found.items()}
    return Names(by_name, complete, frozenset(name for name in by_name if name and _holds_apps(project, name)))


def _holds_apps(project: Project, name: str) -> bool:
    """Whether what a name stands for are mounts of apps that the project makes: their routes are known."""
    events = events_named(project, name)
    return bool(events) and all(isinstance(event, Mount) and event.child is not None for event in events)


def _ordered(found: list[tuple[Named, Address | None]]) -> Iterator[Named]:
    """What has a name, each with what it hides of the others."""
    for named, address in found:
        hidden = [other.path for other, place in found if _hides(named, address, other, place)]
        yield replace(named, hides=tuple(dict.fromkeys(hidden)))


def _hides(one: Named, address: Address | None, other: Named, place: Address | None) -> bool:
    if address is None or place is None or one.path == other.path or one.parameters != other.parameters:
        return False
    if address.app.origin != place.app.origin or one.parameters is None:
        return False
    return address.registered_before(place) is True and not address.exclusive_with(place)


def events_named(project: Project, name: str) -> tuple[Route | Mount, ...]:
    """The routes and mounts that a name is known to look up, in order."""
    return project.about(_events_by_name).get(name, ())


def _events_by_name(project: Project) -> Mapping[str, tuple[Route | Mount, ...]]:
    found: dict[str, list[Route | Mount]] = {}
    events: list[Route | Mount] = [*project.routes.all, *_mounts(project)]
    for event in events:
        if (name := _name(project, event)) is not None:
            found.setdefault(name, []).append(event)
    return {name: tuple(events) for name, events in found.items()}


def _mounts(project: Project) -> Iterator[Mount]:
    for router in project.routes.routers.values():
        yield from (event for event in router.events if isinstance(event, Mount))


def _name(project: Project, event: Route | Mount) -> str | None:
    """The name of a route: the given one, else that of its handler; None when it is not known."""
    given = argument(event.call, 2, "name") if isinstance(event, Mount) else event.keyword("name")
    if given is not None:
        return project.values.text(given.value, (event.module, event.call.block, event.call.start))
    if isinstance(event, Mount):
        return ""
    return event.handler.name if event.handler is not None and not event.has_unpacked else None


@gathered
def _unknown(project: Project, module: Module) -> Iterator[str]:
    """A module that adds to apps and routers what is not known: what it includes is not made in the project."""
    if not module.is_test and not _is_known(project, module):
        yield module.path


def _is_known(project: Project, module: Module) -> bool:
    if module.is_recovered:
        return False
    for call in module.calls_named(_ADDING):
        if not isinstance(call.func, f.Attr):
            continue
        where = (module, call.block, call.start)
        if call.func.attr == "host" and project.types.is_instance(project.infer(call.func.value, *where), *_APPS):
            return False  # its name stands in front of those below it, as that of a mount
        if call.func.attr == "include_router":
            child = argument(call, 0, "router")
            value = project.infer(child.value, *where) if child is not None else None
            if not isinstance(value, Instance) or value.origin is None or not project.routes.is_router(value):
                return False
        elif project.infer(call.func.value, *where) is None:
            return False
    return True
