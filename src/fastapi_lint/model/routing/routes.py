"""Routers, the routes registered on them, and how routers are included in apps. Judges nothing.

A router is known by the call that made it (its `Origin`), so that two routers of one name are never confused. Routes
and inclusions whose router cannot be resolved are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.places import Place, place_of
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Module, Origin
from fastapi_lint.model.routing.circumstances import is_imported_behind, lies_in
from fastapi_lint.model.routing.paths import placeholders
from fastapi_lint.model.routing.registering.rounds import is_of_another_round, rounds_of
from fastapi_lint.model.routing.registering.verbs import HTTP_METHODS
from fastapi_lint.model.routing.registrations import Registrations
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
    Unplaced,
    argument,
)
from fastapi_lint.model.types.inference.inference import Inference, is_none
from fastapi_lint.model.values.constants import UNKNOWN, Values
from fastapi_lint.model.values.construction import Construction, constructed
from fastapi_lint.model.values.environment import Bound, Environment
from fastapi_lint.model.values.expansion import Expansion
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
    "Unplaced",
    "argument",
]

_MOST_ADDRESSES = 50_000
"""Addresses, and inclusions on the way to them, after which the rest of a project's routes is left unknown."""
_DEEPEST_INCLUSION = 60
_MOST_EVENTS = 2_000


@dataclass(frozen=True)
class _Way:
    """How a router is reached from an app. `pieces` are those of the addresses, `own` is the router's own prefix,
    `made` the call of the function of the project that makes it."""

    inclusions: tuple[Inclusion, ...]
    pieces: tuple[str, ...]
    own: str
    active: frozenset[RouterKey]
    rewritten: tuple[tuple[int, Rewriting], ...]
    made: Bound | None = None

    def path(self, pieces: tuple[str, ...], path: str) -> str:
        """The full path of something that is registered at the end of the way."""
        full = "".join(pieces) + path
        for length, rewriting in self.rewritten:
            full = full[:length] + rewriting.apply(full[length:])
        return full


def _is_of_another(event: Event, made: Bound) -> bool:
    """Whether something is registered on another router of those that the same function makes, called elsewhere."""
    return not isinstance(event, Mount) and event.on is not None and event.on[1] != made[1]


def _known_better(of_class: list[Event], own: list[Event]) -> list[Event]:
    """What a class registers on any of its objects, then what is registered on the very one.

    A call that is known for both is one event: where the object is made, its arguments are known.
    """
    by_call: dict[Place, list[Event]] = {}
    for event in own:
        by_call.setdefault(place_of(event.module, event.call), []).append(event)
    merged: list[Event] = []
    replaced: set[Place] = set()
    for event in of_class:
        place = place_of(event.module, event.call)
        if place not in by_call:
            merged.append(event)
        elif place not in replaced:
            merged += by_call[place]
            replaced.add(place)
    return merged + [event for event in own if place_of(event.module, event.call) not in replaced]


class Routes(Registrations):
    """Finds routers, routes and inclusions of the whole project, once, and expands them into addresses."""

    _expanded = 0

    def __init__(
        self,
        types: Inference,
        values: Values,
        expansion: Expansion,
        copies: Callable[[str], bool] = lambda path: False,
        starts_later: Callable[[Function], bool] = lambda function: False,
    ) -> None:
        """`copies` says whether `include_router` in a file takes a copy of what is registered at that moment,
        `starts_later` whether a function runs when the app starts."""
        super().__init__(types, values, expansion)
        self.copies = copies
        self.starts_later = starts_later

    @collected("routes.apps", whole=True)
    def apps(self) -> tuple[App, ...]:
        """Every FastAPI object made in the project, tests included."""
        return tuple(router for router in self.routers.values() if isinstance(router, App))

    @collected("routes.all", whole=True)
    def all(self) -> tuple[Route, ...]:
        """Every registration, in order of path and place."""
        found = [event for events in self.registered.values() for event in events if isinstance(event, Route)]
        return tuple(sorted(found, key=lambda route: (route.module.path, route.start)))

    @collected("routes.placeholders", whole=True)
    def placeholders(self) -> frozenset[str]:
        """The names in the paths of all registrations, and in the prefixes before them; `UNKNOWN` is among them where
        a piece of one is not known."""
        texts = [route.path for route in self.all]
        texts += [inclusion.prefix for inclusion in self.inclusions]
        texts += [self.router_prefix(router) for router in self.routers.values()]
        found = {name for text in texts for name, _ in placeholders(text)}
        return frozenset((*found, *(UNKNOWN for text in texts if UNKNOWN in text)))

    @collected("routes.by_module")
    def by_module(self) -> Mapping[Module, list[Route]]:
        """The registrations that are written in each module, in order of place."""
        table: dict[Module, list[Route]] = {}
        for route in self.all:
            table.setdefault(route.module, []).append(route)
        return table

    @collected("routes.mounts")
    def mounts(self) -> Mapping[Module, list[Mount]]:
        """The mounts that are written in each module, in order of place."""
        table: dict[Module, list[Mount]] = {}
        for events in self.registered.values():
            for event in events:
                if isinstance(event, Mount):
                    table.setdefault(event.module, []).append(event)
        return {module: sorted(found, key=lambda mount: mount.start) for module, found in table.items()}

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
            of_class: list[Event] = []
            for base in self.types.mro(router.cls):
                if isinstance(base, Class):
                    of_class = self.registered.get(base, []) + of_class
            events = _known_better(of_class, events)
        return tuple(events)

    def _applies(self, event: Event, owner: Class) -> bool:
        """Whether the method that registers something is the one that the class really has."""
        function = event.module.method_around(event.call.block)
        if function is None:
            return True
        found = self.types.member(owner, function.name, Instance(owner))
        if not isinstance(found, FunctionObject) or found.function is function:
            return True
        return any(isinstance(c.func, f.Attr) and c.func.attr == function.name for c in found.function.calls)

    def router_prefix(self, router: Router) -> str:
        """The prefix of a router's own, folded as far as known."""
        if router.is_app:
            return ""
        given = router.given("prefix")
        if given is None:
            return ""
        if is_none(given[0]):
            return ""
        expr, (module, block, at), environment = given
        found = (
            UNKNOWN if not environment and self._is_overridden(expr, module, block) else self.expansion.pieces(*given)
        )
        if UNKNOWN not in found or environment or module.enclosing(block) is None:
            return found
        ways = self.expansion.environments(module, block, at, (expr,))  # a function that builds the router
        texts = {self.expansion.pieces(expr, given[1], each) for each in self.of_owner(router, ways)}
        return texts.pop() if len(texts) == 1 else found

    def of_owner(self, router: Router, ways: Sequence[Environment]) -> Sequence[Environment]:
        """Of the ways on which a constructor is given something those of the class whose object has the router: what
        its own `super().__init__("/users")` gives, or that of the class above which it inherits; and of these what the
        very call gives that made the object, where that is known."""
        owner = router.origin.owner if isinstance(router.origin, Origin) else None
        maker = router.origin.maker if owner is not None else None
        if maker is not None:
            made = (maker.module, maker.facts.block, maker.start)
            own = [each for each in ways if any(where == made for _, where, _ in each.values())]
            if own:
                return own
        order = self.types.mro(owner) if owner is not None else ()
        ranked: dict[int, list[Environment]] = {}
        for each in ways:
            makers = (where[0].enclosing(where[1]) for _, where, _ in each.values())
            found = [order.index(m.cls) for m in makers if m and m.name == "__init__" and m.cls in order]
            if found:
                ranked.setdefault(min(found), []).append(each)
        return ranked[min(ranked)] if ranked else ways

    def _is_overridden(self, expr: f.Expr, module: Module, block: int) -> bool:
        """Whether an attribute of `self` in an expression is another one in some class below."""
        function = module.enclosing(block)
        if function is None or function.cls is None or not function.params:
            return False
        itself = f.Name(function.params[0].name)
        names = [part.attr for part in walk(expr) if isinstance(part, f.Attr) and part.value == itself]
        below = self.expansion.objects.subclasses(function.cls) if names else ()
        return any(name in cls.assigns for cls in below for name in names)

    @memoized
    def construction(self, router: Router) -> Construction | None:
        """How the constructor of APIRouter or FastAPI is reached by the call that makes a router."""
        held = self.types.callee(router.module, router.call)
        return constructed(self.types, router.cls, router.module, router.call, held=held)

    def addresses(self, app: Router) -> Iterator[Address]:
        """Every route and mount of an app in the order in which its events are seen."""
        self._expanded = 0
        own = "" if app.is_app else app.prefix
        yield from self._expand(app, app, _Way((), ("",), own, frozenset({app.origin}), ()))

    def _expand(self, app: Router, router: Router, way: _Way) -> Iterator[Address]:
        if len(way.inclusions) > _DEEPEST_INCLUSION:
            return
        copies = [self.copies(inclusion.module.path) for inclusion in way.inclusions[-1:]]
        for event in router.events:
            if copies == [True] and self._is_late(event, way.inclusions[-1]):
                continue
            if way.made is not None and _is_of_another(event, way.made):
                continue
            if way.inclusions and is_of_another_round(router, event, way.inclusions[-1]):
                continue
            if isinstance(event, Inclusion):
                child = self.router_of(event.child)
                if child is None or event.child in way.active:
                    continue
                if self._expanded >= _MOST_ADDRESSES:  # routers included twice, again and again, multiply
                    return
                self._expanded += 1
                yield from self._expand(app, child, self._further(way, event, child))
            elif event.takes_prefix or not copies or not copies[0]:
                pieces = (*way.pieces[:-1], way.pieces[-1] + way.own) if event.takes_prefix else way.pieces
                yield Address(app, event, way.path(pieces, event.path), way.inclusions, pieces)
            elif isinstance(event, Route):  # an older FastAPI copies these without the prefixes of the routers
                pieces = ("", *(inclusion.prefix for inclusion in way.inclusions))
                yield Address(app, event, way.path(pieces, event.path), way.inclusions, pieces)

    def _further(self, way: _Way, event: Inclusion, child: Router) -> _Way:
        """The way from a router into one that it includes."""
        pieces = (*way.pieces[:-1], way.pieces[-1] + way.own, event.prefix)
        length = len("".join(pieces))
        rewritten = tuple((length, one) for one in self.rewritings.get(event.child, ()))
        return _Way(
            (*way.inclusions, event), pieces, self._prefix_of(child, event), way.active | {event.child},
            (*rewritten, *way.rewritten), event.made,
        )  # fmt: skip

    def _prefix_of(self, child: Router, inclusion: Inclusion) -> str:
        """The prefix of a router that is included, by what the function is given that makes it."""
        given = child.given("prefix")
        if given is not None and not given[2] and rounds_of(child, inclusion):
            return "" if is_none(given[0]) else self.expansion.pieces(*given[:2], inclusion.environment)
        maker = self.maker_of(inclusion.child)
        if inclusion.made is None or maker is None:
            return child.prefix
        if given is None or given[2] or not lies_in(maker, *given[1][:2]):
            return child.prefix
        found = self.expansion.pieces(given[0], given[1], self.given_by(inclusion.made, maker))
        return found if UNKNOWN not in found else child.prefix

    def late(self, inclusion: Inclusion) -> tuple[Event, ...]:
        """What is registered on a router after it was included, by a FastAPI that takes a copy: it is not served."""
        child = self.router_of(inclusion.child)
        if child is None or inclusion.module.is_recovered or not self.copies(inclusion.module.path):
            return ()
        return tuple(event for event in child.events if self._is_late(event, inclusion))

    def _is_late(self, event: Event, inclusion: Inclusion) -> bool:
        """Whether something is certainly registered after an inclusion: further down, in a function that is called or a
        module that is first imported further down, or when the app starts. What makes the router in an argument of the
        inclusion runs before it."""
        function = event.module.enclosing(event.call.block)
        including = inclusion.module.enclosing(inclusion.call.block)
        end = inclusion.call.end
        if event.call is inclusion.call:
            return False
        if function is including:
            if event.module is not inclusion.module and function is None:
                return is_imported_behind(self.types.modules, event.module, inclusion.module, end)
            return event.module is inclusion.module and event.call.start >= end
        if function is None or including is not None:
            return False
        calls = self.expansion.objects.callers(function.name)
        found = [(module, call) for module, call in calls if self._is_call_of(function, module, call)]
        if not found:
            return self.starts_later(function)
        return all(
            module is inclusion.module and module.enclosing(call.block) is None and call.start >= end
            for module, call in found
        )

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

    def unserved(self, route: Route) -> tuple[Address, ...]:
        """The addresses of a route that no app has, below routers that nothing includes: as far as they are known."""
        roots = [router for router in self._roots_above(route.key) if router.events]
        return tuple(
            address
            for router in roots
            for address in islice(self.addresses(router), _MOST_EVENTS)
            if address.route is route
        )

    @memoized
    def _includers(self) -> dict[RouterKey, list[RouterKey]]:
        found: dict[RouterKey, list[RouterKey]] = {}
        for inclusion in self.inclusions:
            found.setdefault(inclusion.child, []).append(inclusion.parent)
        return found

    def _roots_above(self, key: RouterKey) -> Iterator[Router]:
        """The routers at the top of what includes a router, itself if nothing does."""
        seen = {key}
        queue = [key]
        for each in queue:
            parents = self._includers().get(each, ())
            if not parents and (router := self.router_of(each)) is not None:
                yield router
            queue += [parent for parent in dict.fromkeys(parents) if parent not in seen]
            seen.update(parents)

    @collected("routes.by_route")
    def by_route(self) -> Mapping[Route | Mount, list[Address]]:
        """The addresses of every route and mount."""
        table: dict[Route | Mount, list[Address]] = {}
        for address in self.all_addresses:
            table.setdefault(address.route, []).append(address)
        return table
