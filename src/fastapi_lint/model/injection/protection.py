"""What refuses strangers besides dependencies: middleware, decorators, and checks in the handler's own code.

Everything here errs towards "it may authenticate": whoever asks wants to be silent then. Judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.injection.dependencies import Dependencies
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
)
from fastapi_lint.model.routing.routes import HTTP_METHODS, Address, Route, Router, RouterKey, Routes
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.model.values.literals import literals_between
from fastapi_lint.tracking.tables import collected, contributions

_WORDS = re.compile(
    r"authori[sz]|authenticat|(?<![a-z])auth(?![a-z])|auth_|_auth|permission|privilege|current_?user|api_?key|apikey|"
    r"signature|hmac|secret|(?<!max_)token(?!iz)|jwt|credential|password|passwd|logged_?in|login|is_admin|superuser|"
    r"(?:HTTP_|status_code\s*=\s*)?40[13]\b|forbidden|unauthori[sz]ed|verify|\.headers|\.cookies|"
    r"\.state\b|\.session\b|"
    r"request\.user|scope\[|csrf|nonce|webhook|require_|ensure_|guard|acl\b|rbac|allowed|owner|principal|identity|"
    r"access_|_access|bearer|oauth|sso\b|saml|tenant|guest|anonymous",
    re.IGNORECASE,
)
_MIDDLEWARE = re.compile(
    r"auth|token|jwt|login|oauth|oidc|saml|keycloak|identity|principal|permission|security|access(?!_?log|"
    r"middleware$)|acl|guard|api_?key|"
    r"credential|firewall|allow_?list|white_?list|ip_?filter|user",
    re.IGNORECASE,
)
_GATE = re.compile(
    r"authenticat|jwt|bearer|api_?key|current_?user|\b40[13]\b|_40[13]_|forbidden|unauthori[sz]ed|verify_|"
    r"permission|\.auth\b|login|"
    r"headers(\.get\(|\[)\W*authorization|whitelist|allowlist",
    re.IGNORECASE,
)
"""What middleware that turns strangers away has in its text, and middleware for logs, timing and CORS has not."""


class Protection:
    """Answers "may something other than a dependency refuse this request"."""

    def __init__(self, types: Inference, routes: Routes, dependencies: Dependencies) -> None:
        self.types = types
        self.routes = routes
        self.dependencies = dependencies

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
            found[root] = any(self._authenticating(module))
        return (0,)

    def _root(self, module: Module) -> str:
        return "/".join((*self.types.modules.package_root(module), "")) + (module.parts[0] if module.parts else "")

    def _authenticating(self, module: Module) -> Iterator[bool]:
        facts = module.facts
        for index, call in enumerate(facts.calls):
            where = (module, call.block, call.start)
            match call.func:
                case f.Attr(attr="add_middleware") if call.args:
                    yield self._refuses(call.args[0].value, where)
                case f.Attr(attr="middleware"):
                    for function in module.functions:
                        if f.CallRef(index) in function.facts.decorators:
                            yield self.may_check(function, _GATE)
                    for other in facts.calls:
                        if other.func == f.CallRef(index) and other.args:
                            yield self._refuses(other.args[0].value, (module, other.block, other.start))
                case f.Name(id="Middleware") | f.Attr(attr="Middleware") if call.args:
                    yield self._refuses(call.args[0].value, where)

    def _refuses(self, expr: f.Expr, where: Where) -> bool:
        values = [self.types.infer(expr, where)]
        if values == [None]:
            environments = self.routes.expansion.environments(where[0], where[1], where[2], (expr,))
            values = [v for e in environments for v in self.routes.expansion.values(expr, where, e)] or [None]
        return any(self._one_refuses(value) for value in values)

    def _one_refuses(self, value: object) -> bool:
        match value:
            case External(name=name):
                return catalog.is_auth_middleware(name) or bool(_MIDDLEWARE.search(name.rsplit(".", 1)[-1]))
            case ClassObject(cls=cls):
                if _MIDDLEWARE.search(cls.name):
                    return True
                return any(
                    catalog.is_auth_middleware(base)
                    if isinstance(base, str)
                    else any(self.may_check(method, _GATE) for method in base.methods.values())
                    for base in self.types.mro(cls)
                )
            case FunctionObject(function=function):
                return self.may_check(function, _GATE)
        return True

    # ---------------------------------------------------------------- code

    def may_check(self, function: Function, words: re.Pattern[str] = _WORDS) -> bool:
        """Whether a function of the project, or one it calls, may look at who is asking or refuse with 401 or 403."""
        if words.search(_code(function) if words is _WORDS else _whole(function)):
            return True
        for call in function.calls:
            value = self.types.callee(function.module, call)
            if not isinstance(value, FunctionObject) or value.function is function:
                continue
            if self.dependencies.refuses(value.function) or _NAMED.search(value.function.name):
                return True
        return False

    def in_handler(self, handler: Function) -> bool:
        """Whether a handler may check the request itself: by its parameters, its text, or a function it calls."""
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
            expr = module.facts.calls[decorator.index].func if isinstance(decorator, f.CallRef) else decorator
            if isinstance(expr, f.Attr) and (
                expr.attr in HTTP_METHODS or "route" in expr.attr or "websocket" in expr.attr
            ):
                continue
            value = self.types.infer(expr, (module, handler.facts.outer, handler.facts.start))
            match value:
                case FunctionObject(function=function):
                    if self.may_check(function):
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

    def takes_credential(self, handler: Function) -> bool:
        """Whether a parameter, or a field of a body model, is a credential: a password, token, code, signature."""
        for parameter in self.dependencies.parameters(handler):
            if _CREDENTIAL.search(parameter.name):
                return True
            value = parameter.type
            if isinstance(value, Instance) and isinstance(value.cls, Class):
                for base in self.types.mro(value.cls):
                    if isinstance(base, Class) and any(_CREDENTIAL.search(name) for name in base.assigns):
                        return True
        return False


def _whole(function: Function) -> str:
    return function.module.source.slice(function.facts.start, function.facts.end)


def _code(function: Function) -> str:
    """What stands behind a function's name, without texts that say neither what is meant nor what is looked for."""
    start, end = function.facts.name_end, function.facts.end
    pieces = []
    for literal in literals_between(function.module, start, end):
        if not literal.alone and not _CREDENTIAL.search(literal.text):
            pieces.append(function.module.source.slice(start, literal.place[0]))
            start = max(start, literal.place[1])
    return " ".join((*pieces, function.module.source.slice(start, end)))


_NAMED = re.compile(
    r"auth|verify|permission|require|ensure|check_(?!in)|current_user|token|signature|guard", re.IGNORECASE
)
_CREDENTIAL = re.compile(
    r"password|passwd|token|secret|credential|signature|api_?key|(^|_)otp($|_)|(^|_)code($|_)|auth|(^|_)state$|nonce",
    re.IGNORECASE,
)
