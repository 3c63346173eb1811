"""FAPI804: WebSockets that are used before they are accepted. Follows the socket into functions of the project."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Route
from fastapi_lint.model.injection import Depends
from fastapi_lint.model.names import Class, ClassObject, FunctionObject, Instance
from fastapi_lint.rule import Check, rule

_WEBSOCKET = ("fastapi.WebSocket", "starlette.websockets.WebSocket")
_USES = frozenset({
    "send_text", "send_json", "send_bytes", "receive_text", "receive_json", "receive_bytes", "iter_text", "iter_json",
    "iter_bytes",
})  # fmt: skip
_IDLE = frozenset({
    "isinstance", "print", "id", "repr", "str", "type", "debug", "info", "warning", "error", "exception", "append",
    "add",
})  # fmt: skip
"""Last names of callables that do not accept a socket they are given."""
_DEPTH = 4


@rule("FAPI804", severity=Severity.ERROR)
def websocket_not_accepted(route: Route, check: Check) -> Iterator[Finding]:
    """A WebSocket is sent to or received from before it is accepted.

    Why is this bad?
    Until `await websocket.accept()` there is no connection, only a handshake that waits for an answer. Sending and
    receiving raise `RuntimeError` then, and the client is refused. `close()` is allowed: it refuses on purpose.

    Known limits
    The socket is followed into functions and dependencies of the project that get it. As soon as it is handed to
    something unknown, or stored in an object, it is taken to be accepted there.

    References
    - [WebSockets](https://fastapi.tiangolo.com/advanced/websockets/)
    """
    handler = route.handler
    if route.kind != "websocket" or handler is None or not route.by_decorator:
        return
    name = websocket_parameter(handler, check)
    if name is None or len(handler.facts.decorators) != 1 or _accepted_before(route, handler, check):
        return
    verdict = _first(handler, name, check, 0, set())
    if not isinstance(verdict, f.Call):
        return
    shown = handler.module.source.slice(verdict.start, verdict.name_end)
    yield check.finding(
        (verdict.start, verdict.name_end),
        f"`{shown}` comes before `{name}.accept()` in `{handler.name}`",
        why="there is no connection yet, and it raises RuntimeError",
        instead=f"await `{name}.accept()` first",
        module=handler.module,
    )


def websocket_parameter(function: Function, check: Check) -> str | None:
    """The name of the parameter that is the WebSocket."""
    types = check.project.types
    for param in function.params:
        if types.is_instance(types.parameter(function, param), *_WEBSOCKET):
            return param.name
    return None


def _accepted_before(route: Route, handler: Function, check: Check) -> bool:
    """Whether a dependency of the route may accept the socket: it gets it, or is not known."""
    found: list[Depends] = list(check.project.dependencies.of_handler(route))
    for address in route.addresses:
        effective, complete = check.project.dependencies.effective(address)
        if not complete:
            return True
        found.extend(effective)
    for depends in found:
        for one in check.project.dependencies.closure(depends):
            match one.target:
                case FunctionObject(function=function):
                    if websocket_parameter(function, check):
                        return True
                case ClassObject(cls=cls):
                    if _takes_socket(cls, check):
                        return True
                case _:
                    return True
    return False


def _takes_socket(cls: Class, check: Check) -> bool:
    """Whether a class that is made for a connection gets it: by its constructor, or in a field."""
    init = check.project.types.member(cls, "__init__", Instance(cls))
    if isinstance(init, FunctionObject):
        return websocket_parameter(init.function, check) is not None
    return any(
        check.project.types.is_instance(
            check.project.types.annotation(entry.annotation, (base.module, entry.block, entry.start)),
            "fastapi.WebSocket",
        )
        for base in check.project.types.mro(cls)
        if isinstance(base, Class)
        for entry in base.assigns.values()
        if entry.annotation is not None
    )


def _first(function: Function, name: str, check: Check, depth: int, seen: set[Function]) -> f.Call | bool | None:
    """What happens first to the socket: the call that uses it, True when it may be accepted, None for nothing."""
    if depth > _DEPTH or function in seen:
        return True
    seen = seen | {function}
    module = function.module
    for entry in module.assigns_in.get(function.index, ()):
        if _mentions(entry.value, name):
            return True
    for call in function.calls:
        match call.func:
            case f.Attr(value=f.Name(id=found), attr=attr) if found == name:
                if attr in ("accept", "__getattribute__", "receive", "send"):
                    return True
                if attr in _USES:
                    return None if _accepts_in_branch(function, name, call) else call
                continue
        for index, arg in enumerate(call.args):
            if not _mentions(arg.value, name):
                continue
            verdict = _inside(function, call, index, arg, check, depth, seen)
            if verdict is True:
                return True
            if verdict is not None:
                return call
    if any(child.parent is function and name in _text(child) for child in module.functions):
        return True
    return None


def _inside(
    function: Function, call: f.Call, index: int, arg: f.Arg, check: Check, depth: int, seen: set[Function]
) -> f.Call | bool | None:
    """What a function that is given the socket does with it first."""
    callee = check.project.callee(function.module, call)
    if f.last_name(call.func) in _IDLE:
        return None
    if not isinstance(callee, FunctionObject) or not isinstance(arg.value, f.Name) or arg.name in ("*", "**"):
        return True
    target = callee.function
    if not call.awaited or target.facts.decorators or not target.is_async:
        return (
            None if not target.is_async and arg.value and "accept" not in _text(target) and not call.awaited else True
        )
    params = [p for p in target.params if p.kind not in ("args", "kwargs")]
    shift = 1 if callee.owner is not None else 0
    if arg.name:
        param = next((p for p in params if p.name == arg.name), None)
    else:
        param = params[index + shift] if index + shift < len(params) else None
    if param is None or check.project.effects.execution.has_sync_override(target, callee.owner):
        return True
    return _first(target, param.name, check, depth + 1, seen)


def _accepts_in_branch(function: Function, name: str, use: f.Call) -> bool:
    """Whether some accept stands before a use in the text all the same (in a nested function, say)."""
    return f"{name}.accept" in function.module.source.slice(function.facts.head_end, use.start)


def _text(function: Function) -> str:
    return function.module.source.slice(function.facts.head_end, function.facts.end)


def _mentions(expr: f.Expr | None, name: str) -> bool:
    """Whether an expression hands the socket itself on (not one of its attributes)."""
    match expr:
        case f.Name(id=found):
            return found == name
        case f.Display(items=items) | f.Choice(options=items):
            return any(_mentions(item, name) for item in items)
        case f.Mapping(items=pairs):
            return any(_mentions(value, name) for _, value in pairs)
        case f.Star(value=value) | f.Await(value=value):
            return _mentions(value, name)
        case f.Unknown() | f.Lambda() | f.Each():
            return False
    return False
