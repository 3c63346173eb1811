"""Route objects that are made by hand and put into the list of a router's routes; and where registrations run."""

from __future__ import annotations

from collections.abc import Collection

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    Type,
)
from fastapi_lint.model.routing.forwarding import Forwarding, no_path
from fastapi_lint.model.routing.routers import Mount, Route, RouterKey, argument
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.constants import UNKNOWN
from fastapi_lint.model.values.environment import NOWHERE, Environment

_ROUTES = {
    "fastapi.routing.APIRoute": "http", "starlette.routing.Route": "http",
    "fastapi.routing.APIWebSocketRoute": "websocket", "starlette.routing.WebSocketRoute": "websocket",
    "fastapi.routing.Mount": "mount",
}  # fmt: skip
NAMES_OF_ROUTES = frozenset(name.rpartition(".")[2] for name in _ROUTES)


class Listed(Forwarding):
    """Answers "which routes does this list hold", "in which environments is this registered"."""

    def listed(self, module: Module, call: f.Call, receiver: f.Expr, given: f.Expr, *, first: bool = False) -> None:
        """`router.routes.append(APIRoute(...))`, or several; `first`: before all that is there."""
        where = (module, call.block, call.start)
        for environment in self.environments(module, call, receiver):
            for key in self.keys(receiver, where, environment):
                for item, place, inner in self.expansion.elements(given, where, environment):
                    self.add_listed(key, item, place, inner, first=first)

    def add_listed(
        self,
        key: RouterKey,
        item: f.Expr,
        where: Where,
        environment: Environment,
        *,
        first: bool = False,
        is_initial: bool = False,
    ) -> None:
        """One of the route objects that a router is given as a list."""
        module = where[0]
        call = module.facts.calls[item.index] if isinstance(item, f.CallRef) else None
        kind = self._kind_of_route(self.types.callee(module, call)) if call is not None else ""
        if call is None or not kind:
            return
        path = argument(call, 0, "path")
        folded = self.expansion.pieces(path.value, where, environment) if path else no_path(call)
        if kind == "mount":
            target = argument(call, 1, "app")
            values = self.expansion.values(target.value, where, environment) if target else []
            value = values[0] if len(values) == 1 else None
            self.add(key, Mount(key, self.key(value), value, module, call, folded), first=first)
            return
        endpoint = argument(call, 1, "endpoint")
        handler = self.handler(endpoint.value, where, environment) if endpoint else None
        attr = "add_websocket_route" if kind == "websocket" else "add_route"
        kind, methods = self.methods(call, attr, where, environment)
        is_known = UNKNOWN not in folded
        self.add(
            key,
            Route(
                self.whole, key, module, call, kind, methods, folded, is_known, handler, environment, False,
                environment.conditions, None, False, is_initial=is_initial,
            ),
            first=first,
        )  # fmt: skip

    def _kind_of_route(self, callee: Type) -> str:
        """What kind of route a call makes: "http", "websocket", "mount"; "" for anything else."""
        bases: tuple[Class | str, ...] = ()
        if isinstance(callee, External):
            bases = (callee.name,)
        elif isinstance(callee, ClassObject):
            bases = self.types.mro(callee.cls)
        return next((_ROUTES[base] for base in bases if isinstance(base, str) and base in _ROUTES), "")

    def environments(
        self, module: Module, call: f.Call, receiver: f.Expr, more: Collection[f.Expr] = ()
    ) -> list[Environment]:
        """In which environments something is registered on a receiver, and once more for any object of a class."""
        function = module.method_around(call.block)
        used: tuple[f.Expr, ...] = (receiver, *more, *(arg.value for arg in call.args))
        if function is not None and function.name == "__init__" and function.params:
            used = (*used, f.Name(function.params[0].name))  # what makes the object gives the rest
        found = self.expansion.environments(module, call.block, call.start, used)
        if function is not None and function.params:
            itself = function.params[0].name
            if not found or any(itself in environment for environment in found):
                # Once more for objects of the class of which it is not known where they are made.
                conditions = self.expansion.conditions.around(module, call.block, call.start, NOWHERE)
                if self.keys(receiver, (module, call.block, call.start), NOWHERE) and conditions is not None:
                    found = [*found, NOWHERE.with_bound({}, conditions)]
        return found

    def handler(self, endpoint: f.Expr, where: Where, environment: Environment) -> Function | None:
        """The function that answers: the endpoint itself, or what its object is called by."""
        match self.expansion.values(endpoint, where, environment):
            case [FunctionObject(function=function)]:
                return function
            case [Instance(cls=Class() as cls) as made]:
                called = self.types.member(cls, "__call__", made)
                return called.function if isinstance(called, FunctionObject) else None
        return None


def added_to_routes(module: Module, index: int) -> f.Expr | None:
    """The router to whose routes a list adds that a call stands in: `router.routes += [Route(...)]`."""
    block = module.facts.calls[index].block
    for entry in module.assigns_in.get(module.facts.blocks[block].function, ()):
        match entry.target, entry.value:
            case f.Attr(value=router, attr="routes"), f.Display(items=items) if entry.op == "+=":
                if f.CallRef(index) in items:
                    return router
    return None
