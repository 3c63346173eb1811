"""Comparisons of what a request brings with a secret of the server: which values are the one, which the other.

Both sides have to be known. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import comparisons_of
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, Module
from fastapi_lint.model.types.inference.inference import DEPENDS, Where
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.model.values.expansion import Expansion
from fastapi_lint.model.values.readers import environment_read, is_environment

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_SAME = frozenset({
    "encode", "decode", "strip", "lstrip", "rstrip", "lower", "upper", "get_secret_value", "removeprefix",
    "removesuffix", "replace", "split", "partition", "rpartition", "hexdigest", "digest", "hex",
})  # fmt: skip
_PARTS = _SAME | {"get"}
_READING = frozenset({"form", "json", "body", "receive_json", "receive_text"})
"""What reads the body of a request, or a message."""
_OF_REQUESTS = frozenset({"headers", "cookies", "query_params"})
_HOLDERS = (
    "fastapi.security.HTTPBasicCredentials", "fastapi.security.HTTPAuthorizationCredentials",
    "fastapi.security.OAuth2PasswordRequestForm",
)  # fmt: skip
_MARKERS = frozenset(
    {"fastapi.Header", "fastapi.Cookie", "fastapi.Query", "fastapi.Form", "fastapi.Body", "fastapi.Path", ""}
)
_DEPTH = 6
_MOST = 20
_COPIES = 2
"""Names and copies between the query of a request and where an entry of it is read."""


_GIVEN = (f.Name, f.Attr, f.Sub, f.CallRef, f.Await)
"""What can bring something of a request: asked first, since most comparisons are with a constant."""


class Comparison(NamedTuple):
    """A comparison by `==` or `!=`: its statement, and the two sides."""

    start: int
    block: int
    compare: f.Compare
    secret: f.Expr


class Comparing:
    """Answers about one function after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.types = project.types
        self.values = project.values

    def comparisons(self, function: Function) -> Iterator[Comparison]:
        """Where a function compares what a request brings with a secret of the server, character by character."""
        seen = set()
        for part, block, at in comparisons_of(function):
            if part.operators not in (("==",), ("!=",)) or (part, at) in seen:
                continue
            seen.add((part, at))
            where = (function.module, block, at)
            left, right = part.operands
            for theirs, own in ((left, right), (right, left)):
                if type(theirs) in _GIVEN and self.is_secret(own, where) and self.is_given(theirs, where):
                    yield Comparison(at, block, part, own)
                    break

    # ---------------------------------------------------------------- what requests bring

    def is_given(self, expr: f.Expr, where: Where, depth: int = _DEPTH) -> bool:
        """Whether a value is what the request brings."""
        module, block, at = where
        function = module.enclosing(block)
        if depth < 0 or function is None:
            return False
        match expr:
            case f.Await(value=value):
                return self.is_given(value, where, depth - 1)
            case f.Choice(options=options):  # one header, or another one
                return any(self.is_given(option, where, depth - 1) for option in options)
            case f.Sub(value=value):
                return self._is_of_request(value, where) or self.is_given(value, where, depth - 1)
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                if not isinstance(call.func, f.Attr):
                    return False
                if call.func.attr == "get" and self._is_of_request(call.func.value, where):
                    return True
                if call.func.attr in _READING:
                    owner = self.types.infer(call.func.value, (module, call.block, call.start))
                    return self.types.is_instance(owner, "fastapi.requests.HTTPConnection")
                return call.func.attr in _PARTS and self.is_given(call.func.value, where, depth - 1)
            case f.Attr(value=owner):
                if self.types.is_instance(self.types.infer(owner, where), *_HOLDERS):
                    return True
                return isinstance(owner, f.Name) and self._is_schema(owner, function, where)
            case f.Name(id=name):
                assigns = [
                    one for one in module.assigns_in.get(function.index, ()) if one.target == expr and one.start < at
                ]
                if assigns:
                    last = assigns[-1]
                    place = (module, last.block, last.start)
                    return last.value is not None and self.is_given(last.value, place, depth - 1)
                if any(param.name == name for param in function.params):
                    return self._is_parameter(function, name, depth)
        return False

    def _is_of_request(self, expr: f.Expr, where: Where, depth: int = _COPIES) -> bool:
        """Whether an expression is the headers, cookies or query of a request, or a dict of these."""
        if isinstance(expr, f.Name) and depth:
            found = list(self.values.definitions(expr, where))
            return len(found) == 1 and self._is_of_request(*found[0], depth - 1)
        if isinstance(expr, f.CallRef) and depth:
            call = where[0].facts.calls[expr.index]
            is_copy = call.func == f.Name("dict") and [arg.name for arg in call.args] == [""]
            return is_copy and self._is_of_request(call.args[0].value, where, depth - 1)
        if not isinstance(expr, f.Attr) or expr.attr not in _OF_REQUESTS:
            return False
        owner = self.types.infer(expr.value, where)
        return self.types.is_instance(owner, "fastapi.requests.HTTPConnection")

    def _is_schema(self, owner: f.Name, function: Function, where: Where) -> bool:
        """Whether a name is the body of a request."""
        if function not in self.project.routes.by_handler or function.rebinds(owner.id):
            return False
        found = [one for one in self.project.dependencies.parameters(function) if one.name == owner.id]
        value = self.types.infer(owner, where)
        cls = value.cls if isinstance(value, Instance) and isinstance(value.cls, Class) else None
        return (
            bool(found)
            and found[0].marker not in DEPENDS
            and cls is not None
            and self.project.schemas.of(cls) is not None
        )

    def _is_parameter(self, function: Function, name: str, depth: int) -> bool:
        if function in self.project.routes.by_handler or function in self.project.dependencies.injected:
            found = [one for one in self.project.dependencies.parameters(function) if one.name == name]
            if not found:
                return False
            parameter = found[0]
            if parameter.marker in DEPENDS:
                where = (function.module, function.facts.outer, parameter.start)
                target = self.types.dependency_of(parameter.fact, where)
                bases = (
                    self.types.mro(target.cls) if isinstance(target, Instance) and isinstance(target.cls, Class) else ()
                )
                own = target.cls if isinstance(target, Instance) and isinstance(target.cls, str) else ""
                return any(isinstance(one, str) and one.startswith("fastapi.security.") for one in (own, *bases))
            is_text = isinstance(parameter.type, Instance) and parameter.type.cls in ("str", "bytes")
            return parameter.marker in _MARKERS and (parameter.marker != "" or is_text)
        shift = 1 if function.cls is not None and "staticmethod" not in self.types.decorators(function) else 0
        for module, call in self.project.routes.expansion.objects.callers(function.name)[:_MOST]:
            callee = self.types.callee(module, call)
            if module.is_test or not isinstance(callee, FunctionObject) or callee.function is not function:
                continue
            given = Expansion.given(function, call, (module, call.block, call.start), NOWHERE, shift)
            if name in given and self.is_given(given[name][0], given[name][1], min(depth - 1, 3)):
                return True
        return False

    # ---------------------------------------------------------------- secrets of the server

    def is_secret(self, expr: f.Expr, where: Where, depth: int = _DEPTH) -> bool:
        """Whether a value is a secret of the server: a setting, a variable, a constant, or a signature it has made."""
        module = where[0]
        if depth < 0:
            return False
        match expr:
            case f.Joined(parts=items) | f.Choice(options=items):
                return any(self.is_secret(item, where, depth - 1) for item in items)
            case f.Binary(op="+", left=left, right=right):
                return self.is_secret(left, where, depth - 1) or self.is_secret(right, where, depth - 1)
            case f.Sub(value=value, items=(f.Const(value=str(key)),)):
                return is_environment(value) and secrets.secret_name(key) is not None
            case f.CallRef(index=index):
                return self._is_made(module, module.facts.calls[index], depth)
            case f.Attr(value=owner, attr=attr):
                holder = self.types.infer(owner, where)
                cls = holder.cls if isinstance(holder, Instance) and isinstance(holder.cls, Class) else None
                if isinstance(holder, ClassObject) and self.types.is_subclass(holder.cls, "enum.Enum"):
                    return False  # one of the words that the program knows
                if cls is not None and self.project.secrets.is_settings(cls):
                    return secrets.secret_name(attr) is not None
                return self._is_defined(expr, attr, where, depth)
            case f.Name(id=name):
                return self._is_defined(expr, name, where, depth)
        return False

    def _is_defined(self, expr: f.Expr, name: str, where: Where, depth: int) -> bool:
        found = list(self.values.definitions(expr, where))
        if len(found) != 1:
            return False
        value, place = found[0]
        if isinstance(value, f.Const):
            is_global = place[0].enclosing(place[1]) is None
            return (
                is_global
                and isinstance(value.value, str)
                and bool(value.value)
                and secrets.secret_name(name) is not None
            )
        if isinstance(value, f.CallRef):
            call = place[0].facts.calls[value.index]
            if environment_read(place[0], call) is not None:
                return secrets.secret_name(name) is not None or self._is_made(place[0], call, depth - 1)
        return self.is_secret(value, place, depth - 1)

    def _is_made(self, module: Module, call: f.Call, depth: int) -> bool:
        where = (module, call.block, call.start)
        variable = environment_read(module, call)
        if variable is not None:
            return secrets.secret_name(variable) is not None
        name = self.project.called_name(module, call) or ""
        if name in ("hmac.new", "hmac.digest", "hmac.HMAC"):
            return True
        if name.startswith("hashlib.") and any(self.is_secret(arg.value, where, depth - 1) for arg in call.args):
            return True
        if name in ("base64.b64encode", "str", "bytes") or name.startswith("binascii."):
            return any(self.is_secret(arg.value, where, depth - 1) for arg in call.args)
        callee = self.types.callee(module, call)
        if isinstance(callee, FunctionObject) and not callee.function.is_generator:
            exits = [one for one in callee.function.exits if one.kind == "return" and one.value is not None]
            home = callee.function.module
            return bool(exits) and all(
                one.value is not None and self.is_secret(one.value, (home, one.block, one.start), min(depth - 1, 3))
                for one in exits
            )
        return (
            isinstance(call.func, f.Attr)
            and call.func.attr in _SAME
            and self.is_secret(call.func.value, where, depth - 1)
        )
