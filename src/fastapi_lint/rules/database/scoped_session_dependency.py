"""FAPI525: dependencies that hand out the session of a thread. Looks at where a dependency takes its session from."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.database import taken_of_registry
from fastapi_lint.rule import Check, rule


@rule("FAPI525", severity=Severity.ERROR, since="0.2.0")
def scoped_session_dependency(function: Function, check: Check) -> Iterator[Finding]:
    """A dependency hands out the session of a `scoped_session`, which belongs to a thread.

    Why is this bad?
    A `scoped_session` keeps one session for each thread. FastAPI runs the dependency, the endpoint and the code behind
    the `yield` in whichever thread is free, and all `async def` code in one: requests that overlap get one session,
    commit each other's changes, and close it while the other one uses it.

    Make the session with the `sessionmaker` itself: `with SessionLocal() as session: yield session`.

    Known limits
    A registry with a `scopefunc`, and `async_scoped_session`, are left alone: they may have the scope of the request.

    References
    - [SQLAlchemy: contextual sessions](https://docs.sqlalchemy.org/en/20/orm/contextual.html)
    """
    if function.module.is_test or function not in check.project.dependencies.injected:
        return
    kinds = ("yield", "yield from") if function.is_generator else ("return",)
    places = [
        (leave.value, (function.module, leave.block, leave.start), (leave.start, leave.end))
        for leave in function.exits
        if leave.kind in kinds and leave.value is not None
    ]
    if function.name == "__init__":
        places = [
            (entry.value, (function.module, entry.block, entry.start), (entry.start, entry.end))
            for entry in function.module.assigns_in.get(function.index, ())
            if entry.value is not None and isinstance(entry.target, f.Attr)
        ]
    for expr, where, at in places:
        found = taken_of_registry(check.project, expr, where)
        if found is not None:
            name, place = found
            who = function.cls.name if function.cls is not None else function.name
            yield check.finding(
                place if place is not None and where[0] is function.module else at,
                f"`{who}` hands out the session of `{name}`, one for each thread",
                why="requests that overlap in a thread, or on the event loop, get the same session and transaction",
                instead="make it with the `sessionmaker` itself, and close it behind the `yield`",
            )
            return
