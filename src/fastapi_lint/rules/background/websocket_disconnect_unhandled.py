"""FAPI805: WebSocket loops that leave a registered connection behind when the client goes."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module, Route
from fastapi_lint.model.calls import BROAD, Endings, caught
from fastapi_lint.model.names import External
from fastapi_lint.model.routing import Registration, registration, unregistrations
from fastapi_lint.rule import Check, rule

_WEBSOCKET = ("fastapi.WebSocket", "starlette.websockets.WebSocket")
_RECEIVES = frozenset({"receive_text", "receive_json", "receive_bytes", "receive"})
_ITERATES = frozenset({"iter_text", "iter_json", "iter_bytes"})
_PARSES = frozenset({"receive_json", "iter_json", "loads", "model_validate_json", "model_validate"})
_CONDITIONS = frozenset({"choice", "if", "else", "case", "for", "while", "with"})
_LOOPS = frozenset({"for", "while"})
_Removal = f.Call | f.Exit | f.Assign
_SUPPRESS = "contextlib.suppress"
_KNOWN_CONTEXTS = frozenset({_SUPPRESS, "contextlib.nullcontext", "asyncio.timeout", "asyncio.timeout_at"})
"""Contexts that take nothing off."""


@rule("FAPI805")
def websocket_disconnect_unhandled(route: Route, check: Check) -> Iterator[Finding]:
    """A WebSocket that was registered is not taken off again when its client disconnects.

    Why is this bad?
    Clients go at any time, and then `receive_text()` and its kin raise `WebSocketDisconnect`. When nobody catches it
    around the loop, or whoever does leaves the connection in the list it was put into, the list grows, and the next
    broadcast fails at the first dead connection, for the clients behind it as well.

    Put the loop into a `try`, and take the connection off in `finally`. In `except` alone it stays when the loop ends
    without an error: at a `break`, or because `iter_text()` and its kin catch WebSocketDisconnect themselves. In
    `except WebSocketDisconnect` it stays when something else ends the loop, such as a frame that is no JSON (reported
    as information).

    Known limits
    Reported when the handler itself puts the socket into a collection, or hands it to a method of the project that
    does. Loops inside a `with` are taken to be cleaned up by it, and calls that are not known to clean up.

    References
    - [WebSockets: handling disconnections](https://fastapi.tiangolo.com/advanced/websockets/#handling-disconnections-and-multiple-clients)
    """
    handler = route.handler
    if route.kind != "websocket" or handler is None or not handler.is_async:
        return
    types = check.project.types
    name = next((p.name for p in handler.params if types.is_instance(types.parameter(handler, p), *_WEBSOCKET)), None)
    received = next((call for call in handler.calls if name and _is_receive(handler, call, name)), None)
    if name is None or received is None:
        return
    kept = registration(types, handler, name, received.start)
    around = handler.module.block_chain(received.block)
    if kept is None or any(_may_clean_up(block, handler, check) for block in around):
        return
    removed = list(unregistrations(types, handler, kept))
    ways = [way for one in removed for way in _ways(handler, one, received, check)]
    is_left = _ends_by_itself(handler, removed, received, check)
    if "any" in ways and not is_left:
        for leave in _left_early(handler, kept, removed, check):
            yield check.finding(
                leave,
                f"`{handler.name}` returns here and leaves the connection registered",
                why="the list grows, and the next broadcast fails at the dead connection",
                instead="begin the `try` right behind the registration, and take the connection off in `finally`",
                module=handler.module,
                related=[check.related(kept.place, "it is registered here", module=handler.module)],
            )
        return
    title = f"`{handler.name}` leaves the connection registered when its client goes"
    why = "the list grows, and the next broadcast fails at the dead connection"
    if ways and is_left:
        title = f"`{handler.name}` leaves the connection registered when its loop ends"
        why = "nothing is raised then, and only `except` takes it off"
    elif "disconnect" in ways:
        if not any(_parses(call, received) and not _is_caught(call, handler) for call in handler.calls):
            return
        title = f"`{handler.name}` leaves the connection registered when a message cannot be parsed"
        why = f"`{handler.name}` takes it off for WebSocketDisconnect alone"
    yield check.finding(
        (received.start, received.name_end),
        title,
        why=why,
        instead="wrap the loop in `try`, and take the connection off in `finally`",
        module=handler.module,
        related=[check.related(kept.place, "it is registered here", module=handler.module)],
        severity=Severity.INFO if "disconnect" in ways and not is_left else None,
    )


def _ends_by_itself(handler: Function, removed: list[_Removal], received: f.Call, check: Check) -> bool:
    """Whether the loop can end without an error, while only the clauses around it take the connection off."""
    module = handler.module
    blocks = module.facts.blocks
    around = list(_above(module, received.block))
    loop = next((place for place, index in enumerate(around) if blocks[index].kind in _LOOPS), None)
    is_iterated = isinstance(received.func, f.Attr) and received.func.attr in _ITERATES
    if is_iterated != (loop is None):
        return False
    if loop is not None:
        if blocks[around[loop]].test not in (f.Const(True), f.Const(1)):
            return False
        around = around[loop:]
    tried = {blocks[index].parent: index for index in around if blocks[index].kind == "body"}
    clauses = [(blocks[index] for index in _above(module, one.block)) for one in removed]
    attempts = [next((each.parent for each in inner if each.kind == "except"), -1) for inner in clauses]
    endings = check.project.types.shared(Endings)
    return all(each in tried and endings.comes_out(handler, tried[each]) for each in attempts)


def _left_early(handler: Function, kept: Registration, removed: list[_Removal], check: Check) -> Iterator[f.Exit]:
    """The returns behind the registration on whose way nothing takes the connection off."""
    module = handler.module
    blocks = module.facts.blocks
    if isinstance(kept.place, f.Call) and kept.place.use != "statement":
        return  # its value says whether the socket was registered
    for leave in handler.exits:
        around = list(_above(module, leave.block))
        if leave.kind != "return" or leave.start < kept.place.end or kept.place.block not in around:
            continue
        attempts = {blocks[block].parent for block in around}
        before = {one.block for one in removed if kept.place.end <= one.start < leave.start}
        in_the_end = {
            block for one in removed for block in _above(module, one.block) if blocks[block].kind == "finally"
        }
        if any(blocks[block].parent in attempts for block in in_the_end):
            continue
        if any(_by_way_of(module, block) in around for block in before):
            continue
        if not any(_may_clean_up(blocks[block], handler, check) for block in around):
            yield leave


def _above(module: Module, block: int) -> Iterator[int]:
    """A block and those around it."""
    while block >= 0:
        yield block
        block = module.facts.blocks[block].parent


def _by_way_of(module: Module, block: int) -> int:
    """The block of a statement, or the one around the conditions and loops in which it stands."""
    return next(each for each in _above(module, block) if module.facts.blocks[each].kind not in _CONDITIONS)


def _may_clean_up(block: f.Block, handler: Function, check: Check) -> bool:
    """Whether leaving a block may take a connection off: by a `with` of which it is not known that it does not."""
    if block.kind != "with":
        return False
    call = handler.module.facts.calls[block.test.index] if isinstance(block.test, f.CallRef) else None
    return call is None or check.project.called_name(handler.module, call) not in _KNOWN_CONTEXTS


def _is_receive(handler: Function, call: f.Call, name: str) -> bool:
    """Whether a call receives messages of a socket in a loop, or is what a loop goes over."""
    match call.func:
        case f.Attr(value=f.Name(id=found), attr=attr) if found == name:
            chain = handler.module.block_chain(call.block)
            in_loop = attr in _RECEIVES and any(entry.kind in ("while", "for") for entry in chain)
            return in_loop or (attr in _ITERATES and call.use == "iter")
    return False


def _parses(call: f.Call, received: f.Call) -> bool:
    """Whether a call in the loop raises when a message is not what it should be."""
    return call.block >= received.block and f.last_name(call.func) in _PARSES


def _is_caught(call: f.Call, handler: Function) -> bool:
    """Whether a call stands in a `try` with handlers of its own inside of the loop."""
    module = handler.module
    for block in module.block_chain(call.block):
        if block.kind in ("while", "for"):
            return False
        if block.kind == "body" and module.clauses_of(block.parent):
            return True
    return False


def _ways(handler: Function, removed: _Removal, received: f.Call, check: Check) -> Iterator[str]:
    """How control gets from a receive to where the connection is taken off: "any" way, or a "disconnect" only."""
    module = handler.module
    blocks = module.facts.blocks
    attempts, loops, block = set(), [received.end], received.block
    while block >= 0 and block != handler.facts.block:
        if blocks[block].kind == "body":
            attempts.add(blocks[block].parent)
        elif blocks[block].kind in ("while", "for"):
            loops.append(blocks[block].end)
        block = blocks[block].parent
    clauses = [entry for entry in module.block_chain(removed.block) if entry.kind in ("except", "finally")]
    if any(entry.parent in attempts for entry in clauses):
        yield from (_caught(entry, handler, check) for entry in clauses if entry.parent in attempts)
    elif removed.start >= max(loops) and not clauses:
        every = [entry for entry in module.blocks_in.get(handler.index, ()) if entry.kind == "except"]
        yield from (_caught(entry, handler, check) for entry in every if entry.parent in attempts)
        yield from _suppressed(handler, removed.start, received, check)
        if isinstance(received.func, f.Attr) and received.func.attr in _ITERATES:
            yield "disconnect"


def _suppressed(handler: Function, start: int, received: f.Call, check: Check) -> Iterator[str]:
    """As `_caught`, of each `with suppress(...)` around a receive that ends before a place."""
    module = handler.module
    for block in module.block_chain(received.block):
        if block.kind == "with" and block.end <= start and isinstance(block.test, f.CallRef):
            call = module.facts.calls[block.test.index]
            if check.project.called_name(module, call) == _SUPPRESS:
                taken = (check.project.infer(arg.value, module, call.block, call.start) for arg in call.args)
                names = {check.project.types.name_of_type(one) for one in taken}
                yield "any" if names & BROAD or None in names else "disconnect"


def _caught(clause: f.Block, handler: Function, check: Check) -> str:
    """Whether an except clause catches a "disconnect" only, "any" exception (as `finally` does), or neither."""
    types = caught(check.project.types, handler.module, clause)
    names = {one.name for one in types if isinstance(one, External)}
    if clause.kind == "finally" or names & BROAD or None in types:
        return "any"
    return "disconnect" if any(name.endswith(".WebSocketDisconnect") for name in names) else ""
