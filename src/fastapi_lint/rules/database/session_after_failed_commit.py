"""FAPI526: sessions that are used after a commit failed, without a rollback."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import External, Function, FunctionObject
from fastapi_lint.model.calls import BROAD, Endings, caught
from fastapi_lint.model.database import is_async_session, is_sync_session
from fastapi_lint.rule import Check, rule

_SENDING = frozenset({"commit", "flush"})


@rule("FAPI526", severity=Severity.ERROR, hint=r"commit|flush", since="0.2.0")
def session_after_failed_commit(function: Function, check: Check) -> Iterator[Finding]:
    """A session goes on being used after `commit` or `flush` failed, without a rollback.

    Why is this bad?
    A failed flush leaves the session in a transaction that can only be rolled back: whatever is asked of it next raises
    `PendingRollbackError`, in the handler itself, behind the `try`, or in the next round of the loop.

    Known limits
    The session has to be known, and to be used in the same function. Handlers that raise, return or roll back, that
    take no error of the database, `finally` clauses that roll back, sessions that are opened inside of the `try`, and
    `begin_nested()` blocks are left alone.

    References
    - [SQLAlchemy: this session's transaction has been rolled back](https://docs.sqlalchemy.org/en/20/faq/sessions.html#this-session-s-transaction-has-been-rolled-back-due-to-a-previous-exception-during-flush-or-similar)
    """
    sending = function.calls_named(_SENDING)
    if not sending:
        return
    blocks = function.module.facts.blocks
    reported: set[int] = set()
    for call in sending:
        if not isinstance(call.func, f.Attr):
            continue
        attempt, nested = _attempt(function, call)
        session = check.project.infer(call.func.value, function.module, call.block, call.start)
        known = is_sync_session(check.project.types, session) or is_async_session(check.project.types, session)
        if attempt is None or nested or not known:
            continue
        clauses = [index for index, block in enumerate(blocks) if block.parent == attempt]
        finals = [index for index in clauses if blocks[index].kind == "finally"]
        if any(_rolls_back(function, blocks[index], call.func.value, check) for index in finals):
            continue
        for index in clauses:
            if blocks[index].kind != "except" or not _takes_database_errors(function, blocks[index], check):
                continue
            if (used := _used(function, index, attempt, call.func.value, check)) is not None:
                if index in reported:
                    break
                reported.add(index)
                yield check.finding(
                    (blocks[index].start, blocks[index].start + len("except")),
                    f"the session is used after a failed `{call.func.attr}`, without a rollback",
                    why="it raises `PendingRollbackError`",
                    instead="roll it back in this handler",
                    related=[check.related(call, "this may fail"), check.related(used, "it is used here")],
                )
                break


def _attempt(function: Function, call: f.Call) -> tuple[int | None, bool]:
    """The `try` in whose body a call stands, and whether a savepoint or the session's own `with` lies between."""
    blocks, index, nested = function.module.facts.blocks, call.block, False
    while blocks[index].kind not in ("function", "lambda", "class", "module"):
        block = blocks[index]
        if block.kind == "with" and isinstance(call.func, f.Attr):
            nested |= block.target == call.func.value
        if block.kind == "with" and isinstance(block.test, f.CallRef):
            nested |= f.last_name(function.module.facts.calls[block.test.index].func) == "begin_nested"
        if block.kind == "body":
            return block.parent, nested
        index = block.parent
    return None, nested


def _takes_database_errors(function: Function, handler: f.Block, check: Check) -> bool:
    """Whether a handler takes what a failed commit raises."""
    return any(
        isinstance(one, External) and (one.name in BROAD or one.name.startswith("sqlalchemy."))
        for one in caught(check.project.types, function.module, handler)
    )


def _rolls_back(function: Function, block: f.Block, session: f.Expr, check: Check) -> bool:
    """Whether a block rolls the session back or closes it, or asks the object that has it to do so."""
    inside = [call for call in function.calls if block.start <= call.start < block.end]
    if any(call.func in (f.Attr(session, "rollback"), f.Attr(session, "close")) for call in inside):
        return True
    if not isinstance(session, f.Attr):
        return False
    asked = [call for call in inside if isinstance(call.func, f.Attr) and call.func.value == session.value]
    return any(_may_roll_back(check.project.callee(function.module, call), session.attr) for call in asked)


def _may_roll_back(callee: object, attr: str) -> bool:
    """Whether a method rolls back the session that its object has under a name, as far as it is known."""
    if not isinstance(callee, FunctionObject):
        return callee is None
    ends = [call.func for call in callee.function.calls if f.last_name(call.func) in ("rollback", "close")]
    return any(isinstance(func, f.Attr) and f.last_name(func.value) == attr for func in ends)


def _used(function: Function, index: int, attempt: int, session: f.Expr, check: Check) -> f.Call | None:
    """Where the session is used after a handler that does not roll back; None when it is not, or not for sure."""
    blocks = function.module.facts.blocks
    handler = blocks[index]
    if _rolls_back(function, handler, session, check):
        return None
    using = [call for call in function.calls if isinstance(call.func, f.Attr) and call.func.value == session]
    inside = next((call for call in using if handler.start <= call.start < handler.end), None)
    if inside is not None:
        return inside
    handed_on = [call for call in function.calls if any(arg.value == session for arg in call.args)]
    if any(handler.start <= call.start < handler.end for call in handed_on):
        return None  # what gets it may roll it back
    if not check.project.types.shared(Endings).comes_out(function, index):
        return None
    parent = blocks[attempt].parent
    while blocks[parent].kind not in ("function", "lambda", "class", "module"):
        if blocks[parent].kind in ("for", "while"):
            if _is_made_inside(function, blocks[parent], session):
                return None
            return next((call for call in using if blocks[parent].start < call.start < blocks[parent].end), None)
        made_here = blocks[parent].kind == "with" and blocks[parent].target == session
        if not made_here and blocks[parent].kind in ("with", "choice", "if", "else", "case"):
            parent = blocks[parent].parent
            continue
        break
    behind = blocks[attempt].end
    later = [call for call in using if call.start >= behind and f.last_name(call.func) not in ("rollback", "close")]
    around = function.module.blocks_around(attempt)
    return next((call for call in later if call.block in around), None)


def _is_made_inside(function: Function, loop: f.Block, session: f.Expr) -> bool:
    """Whether every round of a loop has a session of its own."""
    facts = function.module.facts
    opened = any(
        block.kind == "with" and block.target == session
        for block in facts.blocks
        if loop.start < block.start < loop.end
    )
    return opened or any(entry.target == session for entry in facts.assigns if loop.start < entry.start < loop.end)
