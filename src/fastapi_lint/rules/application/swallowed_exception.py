"""FAPI716: exceptions that are caught and forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Function
from fastapi_lint.model.application import is_served, role_of
from fastapi_lint.model.calls import only_computes, only_looks
from fastapi_lint.model.names import ModuleObject, target_names
from fastapi_lint.rule import Check, rule

_BROAD = frozenset({"Exception", "BaseException"})
_CANCELLED = frozenset({"asyncio.CancelledError", "asyncio.exceptions.CancelledError", "BaseException"})
_NOTHING = re.compile(r"(?:pass|\.\.\.|continue|return|return None)")
_COMMENT = re.compile(r"#(?![ \t]{0,4}(?:noqa|type:|pragma|nosec|pylint|fmt:|ruff:))[^\n]*\w")
_NEXT = re.compile(rb"[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*([ \t]*)(raise|try)\b")
"""The statement behind another one, when it is one of these, with what it is indented by."""
_CLEANING = frozenset({
    "close", "aclose", "wait_closed", "remove", "unlink", "rmtree", "rmdir", "cancel", "rollback", "disconnect", "send",
    "send_text", "send_json", "send_bytes", "debug", "info", "warning", "warn", "error", "exception", "critical", "log",
    "print", "inc", "dec", "observe", "labels", "gauge", "increment", "timing", "histogram", "record", "terminate",
    "kill", "shutdown", "stop", "quit", "discard", "unsubscribe", "flush", "release", "cleanup", "expunge",
    "invalidate", "incr", "set_attribute", "add_event", "capture_exception", "capture_message",
})  # fmt: skip
"""Last names of calls of which nobody needs to know that they failed."""
_TAKING = frozenset(
    {"close", "remove", "cancel", "disconnect", "stop", "discard", "unsubscribe", "release", "terminate"}
)
"""First words of methods with longer names that do the same."""
_LOGS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "capture_exception"})
_QUESTIONS = frozenset({
    "inspect.isawaitable", "inspect.iscoroutine", "asyncio.iscoroutine", "asyncio.coroutines.iscoroutine",
    "asyncio.isfuture", "getattr", "hasattr", "callable", "isinstance",
})  # fmt: skip
"""Calls that only look at an object: whether it can be closed, and whether that has to be awaited."""


@rule("FAPI716", words={"except"}, since="0.2.0")
def swallowed_exception(function: Function, check: Check) -> Iterator[Finding]:
    """A handler for every exception does nothing, or a cancellation is caught and forgotten.

    Why is this bad?
    The request goes on as if nothing had happened, with half of its work undone, and there is no line in a log that
    says so. Whoever looks for the fault later finds nothing.

    A task that catches `asyncio.CancelledError` and goes on cannot be stopped: not by a timeout, not by a client that
    leaves, not by the server when it shuts down.

    Known limits
    Only code that requests or the lifespan are seen to reach is looked at. Silent are narrow types, handlers with a
    comment that says why, `contextlib.suppress`, optional libraries, and attempts to clean up (`close`, `cancel`,
    `rollback`, `send`, ...), and what a `raise` or another attempt follows at once; so are helpers that turn a value
    into another and answer None where they cannot, and attempts that only set attributes. A cancellation is left alone
    where the function cancelled something itself, raises it again, or ends.

    References
    - [FastAPI: handling errors](https://fastapi.tiangolo.com/tutorial/handling-errors/)
    - [asyncio: task cancellation](https://docs.python.org/3/library/asyncio-task.html#task-cancellation)
    """
    module = function.module
    if not is_served(check.project, module):
        return
    role: str | None = ""
    for index in module.block_numbers_in.get(function.index, ()):
        clause = module.facts.blocks[index]
        if clause.kind != "except" or _is_told_of(function, clause) or _is_followed_up(function, clause):
            continue
        names = _caught(function, clause, check)
        body = _body_of(function, clause)
        if body is None:
            continue
        is_empty = bool(names & _BROAD) and _does_nothing(function, clause) and not _only_cleans(function, body, check)
        is_cancelled = function.is_async and bool(names & _CANCELLED) and _goes_on(function, clause, index, body)
        if (not is_empty and not is_cancelled) or _starts_a_loop(function, body, check):
            continue
        if not is_cancelled and _is_for_its_value(function, clause, body, check):
            continue
        role = role_of(check.project, function, startup=True) if role == "" else role
        if role is None:
            return
        shown = _shown(function, clause)
        attempt = module.facts.blocks[clause.parent]
        place = (attempt.start, attempt.start + len("try"))
        if is_cancelled and not is_empty:
            yield check.finding(
                place,
                f"`{shown}` in `{function.name}` catches the cancellation and goes on",
                why="nothing can stop the task: no timeout, no shutdown",
                instead="clean up and `raise` it again",
            )
        else:
            yield check.finding(
                place,
                f"`{shown}` in `{function.name}` drops every exception",
                why="what failed is neither answered nor logged",
                instead="log it, raise it, or catch the type that is expected",
            )


def _is_told_of(function: Function, clause: f.Block) -> bool:
    """Whether a `try` stands in the handler of another exception, which is raised or logged behind it."""
    for around in function.module.block_chain(clause.parent):
        if around.kind == "except":
            raised = [entry.start for entry in function.exits if entry.kind == "raise"]
            logged = [call.start for call in function.calls if f.last_name(call.func) in _LOGS]
            return any(clause.end <= at < around.end for at in (*raised, *logged))
    return False


def _is_followed_up(function: Function, clause: f.Block) -> bool:
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
    body = _body_of(function, clause)
    return body is not None and any(
        leave.kind == "return" and body.start <= leave.start < body.end for leave in function.exits
    )


def _caught(function: Function, clause: f.Block, check: Check) -> frozenset[str]:
    """The names of what a clause catches that are known."""
    if clause.test is None:
        return _BROAD
    tests = clause.test.items if isinstance(clause.test, f.Display) else (clause.test,)
    names = (check.project.name(test, function.module, clause.parent, clause.start) for test in tests)
    return frozenset(name for name in names if name is not None)


def _shown(function: Function, clause: f.Block) -> str:
    head = function.module.source.slice(clause.start, clause.end).split("\n", 1)[0].partition(":")[0].strip()
    return head.split(" as ")[0] if len(head) < 40 else "except ..."


def _body_of(function: Function, clause: f.Block) -> f.Block | None:
    """The body of the `try` of a clause."""
    blocks = function.module.blocks_in.get(function.index, ())
    return next((each for each in blocks if each.parent == clause.parent and each.kind == "body"), None)


def _does_nothing(function: Function, clause: f.Block) -> bool:
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


def _only_cleans(function: Function, body: f.Block, check: Check) -> bool:
    """Whether a `try` imports what may be missing, yields to somebody else, or calls nothing but what cleans up."""
    module = function.module
    for entry in module.facts.imports:
        if body.start <= entry.start < body.end and check.project.modules.imported_from(module, entry) is None:
            return True  # a library; code of the project is there
    if any(leave.kind.startswith("yield") and body.start <= leave.start < body.end for leave in function.exits):
        return True
    inside = [call for call in function.calls if body.start <= call.start < body.end]
    outer = [
        call for call in inside if not any(o.start <= call.start and call.end < o.end and o is not call for o in inside)
    ]
    doing = [call for call in outer if check.project.called_name(module, call) not in _QUESTIONS]
    if not doing:
        return any(body.start <= entry.start < body.end for entry in module.facts.imports)
    return all(_cleans(function, call.func, check) for call in doing)


def _cleans(function: Function, func: f.Expr, check: Check) -> bool:
    """Whether what is called cleans up, by its name or by that of what a local variable was taken from."""
    answers = [_is_for_cleaning(function, value, check) for value in _taken(function, func)]
    if f.last_name(func) in _CLEANING or _is_of_library(function, func, check):
        return False not in answers
    return bool(answers) and all(answers)


def _is_of_library(function: Function, func: f.Expr, check: Check) -> bool:
    """Whether a method of a library takes something away by its name (`remove_job`), or sets a labelled metric."""
    if not isinstance(func, f.Attr):
        return False
    if func.attr == "set" and isinstance(func.value, f.CallRef):
        return f.last_name(function.module.facts.calls[func.value.index].func) == "labels"
    owner = check.project.infer(func.value, function.module, function.facts.block, function.facts.end)
    if func.attr.partition("_")[0] not in _TAKING or isinstance(getattr(owner, "cls", None), Class):
        return False
    return not isinstance(owner, (ModuleObject, ClassObject))


def _taken(function: Function, func: f.Expr) -> list[f.Expr]:
    """The values of a local variable that is called."""
    if not isinstance(func, f.Name):
        return []
    entries = function.module.assigns_in.get(function.index, ())
    bound = [entry for entry in entries if func.id in target_names(entry.target)]
    return [entry.value or f.Unknown() for entry in bound]


def _is_for_cleaning(function: Function, value: f.Expr, check: Check) -> bool | None:
    """Whether a value is a method that cleans up (`pool.close`, `getattr(pool, "close", None)`); None if not known."""
    match value:
        case f.Choice(options=options):
            answers = [_is_for_cleaning(function, option, check) for option in options]
            return False if False in answers else None if None in answers else True
        case f.Attr(attr=attr):
            return attr in _CLEANING
        case f.Const(value=None):
            return True
        case f.CallRef(index=index):
            call = function.module.facts.calls[index]
            if check.project.called_name(function.module, call) == "getattr" and len(call.args) > 1:
                name = call.args[1].value
                return isinstance(name, f.Const) and name.value in _CLEANING
    return None


def _is_for_its_value(function: Function, clause: f.Block, body: f.Block, check: Check) -> bool:
    """Whether a helper that turns values into others answers None for those that it cannot, or nothing can fail."""
    if only_looks(check.project, function, body.start, body.end):
        return True
    leaves = [leave for leave in function.exits if leave.kind == "return"]
    gives_none = any(clause.start <= leave.start < clause.end for leave in leaves)
    gives_value = any(leave.value not in (None, f.Const(None)) for leave in leaves)
    is_helper = function not in check.project.routes.by_handler
    return is_helper and gives_none and gives_value and only_computes(check.project, function, body.start, body.end)


def _starts_a_loop(function: Function, body: f.Block, check: Check) -> bool:
    """Whether a `try` starts an event loop, which fails while one runs: FAPI104 tells of it and of its error."""
    effects, module = check.project.effects, function.module
    return any(
        body.start <= call.start < body.end and effects.reentry(module, call) is not None for call in function.calls
    )


# ---------------------------------------------------------------- cancellation


def _goes_on(function: Function, clause: f.Block, index: int, body: f.Block) -> bool:
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
