"""Routers, the routes registered on them, and how routers are included in apps. Judges nothing.

A router is known by the call that made it (its `Origin`), so that two routers of one name are never confused. Routes
and inclusions whose router cannot be resolved are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Module, Origin
from fastapi_lint.model.routing.registrations import HTTP_METHODS, Registrations
from fastapi_lint.model.routing.rewriting import Rewriting
from fastapi_lint.model.routing.routers import (
    Address,
    App,
    Event,
    Inclusion,
    Mount,
    Route,
    Router,
    RouterKey,
    argument,
    call_named,
)
from fastapi_lint.model.types.inference.inference import is_none
from fastapi_lint.model.values.constants import UNKNOWN
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.tracking import memoized
from fastapi_lint.tracking.tables import collected

__all__ = [
    "HTTP_METHODS",
    "Address",
    "App",
    "Event",
    "Inclusion",
    "Mount",
    "Route",
    "Router",
    "RouterKey",
    "Routes",
    "argument",
    "call_named",
]

_MOST_ADDRESSES = 50_000
"""Addresses, and inclusions on the way to them, after which the rest of a project's routes is left unknown."""
_DEEPEST_INCLUSION = 60


class Routes(Registrations):
    """Finds routers, routes and inclusions of the whole project, once, and expands them into addresses."""

    _expanded = 0

    @collected("routes.apps", whole=True)
    def apps(self) -> tuple[App, ...]:
        """Every FastAPI object made in the project, tests included."""
        return tuple(router for router in self.routers.values() if isinstance(router, App))

    @collected("routes.all", whole=True)
    def all(self) -> tuple[Route, ...]:
        """Every registration, in order of path and place."""
        found = [event for events in self.registered.values() for event in events if isinstance(event, Route)]
        return tuple(sorted(found, key=lambda route: (route.module.path, route.start)))

    @collected("routes.by_module")
    def by_module(self) -> Mapping[Module, list[Route]]:
        """The registrations that are written in each module, in order of place."""
        table: dict[Module, list[Route]] = {}
        for route in self.all:
            table.setdefault(route.module, []).append(route)
        return table

    @collected("routes.inclusions", whole=True)
    def inclusions(self) -> tuple[Inclusion, ...]:
        return tuple(e for events in self.registered.values() for e in events if isinstance(e, Inclusion))

    @collected("routes.by_handler")
    def by_handler(self) -> Mapping[Function, list[Route]]:
        table: dict[Function, list[Route]] = {}
        for route in self.all:
            if route.handler is not None:
                table.setdefault(route.handler, []).append(route)
        return table

    def router_of(self, key: RouterKey) -> Router | None:
        """The router with a key; None when the call that makes it is not a known constructor."""
        found = self.routers.get(key)
        if found is None and isinstance(key, Origin) and key.owner is not None:
            return self._owned(key)
        return found

    @memoized
    def _owned(self, key: Origin) -> Router | None:
        """The router that a class makes for one of its instances, or for those of a subclass."""
        made = self.routers.get(Origin(key.module, key.call))
        return Router(self, key, made.cls, False) if made is not None else None

    def events_of(self, router: Router) -> tuple[Event, ...]:
        events = list(self.registered.get(router.origin, ()))
        owner = router.origin.owner
        if router.origin.maker is not None and owner is not None and not events:
            # Nothing was seen to be registered on this very object: what its class does to any of its objects.
            events = list(self.registered.get(Origin(router.origin.module, router.origin.call, owner), ()))
        elif router.origin.maker is not None:
            owner = None
        if owner is not None:
            events = [event for event in events if self._applies(event, owner)]
            for base in self.types.mro(owner)[1:]:
                if isinstance(base, Class):
                    inherited = self.registered.get(Origin(router.origin.module, router.origin.call, base), ())
                    events = [event for event in inherited if self._applies(event, owner)] + events
        if isinstance(router.cls, Class):
            for base in self.types.mro(router.cls):
                if isinstance(base, Class):
                    events = self.registered.get(base, []) + events
        return tuple(events)

    def _applies(self, event: Event, owner: Class) -> bool:
        """Whether the method that registers something is the one that the class really has."""
        function = event.module.enclosing(event.call.block)
        while function is not None and function.cls is None:
            function = function.parent
        if function is None:
            return True
        found = self.types.member(owner, function.name, Instance(owner))
        if not isinstance(found, FunctionObject) or found.function is function:
            return True
        return any(isinstance(c.func, f.Attr) and c.func.attr == function.name for c in found.function.calls)

    def router_prefix(self, router: Router) -> str:
        own = router.keyword("prefix")
        if own is not None:
            return "" if is_none(own.value) else self.expansion.pieces(own.value, router.where, NOWHERE)
        if router.is_app:
            return ""
        if isinstance(router.cls, Class):
            return self._class_prefix(router.cls)
        return UNKNOWN if any(arg.name == "**" for arg in router.call.args) else ""

    def _class_prefix(self, cls: Class) -> str:
        """The prefix that a subclass of APIRouter gives to `super().__init__`."""
        for base in self.types.mro(cls):
            init = base.methods.get("__init__") if isinstance(base, Class) else None
            for call in init.calls if init is not None else ():
                match call.func:
                    case f.Attr(value=f.CallRef(index=index), attr="__init__"):
                        owner = call_named(init.module, index, "super") if init is not None else False
                        if owner and init is not None:
                            given = next((a.value for a in call.args if a.name == "prefix"), None)
                            if given is not None:
                                return self.values.pieces(given, (init.module, call.block, call.start))
        return ""

    def addresses(self, app: Router) -> Iterator[Address]:
        """Every route and mount of an app in the order in which its events are seen."""
        self._expanded = 0
        yield from self._expand(app, app, "", (), {app.origin}, ())

    def _expand(
        self,
        app: Router,
        router: Router,
        prefix: str,
        inclusions: tuple[Inclusion, ...],
        active: set[RouterKey],
        rewritten: tuple[tuple[int, Rewriting], ...],
    ) -> Iterator[Address]:
        if len(inclusions) > _DEEPEST_INCLUSION:
            return
        for event in router.events:
            if isinstance(event, Inclusion):
                child = self.router_of(event.child)
                if child is None or event.child in active:
                    continue
                if self._expanded >= _MOST_ADDRESSES:  # routers included twice, again and again, multiply
                    return
                self._expanded += 1
                before = prefix + event.prefix
                inner = tuple((len(before), one) for one in self.rewritings.get(event.child, ()))
                path = (*inclusions, event)
                yield from self._expand(
                    app, child, before + child.prefix, path, active | {event.child}, (*inner, *rewritten)
                )
            else:
                full = prefix + event.path
                for length, rewriting in rewritten:
                    full = full[:length] + rewriting.apply(full[length:])
                yield Address(app, event, full, inclusions)

    @collected("routes.all_addresses", whole=True)
    def all_addresses(self) -> tuple[Address, ...]:
        """Every address of every app."""
        found: list[Address] = []
        for app in self.apps:
            for address in self.addresses(app):
                found.append(address)
                if len(found) >= _MOST_ADDRESSES:
                    return tuple(found)
        return tuple(found)

    def addresses_of(self, route: Route) -> tuple[Address, ...]:
        return tuple(self.by_route.get(route, ()))

    @collected("routes.by_route")
    def by_route(self) -> Mapping[Route | Mount, list[Address]]:
        """The addresses of every route and mount."""
        table: dict[Route | Mount, list[Address]] = {}
        for address in self.all_addresses:
            table.setdefault(address.route, []).append(address)
        return table
