"""Routers, routes, inclusions, mounts and addresses: what is known of each. Finds none of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Protocol, Union

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.places import same_call
from fastapi_lint.model.names.symbols import Class, Function, Module, Origin, Type
from fastapi_lint.model.routing.paths import placeholders
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.constants import UNKNOWN, Values
from fastapi_lint.model.values.construction import Construction
from fastapi_lint.model.values.environment import NOWHERE, Bound, Condition, Environment
from fastapi_lint.model.values.expansion import Expansion
from fastapi_lint.tracking import memoized


@dataclass(frozen=True)
class Unplaced:
    """An app or router that somebody else hands over: the parameter of a set-up function, the attribute of an object.

    What is registered on it has no address; `scope` is the function around (its index), `name` the expression.
    """

    module: Module = field(repr=False)
    scope: int
    name: str
    cls: Class | str


RouterKey = Union[Origin, Class, Unplaced]
"""What identifies a router: the call that makes it, the class on whose `self` routes are registered, or a name."""


class Routing(Protocol):
    """What routes and routers ask of all routes of the project (`routes.Routes`)."""

    @property
    def values(self) -> Values: ...
    @property
    def expansion(self) -> Expansion: ...
    @property
    def by_handler(self) -> Mapping[Function, list[Route]]: ...
    def construction(self, router: Router) -> Construction | None: ...
    def router_of(self, key: RouterKey) -> Router | None: ...
    def addresses_of(self, route: Route) -> tuple[Address, ...]: ...
    def events_of(self, router: Router) -> tuple[Event, ...]: ...
    def router_prefix(self, router: Router) -> str: ...


@dataclass(frozen=True, eq=False)
class Route:
    """One registration of a handler under a path of one router: a decorator, or a call of `add_api_route`.

    `path` is folded as far as known (`UNKNOWN` marks the rest); `methods` are upper case and empty for websockets.
    `conditions` are blocks of which it is not known whether they run. `forwarded` is the registration inside a function
    of the project that is used as the decorator (`@protected(router.get, "/x")`); `call` is then the decorator.
    `takes_prefix`: the router's own prefix goes before FastAPI's routes, not before Starlette's and those of a list.
    `on` is the call of a function of the project that makes the router, as far as that is known.
    `is_changed`: a method of the project that overrides the verb adds arguments, or changes them. `partial` is the one
    that adds arguments to the verb. `is_initial`: it stands in the list that its router is made with.
    """

    project: Routing = field(repr=False)
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
    takes_prefix: bool = True
    is_changed: bool = False
    is_initial: bool = False
    on: Bound | None = field(default=None, repr=False)
    partial: Origin | None = field(default=None, repr=False)

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

    def given(self, name: str) -> Bound | None:
        """What FastAPI is given by that name: here, or by a function of the project that is used as the decorator."""
        own = self.keyword(name)
        if own is not None:
            return own.value, self.where, self.environment
        if self.partial is not None and (before := f.keyword(self.partial.facts, name)) is not None:
            made = self.partial
            return before.value, (made.module, made.facts.block, made.start), NOWHERE
        if self.forwarded is not None:
            module, call = self.forwarded
            if (inner := f.keyword(call, name)) is not None:
                return inner.value, (module, call.block, call.start), self.environment
        return None

    @property
    def paths(self) -> tuple[str, ...]:
        """The full paths under which it answers; without an app, the own path behind the prefix of its router."""
        if addresses := self.addresses:
            return tuple(address.path for address in addresses)
        router = self.router if self.takes_prefix else None
        return ((router.prefix if router is not None else "") + self.path,)

    @property
    def placeholders(self) -> frozenset[str]:
        """The names that stand in these paths: what a parameter of such a name is read from."""
        return frozenset(name for path in self.paths for name, _ in placeholders(path))

    @property
    def ending(self) -> str | None:
        """The longest known end of the path, with the prefix when it is empty itself; None when not even the last piece
        is known."""
        path = self.path
        if not path.strip("/") and (router := self.router) is not None:
            path = router.prefix
            if not path.strip("/"):
                path = next((address.path for address in self.addresses), "")
        return None if UNKNOWN in path.rstrip("/").rsplit("/", 1)[-1] else path

    @property
    def has_unpacked(self) -> bool:
        """Whether more arguments than are seen may be given: by `**kwargs`, a method on the way, or a `partial`."""
        return self.partial is not None or self.hides_arguments

    @property
    def hides_arguments(self) -> bool:
        """As `has_unpacked`, those aside that `given` knows of."""
        return self.is_changed or any(arg.name == "**" for arg in self.call.args)

    @property
    def status_code(self) -> int | None:
        """The declared status code; None when there is none or it is not known (see `keyword`)."""
        given = self.given("status_code")
        if given is None:
            return None
        expr, where, _ = self.project.expansion.source(*given)
        return self.project.values.status(expr, where)


@dataclass(frozen=True, eq=False)
class Inclusion:
    """One `include_router` call: `child` gets into `parent` under `prefix`.

    `on` is the call of a function of the project that makes the parent, `made` the one that makes the child.
    """

    parent: RouterKey
    child: RouterKey
    module: Module
    call: f.Call
    prefix: str
    environment: Environment = field(default_factory=lambda: NOWHERE, repr=False)
    position: int = 0
    conditions: tuple[Condition, ...] = field(default=(), repr=False)
    on: Bound | None = field(default=None, repr=False)
    made: Bound | None = field(default=None, repr=False)

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
    takes_prefix: ClassVar[bool] = False

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

    project: Routing = field(repr=False)
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
        """A keyword argument of the call that makes it, or None."""
        return next((arg for arg in self.call.args if arg.name == name), None)

    def given(self, name: str) -> Bound | None:
        """What APIRouter or FastAPI is given by that name: by that call, or by a class of the project in between."""
        made = self.project.construction(self)
        return made.argument(name) if made is not None else (f.Unknown(), self.where, NOWHERE)

    @property
    @memoized
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
    """A route or mount as an app answers it: the full path and the inclusions on the way, outermost first.

    `pieces` are what stands before the route's own path: of the app itself, then of each inclusion.
    """

    app: Router
    route: Route | Mount
    path: str
    inclusions: tuple[Inclusion, ...]
    pieces: tuple[str, ...] = ("",)

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
        for mine, theirs in zip((*self.inclusions, self.route), (*other.inclusions, other.route), strict=False):
            if mine is theirs:
                continue
            if (by_maker := _made_before(mine, theirs)) is not None:
                return by_maker
            if _is_initial(mine) != _is_initial(theirs) and _parent(mine) == _parent(theirs):
                return _is_initial(mine)
            if mine.module is not theirs.module:
                return None
            blocks = mine.module.facts.blocks
            if blocks[mine.call.block].function != blocks[theirs.call.block].function:
                return None
            if same_call(mine, theirs):
                left, right = getattr(mine, "position", 0), getattr(theirs, "position", 0)
                return None if left == right else left < right
            # Decorators are applied from the inside out: of two on one function the lower one registers first.
            if isinstance(mine, Route) and isinstance(theirs, Route) and mine.handler is theirs.handler is not None:
                return mine.start > theirs.start
            return mine.start < theirs.start
        return None

    def exclusive_with(self, other: Address) -> bool:
        """Whether only one of the two may exist: they are registered in different branches of one `if` (or try), or one
        of them in a file with a syntax error, which may hold both sides of a merge conflict."""
        if any(event.module.is_recovered for each in (self, other) for event in (*each.inclusions, each.route)):
            return True
        for mine in (*self.inclusions, self.route):
            for theirs in (*other.inclusions, other.route):
                if mine.module is theirs.module and _exclusive(mine.module, mine.call.block, theirs.call.block):
                    return True
        return False


def _is_initial(event: Event) -> bool:
    return isinstance(event, Route) and event.is_initial


def _parent(event: Event) -> RouterKey:
    """The router that something is registered on."""
    return event.key if isinstance(event, Route) else event.parent


def _made_before(one: Event, other: Event) -> bool | None:
    """Whether one of two on the same router is registered by the function that builds the router, and the other one at
    module level, with what the function gave; None when it is not so."""
    key = _parent(one)
    if key != _parent(other) or not isinstance(key, Origin):
        return None
    maker = key.module.facts.blocks[key.facts.block].function
    places = [(each.module, each.module.facts.blocks[each.call.block].function) for each in (one, other)]
    inside = [place == (key.module, maker) for place in places]
    if maker < 0 or inside[0] == inside[1] or places[inside.index(False)][1] >= 0:
        return None
    return inside[0]


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
