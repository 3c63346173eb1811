"""Where a WebSocket is accepted: in a function, or by whom it hands the socket to. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.endings import Endings
from fastapi_lint.model.names.expressions import parts
from fastapi_lint.model.names.symbols import Function, FunctionObject
from fastapi_lint.model.types.inference.inference import Inference

SOCKETS = ("fastapi.WebSocket", "starlette.websockets.WebSocket")
_TAKING = frozenset({"accept", "receive", "send", "__getattribute__"})
_IDLE = frozenset({
    "isinstance", "print", "id", "repr", "str", "type", "debug", "info", "warning", "error", "exception", "append",
    "add", "remove", "discard", "close", "log", "hasattr", "getattr",
})  # fmt: skip
"""Last names of callables that do not accept a socket they are given."""
_DEPTH = 4


@dataclass(frozen=True)
class Acceptance:
    """A place of a function that accepts a socket, or may do so: then it is not `is_sure`."""

    start: int
    block: int
    is_sure: bool


def socket_of(types: Inference, function: Function) -> str | None:
    """The name of the parameter that is the WebSocket."""
    return next((p.name for p in function.params if types.is_instance(types.parameter(function, p), *SOCKETS)), None)


def acceptances(types: Inference, function: Function, name: str, depth: int = 0) -> Iterator[Acceptance]:
    """Where a function accepts the socket that it has under a name, or may do so."""
    module = function.module
    for call in function.calls:
        match call.func:
            case f.Attr(value=f.Name(id=found), attr=attr) if found == name:
                if attr in _TAKING:
                    yield Acceptance(call.start, call.block, attr == "accept")
                continue
        if any(_holds(arg.value, name) for arg in call.args) and f.last_name(call.func) not in _IDLE:
            verdict = _handed(types, function, call, name, depth)
            if verdict is not None:
                yield Acceptance(call.start, call.block, verdict)
    for entry in module.assigns_in.get(function.index, ()):
        if entry.value is not None and _holds(entry.value, name):
            yield Acceptance(entry.start, entry.block, is_sure=False)
    for inner in module.functions:
        if inner.parent is function and f"{name}.accept" in module.source.slice(inner.facts.head_end, inner.facts.end):
            yield Acceptance(inner.start, inner.facts.outer, is_sure=False)


def _handed(types: Inference, function: Function, call: f.Call, name: str, depth: int) -> bool | None:
    """Whether who is given the socket accepts it (True), may do so (False), or does not (None)."""
    callee = types.callee(function.module, call)
    if not isinstance(callee, FunctionObject) or depth >= _DEPTH or callee.function.facts.decorators:
        return False
    target = callee.function
    inner = _parameter(target, call, name)
    if inner is None:
        return False
    found = list(acceptances(types, target, inner, depth + 1))
    if not found:
        return None
    runs = call.awaited or not target.is_async
    return runs and any(each.is_sure and is_passed(types, target, each) for each in found)


def _parameter(target: Function, call: f.Call, name: str) -> str | None:
    """The parameter of a function that gets the socket."""
    positional = target.positional
    for index, arg in enumerate(call.args):
        if arg.name in ("*", "**"):
            return None
        if arg.value == f.Name(name):
            if arg.name:
                return arg.name if any(param.name == arg.name for param in target.params) else None
            return positional[index] if index < len(positional) else None
    return None


def is_passed(types: Inference, function: Function, acceptance: Acceptance) -> bool:
    """Whether a function is not left without error before it has accepted."""
    return types.shared(Endings).passes(function, acceptance.block, acceptance.start)


def comes_after(types: Inference, function: Function, acceptance: Acceptance, block: int, at: int) -> bool:
    """Whether a place of a function is only reached when an acceptance has been passed."""
    if acceptance.start >= at:
        return False
    module = function.module
    around = module.blocks_around(block)
    reached = acceptance.block
    blocks = module.facts.blocks
    while reached not in around:
        kind, parent = blocks[reached].kind, blocks[reached].parent
        if kind == "with" or kind == "try":
            reached = parent
        elif kind == "body":
            if parent in around:  # in a handler beside it
                return _is_first(function, reached, acceptance.start)
            if any(types.shared(Endings).comes_out(function, index) for index in module.clauses_of(parent)):
                return False
            reached = parent
        else:
            return False
    return True


def _is_first(function: Function, block: int, start: int) -> bool:
    """Whether nothing is called in a block before a place."""
    begins = function.module.facts.blocks[block].start
    return not any(begins <= call.start < start and call.end <= start for call in function.calls)


def _holds(expr: f.Expr, name: str) -> bool:
    """Whether an expression hands the socket itself on, not one of its attributes, and not what is asked of it."""
    match expr:
        case f.Name(id=found):
            return found == name
        case f.Attr() | f.Joined() | f.Compare() | f.Sub():
            return False
        case f.Choice(options=options):
            return any(_holds(option, name) for option in options)
    return any(part is not None and _holds(part, name) for part in parts(expr))
