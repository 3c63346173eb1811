"""Handlers that surely end without an exception: nobody behind them hears of what they caught. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import External, Function, FunctionObject, Method

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


_HARMLESS = frozenset({
    "rollback", "close", "aclose", "remove", "reset", "invalidate", "abort", "cancel", "expunge_all", "expire_all",
    "release", "debug", "info", "warning", "warn", "error", "exception", "critical", "log", "print", "print_exc",
    "format_exc", "capture_exception", "str", "repr", "type", "set_status", "record_exception", "append", "bind", "opt",
    "format",
})  # fmt: skip
"""Last names of calls after which a handler goes on."""


def ends_quietly(project: Project, handler: int, attempt: int, function: Function) -> bool:
    """Whether a handler surely ends without an exception, and nothing behind the `try` raises it."""
    module = function.module
    start, end = module.facts.blocks[handler].start, module.facts.blocks[handler].end
    behind = module.facts.blocks[attempt].start
    for entry in function.exits:
        if start <= entry.start < end and entry.kind != "return":
            return False
        if entry.start >= behind and entry.kind == "raise" and not _is_in_sibling(entry, attempt, function):
            return False
    calls = [call for call in function.calls if start <= call.start < end]
    return all(_is_harmless(project, call, function) for call in calls)


def _is_in_sibling(entry: f.Exit, attempt: int, function: Function) -> bool:
    """Whether a raise stands in the `try` itself: in its body or another handler, not in `finally` or behind it."""
    blocks = function.module.facts.blocks
    block = entry.block
    while block >= 0 and blocks[block].kind not in ("function", "module"):
        if blocks[block].parent == attempt:
            return blocks[block].kind in ("body", "except", "else")
        block = blocks[block].parent
    return False


def _is_harmless(project: Project, call: f.Call, function: Function) -> bool:
    """Whether a call in a handler is known not to raise on purpose."""
    match project.callee(function.module, call):
        case FunctionObject(function=target):
            return not any(entry.kind == "raise" for entry in target.exits) and all(
                f.last_name(inner.func) in _HARMLESS for inner in target.calls
            )
        case External() | Method() | None:
            return f.last_name(call.func) in _HARMLESS
    return False


def suppresses(project: Project, block: f.Block, function: Function) -> bool:
    """Whether a `with` may keep exceptions for itself: what it is, is not known."""
    if not isinstance(block.test, f.CallRef):
        return False
    name = project.called_name(function.module, function.module.facts.calls[block.test.index])
    return name == "contextlib.suppress"
