"""Whether a function looks at who is asking: it refuses with 401 or 403, compares a secret, verifies a token, decides
by what a request says of its sender, or hands the request to something that is not known. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.injection.connections import CONNECTIONS
from fastapi_lint.model.injection.dependencies import Dependencies
from fastapi_lint.model.injection.protection.free import must_be_free
from fastapi_lint.model.injection.protection.looking import (
    CREDENTIAL,
    OF_THE_WEB,
    PLAIN,
    is_one_of,
    looked_at,
    parts_of,
    without_calls,
)
from fastapi_lint.model.names.expressions import walk
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
from fastapi_lint.model.routing.answering.failures import Failures
from fastapi_lint.model.routing.routes import Routes
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.tracking.tables import collected

_DEEPEST = 3
_READ = frozenset({"headers", "cookies"})
_FOUND_OUT = frozenset({"session", "user", "auth", "state", "scope"})
"""What middleware leaves about who is asking."""
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
_REFUSALS = frozenset({
    "PermissionError", "Unauthorized", "Forbidden", "PermissionDenied", "NotAuthenticated", "AuthenticationError",
    "Unauthenticated", "AuthenticationFailed", "AuthorizationError",
})  # fmt: skip
_KEEPING = frozenset({"append", "appendleft", "add", "insert", "remove", "discard"})
_COLLECTIONS = frozenset({"list", "set", "dict", "collections"})
_CODES = tuple(map(f.Const, (1008, 3000, 3003, 4001, 4003, 4401, 4403)))


class Refusing:
    """Answers "may this function turn a stranger away"."""

    def __init__(self, types: Inference, routes: Routes, dependencies: Dependencies, failures: Failures) -> None:
        self.types = types
        self.routes = routes
        self.dependencies = dependencies
        self.failures = failures

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
        free = must_be_free(self.types, function)
        for call in function.calls:
            if free.holds(call.start):
                continue
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
            is_known = name.startswith(OF_THE_WEB) or name in PLAIN or isinstance(callee, ClassObject)
            if is_known or _keeps(call, name) or self._passes_on(call, function):
                continue
            if any(self._is_caller(arg.value, function, call, caller) for arg in call.args):
                return True
        return False

    def _passes_on(self, call: f.Call, function: Function) -> bool:
        """Whether a call in middleware is the one that lets a request in: `call_next(request)`."""
        names = [param.name for param in function.params if param.name != "self"]
        if len(names) != 2 or call.func != f.Name(names[1]) or [arg.value for arg in call.args] != [f.Name(names[0])]:
            return False
        return function not in self.dependencies.injected and function not in self.routes.by_handler

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
                if any(self._is_of_request(part, where, _READ) for part in parts_of(entry.value, function.module)):
                    names.add(entry.target.id)
        return frozenset(names)

    def _is_of_request(self, part: f.Expr, where: Where, attributes: frozenset[str]) -> bool:
        if not isinstance(part, f.Attr) or part.attr not in attributes:
            return False
        return self.types.is_instance(self.types.infer(part.value, where), *CONNECTIONS)

    def _decided(self, function: Function, caller: frozenset[str]) -> Iterator[f.Expr]:
        """What a function decides by, of what says who is asking; and what middleware has found out about that."""
        module = function.module
        for expr, block, at in looked_at(function):
            for part in walk(expr):
                if self._is_of_request(part, (module, block, at), _FOUND_OUT):
                    yield part
                if isinstance(part, f.Compare):
                    for inner in parts_of(part, module):
                        if is_one_of(inner, caller) or self._is_of_request(inner, (module, block, at), _READ):
                            yield inner
        for each in module.blocks_in.get(function.index, ()):
            if each.kind in ("if", "while") and each.test is not None:
                for inner in parts_of(each.test, module):
                    if is_one_of(inner, caller) or self._is_of_request(inner, (module, each.parent, each.start), _READ):
                        yield inner

    def _is_caller(self, expr: f.Expr, function: Function, call: f.Call, caller: frozenset[str]) -> bool:
        """Whether an argument is the request, or something of it that says who is asking."""
        where = (function.module, call.block, call.start)
        if self.types.is_instance(self.types.infer(expr, where), *CONNECTIONS):
            return True
        return any(is_one_of(part, caller) or self._is_of_request(part, where, _READ) for part in walk(expr))

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

    @collected("protection.refusing.refused", whole=True)
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
        free = must_be_free(self.types, function)
        for expr, _, at in looked_at(function):
            for part in () if free.holds(at) else walk(expr):
                if isinstance(part, f.Compare) and {"==", "!="} & set(part.operators):
                    if any(isinstance(each, f.Const) for each in part.operands):
                        continue
                    if any(
                        CREDENTIAL.search(f.last_name(without_calls(each, function.module))) for each in part.operands
                    ):
                        return True
        return False


def _keeps(call: f.Call, name: str) -> bool:
    """Whether a call puts what it is given into a collection, or takes it out, and nobody asks what it gives."""
    is_plain = not name or name.partition(".")[0] in _COLLECTIONS
    return call.use == "statement" and isinstance(call.func, f.Attr) and call.func.attr in _KEEPING and is_plain


def _closes_as_stranger(module: Module, call: f.Call) -> bool:
    """Whether a call closes a WebSocket, or makes an error that does, with a code that says: not you."""
    for arg in call.args[:2]:
        if arg.name in ("", "code") and f.last_name(call.func) in ("close", "WebSocketException"):
            if f.last_name(arg.value).startswith("WS_1008") or arg.value in _CODES:
                return True
    return False
