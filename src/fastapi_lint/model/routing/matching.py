"""Which requests get to which route: the addresses of an app side by side. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.decorators import put_in_place
from fastapi_lint.model.names.expressions import decorated_by, evaluated, targets, walk
from fastapi_lint.model.names.symbols import Class, ClassObject, External, Function, FunctionObject, Module
from fastapi_lint.model.routing.paths import normalised
from fastapi_lint.model.routing.routes import Address, Inclusion, Mount, Route, Router, Routes
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.model.values.constants import UNKNOWN

_LOOKS = frozenset({"wraps", "update_wrapper", "signature", "iscoroutinefunction", "isawaitable", "print", "str"})
"""What is given the function that a decorator stands above, and notes nothing of it."""


@dataclass(frozen=True, eq=False)
class Place:
    """An address as it takes part in matching.

    `anchor` are the inclusions up to the last one whose prefix is not known; `rest` is the path after that. Two places
    can be compared when they have one anchor: what is unknown is then the same for both.
    """

    address: Address
    index: int
    anchor: tuple[Inclusion, ...]
    rest: str

    @property
    def route(self) -> Route | Mount:
        return self.address.route

    @property
    def shown(self) -> str:
        """The path for messages; the unknown part is left out."""
        return self.rest if self.anchor else self.address.path

    @property
    def pattern(self) -> str:
        """The path with anonymous placeholders."""
        return normalised(self.rest)

    def sometimes(self, other: Place) -> bool:
        """Whether this is registered under a condition that does not hold for `other` as well."""
        mine, theirs = (
            {condition for event in (*place.address.inclusions, place.route) for condition in event.conditions}
            for place in (self, other)
        )
        return bool(mine - theirs)


def roots(routes: Routes) -> Iterator[Router]:
    """The apps of the project, tests aside, and the routers that nothing is known to include."""
    included = {inclusion.child for inclusion in routes.inclusions}
    for router in list(routes.routers.values()):
        if not router.module.is_test and (router.is_app or router.origin not in included):
            yield router


def places(root: Router, routes: Routes) -> Iterator[Place]:
    """The addresses below an app or router whose paths are known, in the order in which they are seen."""
    for index, address in enumerate(routes.addresses(root)):
        if UNKNOWN in address.route.path or address.route.module.is_test:
            continue
        anchor: tuple[Inclusion, ...] = ()
        rest = address.pieces[0]
        if UNKNOWN in rest:
            continue
        for count, piece in enumerate(address.pieces[1:], 1):
            known = piece.rsplit(UNKNOWN, 1)
            if len(known) == 2:
                anchor, rest = address.inclusions[:count], known[1]
            else:
                rest += piece
        yield Place(address, index, anchor, rest + address.route.path)


def matches_by_itself(route: Route | Mount, routes: Routes) -> bool:
    """Whether the router's own route class decides what a path matches (host, version or header routing)."""
    router = routes.router_of(route.parent if isinstance(route, Mount) else route.key)
    given = route.given("route_class_override") if isinstance(route, Route) else None
    if given is None and router is not None:
        given = router.given("route_class")
    if given is None:
        return False
    values = routes.expansion.values(*given)
    value = values[0] if len(values) == 1 else None
    if isinstance(value, External):
        return value.name not in ("fastapi.routing.APIRoute", "starlette.routing.Route")
    if not isinstance(value, ClassObject):
        return True
    return any(isinstance(base, Class) and "matches" in base.methods for base in routes.types.mro(value.cls))


def replaces_routes(address: Address, routes: Routes) -> bool:
    """Whether a router on the way is of a class that looks at its routes when it gets one more: it may take one out."""
    for key in address.routers:
        router = routes.router_of(key)
        cls = router.cls if router is not None else None
        for base in routes.types.mro(cls) if isinstance(cls, Class) else ():
            method = base.methods.get("add_api_route") if isinstance(base, Class) else None
            if method is not None and any(
                isinstance(part, f.Attr) and part.attr == "routes" for e, _, _ in evaluated(method) for part in walk(e)
            ):
                return True
    return False


def is_versioned(route: Route | Mount, types: Inference) -> bool:
    """Whether a decorator of the handler says for which version of the API it stands, by its name and, as far as it is
    of the project, by leaving a mark somewhere."""
    if not isinstance(route, Route) or route.handler is None:
        return False
    module = route.handler.module
    for decorator in route.handler.facts.decorators:
        expr = decorated_by(module, decorator)
        name = expr.id if isinstance(expr, f.Name) else expr.attr if isinstance(expr, f.Attr) else ""
        if "version" in name.lower() and _may_mark(types, route.handler, decorator):
            return True
    return False


def _may_mark(types: Inference, handler: Function, decorator: f.Expr) -> bool:
    """Whether a decorator may note something about a function: it is told a version, or is not one of the project that
    only wraps it."""
    if isinstance(decorator, f.CallRef) and handler.module.facts.calls[decorator.index].args:
        return True
    maker = types.decorator(handler, decorator)
    if not isinstance(maker, FunctionObject) or put_in_place(types, handler, decorator) is None:
        return True
    module, facts = maker.function.module, maker.function.facts
    calls = [call for call in module.facts.calls if facts.start <= call.start < facts.end]
    assigns = [entry for entry in module.facts.assigns if facts.start <= entry.start < facts.end]
    return any(not isinstance(target, f.Name) for entry in assigns for target in targets(entry.target)) or any(
        isinstance(arg.value, f.Name) and arg.value.id in _taken(module, call) and f.last_name(call.func) not in _LOOKS
        for call in calls
        for arg in call.args
        if arg.name in ("", "function", "func")
    )


def _taken(module: Module, call: f.Call) -> set[str]:
    """The parameters of the functions around a call."""
    params = (param for function in module.functions_around(call.block) for param in function.params)
    return {param.name for param in params if param.kind not in ("args", "kwargs")}
