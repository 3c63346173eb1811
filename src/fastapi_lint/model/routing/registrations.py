"""Finds where routers are made, and what is registered, included and mounted on them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from fastapi_lint.catalog.routers import library_router
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.places import place_of
from fastapi_lint.model.names.symbols import (
    Class,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Origin,
    Type,
)
from fastapi_lint.model.routing.rewriting import Rewriting, rewritings
from fastapi_lint.model.routing.routers import App, Event, Inclusion, Mount, Route, Router, RouterKey, argument
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.model.values.constants import UNKNOWN, Values
from fastapi_lint.model.values.environment import NOWHERE, Condition, Environment
from fastapi_lint.model.values.expansion import Expansion, names_in
from fastapi_lint.tracking import recording
from fastapi_lint.tracking.tables import collected, contributions

if TYPE_CHECKING:
    from fastapi_lint.model.routing.routes import Routes

HTTP_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace", "query")
_DECORATORS = frozenset({*HTTP_METHODS, "api_route", "route", "websocket", "websocket_route"})
_ADDERS = frozenset({"add_api_route", "add_api_websocket_route", "add_route", "add_websocket_route"})
_ROUTER_CLASSES = ("fastapi.APIRouter", "fastapi.FastAPI")
_MOST_ADDRESSES = 50_000


class Registrations:
    """Every router of the project with the events on it, in the order in which they are written."""

    def __init__(self, types: Inference, values: Values, expansion: Expansion) -> None:
        self.types = types
        self.values = values
        self.expansion = expansion
        self._routers: dict[RouterKey, Router] = {}
        self._events: dict[RouterKey, list[Event]] = {}
        self._known: set[tuple[object, ...]] = set()
        self._decorations: dict[Module, dict[int, list[Function]]] = {}
        self._decorator_starts: dict[Module, frozenset[int]] = {}
        self._callers_of: dict[Function, int] = {}
        self._rewritings: dict[RouterKey, list[Rewriting]] = {}
        self._is_complete = False
        self._failure: Exception | None = None

    def _complete(self) -> None:
        if self._failure is not None:
            raise self._failure  # half of the routes would be worse than none
        if not self._is_complete:
            self._is_complete = True
            try:
                contributions(self.types.modules.tables, "routes", self.contribute)
            except Exception as error:
                self._failure = error
                raise
        recording.depend_on(recording.Slice("routes", None))

    def contribute(self, module: Module) -> Collection[int]:
        """Find what a module makes, registers and includes; the calls that do, -1 for the rest of the module."""
        data = module.source.data
        if b"fastapi" not in data.lower() and b"route" not in data and b"@" not in data:
            return ()
        known = self.types.modules.tables.places("routes", module)
        found = set()
        if known is None or -1 in known:
            for receiver, where, rewriting in rewritings(module):
                for key in self.keys(receiver, where, NOWHERE):
                    self._rewritings.setdefault(key, []).append(rewriting)
                    found.add(-1)
        by_hand: dict[int, list[f.Call]] = {}
        for call in module.facts.calls:
            if isinstance(call.func, f.CallRef):
                by_hand.setdefault(call.func.index, []).append(call)
        for index, call in enumerate(module.facts.calls):
            if known is None or index in known:
                size = len(self._routers) + len(self._known)
                self._collect(module, index, call, by_hand)
                if len(self._routers) + len(self._known) > size:
                    found.add(index)
        return found

    @collected("routes.routers")
    def routers(self) -> Mapping[RouterKey, Router]:
        """Every router that a call in the project makes."""
        self._complete()
        return self._routers

    @collected("routes.registered")
    def registered(self) -> Mapping[RouterKey, list[Event]]:
        """What is registered on each router, as it is written."""
        self._complete()
        return self._events

    @collected("routes.rewritings")
    def rewritings(self) -> Mapping[RouterKey, list[Rewriting]]:
        """What is done to the paths of routers."""
        self._complete()
        return self._rewritings

    @property
    def _whole(self) -> Routes:
        """This object as the routers know it: what is found here is asked through `Routes`, which inherits from it."""
        return cast("Routes", self)

    def is_router(self, value: Type) -> bool:
        """Whether a value is an APIRouter or FastAPI object."""
        return self.types.is_instance(value, *_ROUTER_CLASSES)

    def _collect(self, module: Module, index: int, call: f.Call, by_hand: Mapping[int, list[f.Call]]) -> None:
        decorated = self._decorated(module)
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
        last = f.last_name(call.func)
        if last.endswith("_router"):
            self._library_router(module, index, call)
        if not last[:1].isupper() and last not in ("cls", "field", "ib") and not last.startswith("_"):
            return
        origin = Origin(module, index)
        made = self.types.call_type(module, index)
        if isinstance(made, Instance) and made.origin == origin and self.is_router(made):
            is_app = self.types.is_instance(made, "fastapi.FastAPI")
            self._routers[origin] = (App if is_app else Router)(self._whole, origin, made.cls, is_app)

    def _library_router(self, module: Module, index: int, call: f.Call) -> None:
        """A router that a library makes, with the routes it is known to bring."""
        known = library_router(self.types.name_of_type(self.types.callee(module, call)) or "")
        if known is None:
            return
        origin = Origin(module, index)
        self._routers[origin] = Router(self._whole, origin, "fastapi.APIRouter", False)
        for path, methods in known.routes.items():
            self._add(
                origin, Route(self._whole, origin, module, call, "http", methods, path, True, None, NOWHERE, False)
            )

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
        identity = (key, place_of(event.module, event.call), what)
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
        outermost = -1
        function = module.enclosing(block)
        while function is not None:
            outermost = function.index
            function = function.parent
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
                    self._whole,
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
        where = (module, call.block, call.start)
        if self._is_of_library(call.func, where) or not self._may_decorate(module, call):
            return
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
                        self._whole,
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

    def _is_of_library(self, func: f.Expr, where: Where) -> bool:
        """Whether a call is known to be of an object of a library that is no router (`requests.get(url)`)."""
        owner = self.types.infer(func.value, where) if isinstance(func, f.Attr) else None
        match owner:
            case External() | Method() | Instance(cls=str()):
                return not self.is_router(owner)
        return False

    def _may_decorate(self, module: Module, call: f.Call) -> bool:
        """Whether a function around a call is used as a decorator anywhere (or makes the object that is one).

        `return client.get(url)` is far more common than a decorator of the project's own, and to work out its
        environments means to look at all callers of its callers.
        """
        objects = self.expansion.objects
        function = module.enclosing(call.block)
        while function is not None:
            if any(self._is_decorating(place, call) for place, call in objects.decorating(function.name)):
                return True
            if function.cls is not None and objects.is_entry(function.name):
                if any(maker.start in self._decorating(maker.module) for maker in objects.makers(function.cls)):
                    return True
            function = function.parent
        return False

    def _is_decorating(self, module: Module, call: f.Call) -> bool:
        """Whether a decorating call is not known to be of a decorator of a library (`@router.get`)."""
        return not isinstance(self.types.callee(module, call), (Method, External))

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
        self, module: Module, by_hand: Mapping[int, list[f.Call]], index: int, call: f.Call, receiver: f.Expr, attr: str
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
