"""FAPI813: WebSocket handlers that wait for something else than their client, and never look after it."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, FunctionObject, Instance, Method, Module, Route
from fastapi_lint.model.calls import bound
from fastapi_lint.model.names import evaluated, walk
from fastapi_lint.model.routing import socket_of
from fastapi_lint.rule import Check, rule

_RECEIVES = frozenset({
    "receive", "receive_text", "receive_json", "receive_bytes", "iter_text", "iter_json", "iter_bytes",
})  # fmt: skip
_STATES = frozenset({"client_state", "application_state", "_receive"})
_IN_A_LOOP = {
    "asyncio.Queue": frozenset({"get"}),
    "anyio.streams.memory.MemoryObjectReceiveStream": frozenset({"receive"}),
}
"""What gives one item each time, so that only a loop waits without end."""
_HELD = {
    "asyncio.Event": frozenset({"wait"}),
    "asyncio.Condition": frozenset({"wait", "wait_for"}),
    "anyio.Event": frozenset({"wait"}),
    "anyio.Condition": frozenset({"wait"}),
}
_STREAMS = {"redis.asyncio.client.PubSub": frozenset({"listen"})}
_FOREVER = frozenset({"asyncio.Future", "anyio.sleep_forever", "trio.sleep_forever"})
_BOUNDS = frozenset({
    "asyncio.timeout", "asyncio.timeout_at", "anyio.fail_after", "anyio.move_on_after", "async_timeout.timeout",
})  # fmt: skip
_DEEPEST = 3


@rule("FAPI813", words={"websocket"}, since="0.2.0")
def send_only_websocket(route: Route, check: Check) -> Iterator[Finding]:
    """A WebSocket handler waits for messages to send, and never receives.

    Why is this bad?
    That a client has gone is only seen by who receives, or by the next send. A handler that is parked on a queue, an
    event or a subscription learns nothing of it until the next message comes: it holds its memory, its subscription and
    its place in lists, for clients that left hours ago.

    Receive in a second task, and end both when one of them ends (`asyncio.TaskGroup`, `asyncio.wait` with
    `FIRST_COMPLETED`).

    Known limits
    Waits with a timeout are left alone, for the next send ends the handler; so are handlers that look at
    `client_state`, loops that end, and handlers that give the socket to code that is not known.

    References
    - [WebSockets: handling disconnections](https://fastapi.tiangolo.com/advanced/websockets/#handling-disconnections-and-multiple-clients)
    """
    handler = route.handler
    if route.kind != "websocket" or handler is None or not handler.is_async:
        return
    name = socket_of(check.project.types, handler)
    if name is None:
        return
    wait = next(_waits(handler, check, 0), None)
    if wait is None or _may_receive(handler, name, check, 0):
        return
    shown = handler.module.source.slice(wait.start, wait.name_end)
    yield check.finding(
        (wait.start, wait.name_end),
        f"`{handler.name}` waits for `{shown}` and never receives"
        if len(shown) < 40
        else f"`{handler.name}` never receives",
        why="when the client has gone it does not learn of it before the next message",
        instead="receive in a second task, and end both when one of them ends",
        module=handler.module,
    )


# ---------------------------------------------------------------- what waits


def _waits(function: Function, check: Check, depth: int) -> Iterator[f.Call]:
    """The calls of a function that may wait without end, by themselves or in functions of the project."""
    module = function.module
    for call in function.calls:
        is_streamed = check.project.effects.execution.is_asynchronous(module, call) and call.use == "iter"
        if not (call.awaited or is_streamed) or _is_bounded(module, call.block, check):
            continue
        callee = check.project.callee(module, call)
        match callee:
            case Method(cls=cls, name=name):
                in_loop = _is_endless(module, call.block) and _is_one(cls, name, _IN_A_LOOP, check)
                if _is_one(cls, name, _STREAMS, check) if is_streamed else in_loop or _is_one(cls, name, _HELD, check):
                    yield call
            case FunctionObject(function=target) if depth < _DEEPEST and target is not function:
                if (is_streamed or not target.is_generator) and next(_waits(target, check, depth + 1), None):
                    yield call
            case _:
                if call.awaited and check.project.types.name_of_type(callee) in _FOREVER:
                    yield call


def _is_one(cls: str, name: str, known: dict[str, frozenset[str]], check: Check) -> bool:
    return any(name in names and check.project.types.is_subclass(cls, owner) for owner, names in known.items())


def _is_endless(module: Module, block: int) -> bool:
    """Whether a place stands in a `while True`."""
    return any(each.kind == "while" and each.test in (f.Const(True), f.Const(1)) for each in module.block_chain(block))


def _is_bounded(module: Module, block: int, check: Check) -> bool:
    """Whether a place stands below a timeout."""
    for each in module.block_chain(block):
        if each.kind == "with" and isinstance(each.test, f.CallRef):
            if check.project.called_name(module, module.facts.calls[each.test.index]) in _BOUNDS:
                return True
    return False


# ---------------------------------------------------------------- who receives


def _may_receive(function: Function, name: str, check: Check, depth: int) -> bool:
    """Whether a function receives from a socket, looks whether it is open, or gives it to who may."""
    own = f.Name(name)
    if depth > _DEEPEST:
        return True
    for expr, _, _ in evaluated(function, nested=True):
        for part in walk(expr):
            if isinstance(part, f.Attr) and part.value == own and part.attr in _RECEIVES | _STATES:
                return True
    inside = [function, *function.module.functions_within(function.facts.start, function.facts.end)]
    for each in inside:
        for call in each.calls:
            if any(own in walk(arg.value) for arg in call.args) and _hands_on(each, call, own, check, depth):
                return True
    return any(
        entry.value == own
        for each in inside
        for entry in each.module.assigns_in.get(each.index, ())
        if isinstance(entry.target, (f.Name, f.Attr))
    )


def _hands_on(function: Function, call: f.Call, own: f.Name, check: Check, depth: int) -> bool:
    """Whether who gets the socket may receive from it."""
    callee = check.project.callee(function.module, call)
    match callee:
        case FunctionObject(function=target):
            given = [inner for inner, expr in bound(target, call) if expr == own]
            return not given or any(_may_receive(target, inner, check, depth + 1) for inner in given)
        case Method(cls=cls):
            return not (cls in ("list", "set", "dict") or cls.endswith(("deque", "defaultdict", "Logger", "WeakSet")))
        case None if isinstance(call.func, f.Attr) and call.func.attr in ("append", "add", "remove", "discard"):
            return False
    return not isinstance(callee, Instance) and check.project.types.name_of_type(callee) not in ("print", "id", "str")
