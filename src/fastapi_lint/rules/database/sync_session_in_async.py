"""FAPI501: synchronous database sessions in async code."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Related, Safety
from fastapi_lint.fixing.edits import unblocked
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.calls import Step
from fastapi_lint.model.database import given_asynchronous
from fastapi_lint.model.remedies import remedies
from fastapi_lint.rule import Check, rule

_KINDS = {"Engine": "engine", "Connection": "connection", "Transaction": "connection"}


@rule("FAPI501", fix=Safety.UNSAFE, needs_requests=True)
def sync_session_in_async(function: Function, check: Check) -> Iterator[Finding]:
    """An async function works with a synchronous SQLAlchemy or SQLModel session, connection or engine.

    Why is this bad?
    A synchronous session waits for the database in the thread of the event loop: while a query runs, no other request
    is served, and when the connection pool is empty, the loop waits for a connection that only it could give back.

    Use an `AsyncSession` from `async_sessionmaker` with an asynchronous driver, or make the function a plain `def`:
    FastAPI runs those endpoints and dependencies in a threadpool, where a synchronous session is right.

    Reported once for each function, at the first call that goes to the database; the others are listed with it.

    Fix safety
    An endpoint or dependency that awaits nothing, and that only FastAPI calls, becomes a plain `def`. The fix is unsafe
    because it then runs in a thread: what it uses must bear that. There is none where that is seen not to be so: it
    needs the event loop, sets a context variable, changes what other requests read, or the session belongs to its
    thread (`scoped_session`).

    Known limits
    A session is known by its annotation, by an `Annotated` alias, by the factory that made it, or by what the
    dependency returns or yields; not by an annotation that all callers contradict. A helper that gets a session and
    blocks is reported by FAPI102, where async code calls it. Silent are `run_sync` callbacks, tests, and code that only
    runs at start-up.

    References
    - [SQL (relational) databases](https://fastapi.tiangolo.com/tutorial/sql-databases/)
    - [SQLAlchemy: asynchronous I/O](https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html)
    """
    effects = check.project.effects
    if not function.is_async:
        return
    found = [
        (step, entry)
        for step, entry in effects.blocking(function)
        if effects.is_session(entry)
        and not given_asynchronous(check.project.types, function, step.call.func if step.call else step.subject)
    ]
    if not found or not effects.holds_up_requests(function):
        return
    found.sort(key=lambda each: each[0].start)
    steps = [step for step, _ in found]
    first, more = steps[0], steps[1:]
    kind = _KINDS.get(first.name.rsplit(".", 2)[-2] if first.name.count(".") else "", "session")
    also = f" (and {len(more)} more {'calls' if len(more) > 1 else 'call'} here)" if more else ""
    remedy = remedies(check.project).of_session(function, found, kind)
    yield check.finding(
        first,
        f"`{first.shown}` uses a synchronous {kind} in async `{function.name}`",
        why=f"it waits for the database, and all other requests wait{also}",
        instead=remedy.says,
        related=[
            *_origin(function, check, first),
            *(check.related(each, f"`{each.shown}` waits as well") for each in more),
        ],
        fix=partial(unblocked, function, [step.call for step in steps], remedy),
    )


def _origin(function: Function, check: Check, step: Step) -> Iterator[Related]:
    """The parameter that brings the session, if one does."""
    expr: f.Expr | None = step.call.func if step.call else None
    while expr is not None:
        match expr:
            case f.Attr(value=value):
                expr = value
            case f.CallRef(index=index):
                expr = function.module.facts.calls[index].func
            case f.Name(id=name):
                for param in function.params:
                    if param.name == name and name not in ("self", "cls"):
                        yield check.related(param, f"`{name}` comes from here")
                return
            case _:
                return
