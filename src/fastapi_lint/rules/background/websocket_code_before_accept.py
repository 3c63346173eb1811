"""FAPI814: close codes and reasons for WebSockets that were never accepted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import ClassObject, External, Function, FunctionObject, Module, Route
from fastapi_lint.model.calls import bound, is_tried, never_runs, raised_call
from fastapi_lint.model.routing import Acceptance, acceptances, socket_of
from fastapi_lint.rule import Check, rule

_ERRORS = (
    "fastapi.exceptions.WebSocketException",
    "starlette.exceptions.WebSocketException",
    "fastapi.WebSocketException",
)
_REFUSAL = 1008
_CODE = re.compile(r"WS_(\d{4})_")
_DEEPEST = 3
_RAISED = "this `WebSocketException`"


@rule("FAPI814", severity=Severity.INFO, words={"websocket", "WebSocket"}, since="0.2.0")
def websocket_code_before_accept(route: Route, check: Check) -> Iterator[Finding]:
    """A WebSocket is refused with a close code or a reason before it was accepted.

    Why is this bad?
    Before `accept()` there is no WebSocket that could be closed: the server answers the handshake with HTTP 403, and
    neither the code nor the reason reaches the client, who cannot tell why it was refused.

    Accept first and close then, or answer with `send_denial_response`.

    Known limits
    `close()` without arguments and code 1008 alone are plain refusals and left alone; so is what may have been accepted
    by a dependency, or by code that is not known, and what comes behind sending or receiving (FAPI804's).

    References
    - [Starlette: WebSockets](https://www.starlette.io/websockets/)
    - [FastAPI: WebSockets, using Depends](https://fastapi.tiangolo.com/advanced/websockets/#using-depends-and-others)
    """
    handler = route.handler
    if route.kind != "websocket" or handler is None or not handler.is_async:
        return
    types = check.project.types
    name = socket_of(types, handler)
    functions = list(_dependencies(route, check))
    for function in functions:
        inner = socket_of(types, function)
        if inner is not None and next(acceptances(types, function, inner), None) is not None:
            return
    for function in functions:
        yield from _refusals(function, socket_of(types, function), handler, check)
    yield from _refusals(handler, name, handler, check)


def _dependencies(route: Route, check: Check) -> Iterator[Function]:
    """The functions of the project in front of the handler, each once."""
    dependencies = check.project.dependencies
    found = list(dependencies.of_handler(route))
    for address in route.addresses:
        found += dependencies.effective(address)[0]
    seen: set[Function] = set()
    for one in found:
        for each in dependencies.closure(one):
            if each.function is not None and each.function not in seen:
                seen.add(each.function)
                yield each.function


def _refusals(function: Function, name: str | None, handler: Function, check: Check) -> Iterator[Finding]:
    module = function.module
    taken = list(acceptances(check.project.types, function, name)) if name is not None else []
    for block, start, end, what in _said(function, name, check, 0):
        if any(_may_come_before(module, each, block, start) for each in taken) or never_runs(module, block):
            continue
        if name is not None and _fails_before(function, f.Name(name), block, start):
            continue
        yield check.finding(
            (start, end),
            f"{what} never reaches the client of `{handler.name}`",
            why="the socket is not accepted yet: the handshake is answered with HTTP 403, without code and reason",
            instead="accept first, or use `send_denial_response`",
            module=module,
        )


def _fails_before(function: Function, own: f.Name, block: int, at: int) -> bool:
    """Whether a place is come to by way of sending or receiving on the same socket, which raises as it is not accepted:
    FAPI804 tells of that."""
    module = function.module
    before = module.blocks_around(block)
    return any(
        call.start < at
        and isinstance(call.func, f.Attr)
        and call.func.value == own
        and call.func.attr.startswith(("receive", "send", "iter_"))
        and not call.func.attr.startswith("send_denial")
        and (call.block in before or _is_tried_before(module, call.block, before))
        for call in function.calls
    )


def _is_tried_before(module: Module, block: int, before: frozenset[int]) -> bool:
    """Whether a place stands in the body of a `try` in one of the blocks: control comes by it, or to its handlers."""
    blocks = module.facts.blocks
    entry = blocks[block]
    return entry.kind == "body" and blocks[entry.parent].parent in before


def _said(function: Function, name: str | None, check: Check, depth: int) -> Iterator[tuple[int, int, int, str]]:
    """Where a function closes with a code or reason, or raises one: block, place, and what is said, for messages."""
    module, project = function.module, check.project
    own = f.Name(name) if name is not None else None
    for call in function.calls:
        if own is not None and call.func == f.Attr(own, "close"):
            if call.args and _tells(module, call, check):
                yield call.block, call.start, call.name_end, "this close code or reason"
        elif own is not None and depth < _DEEPEST and any(arg.value == own for arg in call.args):
            callee = project.callee(module, call)
            if isinstance(callee, FunctionObject) and (call.awaited or not callee.function.is_async):
                inner = next((each for each, value in bound(callee.function, call) if value == own), None)
                taken = list(acceptances(project.types, callee.function, inner)) if inner is not None else []
                said = list(_said(callee.function, inner, check, depth + 1)) if inner is not None else []
                if is_tried(module, call.block):
                    said = [each for each in said if each[3] != _RAISED]
                if any(
                    not any(_may_come_before(callee.function.module, a, b, s) for a in taken) for b, s, _, _ in said
                ):
                    yield call.block, call.start, call.name_end, f"what `{callee.function.name}` closes with"
    for leave in function.exits:
        index = raised_call(project.values, module, leave)
        if index is None:
            continue
        made = module.facts.calls[index]
        raised = project.callee(module, made)
        if isinstance(raised, (External, ClassObject)) and project.types.is_instance(
            project.types.instantiate(raised), *_ERRORS
        ):
            if isinstance(raised, External) and _tells(module, made, check):
                if not is_tried(module, leave.block):
                    yield leave.block, leave.start, leave.end, _RAISED


def _tells(module: Module, call: f.Call, check: Check) -> bool:
    """Whether a call says more than a plain refusal: a reason, or a code that is known and not 1008."""
    code = next((arg for arg in call.args if arg.name == "code"), None)
    positional = [arg for arg in call.args if arg.name == ""]
    if code is None and positional:
        code = positional[0]
    reason = f.keyword(call, "reason") or (positional[1] if len(positional) > 1 else None)
    if any(arg.name in ("*", "**") for arg in call.args):
        return False
    if reason is not None and reason.value not in (f.Const(None), f.Const("")):
        return True
    return code is not None and _number(module, call, code.value, check) not in (_REFUSAL, None)


def _number(module: Module, call: f.Call, expr: f.Expr, check: Check) -> int | None:
    if isinstance(expr, f.Const):
        return expr.value if isinstance(expr.value, int) else None
    found = _CODE.search(check.project.name(expr, module, call.block, call.start) or "")
    if found is not None:
        return int(found[1])
    for value, _ in check.project.values.definitions(expr, (module, call.block, call.start)):
        if isinstance(value, f.Const) and isinstance(value.value, int):
            return value.value
    return None


def _may_come_before(module: Module, acceptance: Acceptance, block: int, at: int) -> bool:
    """Whether an acceptance may have been passed at a place: it stands before, and not in another branch."""
    loops = [each for each in module.block_chain(block) if each.kind in ("for", "while")]
    if any(each.start <= acceptance.start < each.end for each in loops):
        return True
    return acceptance.start < at and not _are_exclusive(module, acceptance.block, block)


def _are_exclusive(module: Module, one: int, other: int) -> bool:
    """Whether two blocks lie in different branches of one statement."""
    blocks = module.facts.blocks
    branches = {}
    while one >= 0:
        if blocks[one].parent >= 0 and blocks[blocks[one].parent].kind == "choice":
            branches[blocks[one].parent] = one
        one = blocks[one].parent
    while other >= 0:
        if branches.get(blocks[other].parent, other) != other:
            return True
        other = blocks[other].parent
    return False
