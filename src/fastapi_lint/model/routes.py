"""Routers, the routes registered on them, and how routers are included in apps. Judges nothing.

A router is known by the call that made it (its `Origin`), so that two routers of one name are never confused. Routes
and inclusions whose router cannot be resolved are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Union

from fastapi_lint.catalog.routers import library_router
from fastapi_lint.index import facts as f
from fastapi_lint.model.environment import NOWHERE, Condition, Environment
from fastapi_lint.model.expansion import Expansion, names_in
from fastapi_lint.model.rewriting import Rewriting, rewritings
from fastapi_lint.model.symbols import Class, Function, FunctionObject, Instance, Module, Origin, Type
from fastapi_lint.model.types import Inference, Where, is_none
from fastapi_lint.model.values import UNKNOWN, Values

HTTP_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace", "query")
_DECORATORS = frozenset({*HTTP_METHODS, "api_route", "route", "websocket", "websocket_route"})
_ADDERS = frozenset({"add_api_route", "add_api_websocket_route", "add_route", "add_websocket_route"})
_ROUTER_CLASSES = ("fastapi.APIRouter", "fastapi.FastAPI")
_MOST_ADDRESSES = 50_000

RouterKey = Union[Origin, Class]
"""What identifies a router: the call that makes it, or the class on whose `self` routes are registered."""


@dataclass(frozen=True, eq=False)
class Route:
    """One registration of a handler under a path of one router: a decorator, or a call of `add_api_route`.

    `path` is folded as far as known (`UNKNOWN` marks the rest); `methods` are upper case and empty for websockets.
    `conditions` are blocks of which it is not known whether they run. `forwarded` is the registration inside a function
    of the project that is used as the decorator (`@protected(router.get, "/x")`); `call` is then the decorator.
    """

    project: Routes = field(repr=False)
    key: RouterKey
    module: Module
    call: f.Call
    kind: str
    methods: tuple[str, ...]
    path: str
    path_known: bool
    handler: Function | None
    environment: Environment = field(default_factory=lambda: NOWHERE, repr=False)
    by_decorator: bool = True
    conditions: tuple[Condition, ...] = field(default=(), repr=False)
    forwarded: tuple[Module, f.Call] | None = field(default=None, repr=False)

    @property
    def start(self) -> int:
        """Byte offset of the registration: `router.post` of the decorator or call."""
        return self.call.start

    @property
    def end(self) -> int:
        return self.call.name_end

    @property
    def name(self) -> str:
        """The handler's name, for messages."""
        return self.handler.name if self.handler is not None else self.path

    @property
    def where(self) -> Where:
        return (self.module, self.call.block, self.call.start)

    @property
    def router(self) -> Router | None:
        """The router it is registered on, when that is made by a call in the project."""
        return self.project.router_of(self.key)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it answers: one for every way from an app through the inclusions of its router."""
        return self.project.addresses_of(self)

    def keyword(self, name: str) -> f.Arg | None:
        """A keyword argument of the registration, or None."""
        return next((arg for arg in self.call.args if arg.name == name), None)

    @property
    def has_unpacked(self) -> bool:
        """Whether `**kwargs` may carry more arguments than are seen."""
        return any(arg.name == "**" for arg in self.call.args)

    @property
    def status_code(self) -> int | None:
        """The declared status code; None when there is none or it is not known (see `keyword`)."""
        argument = self.keyword("status_code")
        return self.project.values.status(argument.value, self.where) if argument else None


@dataclass(frozen=True, eq=False)
class Inclusion:
    """One `include_router` call: `child` gets into `parent` under `prefix`."""

    parent: RouterKey
    child: RouterKey
    module: Module
    call: f.Call
    prefix: str
    environment: Environment = field(default_factory=lambda: NOWHERE, repr=False)
    position: int = 0
    conditions: tuple[Condition, ...] = field(default=(), repr=False)

    @property
    def start(self) -> int:
        return self.call.start

    @property
    def end(self) -> int:
        return self.call.end

    @property
    def where(self) -> Where:
        return (self.module, self.call.block, self.call.start)


@dataclass(frozen=True, eq=False)
class Mount:
    """One `mount` call: an ASGI app (`child` when it is a FastAPI app of the project) answers below `path`."""

    parent: RouterKey
    child: RouterKey | None
    target: Type
    module: Module
    call: f.Call
    path: str
    conditions: tuple[Condition, ...] = field(default=(), repr=False)

    @property
    def start(self) -> int:
        return self.call.start

    @property
    def end(self) -> int:
        return self.call.end


Event = Union[Route, Inclusion, Mount]


@dataclass(frozen=True, eq=False)
class Router:
    """An APIRouter or FastAPI object made by a call in the project."""

    project: Routes = field(repr=False)
    origin: Origin
    cls: Class | str
    is_app: bool

    @property
    def module(self) -> Module:
        return self.origin.module

    @property
    def call(self) -> f.Call:
        return self.origin.facts

    @property
    def start(self) -> int:
        return self.call.start

    @property
    def end(self) -> int:
        return self.call.name_end

    @property
    def where(self) -> Where:
        return (self.module, self.call.block, self.call.start)

    def keyword(self, name: str) -> f.Arg | None:
        """A keyword argument of its construction, also one that its class gives to `super().__init__`."""
        own = next((arg for arg in self.call.args if arg.name == name), None)
        return own

    @cached_property
    def prefix(self) -> str:
        """Its own prefix, folded as far as known."""
        return self.project.router_prefix(self)

    @cached_property
    def variable(self) -> str:
        """The variable it is first assigned to, "" when there is none."""
        facts = self.module.facts
        for entry in facts.assigns:
            if isinstance(entry.value, f.CallRef) and entry.value.index == self.origin.call:
                match entry.target:
                    case f.Name(id=name):
                        return name
                    case f.Attr(attr=name):
                        return name
        return ""

    @property
    def events(self) -> tuple[Event, ...]:
        """Its routes, inclusions and mounts in the order of registration."""
        return self.project.events_of(self)

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes registered on itself."""
        return tuple(event for event in self.events if isinstance(event, Route))


class App(Router):
    """A FastAPI object made by a call in the project."""


@dataclass(frozen=True, eq=False)
class Address:
    """A route or mount as an app answers it: the full path and the inclusions on the way, outermost first."""

    app: Router
    route: Route | Mount
    path: str
    inclusions: tuple[Inclusion, ...]

    @property
    def routers(self) -> tuple[RouterKey, ...]:
        """The routers on the way, the app first."""
        return (self.app.origin, *(inclusion.child for inclusion in self.inclusions))

    @property
    def known(self) -> bool:
        """Whether every piece of the path is known."""
        return UNKNOWN not in self.path

    @property
    def conditional(self) -> bool:
        """Whether it exists in some configurations only: something on the way is registered under a condition (an `if`,
        an early return) of which it is not known whether it holds."""
        return any(event.conditions for event in (*self.inclusions, self.route))

    @property
    def methods(self) -> tuple[str, ...]:
        return self.route.methods if isinstance(self.route, Route) else ()

    def registered_before(self, other: Address) -> bool | None:
        """Whether this comes before `other` in the order of registration; None when that cannot be known."""
        for mine, theirs in zip((*self.inclusions, self.route), (*other.inclusions, other.route)):
            if mine is theirs:
                continue
            if mine.module is not theirs.module:
                return None
            blocks = mine.module.facts.blocks
            if blocks[mine.call.block].function != blocks[theirs.call.block].function:
                return None
            if mine.call is theirs.call:
                left, right = getattr(mine, "position", 0), getattr(theirs, "position", 0)
                return None if left == right else left < right
            # Decorators are applied from the inside out: of two on one function the lower one registers first.
            if isinstance(mine, Route) and isinstance(theirs, Route) and mine.handler is theirs.handler is not None:
                return mine.start > theirs.start
            return mine.start < theirs.start
        return None

    def exclusive_with(self, other: Address) -> bool:
        """Whether the two are registered in different branches of one `if` (or try): only one of them exists."""
        for mine in (*self.inclusions, self.route):
            for theirs in (*other.inclusions, other.route):
                if mine.module is theirs.module and _exclusive(mine.module, mine.call.block, theirs.call.block):
                    return True
        return False


class Routes:
    """Finds routers, routes and inclusions of the whole project, once, and expands them into addresses."""

    def __init__(self, types: Inference, values: Values, expansion: Expansion) -> None:
        self.types = types
        self.values = values
        self.expansion = expansion
        self.routers: dict[RouterKey, Router] = {}
        self._events: dict[RouterKey, list[Event]] = {}
        self._known: set[tuple[object, ...]] = set()
        self._decorations: dict[Module, dict[int, list[Function]]] = {}
        self._decorator_starts: dict[Module, frozenset[int]] = {}
        self._callers_of: dict[Function, int] = {}
        self._rewritings: dict[RouterKey, list[Rewriting]] = {}
        for module in types.modules:
            self._collect(module)
        self._by_route: dict[int, list[Address]] | None = None

    @cached_property
    def apps(self) -> tuple[App, ...]:
        """Every FastAPI object made in the project, tests included."""
        return tuple(router for router in self.routers.values() if isinstance(router, App))

    @cached_property
    def all(self) -> tuple[Route, ...]:
        """Every registration, in order of path and place."""
        found = [event for events in self._events.values() for event in events if isinstance(event, Route)]
        return tuple(sorted(found, key=lambda route: (route.module.path, route.start)))

    @cached_property
    def inclusions(self) -> tuple[Inclusion, ...]:
        return tuple(e for events in self._events.values() for e in events if isinstance(e, Inclusion))

    @cached_property
    def by_handler(self) -> dict[Function, list[Route]]:
        table: dict[Function, list[Route]] = {}
        for route in self.all:
            if route.handler is not None:
                table.setdefault(route.handler, []).append(route)
        return table

    def router_of(self, key: RouterKey) -> Router | None:
        """The router with a key; None when the call that makes it is not a known constructor."""
        if isinstance(key, Origin) and key.owner is not None and key not in self.routers:
            made = self.routers.get(Origin(key.module, key.call))
            if made is not None:
                self.routers[key] = Router(self, key, made.cls, False)
        return self.routers.get(key)

    def events_of(self, router: Router) -> tuple[Event, ...]:
        events = list(self._events.get(router.origin, ()))
        owner = router.origin.owner
        if router.origin.maker is not None and owner is not None and not events:
            # Nothing was seen to be registered on this very object: what its class does to any of its objects.
            events = list(self._events.get(Origin(router.origin.module, router.origin.call, owner), ()))
        elif router.origin.maker is not None:
            owner = None
        if owner is not None:
            events = [event for event in events if self._applies(event, owner)]
            for base in self.types.mro(owner)[1:]:
                if isinstance(base, Class):
                    inherited = self._events.get(Origin(router.origin.module, router.origin.call, base), ())
                    events = [event for event in inherited if self._applies(event, owner)] + events
        if isinstance(router.cls, Class):
            for base in self.types.mro(router.cls):
                if isinstance(base, Class):
                    events = self._events.get(base, []) + events
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

    def is_router(self, value: Type) -> bool:
        """Whether a value is an APIRouter or FastAPI object."""
        return self.types.is_instance(value, *_ROUTER_CLASSES)

    # ---------------------------------------------------------------- finding

    def _collect(self, module: Module) -> None:
        data = module.source.data
        if b"fastapi" not in data.lower() and b"route" not in data and b"@" not in data:
            return
        decorated = self._decorated(module)
        calls = module.facts.calls
        for receiver, where, rewriting in rewritings(module):
            for key in self.keys(receiver, where, NOWHERE):
                self._rewritings.setdefault(key, []).append(rewriting)
        by_hand: dict[int, list[f.Call]] = {}
        for call in calls:
            if isinstance(call.func, f.CallRef):
                by_hand.setdefault(call.func.index, []).append(call)
        for index, call in enumerate(calls):
            match call.func:
                case f.Attr(value=receiver, attr=attr) if attr in _DECORATORS:
                    if index in decorated:
                        for handler in decorated[index]:
                            self._add_route(module, call, receiver, attr, handler, by_decorator=True)
                    elif not self._register_by_hand(module, by_hand, index, call, receiver, attr):
                        if by_hand.get(index) or self._returned(module, index):
                            self._forward(module, call)
                case f.Attr(value=receiver, attr=attr) if attr in _ADDERS:
                    self._add_by_call(module, call, receiver, attr)
                case f.Attr(value=receiver, attr="include_router"):
                    self._include(module, call, receiver)
                case f.Attr(value=receiver, attr="mount"):
                    self._mount(module, call, receiver)
                case f.Name(id=name) if self._is_parameter(module, call, name):
                    if index in decorated or by_hand.get(index) or self._returned(module, index):
                        self._forward(module, call)
                case f.Name() | f.Attr() | f.Sub():
                    self._construct(module, index, call)

    def _decorated(self, module: Module) -> dict[int, list[Function]]:
        """The functions below each decorator that is a call, by that call."""
        if module not in self._decorations:
            table: dict[int, list[Function]] = {}
            for function in module.functions:
                for decorator in function.facts.decorators:
                    if isinstance(decorator, f.CallRef):
                        table.setdefault(decorator.index, []).append(function)
            self._decorations[module] = table
        return self._decorations[module]

    @staticmethod
    def _returned(module: Module, index: int) -> bool:
        function = module.facts.blocks[module.facts.calls[index].block].function
        return any(e.value == f.CallRef(index) for e in module.exits_in.get(function, ()))

    @staticmethod
    def _is_parameter(module: Module, call: f.Call, name: str) -> bool:
        function = module.enclosing(call.block)
        while function is not None:
            if any(param.name == name for param in function.params):
                return bool(call.args) and call.args[0].name in ("", "path")
            function = function.parent
        return False

    def _construct(self, module: Module, index: int, call: f.Call) -> None:
        last = call.func.id if isinstance(call.func, f.Name) else getattr(call.func, "attr", "")
        if last.endswith("_router"):
            self._library_router(module, index, call)
        if not last[:1].isupper() and last not in ("cls", "field", "ib") and not last.startswith("_"):
            return
        origin = Origin(module, index)
        made = self.types.call_type(module, index)
        if isinstance(made, Instance) and made.origin == origin and self.is_router(made):
            is_app = self.types.is_instance(made, "fastapi.FastAPI")
            self.routers[origin] = (App if is_app else Router)(self, origin, made.cls, is_app)

    def _library_router(self, module: Module, index: int, call: f.Call) -> None:
        """A router that a library makes, with the routes it is known to bring."""
        known = library_router(self.types.name_of_type(self.types.callee(module, call)) or "")
        if known is None:
            return
        origin = Origin(module, index)
        self.routers[origin] = Router(self, origin, "fastapi.APIRouter", False)
        for path, methods in known.routes.items():
            self._add(origin, Route(self, origin, module, call, "http", methods, path, True, None, NOWHERE, False))

    def _environments(self, module: Module, call: f.Call, receiver: f.Expr) -> list[Environment]:
        used = (receiver, *(arg.value for arg in call.args))
        found = self.expansion.environments(module, call.block, call.start, used)
        function = module.enclosing(call.block)
        while function is not None and function.cls is None:
            function = function.parent
        if function is not None and function.params:
            itself = function.params[0].name
            if not found or any(itself in environment for environment in found):
                # Once more for objects of the class of which it is not known where they are made.
                conditions = self.expansion.conditions.around(module, call.block, call.start, NOWHERE)
                if self.keys(receiver, (module, call.block, call.start), NOWHERE) and conditions is not None:
                    found = [*found, NOWHERE.with_bound({}, conditions)]
        return found

    def keys(self, expr: f.Expr, where: Where, environment: Environment) -> list[RouterKey]:
        """The routers that an expression can be; empty when that is not known."""
        return [key for value in self.expansion.values(expr, where, environment) if (key := self._key(value))]

    def _key(self, value: Type) -> RouterKey | None:
        if not isinstance(value, Instance) or not self.is_router(value):
            return None
        if value.origin is not None:
            return value.origin
        return value.cls if isinstance(value.cls, Class) else None

    def _add(self, key: RouterKey, event: Event) -> None:
        match event:
            case Route():
                what: object = (event.path, event.methods, event.handler)
            case Inclusion():
                what = (event.child, event.prefix)
            case Mount():
                what = event.path
        identity = (key, id(event.call), what)
        if identity not in self._known:
            self._known.add(identity)
            self._events.setdefault(key, []).append(event)

    def _conditions(
        self, key: RouterKey, module: Module, call: f.Call, environment: Environment
    ) -> tuple[Condition, ...]:
        """The conditions of a registration that the router's own creation does not share."""
        origin = key if isinstance(key, Origin) else None
        found = [
            one
            for one in environment.conditions
            if not any(_shares(one, made) for made in (origin, origin.maker if origin else None) if made is not None)
        ]
        maker = origin.module.enclosing(origin.facts.block) if origin is not None and origin.owner is None else None
        if (
            origin is not None
            and maker is not None
            and maker.cls is None
            and not self._made_inside(maker, module, call, environment)
        ):
            if maker not in self._callers_of:
                calls = self.expansion.objects.callers(maker.name)
                places = [m for m, c in calls if not m.is_test and self._is_call_of(maker, m, c)]
                self._callers_of[maker] = len(places)
            if self._callers_of[maker] > 1:  # one of several factories that start from the same one
                place, block = self._factory(module, call, environment)  # what one registers, the others do not
                found.append(Condition(place, block, origin.start))
        return tuple(found)

    def _is_call_of(self, function: Function, module: Module, call: f.Call) -> bool:
        callee = self.types.callee(module, call)
        return isinstance(callee, FunctionObject) and callee.function is function

    @staticmethod
    def _factory(module: Module, call: f.Call, environment: Environment) -> tuple[Module, int]:
        """The outermost function from which a registration is reached: its module and index, -1 for module level."""
        block, queue, seen = call.block, [environment], 0
        while queue and seen < 100:
            for _, where, inner in queue.pop().values():
                if where[0].enclosing(where[1]) is not None:
                    module, block = where[0], where[1]
                queue.append(inner)
                seen += 1
        function, outermost = module.enclosing(block), -1
        while function is not None:
            function, outermost = function.parent, function.index
        return module, outermost

    @staticmethod
    def _made_inside(maker: Function, module: Module, call: f.Call, environment: Environment) -> bool:
        """Whether a registration is part of the function that makes the router, or of what that calls."""
        places = [(module, call.block)]
        queue = [environment]
        while queue and len(places) < 100:
            for _, where, inner in queue.pop().values():
                places.append((where[0], where[1]))
                queue.append(inner)
        for place, block in places:
            function = place.enclosing(block)
            while function is not None:
                if function is maker:
                    return True
                function = function.parent
        return False

    def _add_route(
        self,
        module: Module,
        call: f.Call,
        receiver: f.Expr,
        attr: str,
        handler: Function | None,
        *,
        by_decorator: bool,
        endpoint: f.Expr | None = None,
    ) -> None:
        where = (module, call.block, call.start)
        path = argument(call, 0, "path")
        for environment in self._environments(module, call, receiver):
            keys = self.keys(receiver, where, environment)
            if not keys:
                continue
            if endpoint is not None:
                handlers = self.expansion.values(endpoint, where, environment)
                only = handlers[0] if len(handlers) == 1 else None
                handler = only.function if isinstance(only, FunctionObject) else None
            folded = self.expansion.pieces(path.value, where, environment) if path else _no_path(call)
            kind, methods = self._methods(call, attr, where, environment)
            for key in keys:
                conditions = self._conditions(key, module, call, environment)
                route = Route(
                    self,
                    key,
                    module,
                    call,
                    kind,
                    methods,
                    folded,
                    UNKNOWN not in folded,
                    handler,
                    environment,
                    by_decorator,
                    conditions,
                )
                self._add(key, route)

    def _forward(self, module: Module, call: f.Call) -> None:
        """A function of the project that is used as a decorator and registers what it decorates on a router.

        `def protected(method, path): return method(path, dependencies=[...])`, used as `@protected(router.get, "/x")`;
        `def read(path): return router.get(path)`, used as `@read("/x")`.
        """
        if not self._may_decorate(module, call):
            return
        where = (module, call.block, call.start)
        path = argument(call, 0, "path")
        values = [arg.value for arg in call.args]
        needed = {name for value in (call.func, *values) for name in names_in(value)}
        for environment in self.expansion.environments(module, call.block, call.start, (call.func, *values)):
            method, place = self.expansion.source(call.func, where, environment)
            if not isinstance(method, f.Attr) or method.attr not in _DECORATORS:
                continue
            for outer, index, handler in self._decorators_behind(environment, needed):
                inner = environment if place == where else NOWHERE
                folded = self.expansion.pieces(path.value, where, environment) if path else _no_path(call)
                kind, methods = self._methods(call, method.attr, where, environment)
                decorator = outer.facts.calls[index]
                for key in self.keys(method.value, place, inner):
                    route = Route(
                        self,
                        key,
                        outer,
                        decorator,
                        kind,
                        methods,
                        folded,
                        UNKNOWN not in folded,
                        handler,
                        environment,
                        True,
                        self._conditions(key, outer, decorator, NOWHERE),
                        (module, call),
                    )
                    self._add(key, route)

    def _may_decorate(self, module: Module, call: f.Call) -> bool:
        """Whether a function around a call is used as a decorator anywhere (or makes the object that is one).

        `return client.get(url)` is far more common than a decorator of the project's own, and to work out its
        environments means to look at all callers of its callers.
        """
        objects = self.expansion.objects
        function = module.enclosing(call.block)
        while function is not None:
            if any(call.start in self._decorating(place) for place, call in objects.callers(function.name)):
                return True
            if function.cls is not None and objects.is_entry(function.name):
                if any(maker.start in self._decorating(maker.module) for maker in objects.makers(function.cls)):
                    return True
            function = function.parent
        return False

    def _decorating(self, module: Module) -> frozenset[int]:
        """Where the calls that are decorators start."""
        if module not in self._decorator_starts:
            calls = module.facts.calls
            self._decorator_starts[module] = frozenset(calls[index].start for index in self._decorated(module))
        return self._decorator_starts[module]

    def _decorators_behind(self, environment: Environment, needed: set[str]) -> Iterator[tuple[Module, int, Function]]:
        """The decorating calls that bound the names of an environment, with the functions below them."""
        seen = set()
        for name, (_, (module, block, start), _) in environment.items():
            if name not in needed or (module, start) in seen:
                continue
            seen.add((module, start))
            for index, handlers in self._decorated(module).items():
                made = module.facts.calls[index]
                if made.start == start and made.block == block:
                    for handler in handlers:
                        yield module, index, handler

    def _methods(
        self, call: f.Call, attr: str, where: Where, environment: Environment = NOWHERE
    ) -> tuple[str, tuple[str, ...]]:
        if "websocket" in attr:
            return "websocket", ()
        if attr in HTTP_METHODS:
            return "http", (attr.upper(),)
        given = next((arg.value for arg in call.args if arg.name == "methods"), None)
        if given is None:
            return "http", ("GET",)
        items = self.expansion.elements(given, where, environment)
        names = [self.expansion.pieces(item, place, inner) for item, place, inner in items]
        return "http", tuple(dict.fromkeys(name.upper() for name in names if name and UNKNOWN not in name))

    def _register_by_hand(
        self, module: Module, by_hand: dict[int, list[f.Call]], index: int, call: f.Call, receiver: f.Expr, attr: str
    ) -> bool:
        """`router.get("/x")(handler)`. False when what is registered is a parameter: that of a decorator."""
        others = [other for other in by_hand.get(index, ()) if len(other.args) == 1]
        for other in others:
            given = other.args[0].value
            value = self.types.infer(given, (module, other.block, other.start))
            if isinstance(given, f.Name) and value is None and module.enclosing(other.block) is not None:
                return False
            self._add_route(module, call, receiver, attr, None, by_decorator=False, endpoint=given)
        return bool(others)

    def _add_by_call(self, module: Module, call: f.Call, receiver: f.Expr, attr: str) -> None:
        endpoint = argument(call, 1, "endpoint") or argument(call, 1, "route")
        value = endpoint.value if endpoint else f.Unknown()
        self._add_route(module, call, receiver, attr, None, by_decorator=False, endpoint=value)

    def _include(self, module: Module, call: f.Call, receiver: f.Expr) -> None:
        child = argument(call, 0, "router")
        if child is None:
            return
        where = (module, call.block, call.start)
        prefix = next((arg.value for arg in call.args if arg.name == "prefix"), None)
        if prefix is None and any(arg.name == "**" for arg in call.args):
            prefix = f.Unknown()
        for position, environment in enumerate(self._environments(module, call, receiver)):
            children = self.keys(child.value, where, environment)
            for parent in self.keys(receiver, where, environment):
                conditions = self._conditions(parent, module, call, environment)
                for i, key in enumerate(children):
                    folded = "" if is_none(prefix) else self.expansion.pieces(prefix, where, environment)
                    place = position * 1000 + i
                    self._add(parent, Inclusion(parent, key, module, call, folded, environment, place, conditions))

    def _mount(self, module: Module, call: f.Call, receiver: f.Expr) -> None:
        where = (module, call.block, call.start)
        path, target = argument(call, 0, "path"), argument(call, 1, "app")
        if target is None:
            return
        for environment in self._environments(module, call, receiver):
            values = self.expansion.values(target.value, where, environment)
            value = values[0] if len(values) == 1 else None
            for parent in self.keys(receiver, where, environment):
                folded = self.expansion.pieces(path.value, where, environment) if path else _no_path(call)
                conditions = self._conditions(parent, module, call, environment)
                self._add(parent, Mount(parent, self._key(value), value, module, call, folded, conditions))

    # ---------------------------------------------------------------- prefixes and addresses

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
        for event in router.events:
            if isinstance(event, Inclusion):
                child = self.router_of(event.child)
                if child is None or event.child in active:
                    continue
                before = prefix + event.prefix
                inner = tuple((len(before), one) for one in self._rewritings.get(event.child, ()))
                path = (*inclusions, event)
                yield from self._expand(
                    app, child, before + child.prefix, path, active | {event.child}, (*inner, *rewritten)
                )
            else:
                full = prefix + event.path
                for length, rewriting in rewritten:
                    full = full[:length] + rewriting.apply(full[length:])
                yield Address(app, event, full, inclusions)

    @cached_property
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
        if self._by_route is None:
            self._by_route = {}
            for address in self.all_addresses:
                self._by_route.setdefault(id(address.route), []).append(address)
        return tuple(self._by_route.get(id(route), ()))


def argument(call: f.Call, position: int, name: str) -> f.Arg | None:
    """An argument of a call by keyword or position (None after `*args`)."""
    for index, arg in enumerate(call.args):
        if arg.name == name:
            return arg
        if arg.name == "" and index == position:
            return arg
        if arg.name == "*" and index <= position:
            return None
    return None


def _no_path(call: f.Call) -> str:
    """The path of a registration without a path argument: unknown when it may be unpacked."""
    return UNKNOWN if any(arg.name in ("*", "**") for arg in call.args) else ""


def _shares(condition: Condition, origin: Origin) -> bool:
    """Whether a router is made under the same condition that its routes are registered under."""
    if condition.module is not origin.module or condition.option:
        return False
    blocks = origin.module.facts.blocks
    block = origin.facts.block
    if blocks[condition.block].function == blocks[block].function and condition.start < origin.start:
        inside = condition.block
        while inside >= 0 and inside != block:
            inside = blocks[inside].parent
        if inside == block and blocks[condition.block].end <= origin.start:
            return True  # returned before the router was made
    while block >= 0:
        if block == condition.block:
            return True
        block = blocks[block].parent
    return False


def call_named(module: Module, index: int, name: str) -> bool:
    """Whether a call is of a bare name."""
    func = module.facts.calls[index].func
    return isinstance(func, f.Name) and func.id == name


def _exclusive(module: Module, one: int, other: int) -> bool:
    blocks = module.facts.blocks
    branches: dict[int, int] = {}
    while one >= 0:
        parent = blocks[one].parent
        if parent >= 0 and blocks[parent].kind in ("choice", "try"):
            branches[parent] = one
        one = parent
    while other >= 0:
        parent = blocks[other].parent
        if parent in branches and branches[parent] != other:
            kinds = {blocks[branches[parent]].kind, blocks[other].kind}
            if blocks[parent].kind == "choice" or kinds == {"body", "except"}:
                return True
        other = parent
    return False
