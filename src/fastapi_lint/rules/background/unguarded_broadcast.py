"""FAPI806: broadcasts that one dead connection ends, or over a collection that changes meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, FunctionObject, Instance, Method, Module
from fastapi_lint.model.names import target_names, walk
from fastapi_lint.model.routing import SOCKETS, Change, Holder, Source, changes, changes_meanwhile, source_of
from fastapi_lint.rule import Check, rule

_SENDS = frozenset({"send_text", "send_json", "send_bytes", "send"})
_DEEPEST = 3


@rule("FAPI806", words={"send_text", "send_json", "send_bytes", "send"}, since="0.2.0")
def unguarded_broadcast(function: Function, check: Check) -> Iterator[Finding]:
    """A broadcast ends at the first dead connection, or goes over connections that change while it sends.

    Why is this bad?
    Sending to a client that has gone raises. Without a handler inside of the loop the clients behind it get nothing,
    and whoever asked for the broadcast gets the error of a stranger.

    While a send waits, other requests connect and disconnect. A set or dict that changes under a loop raises
    `RuntimeError: Set changed size during iteration`; in a list that loses an item, the next one is skipped.

    Known limits
    Collections are attributes of objects and variables of modules that hold WebSockets, as far as types, or what is put
    into them, say so. A loop below a lock that all changes take as well is left alone, as far as changes go.

    References
    - [WebSockets: handling disconnections](https://fastapi.tiangolo.com/advanced/websockets/#handling-disconnections-and-multiple-clients)
    """
    if not function.is_async:
        return
    module = function.module
    for index, block in enumerate(module.facts.blocks):
        if block.function != function.index or block.kind != "for" or block.is_async or block.target is None:
            continue
        names = frozenset(target_names(block.target))
        likely = [call for call in function.calls if call.awaited and _is_likely(function, call, index, names)]
        if not likely:
            continue
        source = source_of(check.project.types, block.test, (module, max(block.parent, 0), block.start))
        if source is None and not _is_of_sockets(block, module, check):
            continue
        changed: list[Change] = []
        sent = next((call for call in likely if _is_sent(function, call, check)), None)
        if source is not None and (sent is not None or any(_is_by_name(call) for call in likely)):
            changed = list(changes(check.project.types, source.holder))
            if sent is None and any(_is_socket(each, check) for each in changed):
                sent = next(call for call in likely if _is_by_name(call))
        if sent is None:
            continue
        yield from _judged(function, index, block, sent, source, changed, check)


def _judged(
    function: Function,
    index: int,
    block: f.Block,
    sent: f.Call,
    source: Source | None,
    changed: list[Change],
    check: Check,
) -> Iterator[Finding]:
    module = function.module
    shown = _shown(module, block)
    is_changing = source is not None and not source.is_copy and changes_meanwhile(function, block, changed)
    numbered = _called(block.test, module) == "enumerate"
    effect = "a connection is skipped" if source and _is_list(source, block, module, check) else "RuntimeError"
    if not _is_caught(function, sent, index, check):
        also = f"; and {shown} changes while the loop waits: {effect}" if is_changing else ""
        yield check.finding(
            (sent.start, sent.name_end),
            f"one dead connection ends the broadcast in `{function.name}`",
            why="sending to it raises, and the connections behind it get nothing" + also,
            instead="catch the error of each connection" + (f", and go over a copy of {shown}" if is_changing else ""),
        )
    elif is_changing:
        yield check.finding(
            (block.start, block.start + len("for")),
            f"{shown} changes while the broadcast in `{function.name}` waits",
            why="a connection that comes or goes under the loop makes "
            + ("it skip another one" if effect != "RuntimeError" else "it raise RuntimeError"),
            instead="go over a copy: `list(...)`"
            + (", and take connections out by themselves, not by a number that has changed" if numbered else ""),
        )


def _shown(module: Module, block: f.Block) -> str:
    """What a loop goes over, in the words of the code, when those are few."""
    test = block.test
    while isinstance(test, f.CallRef):
        call = module.facts.calls[test.index]
        test = call.func.value if isinstance(call.func, f.Attr) else call.args[0].value if call.args else None
    text = ""
    while isinstance(test, f.Attr):
        text, test = f".{test.attr}{text}", test.value
    return f"`{test.id}{text}`" if isinstance(test, f.Name) else "the collection"


# ---------------------------------------------------------------- what is sent


def _is_likely(function: Function, call: f.Call, loop: int, names: frozenset[str]) -> bool:
    """Whether a call stands in a loop and has something to do with the item of this round."""
    if not _is_inside(function.module, call.block, loop):
        return False
    parts = [call.func.value if isinstance(call.func, f.Attr) else None, *(arg.value for arg in call.args)]
    return any(isinstance(each, f.Name) and each.id in names for part in parts for each in walk(part))


def _is_by_name(call: f.Call) -> bool:
    """Whether a call sends, as far as its name tells."""
    match call.func:
        case f.Attr(value=f.Name() | f.Sub(), attr=attr):
            return attr in _SENDS
    return False


def _is_sent(function: Function, call: f.Call, check: Check) -> bool:
    """Whether a call is known to send over a WebSocket."""
    match check.project.callee(function.module, call):
        case Method(cls=cls, name=name):
            return name in _SENDS and any(check.project.types.is_subclass(cls, socket) for socket in SOCKETS)
        case FunctionObject(function=target):
            return _sends(target, check, 0, uncaught=False)
    return False


def _is_caught(function: Function, call: f.Call, loop: int, check: Check) -> bool:
    """Whether an error of sending stays in the round of a loop, or in the function of the project that sends."""
    if _is_handled(function.module, call.block, loop, check):
        return True
    callee = check.project.callee(function.module, call)
    return isinstance(callee, FunctionObject) and not _sends(callee.function, check, 0, uncaught=True)


def _sends(function: Function, check: Check, depth: int, *, uncaught: bool) -> bool:
    """Whether a function sends over a WebSocket; with `uncaught`, lets the error of that out."""
    if not function.is_async or depth > _DEEPEST:
        return False
    for call in function.calls:
        if not call.awaited:
            continue
        if uncaught and _is_handled(function.module, call.block, function.facts.block, check):
            continue
        match check.project.callee(function.module, call):
            case Method(cls=cls, name=name) if name in _SENDS:
                if any(check.project.types.is_subclass(cls, socket) for socket in SOCKETS):
                    return True
            case FunctionObject(function=target) if target is not function:
                if _sends(target, check, depth + 1, uncaught=uncaught):
                    return True
    return False


def _is_socket(change: Change, check: Check) -> bool:
    where = (change.module, change.block, change.start)
    return change.value is not None and check.project.types.is_instance(
        check.project.types.infer(change.value, where), *SOCKETS
    )


def _is_of_sockets(block: f.Block, module: Module, check: Check) -> bool:
    """Whether a loop goes over a collection of sockets that a function is given."""
    if not isinstance(block.test, f.Name):
        return False
    value = check.project.infer(block.test, module, max(block.parent, 0), block.start)
    is_collection = isinstance(value, Instance) and isinstance(value.cls, str) and bool(value.args)
    found = check.project.types.find_bindings(block.test.id, (module, max(block.parent, 0), block.start))
    return is_collection and bool(found) and all(isinstance(each.entry, f.Param) for each in found)


def _is_inside(module: Module, block: int, loop: int) -> bool:
    blocks = module.facts.blocks
    while block >= 0 and block != loop:
        block = blocks[block].parent
    return block == loop


def _is_handled(module: Module, block: int, until: int, check: Check) -> bool:
    """Whether an error is caught between a place and a block around it."""
    blocks = module.facts.blocks
    while block >= 0 and block != until:
        entry = blocks[block]
        if entry.kind == "body" and module.clauses_of(entry.parent):
            return True
        if entry.kind == "with" and isinstance(entry.test, f.CallRef):
            callee = check.project.callee(module, module.facts.calls[entry.test.index])
            if callee is None or check.project.types.name_of_type(callee) == "contextlib.suppress":
                return True
        block = entry.parent
    return False


# ---------------------------------------------------------------- what changes


def _called(test: f.Expr | None, module: Module) -> str:
    return f.last_name(module.facts.calls[test.index].func) if isinstance(test, f.CallRef) else ""


def _is_list(source: Source, block: f.Block, module: Module, check: Check) -> bool:
    """Whether a loop goes over a list, and not over a set or a dict."""
    if source.view:
        return False
    test = block.test
    if isinstance(test, f.CallRef) and _called(test, module) in ("enumerate", "reversed"):
        test = module.facts.calls[test.index].args[0].value if module.facts.calls[test.index].args else test
    value = check.project.infer(test, module, max(block.parent, 0), block.start)
    if isinstance(value, Instance) and isinstance(value.cls, str):
        return value.cls in ("list", "collections.deque", "deque")
    return _adds_to_list(source.holder, check)


def _adds_to_list(holder: Holder, check: Check) -> bool:
    return any(
        isinstance(call.func, f.Attr) and call.func.attr == "append"
        for module in (holder.owner if isinstance(holder.owner, Module) else holder.owner.module,)
        for call in module.facts.calls
        if holder.name in module.source.slice(call.start, call.name_end)
    )
