"""Which expressions hold the passwords that people give. Judges nothing.

A password is known by its name, and followed from there through variables, texts and parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Function,
    FunctionObject,
    Instance,
    Module,
    ModuleObject,
)
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.model.values.expansion import Expansion

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_SAME = frozenset({
    "encode", "decode", "strip", "lstrip", "rstrip", "lower", "upper", "casefold", "get_secret_value", "removeprefix",
    "removesuffix", "format", "join", "replace",
})  # fmt: skip
_DEPTH = 6
HIGHEST = 3
"""How many callers are gone up to."""
_MOST = 30


class Passwords:
    """Answers about one expression after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.types = project.types

    def is_password(self, expr: f.Expr | None, where: Where, depth: int = _DEPTH) -> bool:
        """Whether an expression holds a password that somebody has given, with or without something around it."""
        if depth < 0 or expr is None or (isinstance(expr, (f.Joined, f.Binary)) and names_realm(expr)):
            return False
        module, block, at = where
        match expr:
            case f.Await(value=value):
                return self.is_password(value, where, depth - 1)
            case f.Joined(parts=parts):
                return any(self.is_password(part, where, depth - 1) for part in parts)
            case f.Binary(op="+" | "%", left=left, right=right):
                return self.is_password(left, where, depth - 1) or self.is_password(right, where, depth - 1)
            case f.Display(items=items):
                return any(self.is_password(item, where, depth - 1) for item in items)
            case f.CallRef(index=index):
                return self._is_called(module, module.facts.calls[index], depth)
            case f.Attr(value=owner, attr=attr):
                return secrets.secret_name(attr) == "password" and self._is_of_people(owner, where)
            case f.Sub(value=owner, items=(f.Const(value=str(key)),)):
                return secrets.secret_name(key) == "password" and self._is_of_people(owner, where)
            case f.Name(id=name):
                function = module.enclosing(block)
                if function is None:
                    return False
                assigns = [
                    one
                    for one in module.assigns_in.get(function.index, ())
                    if one.target == expr and one.value is not None and one.start < at
                ]
                if assigns:
                    last = assigns[-1]
                    return self.is_password(last.value, (module, last.block, last.start), depth - 1)
                if any(param.name == name for param in function.params):
                    return secrets.secret_name(name) == "password" or self._is_passed(function, name, depth)
        return False

    def _is_called(self, module: Module, call: f.Call, depth: int) -> bool:
        where = (module, call.block, call.start)
        if isinstance(call.func, f.Attr):
            if call.func.attr in _SAME:
                given = [call.func.value, *(arg.value for arg in call.args)]
                if any(map(names_realm, given)):
                    return False
                return any(self.is_password(each, where, depth - 1) for each in given)
            if call.func.attr == "get" and call.args and isinstance(call.args[0].value, f.Const):
                key = call.args[0].value.value
                is_named = isinstance(key, str) and secrets.secret_name(key) == "password"
                return is_named and self._is_of_people(call.func.value, where)
        name = self.project.called_name(module, call)
        if name in ("str", "bytes", "bytearray", "unicodedata.normalize", "base64.b64encode"):
            return any(self.is_password(arg.value, where, depth - 1) for arg in call.args)
        return False

    def _is_of_people(self, owner: f.Expr, where: Where) -> bool:
        """Whether what has a password came into the function: no settings, no module, nothing global."""
        module, block, _ = where
        value = self.types.infer(owner, where)
        if isinstance(value, (ModuleObject, ClassObject)):
            return False
        if isinstance(value, Instance) and isinstance(value.cls, Class) and self.project.secrets.is_settings(value.cls):
            return False
        root = owner
        while isinstance(root, (f.Attr, f.Sub)):
            root = root.value
        function = module.enclosing(block)
        if not isinstance(root, f.Name) or function is None:
            return isinstance(root, (f.CallRef, f.Await)) and function is not None
        return any(param.name == root.id for param in function.params) or function.rebinds(root.id)

    def _is_passed(self, function: Function, name: str, depth: int) -> bool:
        for module, call in self.calls(function):
            shift = 1 if function.cls is not None and "staticmethod" not in self.types.decorators(function) else 0
            given = Expansion.given(function, call, (module, call.block, call.start), NOWHERE, shift)
            if name in given and self.is_password(given[name][0], given[name][1], min(depth - 1, HIGHEST)):
                return True
        return False

    def calls(self, function: Function) -> Iterator[tuple[Module, f.Call]]:
        """The calls of a function in code that is no test."""
        for module, call in self.project.routes.expansion.objects.callers(function.name)[:_MOST]:
            if not module.is_test:
                callee = self.types.callee(module, call)
                if isinstance(callee, FunctionObject) and callee.function is function:
                    yield module, call


def names_realm(expr: f.Expr) -> bool:
    """Whether a text is made with a realm: the digest authentication of HTTP says how that is hashed (RFC 7616)."""
    return any("realm" in secrets.words(f.last_name(part)) for part in walk(expr))
