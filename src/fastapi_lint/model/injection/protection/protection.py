"""What refuses strangers besides dependencies, app by app and route by route.

Everything here errs towards "it may authenticate": whoever asks wants to be silent then. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.injection.dependencies import Dependencies
from fastapi_lint.model.injection.protection.credentials import looks_at
from fastapi_lint.model.injection.protection.gates import Gates
from fastapi_lint.model.injection.protection.looking import CREDENTIAL
from fastapi_lint.model.injection.protection.refusing import Refusing
from fastapi_lint.model.names.expressions import decorated_by
from fastapi_lint.model.names.symbols import (
    Class,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
)
from fastapi_lint.model.routing.answering.failures import Failures
from fastapi_lint.model.routing.routes import HTTP_METHODS, Address, Route, Router, RouterKey, Routes
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.tracking.tables import collected, contributions

_DEEPEST = 3


class Protection:
    """Answers "may something other than a dependency refuse this request"."""

    def __init__(self, types: Inference, routes: Routes, dependencies: Dependencies, failures: Failures) -> None:
        self.types = types
        self.routes = routes
        self.dependencies = dependencies
        self.refusing = Refusing(types, routes, dependencies, failures)
        self.may_check = self.refusing.may_check
        self._gates = Gates(types, routes, self.may_check)

    # ---------------------------------------------------------------- middleware

    def by_middleware(self, app: Router) -> bool:
        """Whether middleware of the app, or of another app in the same source tree, may authenticate."""
        return any(
            found and (self._root(app.module).startswith(root) or root.startswith(self._root(app.module)))
            for root, found in self.middleware
        )

    @collected("protection.middleware", whole=True)
    def middleware(self) -> tuple[tuple[str, bool], ...]:
        """The roots of source trees with middleware, and whether it authenticates."""
        found: dict[str, bool] = {}
        contributions(self.types.modules.tables, "middleware", lambda module: self.contribute(module, found))
        return tuple(found.items())

    def contribute(self, module: Module, found: dict[str, bool]) -> Collection[int]:
        """Add the middleware of a module; a place if there may be any."""
        if module.is_test or b"iddleware" not in module.source.data:
            return ()
        root = self._root(module)
        if not found.get(root):
            found[root] = any(self._gates.of(module))
        return (0,)

    def _root(self, module: Module) -> str:
        return "/".join((*self.types.modules.package_root(module), "")) + (module.parts[0] if module.parts else "")

    # ---------------------------------------------------------------- code

    def in_handler(self, handler: Function) -> bool:
        """Whether a handler, a function that it calls, or its class-based view may check the request."""
        return self.may_check(handler) or (handler.cls is not None and self._class_checks(handler.cls))

    def _class_checks(self, cls: Class) -> bool:
        """A class-based view whose bases are not all known, or that has a check of its own."""
        for base in self.types.mro(cls):
            if not isinstance(base, Class):
                if base == "?":
                    return True
                continue
            for name in ("__init__", "__call__", "dispatch", "prepare"):
                if name in base.methods and self.may_check(base.methods[name]):
                    return True
        return False

    def by_decorator(self, handler: Function) -> bool:
        """Whether a decorator above a handler may authenticate: known to, unknown, or looking at the request."""
        module = handler.module
        for decorator in handler.facts.decorators:
            expr = decorated_by(module, decorator)
            if isinstance(expr, f.Attr) and (
                expr.attr in HTTP_METHODS or "route" in expr.attr or "websocket" in expr.attr
            ):
                continue
            value = self.types.infer(expr, (module, handler.facts.outer, handler.facts.start))
            match value:
                case FunctionObject(function=function):
                    made = function.module.functions_within(function.facts.head_end, function.facts.end)
                    if self.may_check(function) or any(map(self.may_check, made)):  # the wrapper is what runs
                        return True
                case External(name=name):
                    if catalog.is_auth_decorator(name) or (catalog.marker(name) is None and "." in name):
                        return True
                case Method() as method:
                    if catalog.is_auth_decorator(method.dotted) or catalog.marker(method.dotted) is None:
                        return True
                case _:
                    return True
        return False

    @collected("protection.reclassed")
    def reclassed(self) -> Mapping[RouterKey, bool]:
        """The routers that are given a route class after they are made."""
        found: dict[RouterKey, bool] = {}
        for module in self.types.modules:
            for entry in module.facts.assigns if module.mentions("route_class") else ():
                if isinstance(entry.target, f.Attr) and entry.target.attr == "route_class":
                    where = (module, entry.block, entry.start)
                    found.update((key, True) for key in self.routes.keys(entry.target.value, where, NOWHERE))
        return found

    def by_router(self, address: Address) -> bool:
        """Whether a router on the way is of a class, or has a route class, that may check requests."""
        routers = [address.app]
        routers += [r for key in address.routers[1:] if (r := self.routes.router_of(key)) is not None]
        for router in routers:
            if router.keyword("route_class") is not None or isinstance(router.cls, Class):
                return True
            if router.origin in self.reclassed:
                return True
        return isinstance(address.route, Route) and address.route.forwarded is not None

    def takes_credential(self, handler: Function, *, hashing: bool = True) -> bool:
        """Whether a parameter, or a field of a body model, is a credential that is looked at: compared, looked up or
        given to something that may verify it. One that is only stored opens nothing, nor does one that is hashed for
        that, without `hashing`."""
        for parameter in self.dependencies.parameters(handler):
            if CREDENTIAL.search(parameter.name):
                if looks_at(self.types, handler, parameter.name, None, _DEEPEST, hashing=hashing):
                    return True
            value = parameter.type
            if isinstance(value, Instance) and isinstance(value.cls, Class):
                order = (base for base in self.types.mro(value.cls) if isinstance(base, Class))
                fields = frozenset(name for base in order for name in base.assigns if CREDENTIAL.search(name))
                if fields and looks_at(self.types, handler, parameter.name, fields, _DEEPEST, hashing=hashing):
                    return True
        return False
