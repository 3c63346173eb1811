"""Middleware that turns strangers away, by what it is known as, by what it has in its code, or, where that is not all
known or may look at who is asking, by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.scanning import without_comments
from fastapi_lint.model.names.symbols import Class, ClassObject, External, Function, FunctionObject, Module
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
_DOCSTRING = re.compile(r'\A\s{0,200}[rRuU]?(?:"""(?:[^\\]|\\.)*?"""|"(?:[^"\\\n]|\\.)*"[ \t]{0,9}\r?\n)', re.S)
_OF_SENDERS = r"\s*(?:\.\s*(?:headers|cookies|session|state|user|client|scope|auth|get)\b|\[(?![\"']type))"
"""Where a request, or the scope of one, says who sends it, behind its name."""
_BASES = ("starlette.", "fastapi.", "typing.", "abc.", "object")
"""Classes of which it is known that they turn nobody away."""
_PASSING_ON = frozenset({"call_next", "app", "super", "print"})
_OF_THE_WEB = ("fastapi.", "starlette.", "logging.", "structlog.", "loguru.", "json.", "urllib.", "time.")


class Gates:
    """Answers "which middleware of this module may authenticate"."""

    def __init__(self, types: Inference, routes: Routes, may_check: Callable[[Function], bool]) -> None:
        self.types = types
        self.routes = routes
        self.may_check = may_check

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
                return self._class_refuses(cls)
            case FunctionObject(function=function):
                return bool(_GATE.search(_whole(function)))
        return True

    def _class_refuses(self, cls: Class) -> bool:
        lineage = self.types.mro(cls)
        methods = [method for base in lineage if isinstance(base, Class) for method in base.methods.values()]
        foreign = [base for base in lineage if isinstance(base, str)]
        if any(map(catalog.is_auth_middleware, foreign)) or any(_GATE.search(_whole(method)) for method in methods):
            return True
        if _MIDDLEWARE.search(cls.name) is None:
            return False
        return any(not base.startswith(_BASES) for base in foreign) or any(map(self._may_look, methods))

    def _may_look(self, method: Function) -> bool:
        """Whether a method may look at who is asking, or lets something do so that is not known."""
        body = method.module.source.slice(method.facts.head_end, method.facts.end)
        requests = [param.name for param in method.params[1:2]]
        looks = any(re.search(rf"\b{re.escape(name)}\b{_OF_SENDERS}", body) for name in requests)
        return looks or self.may_check(method) or self._hands_on(method)

    def _hands_on(self, method: Function) -> bool:
        requests = [f.Name(param.name) for param in method.params[1:2]]
        for call in method.calls:
            if any(arg.value in requests for arg in call.args) and f.last_name(call.func) not in _PASSING_ON:
                callee = self.types.callee(method.module, call)
                name = self.types.name_of_type(callee) or ""
                if not isinstance(callee, FunctionObject) and not name.startswith(_OF_THE_WEB):
                    return True
        return False


def _whole(function: Function) -> str:
    """The code of a function, without what is said about it."""
    head = function.module.source.slice(function.facts.start, function.facts.head_end)
    body = function.module.source.slice(function.facts.head_end, function.facts.end)
    docstring = _DOCSTRING.match(body)
    return without_comments(head + (body[docstring.end() :] if docstring is not None else body))
