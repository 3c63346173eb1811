"""What refuses strangers besides dependencies: middleware, decorators, and checks in the handler's own code.

Everything here errs towards "it may authenticate": whoever asks wants to be silent then. Judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.injection.connections import CONNECTIONS
from fastapi_lint.model.injection.dependencies import Dependencies
from fastapi_lint.model.names.expressions import Evaluated, evaluated, walk
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Type,
)
from fastapi_lint.model.routing.answering.failures import Failures
from fastapi_lint.model.routing.routes import HTTP_METHODS, Address, Route, Router, RouterKey, Routes
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.tracking.tables import collected, contributions

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


_DEEPEST = 3
_READ = frozenset({"headers", "cookies"})
_OF_CONTENT = frozenset({
    "accept", "accept-encoding", "accept-language", "cache-control", "connection", "content-disposition",
    "content-encoding", "content-length", "content-type", "host", "if-match", "if-modified-since", "if-none-match",
    "if-range", "last-event-id", "range", "upgrade", "user-agent", "x-request-id", "x-correlation-id",
})  # fmt: skip
"""Headers that say what is sent or wanted, and by which program, but not by whom."""
_FOUND_OUT = frozenset({"session", "user", "auth", "state", "scope"})
"""What middleware leaves about who is asking."""
_WEB = (
    "fastapi.",
    "starlette.",
    "logging.",
    "structlog.",
    "loguru.",
    "json.",
    "urllib.",
    "sse_starlette.",
    "str",
    "print",
)
_VERIFY = frozenset({
    "hmac.compare_digest", "secrets.compare_digest", "hmac.new", "hmac.digest", "bcrypt.checkpw", "ldap3.Connection",
    "google.oauth2.id_token.verify_oauth2_token", "google.oauth2.id_token.verify_token",
    "firebase_admin.auth.verify_id_token", "stripe.Webhook.construct_event", "svix.Webhook.verify",
    "svix.webhooks.Webhook.verify", "slack_sdk.signature.SignatureVerifier.is_valid",
    "slack_sdk.signature.SignatureVerifier.is_valid_request", "passlib.context.CryptContext.verify",
    "passlib.context.CryptContext.verify_and_update", "pwdlib.PasswordHash.verify",
    "pwdlib.PasswordHash.verify_and_update", "argon2.PasswordHasher.verify",
})  # fmt: skip
"""What compares secrets and verifies tokens, signatures and passwords."""
_VERIFY_IN = (
    "jwt.decode",
    "jwt.PyJWT.decode",
    "jose.jwt.decode",
    "jose.jws.verify",
    "authlib.jose.",
    "joserfc.",
    "itsdangerous.",
)
_PLAIN = frozenset({"str", "print", "len", "int", "bool", "repr", "dict", "list", "tuple", "isinstance", "type"})
_REFUSALS = frozenset({
    "PermissionError", "Unauthorized", "Forbidden", "PermissionDenied", "NotAuthenticated", "AuthenticationError",
    "Unauthenticated", "AuthenticationFailed", "AuthorizationError",
})  # fmt: skip
_CODES = tuple(map(f.Const, (1008, 3000, 3003, 4001, 4003, 4401, 4403)))


class Protection:
    """Answers "may something other than a dependency refuse this request"."""

    def __init__(self, types: Inference, routes: Routes, dependencies: Dependencies, failures: Failures) -> None:
        self.types = types
        self.routes = routes
        self.dependencies = dependencies
        self.failures = failures

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
                            yield bool(_GATE.search(_whole(function)))
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
                    else any(_GATE.search(_whole(method)) for method in base.methods.values())
                    for base in self.types.mro(cls)
                )
            case FunctionObject(function=function):
                return bool(_GATE.search(_whole(function)))
        return True

    # ---------------------------------------------------------------- code

    def may_check(self, function: Function) -> bool:
        """Whether a function of the project, or one it calls, looks at who is asking: it refuses with 401 or 403,
        decides by headers, cookies or what middleware has found out, compares a secret, or verifies a token; or hands
        the request to something that is not known."""
        return self._checks(function, _DEEPEST, {function})

    def _checks(self, function: Function, depth: int, seen: set[Function]) -> bool:
        if self.dependencies.refuses(function) or self._raises_refusal(function) or self._compares_secret(function):
            return True
        caller = self._of_caller(function)
        if any(True for _ in self._decided(function, caller)):
            return True
        for call in function.calls:
            callee = self.types.callee(function.module, call)
            if isinstance(callee, FunctionObject):
                inner = callee.function
                if depth > 0 and inner not in seen:
                    seen.add(inner)
                    if self._checks(inner, depth - 1, seen):
                        return True
                continue
            name = self.types.name_of_type(callee) or ""
            if name in _VERIFY or _closes_as_stranger(function.module, call) or name.startswith(_VERIFY_IN):
                return True
            is_known = name.startswith(_WEB) or name in _PLAIN or isinstance(callee, ClassObject)
            if not is_known and any(self._is_caller(arg.value, function, call, caller) for arg in call.args):
                return True
        return False

    def _of_caller(self, function: Function) -> frozenset[str]:
        """The variables of a function that hold what says who is asking: of headers and cookies."""
        names = {
            parameter.name
            for parameter in self.dependencies.parameters(function)
            if parameter.marker in ("fastapi.Header", "fastapi.Cookie")
        }
        for entry in function.module.assigns_in.get(function.index, ()):
            if isinstance(entry.target, f.Name) and entry.value is not None:
                where = (function.module, entry.block, entry.start)
                if any(self._is_of_request(part, where, _READ) for part in _parts(entry.value, function.module)):
                    names.add(entry.target.id)
        return frozenset(names)

    def _is_of_request(self, part: f.Expr, where: Where, attributes: frozenset[str]) -> bool:
        if not isinstance(part, f.Attr) or part.attr not in attributes:
            return False
        return self.types.is_instance(self.types.infer(part.value, where), *CONNECTIONS)

    def _decided(self, function: Function, caller: frozenset[str]) -> Iterator[f.Expr]:
        """What a function decides by, of what says who is asking; and what middleware has found out about that."""
        module = function.module
        for expr, block, at in _written(function):
            for part in walk(expr):
                if self._is_of_request(part, (module, block, at), _FOUND_OUT):
                    yield part
                if isinstance(part, f.Compare):
                    for inner in _parts(part, module):
                        if _is_one_of(inner, caller) or self._is_of_request(inner, (module, block, at), _READ):
                            yield inner
        for each in module.blocks_in.get(function.index, ()):
            if each.kind in ("if", "while") and each.test is not None:
                for inner in _parts(each.test, module):
                    if _is_one_of(inner, caller) or self._is_of_request(
                        inner, (module, each.parent, each.start), _READ
                    ):
                        yield inner

    def _is_caller(self, expr: f.Expr, function: Function, call: f.Call, caller: frozenset[str]) -> bool:
        """Whether an argument is the request, or something of it that says who is asking."""
        where = (function.module, call.block, call.start)
        if self.types.is_instance(self.types.infer(expr, where), *CONNECTIONS):
            return True
        return any(_is_one_of(part, caller) or self._is_of_request(part, where, _READ) for part in walk(expr))

    def _raises_refusal(self, function: Function) -> bool:
        """Whether a function raises an exception that means 401 or 403, by its class or by who handles it."""
        module = function.module
        for leave in function.exits:
            if leave.kind != "raise" or leave.value is None:
                continue
            where = (module, leave.block, leave.start)
            if isinstance(leave.value, f.CallRef):
                raised = self.types.callee(module, module.facts.calls[leave.value.index])
            else:
                raised = self.types.infer(leave.value, where)
            if raised is None and isinstance(leave.value, f.CallRef):
                return True  # nobody knows what it is
            if self._means_refusal(raised):
                return True
        return False

    def _means_refusal(self, raised: Type) -> bool:
        match raised:
            case ClassObject(cls=cls) | Instance(cls=Class() as cls):
                for base in self.types.mro(cls):
                    if base == "PermissionError" or (isinstance(base, Class) and self._is_refusal(base)):
                        return True
                return any(self.types.is_subclass(cls, handled) for handled in self.refused)
            case External(name=name) | Instance(cls=str(name)):
                return name.rsplit(".", 1)[-1] in _REFUSALS
        return False

    def _is_refusal(self, cls: Class) -> bool:
        """Whether objects of an exception class have the status 401 or 403."""
        entry = cls.assigns.get("status_code") or cls.assigns.get("code") or cls.assigns.get("status")
        values = self.routes.values
        if entry is not None and values.status(entry.value, (cls.module, entry.block, entry.start)) in (401, 403):
            return True
        init = cls.methods.get("__init__")
        if init is None:
            return False
        where = (init.module, init.facts.outer, init.facts.start)
        defaults = [param.default for param in init.params if param.default is not None]
        written = [one.value for one in init.module.assigns_in.get(init.index, ()) if isinstance(one.target, f.Attr)]
        return self.dependencies.refuses(init) or any(
            values.status(each, where) in (401, 403)
            for each in (*defaults, *written)
            if isinstance(each, (f.Const, f.Attr))
        )

    @collected("protection.refused", whole=True)
    def refused(self) -> tuple[Class, ...]:
        """The exception classes of the project whose handlers answer 401 or 403."""
        return tuple(
            each.cls
            for function, handled in self.failures.handlers.items()
            if self.dependencies.refuses(function)
            for each in handled
            if isinstance(each, ClassObject)
        )

    def _compares_secret(self, function: Function) -> bool:
        """Whether a function compares something with a secret, by their names."""
        for expr, _, _ in _written(function):
            for part in walk(expr):
                if isinstance(part, f.Compare) and {"==", "!="} & set(part.operators):
                    if any(isinstance(each, f.Const) for each in part.operands):
                        continue
                    if any(
                        _CREDENTIAL.search(f.last_name(_root_call(each, function.module))) for each in part.operands
                    ):
                        return True
        return False

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
        """Whether a parameter, or a field of a body model, is a credential that is looked at: compared, looked up or
        given to something that may verify it. One that is only stored opens nothing."""
        for parameter in self.dependencies.parameters(handler):
            if _CREDENTIAL.search(parameter.name):
                if self._looks_at(handler, parameter.name, None, _DEEPEST):
                    return True
            value = parameter.type
            if isinstance(value, Instance) and isinstance(value.cls, Class):
                order = (base for base in self.types.mro(value.cls) if isinstance(base, Class))
                fields = frozenset(name for base in order for name in base.assigns if _CREDENTIAL.search(name))
                if fields and self._looks_at(handler, parameter.name, fields, _DEEPEST):
                    return True
        return False

    def _looks_at(self, function: Function, name: str, fields: frozenset[str] | None, depth: int) -> bool:
        """Whether a function looks at what a variable holds, or (with `fields`) at one of these of its attributes."""
        module = function.module
        held = {name}
        for entry in module.assigns_in.get(function.index, ()) if fields is None else ():
            if isinstance(entry.target, f.Name) and any(_is_one_of(p, frozenset(held)) for p in walk(entry.value)):
                held.add(entry.target.id)
        names = frozenset(held)
        for expr, _, _ in _written(function):
            for part in walk(expr):
                if isinstance(part, f.Compare) and any(_holds(inner, names, fields) for inner in _parts(part, module)):
                    return True
        for call in function.calls:
            given = [arg for arg in call.args if any(_holds(part, names, fields) for part in walk(arg.value))]
            whole = [arg for arg in call.args if _is_one_of(arg.value, names)] if fields is not None else []
            if not given and not whole:
                continue
            callee = self.types.callee(module, call)
            called = self.types.name_of_type(callee) or ""
            if isinstance(callee, FunctionObject):
                for param, value in bound(callee.function, call) if depth > 0 else ():
                    if any(_holds(part, names, fields) for part in walk(value)):
                        if self._looks_at(callee.function, param, None, depth - 1):
                            return True
                    elif _is_one_of(value, names) and self._looks_at(callee.function, param, fields, depth - 1):
                        return True
            elif not isinstance(callee, ClassObject) and not called.startswith(_WEB) and called not in _PLAIN:
                return True
        return False


def _holds(part: f.Expr, names: frozenset[str], fields: frozenset[str] | None) -> bool:
    if fields is None:
        return _is_one_of(part, names)
    return isinstance(part, f.Attr) and part.attr in fields and _is_one_of(part.value, names)


def _whole(function: Function) -> str:
    return function.module.source.slice(function.facts.start, function.facts.end)


def _written(function: Function) -> Iterator[Evaluated]:
    """As `evaluated`, with the conditions of comprehensions and assertions."""
    yield from evaluated(function)
    module = function.module
    for test in module.facts.tests:
        if module.facts.blocks[test.block].function == function.index:
            yield test.value, test.block, test.start


def _parts(expr: f.Expr | None, module: Module, depth: int = 4) -> Iterator[f.Expr]:
    """An expression and all in it, the callees and arguments of its calls included; without headers that say nothing
    about who is asking."""
    found = list(walk(expr))
    for part in found:
        match part:
            case f.Sub(value=f.Attr(attr="headers"), items=(key,)) if _says_nothing(key):
                found = [each for each in found if each != part.value]
    for part in found:
        yield part
        if isinstance(part, f.CallRef) and depth > 0:
            call = module.facts.calls[part.index]
            match call.func:
                case f.Attr(value=f.Attr(attr="headers"), attr="get") if call.args and _says_nothing(
                    call.args[0].value
                ):
                    continue
            for inner in (call.func, *(arg.value for arg in call.args)):
                yield from _parts(inner, module, depth - 1)


def _says_nothing(key: f.Expr) -> bool:
    return isinstance(key, f.Const) and str(key.value).lower() in _OF_CONTENT


def _is_one_of(part: f.Expr, names: frozenset[str]) -> bool:
    return isinstance(part, f.Name) and part.id in names


def _root_call(expr: f.Expr, module: Module) -> f.Expr:
    """The callee of a call, for its name: `settings.api_key.get_secret_value()` is an `api_key`."""
    while isinstance(expr, f.CallRef):
        func = module.facts.calls[expr.index].func
        expr = func.value if isinstance(func, f.Attr) else f.Unknown()
    return expr


def _closes_as_stranger(module: Module, call: f.Call) -> bool:
    """Whether a call closes a WebSocket, or makes an error that does, with a code that says: not you."""
    for arg in call.args[:2]:
        if arg.name in ("", "code") and f.last_name(call.func) in ("close", "WebSocketException"):
            if f.last_name(arg.value).startswith("WS_1008") or arg.value in _CODES:
                return True
    return False


_CREDENTIAL = re.compile(
    r"password|passwd|token|secret|credential|signature|api_?key|(^|_)otp($|_)|(^|_)code($|_)|auth|(^|_)state$|nonce",
    re.IGNORECASE,
)
