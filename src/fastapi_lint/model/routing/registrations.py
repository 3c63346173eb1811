"""Finds where routers are made, and what is registered, included and mounted on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import cast

from fastapi_lint.catalog.routers import library_router
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.places import place_of
from fastapi_lint.model.names.symbols import (
    Class,
    Function,
    Instance,
    Module,
    Origin,
)
from fastapi_lint.model.routing.forwarding import no_path
from fastapi_lint.model.routing.registering.listed import NAMES_OF_ROUTES, Listed, added_to_routes
from fastapi_lint.model.routing.registering.rounds import round_of
from fastapi_lint.model.routing.registering.verbs import ADDERS, STARLETTES, VERBS, Verb, asked_for, by_name
from fastapi_lint.model.routing.rewriting import Rewriting, path_on_the_way, rewritings
from fastapi_lint.model.routing.routers import (
    App,
    Event,
    Inclusion,
    Mount,
    Route,
    Router,
    RouterKey,
    Routing,
    Unplaced,
    argument,
)
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.model.values.constants import UNKNOWN, Values
from fastapi_lint.model.values.environment import NOWHERE, Environment
from fastapi_lint.model.values.expansion import Expansion
from fastapi_lint.tracking import memoized, recording
from fastapi_lint.tracking.tables import collected, contributions, numbered


@dataclass(eq=False)
class _Found:
    """What was found so far: routers, what is registered on them, and what is done to their paths."""

    routers: dict[RouterKey, Router] = field(default_factory=dict)
    events: dict[RouterKey, list[Event]] = field(default_factory=dict)
    rewritings: dict[RouterKey, list[Rewriting]] = field(default_factory=dict)
    known: set[tuple[object, ...]] = field(default_factory=set)
    failure: Exception | None = None


class Registrations(Listed):
    """Every router of the project with the events on it, in the order in which they are written."""

    def __init__(self, types: Inference, values: Values, expansion: Expansion) -> None:
        super().__init__(types, values, expansion)
        self._found = _Found()
        self._added: list[object] = []
        self._is_collecting = False

    @property
    def _all(self) -> _Found:
        if self._is_collecting:  # what a module registers hangs on what is registered: that is what there is so far
            recording.depend_on(None)
            return self._found
        found = self._collect_all()
        if found.failure is not None:
            raise found.failure  # half of the routes would be worse than none
        return found

    @memoized
    def _collect_all(self) -> _Found:
        found = self._found = _Found()
        self._callers_of.clear()
        self._is_collecting = True
        try:
            contributions(self.types.modules.tables, "routes", self.contribute)
        except Exception as error:
            found.failure = error
        finally:
            self._is_collecting = False
        return found

    def contribute(self, module: Module) -> Collection[int]:
        """Find what a module makes, registers and includes; the calls that do, -1 for the rest of the module."""
        data = module.source.data
        if b"fastapi" not in data.lower() and b"route" not in data and b"@" not in data:
            if not module.mentions(*self._own_classes()):
                return ()
        known = self.types.modules.tables.places("routes", module)
        found = set()
        self._added = []
        if known is None or -1 in known:
            for receiver, where, rewriting in rewritings(module):
                for key in self.keys(receiver, where, NOWHERE):
                    self._found.rewritings.setdefault(key, []).append(rewriting)
                    self._added.append((key, rewriting))
                    found.add(-1)
        by_hand: dict[int, list[f.Call]] = {}
        for call in module.facts.calls:
            if isinstance(call.func, f.CallRef):
                by_hand.setdefault(call.func.index, []).append(call)
        for index, call in enumerate(module.facts.calls):
            if known is None or index in known:
                size = len(self._added)
                self._collect(module, index, call, by_hand)
                if len(self._added) > size:
                    found.add(index)
        return numbered(found, self._added)

    @memoized
    def _own_classes(self) -> tuple[str, ...]:
        """The names of the project's classes that may be apps or routers, by the names of their bases."""
        found: dict[str, None] = {}
        pending = ["FastAPI", "APIRouter", "Starlette", "Router"]
        for name in pending:
            for cls in self.types.modules.classes_by_base.get(name, ()):
                if cls.name not in found:
                    found[cls.name] = None
                    pending.append(cls.name)
        return tuple(found)

    @memoized
    def _partial_classes(self) -> frozenset[str]:
        """The names under which the project calls a `partial` of a router class: `make = partial(APIRouter)`."""
        classes = {"APIRouter", *self._own_classes()}
        found: set[str] = set()
        for module, index in self.types.modules.calls_by_name.get("partial", ()):
            given = module.facts.calls[index].args[:1]
            if given and f.last_name(given[0].value) in classes:
                for entry in module.facts.assigns:
                    if entry.value == f.CallRef(index):
                        name = f.last_name(entry.target)
                        found.update((name, *self.types.modules.aliases.get(name, ())))
        return frozenset(found - {""})

    @collected("routes.routers")
    def routers(self) -> Mapping[RouterKey, Router]:
        """Every router that a call in the project makes."""
        return self._all.routers

    @collected("routes.registered")
    def registered(self) -> Mapping[RouterKey, list[Event]]:
        """What is registered on each router, as it is written."""
        return self._all.events

    @collected("routes.rewritings")
    def rewritings(self) -> Mapping[RouterKey, list[Rewriting]]:
        """What is done to the paths of routers."""
        return self._all.rewritings

    @property
    def whole(self) -> Routing:
        """This object as the routers know it: what is found here is asked through `Routes`, which inherits from it."""
        return cast("Routing", self)

    def _collect(self, module: Module, index: int, call: f.Call, by_hand: Mapping[int, list[f.Call]]) -> None:
        match self.verb(module, index, call):
            case f.Attr(value=receiver, attr=attr) if attr in VERBS or attr in ADDERS:
                if self.is_spared(module, call, receiver, attr):
                    return
                verb = Verb(self.itself(module, call, receiver), attr)
                if attr in ADDERS:
                    self._add_by_call(module, call, verb)
                else:
                    self._register(module, index, call, by_hand, self.of_module(module, call, verb))
            case f.Attr(value=receiver, attr="include_router"):
                self._include(module, call, receiver)
            case f.Attr(value=receiver, attr="mount"):
                self._mount(module, call, receiver)
            case f.Attr(value=f.Attr(value=receiver, attr="routes"), attr="append" | "extend" | "insert" as attr):
                match attr, [arg.value for arg in call.args]:
                    case "append", [one]:
                        self.listed(module, call, receiver, f.Display("list", (one,)))
                    case "extend", [several]:
                        self.listed(module, call, receiver, several)
                    case "insert", [f.Const(value=0), one]:  # elsewhere it is not known before whom it comes
                        self.listed(module, call, receiver, f.Display("list", (one,)), first=True)
            case f.Name(id=name) if self._is_parameter(module, call, name):
                if index in self.decorated(module) or by_hand.get(index) or self._returned(module, index):
                    self.forward(module, call)
            case f.Name() | f.Attr() | f.Sub() | f.CallRef():
                is_used = index in self.decorated(module) or index in by_hand
                if is_used and (known := self.known_verb(module, call)) is not None:
                    self._register(module, index, call, by_hand, known)
                    return
                asked = by_name(module, call.func)
                if asked is not None or (isinstance(call.func, f.Sub) and (is_used or self._returned(module, index))):
                    verb = Verb(asked[0] if asked is not None else call.func, asked=call.func)
                    self._register(module, index, call, by_hand, verb)
                self._construct(module, index, call)
                if f.last_name(call.func) in NAMES_OF_ROUTES and (entry := added_to_routes(module, index)):
                    self.listed(module, call, entry, f.Display("list", (f.CallRef(index),)))

    def _register(
        self, module: Module, index: int, call: f.Call, by_hand: Mapping[int, list[f.Call]], verb: Verb
    ) -> None:
        if index in self.decorated(module):
            for handler in self.decorated(module)[index]:
                self.add_route(module, call, verb, handler, by_decorator=True)
        elif not self._register_by_hand(module, by_hand, index, call, verb):
            if index in by_hand or self._returned(module, index):
                self.forward(module, call)

    @staticmethod
    def _returned(module: Module, index: int) -> bool:
        function = module.facts.blocks[module.facts.calls[index].block].function
        return any(e.value == f.CallRef(index) for e in module.exits_in.get(function, ()))

    @staticmethod
    def _is_parameter(module: Module, call: f.Call, name: str) -> bool:
        params = (param for function in module.functions_around(call.block) for param in function.params)
        return any(param.name == name for param in params) and bool(call.args) and call.args[0].name in ("", "path")

    def _construct(self, module: Module, index: int, call: f.Call) -> None:
        last = f.last_name(call.func)
        if last.endswith("_router"):
            self._library_router(module, index, call)
        if not last[:1].isupper() and last not in ("cls", "field", "ib") and not last.startswith("_"):
            if last not in self._partial_classes():
                return
        origin = Origin(module, index)
        made = self.types.call_type(module, index)
        if isinstance(made, Instance) and made.origin == origin and self.is_router(made):
            is_app = self.types.is_instance(made, "fastapi.FastAPI")
            router = self._found.routers[origin] = (App if is_app else Router)(self.whole, origin, made.cls, is_app)
            self._added.append(router)
            if any(arg.name == "routes" for arg in call.args):
                given = router.given("routes")
                for item, place, inner in self.expansion.elements(*given) if given is not None else ():
                    self.add_listed(origin, item, place, inner, is_initial=True)

    def _library_router(self, module: Module, index: int, call: f.Call) -> None:
        """A router that a library makes, with the routes it is known to bring."""
        known = library_router(self.types.name_of_type(self.types.callee(module, call)) or "")
        if known is None:
            return
        origin = Origin(module, index)
        router = self._found.routers[origin] = Router(self.whole, origin, "fastapi.APIRouter", False)
        self._added.append(router)
        for path, methods in known.routes.items():
            self.add(origin, Route(self.whole, origin, module, call, "http", methods, path, True, None, NOWHERE, False))

    def add(self, key: RouterKey, event: Event, *, first: bool = False) -> None:
        match event:
            case Route():
                what: object = (event.path, event.methods, event.handler, event.on and event.on[1])
            case Inclusion():
                what = (event.child, event.prefix, event.on and event.on[1], event.made and event.made[1])
                child = self._found.routers.get(event.child)
                if child is not None and not event.prefix:  # each round of a loop may make one with another prefix
                    what = (*what, round_of(child, event))
            case Mount():
                what = event.path
        identity = (key, place_of(event.module, event.call), what)
        if identity not in self._found.known:
            self._found.known.add(identity)
            self._added.append((key, event))
            events = self._found.events.setdefault(key, [])
            events.insert(0 if first else len(events), event)

    def add_route(
        self,
        module: Module,
        call: f.Call,
        verb: Verb,
        handler: Function | None,
        *,
        by_decorator: bool,
        endpoint: f.Expr | None = None,
    ) -> None:
        where = (module, call.block, call.start)
        path = argument(call, 0, "path")
        receiver = verb.receiver
        asked = asked_for(module, verb.asked) if verb.asked is not None else ()
        environments = self.environments(module, call, receiver, asked)
        placed = [each for environment in environments for each in self._placed(verb, where, environment)]
        if not placed and environments and (unplaced := self._unplaced(receiver, where)) is not None and verb.attr:
            placed = [(unplaced, verb.attr, environments[0])]
        for key, attr, environment in placed:
            if endpoint is not None:
                handler = self.handler(endpoint, where, environment)
            folded = self.expansion.pieces(path.value, where, environment) if path else no_path(call)
            if attr not in ADDERS and attr not in STARLETTES:
                folded = path_on_the_way(self.types, self.expansion, key, folded, attr, call, where)
            if isinstance(key, Class) and UNKNOWN in folded and len(placed) > 1:
                continue  # of any object of the class: what is known of those that are made says more
            kind, methods = self.methods(call, attr, where, environment)
            outer, made, inner = module, call, None
            if (decorator := self.decorator_of(handler, environment)) is not None:
                (outer, made), inner, by_decorator = decorator, (module, call), True
            changed = self.is_changed(receiver, attr, where)
            self.add(
                key,
                Route(
                    self.whole, key, outer, made, kind, methods, folded, UNKNOWN not in folded, handler, environment,
                    by_decorator, self.conditions(key, outer, made, environment if inner is None else NOWHERE), inner,
                    attr not in STARLETTES, changed, on=self.making(key, receiver, where, environment),
                    partial=verb.made,
                ),
            )  # fmt: skip

    def _placed(self, verb: Verb, where: Where, environment: Environment) -> list[tuple[RouterKey, str, Environment]]:
        """The routers that a verb registers on in one round, each with the name of the verb."""
        if verb.key is not None:
            return [(verb.key, verb.attr, environment)]
        receiver, place, inner = verb.receiver, where, environment
        attr = verb.attr
        if verb.asked is not None:
            found = self.verb_in(verb.asked, where, environment)
            if found is None:
                return []
            (receiver, attr), place, inner = (found[0].value, found[0].attr), found[1], found[2]
        return [(key, attr, environment) for key in self.keys(receiver, place, inner)]

    def _unplaced(self, receiver: f.Expr, where: Where) -> Unplaced | None:
        """An app or router of which only the type is known, as an identity for what is registered on it."""
        value = self.types.infer(receiver, where)
        if not isinstance(value, Instance) or value.origin is not None or not self.is_router(value):
            return None
        return Unplaced(where[0], where[0].facts.blocks[where[1]].function, _dotted(receiver), value.cls)

    def _register_by_hand(
        self, module: Module, by_hand: Mapping[int, list[f.Call]], index: int, call: f.Call, verb: Verb
    ) -> bool:
        """`router.get("/x")(handler)`. False when what is registered is a parameter: that of a decorator."""
        others = [other for other in by_hand.get(index, ()) if len(other.args) == 1]
        for other in others:
            given = other.args[0].value
            value = self.types.infer(given, (module, other.block, other.start))
            if isinstance(given, f.Name) and value is None and module.enclosing(other.block) is not None:
                return False
            self.add_route(module, call, verb, None, by_decorator=False, endpoint=given)
        return bool(others)

    def _add_by_call(self, module: Module, call: f.Call, verb: Verb) -> None:
        endpoint = argument(call, 1, "endpoint") or argument(call, 1, "route")
        value = endpoint.value if endpoint else f.Unknown()
        self.add_route(module, call, verb, None, by_decorator=False, endpoint=value)

    def _include(self, module: Module, call: f.Call, receiver: f.Expr) -> None:
        child = argument(call, 0, "router")
        if child is None:
            return
        where = (module, call.block, call.start)
        prefix = next((arg.value for arg in call.args if arg.name == "prefix"), None)
        if prefix is None and any(arg.name == "**" for arg in call.args):
            prefix = f.Unknown()
        placed: set[RouterKey] = set()
        for position, environment in enumerate(self.environments(module, call, receiver)):
            children = self.keys(child.value, where, environment)
            folded = "" if is_none(prefix) else self.expansion.pieces(prefix, where, environment)
            for parent in self.keys(receiver, where, environment):
                if UNKNOWN in folded and not environment and parent in placed:
                    continue  # by any object of a class: what is known of the one that is made says more
                placed.add(parent)
                conditions = self.conditions(parent, module, call, environment)
                on = self.making(parent, receiver, where, environment)
                for i, key in enumerate(children):
                    made = self.making(key, child.value, where, environment)
                    event = Inclusion(
                        parent, key, module, call, folded, environment, position * 1000 + i, conditions, on, made
                    )
                    self.add(parent, event)

    def _mount(self, module: Module, call: f.Call, receiver: f.Expr) -> None:
        where = (module, call.block, call.start)
        path, target = argument(call, 0, "path"), argument(call, 1, "app")
        if target is None:
            return
        for environment in self.environments(module, call, receiver):
            values = self.expansion.values(target.value, where, environment)
            value = values[0] if len(values) == 1 else None
            for parent in self.keys(receiver, where, environment):
                folded = self.expansion.pieces(path.value, where, environment) if path else no_path(call)
                conditions = self.conditions(parent, module, call, environment)
                self.add(parent, Mount(parent, self.key(value), value, module, call, folded, conditions))


def _dotted(expr: f.Expr) -> str:
    match expr:
        case f.Attr(value=value, attr=attr):
            return f"{_dotted(value)}.{attr}"
        case f.Name(id=name):
            return name
    return "?"
