"""Whether a function that is called like a check may be one of addresses: what it looks at says so, not its name.

Whoever only asks for the length of an address, its scheme or whether there is one, or trims and logs it, has not looked
at its host. Everything that is not known may look at it.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import ClassObject, Function, FunctionObject, Method, Module
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.strands import VALIDATING
from fastapi_lint.model.types.inference.inference import is_none

_DEEPEST = 3
_PLAIN = frozenset({"str", "print", "len", "int", "bool", "repr", "isinstance", "type", "ValueError", "TypeError"})
_OF_FORM = ("fastapi.", "starlette.", "logging.", "structlog.", "loguru.", "urllib.parse.", "werkzeug.exceptions.")
"""What takes addresses apart and puts them together, what answers, and what logs."""
_TRIMMING = frozenset({
    "strip", "lstrip", "rstrip", "lower", "upper", "casefold", "encode", "decode", "replace", "format", "join", "title",
    "removesuffix", "isspace", "expandtabs",
})  # fmt: skip
_SCHEMES = frozenset({"http", "https", "ftp", "ftps", "ws", "wss"})
_ORDERS = frozenset({"<", "<=", ">", ">="})


def is_called_and_may_be_a_check(asks: Asks, function: Function) -> bool:
    """Whether a function of the project is called like a check and may look at the host of an address."""
    return VALIDATING.search(function.name) is not None and _may_look(asks, function, _DEEPEST)


def _may_look(asks: Asks, function: Function, depth: int) -> bool:
    module = function.module
    if depth <= 0 or function.facts.decorators or not _has_code(function):
        return True
    if any(block.kind == "case" for block in module.blocks_in.get(function.index, ())):
        return True
    if any(True for _ in module.functions_within(function.facts.head_end, function.facts.end)):
        return True
    return any(not _is_of_form(part, module) for part in _parts(function)) or any(
        _call_may_look(asks, module, call, depth) for call in function.calls
    )


def _has_code(function: Function) -> bool:
    """Whether a function does something: one that is abstract does it elsewhere."""
    return not function.is_empty and not any(
        leave.kind == "raise" and leave.block == function.facts.block for leave in function.exits
    )


def _parts(function: Function) -> Iterator[f.Expr]:
    module = function.module
    for expr, _, _ in evaluated(function):
        yield from walk(expr)
    for test in module.facts.tests:
        if module.facts.blocks[test.block].function == function.index:
            yield from walk(test.value)


def _is_of_form(part: f.Expr, module: Module) -> bool:
    """Whether an expression asks for nothing of an address but its form."""
    match part:
        case f.Compare(operators=operators, operands=operands):
            pairs = zip(operators, operands, operands[1:], strict=False)
            return all(_compares_form(operator, left, right, module) for operator, left, right in pairs)
        case f.Sub(items=items):  # looked up in a table
            return all(isinstance(item, (f.Const, f.Unknown)) for item in items)
        case f.Binary(op="-" | "&"):  # of sets
            return False
    return True


def _compares_form(operator: str, left: f.Expr, right: f.Expr, module: Module) -> bool:
    sides = (left, right)
    if any(is_none(side) or _is_scheme(side, module) for side in sides):
        return True
    if operator in _ORDERS:
        return any(isinstance(side, f.Const) or _called(side, module) == "len" for side in sides)
    if operator in ("in", "not in"):
        return left in (f.Const("://"), f.Const(":"), f.Const(" "), f.Const("."))
    return any(isinstance(side, f.Const) and not (isinstance(side.value, str) and side.value) for side in sides)


def _is_scheme(side: f.Expr, module: Module) -> bool:
    if isinstance(side, f.CallRef) and _called(side, module) in _TRIMMING:
        func = module.facts.calls[side.index].func
        side = func.value if isinstance(func, f.Attr) else side
    return isinstance(side, f.Attr) and side.attr == "scheme"


def _called(expr: f.Expr, module: Module) -> str:
    return f.last_name(module.facts.calls[expr.index].func) if isinstance(expr, f.CallRef) else ""


def _call_may_look(asks: Asks, module: Module, call: f.Call, depth: int) -> bool:
    target, _ = asks.callee(call, (module, call.block, call.start))
    match target:
        case FunctionObject(function=function):
            return _may_look(asks, function, depth - 1)
        case ClassObject():
            return not asks.types.is_subclass(target.cls, "Exception")
        case None | Method(cls="str") if isinstance(call.func, f.Attr):
            if call.func.attr in ("startswith", "endswith"):
                return not all(map(_is_beginning, _texts(call)))
            return call.func.attr not in _TRIMMING
    name = asks.types.name_of_type(target) or ""
    return name not in _PLAIN and not name.startswith(_OF_FORM)


def _texts(call: f.Call) -> Iterator[f.Expr]:
    for arg in call.args:
        yield from arg.value.items if isinstance(arg.value, f.Display) else (arg.value,)


def _is_beginning(text: f.Expr) -> bool:
    """Whether a text is nothing but a scheme, or slashes: `https://`."""
    if not isinstance(text, f.Const) or not isinstance(text.value, str):
        return False
    return text.value.rstrip("/").rstrip(":").lower() in _SCHEMES or not text.value.strip("/")
