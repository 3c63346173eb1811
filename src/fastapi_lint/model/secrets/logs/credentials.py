"""What shows that a vague name (`token`, `session_key`) stands for a credential: its origin, or what it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy import secrets, tokens
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Class, Function, Instance
from fastapi_lint.model.secrets.comparing import Comparing
from fastapi_lint.model.types.inference.inference import DEPENDS, Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

HOLDERS = ("fastapi.security.HTTPBasicCredentials", "fastapi.security.HTTPAuthorizationCredentials")
_MARKERS = frozenset({"fastapi.Header", "fastapi.Cookie"})
_COMPARES = frozenset({"secrets.compare_digest", "hmac.compare_digest"})
_MADE = frozenset({
    "create", "generate", "make", "issue", "encode", "sign", "refresh", "get", "fetch", "build", "new", "obtain",
})  # fmt: skip


class Credentials:
    """Answers "is this what somebody proves with who he is"."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.types = project.types
        self.values = project.values

    # ---------------------------------------------------------------- requests

    def is_request(self, expr: f.Expr, where: Where) -> bool:
        return self.types.is_instance(self.types.infer(expr, where), "fastapi.requests.HTTPConnection")

    def is_headers(self, expr: f.Expr, where: Where) -> bool:
        return isinstance(expr, f.Attr) and expr.attr in ("headers", "cookies") and self.is_request(expr.value, where)

    # ---------------------------------------------------------------- what a vague name stands for

    def is_credential(self, expr: f.Expr, where: Where) -> bool:
        """Whether something shows that a `token` is a credential: where it comes from, or what is done with it."""
        module, block, at = where
        function = module.enclosing(block)
        if function is None:
            return False
        if isinstance(expr, f.Attr):
            value = self.types.infer(expr.value, where)
            cls = value.cls if isinstance(value, Instance) and isinstance(value.cls, Class) else None
            is_held = self.types.is_instance(value, *HOLDERS)
            return is_held or (cls is not None and self.project.secrets.is_settings(cls))
        if not isinstance(expr, f.Name):
            return False
        if any(block.target == expr for block in module.blocks_in.get(function.index, ())):
            return False
        if self._is_brought(function, expr.id) or self._is_made(function, expr, at) or self._is_used(function, expr):
            return True
        return self._is_compared(function, expr)

    def _is_brought(self, function: Function, name: str) -> bool:
        """Whether a parameter is a header, cookie, or what a security scheme gives."""
        if function not in self.project.routes.by_handler and function not in self.project.dependencies.injected:
            return False
        for parameter in self.project.dependencies.parameters(function):
            if parameter.name != name:
                continue
            if parameter.marker in DEPENDS:
                target = self.types.dependency_of(
                    parameter.fact, (function.module, function.facts.outer, parameter.start)
                )
                cls = target.cls if isinstance(target, Instance) else None
                bases = self.types.mro(cls) if isinstance(cls, Class) else (cls,)
                return any(isinstance(base, str) and base.startswith("fastapi.security.") for base in bases)
            return parameter.marker in _MARKERS
        return False

    def _is_made(self, function: Function, expr: f.Name, at: int) -> bool:
        """Whether a variable holds a token that was made or fetched."""
        module = function.module
        for entry in module.assigns_in.get(function.index, ()):
            value = entry.value.value if isinstance(entry.value, f.Await) else entry.value
            if entry.target != expr or entry.start >= at:
                continue
            if isinstance(value, f.Sub) and self.is_headers(value.value, (module, entry.block, entry.start)):
                return True
            if not isinstance(value, f.CallRef):
                continue
            call = module.facts.calls[value.index]
            name = self.project.called_name(module, call) or ""
            if tokens.encoder(name) is not None or name.startswith("secrets.token_"):
                return True
            found = secrets.words(f.last_name(call.func))
            if "token" in found and not _MADE.isdisjoint(found):
                return True
            if isinstance(call.func, f.Attr) and self.is_headers(call.func.value, (module, call.block, call.start)):
                return True
        return False

    def _is_compared(self, function: Function, expr: f.Name) -> bool:
        """Whether a variable has to be the same as a secret of the server."""
        comparing = Comparing(self.project)
        if any(expr in found.compare.operands for found in comparing.comparisons(function)):
            return True
        module = function.module
        return any(
            self.project.called_name(module, call) in _COMPARES
            and any(comparing.is_secret(arg.value, (module, call.block, call.start)) for arg in call.args)
            for call in function.calls_named(frozenset({"compare_digest"}))
            if any(arg.value == expr for arg in call.args)
        )

    def _is_used(self, function: Function, expr: f.Name) -> bool:
        """Whether a variable is read as a token, or sent as one (`f"Bearer {token}"`)."""
        module = function.module
        for call in function.calls:
            if any(arg.value == expr for arg in call.args):
                if tokens.reader(self.project.called_name(module, call) or "") is not None:
                    return True
                if f.last_name(call.func) == "set_cookie" and _is_kept_from_scripts(call):
                    return True
        for value, _, _ in evaluated(function):
            for part in walk(value):
                if isinstance(part, f.Joined) and expr in part.parts:
                    first = part.parts[0]
                    if isinstance(first, f.Const) and str(first.value).startswith(("Bearer ", "Token ")):
                        return True
        return False


def _is_kept_from_scripts(call: f.Call) -> bool:
    """Whether a cookie is set that scripts of a page must not read."""
    given = f.keyword(call, "httponly")
    return given is not None and given.value == f.Const(True)
