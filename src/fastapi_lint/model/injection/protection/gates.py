"""Middleware that turns strangers away, by what it is known as, by its name, or by what it has in its text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import ClassObject, External, Function, FunctionObject, Module
from fastapi_lint.model.routing.routes import Routes
from fastapi_lint.model.types.inference.inference import Inference, Where

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


class Gates:
    """Answers "which middleware of this module may authenticate"."""

    def __init__(self, types: Inference, routes: Routes) -> None:
        self.types = types
        self.routes = routes

    def of(self, module: Module) -> Iterator[bool]:
        """For each middleware that a module adds, whether it may authenticate."""
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


def _whole(function: Function) -> str:
    return function.module.source.slice(function.facts.start, function.facts.end)
