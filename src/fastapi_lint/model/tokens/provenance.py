"""From whom a token comes: from the client that sends it, or from a provider, in its own answer. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.binding import argument_at
from fastapi_lint.model.injection.connections import CONNECTIONS
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, Module, Type
from fastapi_lint.model.types.inference.inference import DEPENDS

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

Sender = Literal["client", "provider"]

OF_SERVERS = (
    "httpx.", "requests.", "aiohttp.", "authlib.", "httpx_oauth.", "msal.", "requests_oauthlib.", "oauthlib.",
    "fastapi_sso.", "google_auth_oauthlib.",
)  # fmt: skip
"""Libraries that ask other servers, so that what they give is those servers' answer."""
_TOKENS = frozenset({"id_token", "access_token"})
_SAME = frozenset({"str", "bytes"})
_DEEPEST = 5


class Provenance:
    """Answers "who sent this" about values of one project after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def is_of_provider(self, value: f.Expr, module: Module, function: Function | None) -> bool:
        """Whether a token is one of a provider's answer; where that is not known, as it is called in such answers."""
        sender = self._sender(value, module, function, _DEEPEST)
        return sender == "provider" or (sender is None and _is_called_so(value, module))

    def _sender(self, expr: f.Expr | None, module: Module, function: Function | None, depth: int) -> Sender | None:
        if depth <= 0 or function is None:
            return None
        match expr:
            case f.Name(id=name):
                return self._of_name(name, function, depth)
            case f.Attr(value=f.Name(id=name), attr=attr) if function.cls is not None and function.params[:1]:
                if name == function.params[0].name:
                    return self._of_attribute(function.cls, attr, depth)
                return self._of_name(name, function, depth)
            case f.Attr(value=value) | f.Sub(value=value) | f.Await(value=value):
                return self._sender(value, module, function, depth)
            case f.CallRef(index=index):
                return self._of_call(module.facts.calls[index], module, function, depth)
            case f.Choice(options=options):
                return _together(self._sender(each, module, function, depth) for each in options)
        return None

    def _of_name(self, name: str, function: Function, depth: int) -> Sender | None:
        entries = function.module.assigns_in.get(function.index, ())
        assigned = [entry.value for entry in entries if entry.target == f.Name(name)]
        if assigned:
            return _together(self._sender(value, function.module, function, depth - 1) for value in assigned)
        parameter = next((each for each in function.params if each.name == name), None)
        if parameter is None:
            return None
        project = self.project
        declared = project.types.parameter(function, parameter)
        if project.types.is_instance(declared, *CONNECTIONS):
            return "client"
        if function in project.routes.by_handler or function in project.dependencies.injected:
            return self._of_injected(name, function, depth)
        return _together(self._handed(function, name, depth))

    def _of_injected(self, name: str, function: Function, depth: int) -> Sender | None:
        for each in self.project.dependencies.parameters(function):
            if each.name != name:
                continue
            if each.marker not in DEPENDS:
                return "client"
            where = (function.module, function.facts.outer, each.start)
            match self.project.types.dependency_of(each.fact, where):
                case FunctionObject(function=target):
                    return self._returned(target, depth - 1)
                case target if self._is_scheme(target):
                    return "client"
        return None

    def _is_scheme(self, target: Type) -> bool:
        return isinstance(target, (Instance, ClassObject)) and self.project.types.is_instance(
            target if isinstance(target, Instance) else Instance(target.cls), "fastapi.security.base.SecurityBase"
        )

    def _handed(self, function: Function, name: str, depth: int) -> Iterator[Sender | None]:
        """Who sent what the callers of a function give it by a name."""
        position = function.positional.index(name) if name in function.positional else -1
        for module, call in self.project.routes.expansion.objects.callers(function.name):
            if module.is_test or self.project.callee(module, call) != FunctionObject(function):
                continue
            if (arg := argument_at(call, position, name)) is not None:
                yield self._sender(arg.value, module, module.enclosing(call.block), depth - 1)

    def _of_attribute(self, cls: Class, attr: str, depth: int) -> Sender | None:
        kept = self.project.types.self_assigns(cls).get(attr, ())
        given = [(entry.value, by) for entry, by in kept if not isinstance(entry.value, (f.Const, type(None)))]
        return _together(self._sender(value, by.module, by, depth - 1) for value, by in given)

    def _of_call(self, call: f.Call, module: Module, function: Function, depth: int) -> Sender | None:
        types = self.project.types
        callee = types.callee(module, call)
        if isinstance(callee, FunctionObject):
            return self._returned(callee.function, depth - 1)
        name = types.name_of_type(callee) or ""
        if name.startswith(OF_SERVERS):
            return "provider"
        if name in _SAME and call.args:
            return self._sender(call.args[0].value, module, function, depth)
        if not isinstance(call.func, f.Attr):
            return None
        return self._sender(call.func.value, module, function, depth)

    def _returned(self, function: Function, depth: int) -> Sender | None:
        given = (leaving.value for leaving in function.exits if leaving.kind in ("return", "yield") and leaving.value)
        return _together(self._sender(value, function.module, function, depth) for value in given)


def _together(senders: Iterable[Sender | None]) -> Sender | None:
    """Who sent a value that is one of several: the client, if one of them is its; a provider, if all are."""
    found = set(senders)
    if "client" in found:
        return "client"
    return "provider" if found == {"provider"} else None


def _is_called_so(value: f.Expr, module: Module) -> bool:
    """`tokens["id_token"]`, `response.id_token`, `data.get("access_token")`, or a variable of such a name."""
    match value:
        case f.Sub(items=(f.Const(value=str(key)),)):
            return key in _TOKENS
        case f.Attr(attr=attr):
            return attr.lstrip("_") in _TOKENS
        case f.Name(id=name):
            return "id_token" in name.lower()
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            first = call.args[0].value if call.args else None
            return f.last_name(call.func) == "get" and isinstance(first, f.Const) and first.value in _TOKENS
    return False
