"""FAPI805: WebSocket loops that leave a registered connection behind when the client goes."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Route
from fastapi_lint.model.names import ClassObject, External, FunctionObject, TupleOf
from fastapi_lint.rule import Check, rule

_WEBSOCKET = ("fastapi.WebSocket", "starlette.websockets.WebSocket")
_RECEIVES = frozenset({"receive_text", "receive_json", "receive_bytes"})
_CATCHING = frozenset({
    "fastapi.WebSocketDisconnect", "starlette.websockets.WebSocketDisconnect", "fastapi.websockets.WebSocketDisconnect",
    "Exception", "BaseException", "fastapi.exceptions.WebSocketDisconnect",
})  # fmt: skip
_ADDS = frozenset({"append", "add", "setdefault", "appendleft", "insert"})


@rule("FAPI805")
def websocket_disconnect_unhandled(route: Route, check: Check) -> Iterator[Finding]:
    """A WebSocket that was registered is not taken off again when its client disconnects.

    Why is this bad?
    Clients go at any time, and then `receive_text()` and its kin raise `WebSocketDisconnect`. Nobody catches it around
    this loop, so the connection stays in the list it was put into: the list grows, and the next broadcast fails at the
    first dead connection, for the clients behind it as well.

    Put the loop into a `try`, and clean up in `except WebSocketDisconnect` or, better, in `finally`.

    Known limits
    Reported when the handler itself puts the socket into a collection, or hands it to a method of the project that
    does. Loops inside a `with` are taken to be cleaned up by it.

    References
    - [WebSockets: handling disconnections](https://fastapi.tiangolo.com/advanced/websockets/#handling-disconnections-and-multiple-clients)
    """
    handler = route.handler
    if route.kind != "websocket" or handler is None or not handler.is_async:
        return
    types = check.project.types
    name = next((p.name for p in handler.params if types.is_instance(types.parameter(handler, p), *_WEBSOCKET)), None)
    if name is None:
        return
    received = next((call for call in handler.calls if _is_receive(call, name) and _in_loop(handler, call)), None)
    if received is None or _is_handled(handler, received, check):
        return
    kept = _registration(handler, name, received, check)
    if kept is None:
        return
    shown = handler.module.source.slice(received.start, received.name_end)
    yield check.finding(
        (received.start, received.name_end),
        f"`{shown}` raises WebSocketDisconnect when the client goes, and `{handler.name}` does not catch it: the "
        "connection stays registered; wrap the loop in `try`, and take it off in `finally`",
        module=handler.module,
        related=[check.related(kept, "it is registered here", module=handler.module)],
    )


def _is_receive(call: f.Call, name: str) -> bool:
    match call.func:
        case f.Attr(value=f.Name(id=found), attr=attr):
            return found == name and attr in _RECEIVES
    return False


def _in_loop(function: Function, call: f.Call) -> bool:
    return any(entry.kind in ("while", "for") for entry in function.module.block_chain(call.block))


def _is_handled(function: Function, call: f.Call, check: Check) -> bool:
    """Whether something around a call catches a disconnection, cleans up anyway, or is not known."""
    module = function.module
    blocks = module.facts.blocks
    block = call.block
    while block >= 0 and block != function.facts.block:
        entry = blocks[block]
        if entry.kind == "with":
            return True
        if entry.kind == "body" and _catches(function, entry.parent, check):
            return True
        block = entry.parent
    return False


def _catches(function: Function, parent: int, check: Check) -> bool:
    """Whether a try statement has a finally, or an except for disconnections."""
    module = function.module
    for entry in module.blocks_in.get(function.index, ()):
        if entry.parent != parent:
            continue
        if entry.kind == "finally":
            return True
        if entry.kind == "except":
            if entry.test is None:
                return True
            value = check.project.infer(entry.test, module, entry.parent, entry.start)
            for one in value.items if isinstance(value, TupleOf) else (value,):
                if (
                    isinstance(one, External)
                    and one.name not in _CATCHING
                    and one.name.rsplit(".", 1)[-1] != "WebSocketDisconnect"
                ):
                    continue
                if isinstance(one, ClassObject):
                    continue
                return True
    return False


def _registration(function: Function, name: str, before: f.Call, check: Check) -> f.Call | f.Assign | None:
    """Where the handler puts the socket into something that outlives it."""
    module = function.module
    for entry in module.assigns_in.get(function.index, ()):
        if entry.start < before.start and isinstance(entry.target, f.Sub) and _is(entry.value, name):
            return entry
    for call in function.calls:
        if call.start >= before.start:
            break
        for index, arg in enumerate(call.args):
            if not _is(arg.value, name):
                continue
            called = f.last_name(call.func)
            if called in _ADDS and isinstance(call.func, f.Attr) and not _is_local(function, call.func.value):
                return call
            callee = check.project.callee(module, call)
            if isinstance(callee, FunctionObject) and _stores(callee, index, arg):
                return call
    return None


def _is(expr: f.Expr | None, name: str) -> bool:
    return isinstance(expr, f.Name) and expr.id == name


def _is_local(function: Function, expr: f.Expr) -> bool:
    """Whether a collection is made by the function itself."""
    if not isinstance(expr, f.Name):
        return False
    return any(_is(entry.target, expr.id) for entry in function.module.assigns_in.get(function.index, ()))


def _stores(callee: FunctionObject, index: int, arg: f.Arg) -> bool:
    """Whether a method puts its parameter into a collection of its object, or into one of the module."""
    target = callee.function
    params = [p for p in target.params if p.kind not in ("args", "kwargs")]
    shift = 1 if callee.owner is not None else 0
    position = index + shift
    if arg.name:
        name = arg.name
    elif position < len(params):
        name = params[position].name
    else:
        return False
    for call in target.calls:
        if not any(_is(each.value, name) for each in call.args) or f.last_name(call.func) not in _ADDS:
            continue
        if isinstance(call.func, f.Attr) and not _is_local(target, call.func.value):
            return True
    for entry in target.module.assigns_in.get(target.index, ()):
        if isinstance(entry.target, f.Sub) and (_is(entry.value, name) or _key_is(entry.target, name)):
            return True
    return False


def _key_is(target: f.Sub, name: str) -> bool:
    return any(_is(item, name) for item in target.items)
