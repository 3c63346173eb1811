"""Whether a dependency can know who is asking, whatever it is called: `get_user` may look up whom a path names.

Somebody is known by a credential, by a header or cookie, by the request as a whole, or by what middleware has left in a
variable of the context. A function that is given only ids and pages, and asks only a database, has none of these.
What is not known may be any of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from fastapi_lint.index import facts as f
from fastapi_lint.model.injection.connections import CONNECTIONS
from fastapi_lint.model.injection.parameters import Depends, Parameter, called_for
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, Module
from fastapi_lint.model.types.inference.inference import DEPENDS, Inference

_READING = frozenset({"", "fastapi.Query", "fastapi.Path", "fastapi.Body"})
_OF_CREDENTIALS = re.compile(
    r"auth|token|secret|signature|session|cookie|cred|jwt|bearer|passw|request|websocket|ticket|principal|identity|"
    r"(?:^|_)(?:key|code|otp|pin|hash|sig|hmac|nonce|state|conn|connection|header)s?(?:$|_)|api_?key|invit",
    re.IGNORECASE,
)
"""What parameters and fields are called that may say who is asking."""
_KNOWING_NOBODY = (
    "fastapi.", "starlette.", "sqlalchemy.", "sqlmodel.", "pydantic.", "logging.", "structlog.", "loguru.", "uuid.",
    "datetime.", "typing.",
)  # fmt: skip
_DEEPEST = 3


class Graph(Protocol):
    """What is asked of the Depends graph (`dependencies.Dependencies`)."""

    def closure(self, depends: Depends) -> Iterator[Depends]: ...
    def parameters(self, function: Function) -> tuple[Parameter, ...]: ...


def knows_no_caller(depends: Depends, graph: Graph, types: Inference) -> bool:
    """Whether a dependency looks something up by what a request says, and can know nobody by that.

    One that reads nothing of the request at all is a placeholder for what will.
    """
    own = called_for(depends.target, types)
    if own is None or own.is_empty or own.facts.decorators:
        return False
    if not any(each.marker in _READING for each in graph.parameters(own)) or not _asks_nobody(own, types, _DEEPEST):
        return False
    return all(
        (isinstance(one.target, (FunctionObject, ClassObject)) or one is depends)  # what others keep is not looked into
        and _is_told_nothing(called_for(one.target, types), graph, types)
        for one in graph.closure(depends)
    )


def _is_told_nothing(function: Function | None, graph: Graph, types: Inference) -> bool:
    """Whether no parameter of a dependency may say who is asking."""
    return function is not None and not any(
        each.marker not in DEPENDS and (each.marker not in _READING or _may_tell(each, types))
        for each in graph.parameters(function)
        if each.name != "self"
    )


def _may_tell(parameter: Parameter, types: Inference) -> bool:
    """Whether a parameter may say who is asking: by its name, as a part of the request, or by one of its fields."""
    kind = parameter.type
    if kind is None or _OF_CREDENTIALS.search(parameter.name) or types.is_instance(kind, *CONNECTIONS):
        return True
    if not isinstance(kind, Instance):
        return True
    if not isinstance(kind.cls, Class):
        return False
    lineage = [base for base in types.mro(kind.cls) if isinstance(base, Class)]
    return any(_OF_CREDENTIALS.search(name) for base in lineage for name in base.assigns)


def _asks_nobody(function: Function, types: Inference, depth: int) -> bool:
    """Whether everything that a function calls, and it reads of its module, has nothing to do with who is asking."""
    module = function.module
    if depth <= 0 or any(True for _ in module.functions_within(function.facts.head_end, function.facts.end)):
        return False
    for expr, block, at in evaluated(function):
        for part in walk(expr):
            if isinstance(part, f.Attr) and isinstance(part.value, f.Name) and not _is_own(part.value.id, function):
                if types.infer(part.value, (module, block, at)) is None:
                    return False
    return all(_is_of_data(module, call, function, types, depth) for call in function.calls)


def _is_own(name: str, function: Function) -> bool:
    return function.rebinds(name) or any(param.name == name for param in function.params)


def _is_of_data(module: Module, call: f.Call, function: Function, types: Inference, depth: int) -> bool:
    callee = types.callee(module, call)
    if isinstance(callee, FunctionObject):
        return _asks_nobody(callee.function, types, depth - 1)
    root: f.Expr = call.func
    while isinstance(root, (f.Attr, f.Sub, f.Await)):
        root = root.value
    is_of_self = function.cls is not None and root == f.Name(function.params[0].name if function.params else "")
    if isinstance(root, f.CallRef) or (isinstance(root, f.Name) and _is_own(root.id, function) and not is_of_self):
        return True
    name = (callee.cls if isinstance(callee, Instance) else types.name_of_type(callee)) or ""
    if not isinstance(name, str):
        return False
    return isinstance(callee, ClassObject) or ("." not in name and bool(name)) or name.startswith(_KNOWING_NOBODY)
