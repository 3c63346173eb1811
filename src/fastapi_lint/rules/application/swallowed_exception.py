"""FAPI716: exceptions that are caught and forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.application import is_served, role_of
from fastapi_lint.model.calls import (
    BROAD,
    body_of,
    does_nothing,
    goes_on,
    is_followed_up,
    is_for_its_value,
    is_told_of,
    only_cleans,
)
from fastapi_lint.model.secrets import writes_log
from fastapi_lint.rule import Check, rule

_CANCELLED = frozenset({"asyncio.CancelledError", "asyncio.exceptions.CancelledError", "BaseException"})


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
    `rollback`, `send`, ...), and what a `raise`, a line of a log or another attempt follows at once; so are helpers
    that turn a value into another and answer None where they cannot, and attempts that only set attributes. A
    cancellation is left alone where the function cancelled something itself, raises it again, or ends.

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
        if clause.kind != "except" or is_told_of(function, clause) or is_followed_up(function, clause):
            continue
        names = _caught(function, clause, check)
        body = body_of(module, clause)
        if body is None or _is_told_below(function, clause, body, check):
            continue
        is_empty = (
            bool(names & BROAD) and does_nothing(function, clause) and not only_cleans(check.project, function, body)
        )
        is_cancelled = function.is_async and bool(names & _CANCELLED) and goes_on(function, clause, index, body)
        if (not is_empty and not is_cancelled) or _starts_a_loop(function, body, check):
            continue
        if not is_cancelled and is_for_its_value(check.project, function, clause, body):
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
                severity=Severity.INFO,
            )


def _caught(function: Function, clause: f.Block, check: Check) -> frozenset[str]:
    """The names of what a clause catches that are known."""
    if clause.test is None:
        return BROAD
    tests = clause.test.items if isinstance(clause.test, f.Display) else (clause.test,)
    names = (check.project.name(test, function.module, clause.parent, clause.start) for test in tests)
    return frozenset(name for name in names if name is not None)


def _shown(function: Function, clause: f.Block) -> str:
    head = function.module.source.slice(clause.start, clause.end).split("\n", 1)[0].partition(":")[0].strip()
    return head.split(" as ")[0] if len(head) < 40 else "except ..."


def _is_told_below(function: Function, clause: f.Block, body: f.Block, check: Check) -> bool:
    """Whether an attempt returns what it was for, and the line behind it logs that there is nothing."""
    module = function.module
    attempt = module.facts.blocks[clause.parent]
    if not any(leave.kind == "return" and body.start <= leave.start < body.end for leave in function.exits):
        return False
    following = next((call for call in function.calls if call.start >= attempt.end), None)
    if following is None or following.block != attempt.parent or following.use != "statement":
        return False
    between = module.text[attempt.end : following.start].split(b"\n")
    is_next = all(not line.strip() or line.strip().startswith(b"#") for line in between)
    return is_next and writes_log(check.project, module, following)


def _starts_a_loop(function: Function, body: f.Block, check: Check) -> bool:
    """Whether a `try` starts an event loop, which fails while one runs: FAPI104 tells of it and of its error."""
    effects, module = check.project.effects, function.module
    return any(
        body.start <= call.start < body.end and effects.reentry(module, call) is not None for call in function.calls
    )
