"""What code looks at: expressions with all that goes into them, and by their names which of them are credentials.

Headers that say what is sent or wanted, and not by whom, are left out. Infers no types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import Evaluated, evaluated, walk
from fastapi_lint.model.names.symbols import Function, Module

OF_THE_WEB = (
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
"""Beginnings of the names of functions that only look at a request, log it or answer it."""
PLAIN = frozenset({"str", "print", "len", "int", "bool", "repr", "dict", "list", "tuple", "isinstance", "type"})
"""Built-ins that nobody asks whether somebody may enter."""
_OF_CONTENT = frozenset({
    "accept", "accept-encoding", "accept-language", "cache-control", "connection", "content-disposition",
    "content-encoding", "content-length", "content-type", "host", "if-match", "if-modified-since", "if-none-match",
    "if-range", "last-event-id", "range", "upgrade", "user-agent", "x-request-id", "x-correlation-id",
})  # fmt: skip
"""Headers that say what is sent or wanted, and by which program, but not by whom."""
CREDENTIAL = re.compile(
    r"password|passwd|token|secret|credential|signature|api_?key|(^|_)otp($|_)|(^|_)code($|_)|auth|(^|_)state$|nonce",
    re.IGNORECASE,
)


def looked_at(function: Function) -> Iterator[Evaluated]:
    """As `evaluated`, with the conditions of comprehensions and assertions."""
    yield from evaluated(function)
    module = function.module
    for test in module.facts.tests:
        if module.facts.blocks[test.block].function == function.index:
            yield test.value, test.block, test.start


def parts_of(expr: f.Expr | None, module: Module, depth: int = 4) -> Iterator[f.Expr]:
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
                yield from parts_of(inner, module, depth - 1)


def _says_nothing(key: f.Expr) -> bool:
    return isinstance(key, f.Const) and str(key.value).lower() in _OF_CONTENT


def is_one_of(part: f.Expr, names: frozenset[str]) -> bool:
    """Whether an expression is one of some variables."""
    return isinstance(part, f.Name) and part.id in names


def without_calls(expr: f.Expr, module: Module) -> f.Expr:
    """The callee of a call, for its name: `settings.api_key.get_secret_value()` is an `api_key`."""
    while isinstance(expr, f.CallRef):
        func = module.facts.calls[expr.index].func
        expr = func.value if isinstance(func, f.Attr) else f.Unknown()
    return expr
