"""WebSockets that are put into something that outlives their handler, and what takes them off again. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.binding import filled
from fastapi_lint.model.names.symbols import Function, FunctionObject
from fastapi_lint.model.types.inference.inference import Inference

_ADDS = frozenset({"append", "add", "setdefault", "appendleft", "insert"})
_REMOVES = frozenset({
    "remove", "discard", "pop", "popitem", "popleft", "clear", "difference_update", "intersection_update", "srem",
    "hdel",
})  # fmt: skip
_DEEPEST = 2


@dataclass(frozen=True)
class Registration:
    """Where a handler registers its socket: the call or assignment, and the collection or object that keeps it."""

    place: f.Call | f.Assign
    holder: f.Expr
    socket: str = field(default="")


def registration(types: Inference, function: Function, socket: str, before: int) -> Registration | None:
    """Where a handler puts its socket into something that outlives it, before a place."""
    module = function.module
    for entry in module.assigns_in.get(function.index, ()):
        if entry.start < before and isinstance(entry.target, f.Sub):
            is_key = any(_is(item, socket) for item in entry.target.items)  # `queues[socket] = Queue()`
            if _is(entry.value, socket) or (is_key and not _is_local(function, entry.target.value)):
                return Registration(entry, entry.target.value, socket)
    for call in function.calls:
        if call.start >= before:
            break
        for index, arg in enumerate(call.args):
            if not _is(arg.value, socket) or not isinstance(call.func, f.Attr):
                continue
            if call.func.attr in _ADDS and not _is_local(function, call.func.value):
                return Registration(call, _collection(function, call.func.value), socket)
            callee = types.callee(module, call)
            if isinstance(callee, FunctionObject) and _stores(callee, index, arg, types):
                return Registration(call, call.func.value, socket)
    return None


def unregistrations(types: Inference, function: Function, kept: Registration) -> Iterator[f.Call | f.Exit | f.Assign]:
    """Where a handler takes its socket off again, or calls what may do so: what is not known is among them."""
    module = function.module
    for call in function.calls:
        is_on_holder = isinstance(call.func, f.Attr) and _within(_collection(function, call.func.value), kept.holder)
        if is_on_holder and isinstance(call.func, f.Attr) and call.func.attr in _REMOVES:
            yield call
        elif call is not kept.place and (
            is_on_holder or _is_around(call, kept.holder) or any(_is(arg.value, kept.socket) for arg in call.args)
        ):
            callee = types.callee(module, call)
            if callee is None or (isinstance(callee, FunctionObject) and _takes_off(types, callee.function, 0)):
                yield call
        elif types.callee(module, call) is None and not call.args:
            yield call
    for leave in function.exits:
        if leave.kind == "del" and isinstance(leave.value, f.Sub) and _within(leave.value.value, kept.holder):
            yield leave
    for entry in module.assigns_in.get(function.index, ()):
        if entry.target == kept.holder or (isinstance(entry.target, f.Sub) and _within(entry.target, kept.holder)):
            if entry is not kept.place:
                yield entry


def _takes_off(types: Inference, function: Function, depth: int) -> bool:
    """Whether a function removes something from a collection, or does what is not known; not of those that have just
    failed, as a broadcast does."""
    failed = _failing(function)
    if any(leave.kind == "del" and not _stands_in(leave, failed) for leave in function.exits):
        return True
    if any(isinstance(entry.target, f.Attr) for entry in function.module.assigns_in.get(function.index, ())):
        return True
    for call in function.calls:
        if _stands_in(call, failed):
            continue
        if f.last_name(call.func) in _REMOVES:
            return True
        callee = types.callee(function.module, call)
        if isinstance(callee, FunctionObject) and depth < _DEEPEST and _takes_off(types, callee.function, depth + 1):
            return True
    return False


def _failing(function: Function) -> list[f.Block]:
    """Where a function has to do with those members of a collection to which it could not send: the clauses of a `try`
    in a loop, and a loop over what those have put into a list."""
    blocks = function.module.blocks_in.get(function.index, ())
    loops = [block for block in blocks if block.kind == "for"]
    clauses = [block for block in blocks if block.kind == "except" and _stands_in(block, loops)]
    lists = [
        call.func.value
        for call in (function.calls if clauses else ())
        if isinstance(call.func, f.Attr) and call.func.attr in _ADDS and _stands_in(call, clauses)
    ]
    return [*clauses, *(loop for loop in loops if loop.test in lists and _is_local(function, loop.test))]


def _stands_in(place: f.Block | f.Call | f.Exit, blocks: list[f.Block]) -> bool:
    return any(block.start <= place.start < block.end for block in blocks)


def _collection(function: Function, expr: f.Expr) -> f.Expr:
    """The collection of which something is a part that a method gives: `rooms` for `rooms.setdefault(name, set())`."""
    calls = function.module.facts.calls
    while isinstance(expr, f.CallRef) and isinstance(func := calls[expr.index].func, f.Attr):
        if func.attr not in ("get", "setdefault"):
            break
        expr = func.value
    return expr


def _within(expr: f.Expr, holder: f.Expr) -> bool:
    """Whether an expression is a collection, or a part of it (`rooms[name]`), or a part of the object around it."""
    current: f.Expr = expr
    while current != holder:
        if not isinstance(current, (f.Sub, f.Attr)):
            return False
        current = current.value
    return True


def _is_around(call: f.Call, holder: f.Expr) -> bool:
    """Whether a method is called of the object that has a collection: `rooms.leave(name)` for `rooms.members`."""
    return isinstance(call.func, f.Attr) and isinstance(holder, f.Attr) and _within(holder, call.func.value)


def _is(expr: f.Expr | None, name: str) -> bool:
    return isinstance(expr, f.Name) and expr.id == name


def _is_local(function: Function, expr: f.Expr | None) -> bool:
    """Whether a collection is made by the function itself."""
    if not isinstance(expr, f.Name):
        return False
    return any(_is(entry.target, expr.id) for entry in function.module.assigns_in.get(function.index, ()))


def _stores(callee: FunctionObject, index: int, arg: f.Arg, types: Inference) -> bool:
    """Whether a method puts its parameter into a collection of its object, or into one of the module."""
    target = callee.function
    params = [p for p in target.params if p.kind not in ("args", "kwargs")]
    position = index + filled(types, callee)
    if not arg.name and position >= len(params):
        return False
    name = arg.name or params[position].name
    for call in target.calls:
        if any(_is(each.value, name) for each in call.args) and f.last_name(call.func) in _ADDS:
            if isinstance(call.func, f.Attr) and not _is_local(target, call.func.value):
                return True
    return any(
        isinstance(entry.target, f.Sub) and (_is(entry.value, name) or any(_is(i, name) for i in entry.target.items))
        for entry in target.module.assigns_in.get(target.index, ())
    )
