"""What becomes of an exception that is caught: nothing, something behind the `try`, a function that works on. Reads one
function, by its text where facts say too little.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.attempts.clauses import body_of
from fastapi_lint.model.calls.bodies.computing import only_computes, only_looks
from fastapi_lint.model.names.symbols import Function

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


_NOTHING = re.compile(r"(?:pass|\.\.\.|continue|return|return None)")
_COMMENT = re.compile(
    r"#(?:(?![ \t]{0,4}(?:noqa|type:|pragma|nosec|pylint|fmt:|ruff:))[^\n]*\w|[^\n]*?[ \t](?:--?|\u2014)[ \t]{1,4}\w)"
)
"""A comment that is written for people: not one that speaks to a tool, but the reason that may stand behind it."""
_NEXT = re.compile(rb"[ \t]*(?:#[^\n]*|\r)?\n(?:[ \t]*(?:#[^\n]*|\r)?\n)*([ \t]*)(raise|try)\b")
"""The statement behind another one, when it is one of these, with what it is indented by."""
_LOGS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "capture_exception"})


def is_told_of(function: Function, clause: f.Block) -> bool:
    """Whether a `try` stands in the handler of another exception, which is raised or logged behind it."""
    for around in function.module.block_chain(clause.parent):
        if around.kind == "except":
            raised = [entry.start for entry in function.exits if entry.kind == "raise"]
            logged = [call.start for call in function.calls if f.last_name(call.func) in _LOGS]
            return any(clause.end <= at < around.end for at in (*raised, *logged))
    return False


def is_followed_up(function: Function, clause: f.Block) -> bool:
    """Whether a `raise` stands right behind a `try`, or a second one of two attempts of which the first returns."""
    module = function.module
    attempt = module.facts.blocks[clause.parent]
    text = module.source.utf8
    found = _NEXT.match(text, attempt.end)
    line = text.rfind(b"\n", 0, attempt.start) + 1
    if found is None or not text[line : attempt.start].startswith(found[1]):
        return False  # what follows in the same block, or behind it when this is its last statement
    if found[2] == b"raise":
        return True
    body = body_of(function.module, clause)
    return body is not None and any(
        leave.kind == "return" and body.start <= leave.start < body.end for leave in function.exits
    )


def does_nothing(function: Function, clause: f.Block) -> bool:
    """Whether a handler is a single statement that does nothing, without a comment that says why."""
    text = function.module.source.slice(clause.start, clause.end)
    source = function.module.source.utf8
    line_end = source.find(b"\n", clause.end)
    behind = source[clause.end : line_end if line_end >= 0 else len(source)].decode("utf-8", "replace")
    if _COMMENT.search(text) or _COMMENT.search(behind):
        return False
    lines = [line.partition("#")[0].strip() for line in text.split("\n")]
    statements = [line for line in lines[1:] if line] or [lines[0].rpartition(":")[2].strip()]
    return len(statements) == 1 and _NOTHING.fullmatch(statements[0]) is not None


def goes_on(function: Function, clause: f.Block, index: int, body: f.Block) -> bool:
    """Whether a function works on after it has caught its own cancellation."""
    module = function.module
    blocks = module.facts.blocks
    if clause.test is None or not _waits(function, body):
        return False
    inside = [leave for leave in function.exits if clause.start <= leave.start < clause.end]
    if any(leave.kind in ("raise", "return") for leave in inside) or _leaves_loop(function, clause):
        return False
    if any(f.last_name(call.func) in ("cancel", "uncancel", "cancel_all") for call in function.calls):
        return False
    attempt = blocks[clause.parent]
    chain = module.block_chain(clause.parent)
    if any(each.kind in ("while", "for") for each in chain):
        return True
    return any(call.awaited and call.start >= attempt.end for call in function.calls)


def _waits(function: Function, body: f.Block) -> bool:
    """Whether something is awaited in the body of a `try`."""
    return any(call.awaited and body.start <= call.start < body.end for call in function.calls)


def _leaves_loop(function: Function, clause: f.Block) -> bool:
    """Whether a handler ends with `break`."""
    text = function.module.source.slice(clause.start, clause.end)
    lines = [line.partition("#")[0].strip() for line in text.split("\n")]
    return next((line for line in reversed(lines) if line), "").endswith("break")


def is_for_its_value(project: Project, function: Function, clause: f.Block, body: f.Block) -> bool:
    """Whether a helper that turns values into others answers None for those that it cannot, or nothing can fail."""
    if only_looks(project, function, body.start, body.end):
        return True
    leaves = [leave for leave in function.exits if leave.kind == "return"]
    gives_none = any(clause.start <= leave.start < clause.end for leave in leaves)
    gives_value = any(leave.value not in (None, f.Const(None)) for leave in leaves)
    is_helper = function not in project.routes.by_handler and function not in project.dependencies.injected
    return is_helper and gives_none and gives_value and only_computes(project, function, body.start, body.end)
