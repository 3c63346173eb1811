"""FAPI517: endpoints that write to the database and never commit. Looks at everything that a request runs."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Instance, Route
from fastapi_lint.model.calls import argument_at, written
from fastapi_lint.model.database import RequestCode, Write, is_async_session, is_session_like, may_leave_open
from fastapi_lint.model.names import Class
from fastapi_lint.rule import Check, rule

_READING = frozenset({"GET", "HEAD"})
_UNDOES = frozenset({"rollback", "expunge", "expunge_all"})


@rule("FAPI517", since="0.2.0")
def write_without_commit(route: Route, check: Check) -> Iterator[Finding]:
    """An endpoint writes to the database, and nothing commits.

    Why is this bad?
    A session that is closed without a commit rolls its transaction back. The client is told that all went well, and
    nothing is stored: not even `flush` and `refresh`, which show the new row and its id, keep it.

    Commit in the endpoint, in the service that it calls, or behind the `yield` of the dependency that makes the
    session; or write inside of `with session.begin():`.

    Known limits
    All that the endpoint runs is looked at: functions and methods of the project, its dependencies, contexts and
    decorators. It is left alone when one of them commits or begins a block, when a session, or an object that holds
    one, goes to code that is not seen, when it is not seen where the session is made, and when engines or listeners
    commit by themselves. Changes of attributes alone are not noticed. In an endpoint that only reads it is an
    information: what it adds when it is missing is added anew by the next request.

    References
    - [SQLAlchemy: committing](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#committing)
    - [SQLAlchemy: closing](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#closing)
    """
    handler = route.handler
    if handler is None or route.module.is_test or check.project.routes.by_handler[handler][0] is not route:
        return
    if check.project.transactions.commits_by_itself or not may_leave_open(check.project, handler):
        return
    code = check.project.requests.of(route)
    if code is None or not code.is_complete:
        return
    found = _written(code, route, check)
    if found is None or not _is_lost(code, route, check):
        return
    function, write = found
    way = code.way(function)
    at = way[0][1] if way else write.call
    if at is None:
        return
    shown = write.text if function is handler else written(handler.module, at) or f.last_name(at.func)
    yield check.finding(
        (at.start, at.name_end),
        f"`{handler.name}` writes with `{shown}`, and nothing commits",
        why="the session is rolled back when it is closed, while the client is told that all went well",
        instead=f"{_commit(write, check) if function is handler else 'commit the session behind it'}, or commit in the "
        "dependency that makes the session",
        module=handler.module,
        related=[check.related((write.call.start, write.call.name_end), "it writes here", module=write.module)]
        if function is not handler
        else [],
        severity=Severity.INFO if route.methods and _READING.issuperset(route.methods) else None,
    )


def _commit(write: Write, check: Check) -> str:
    session = check.project.infer(write.session, *write.where)
    wait = "await " if is_async_session(check.project.types, session) else ""
    return f"call `{wait}{write.owner}.commit()` behind it"


def _written(code: RequestCode, route: Route, check: Check) -> tuple[Function, Write] | None:
    """The first write of the handler, or of what it calls; what its dependencies write is not its own."""
    reads = bool(route.methods) and _READING.issuperset(route.methods)
    for function in code.own:
        for write in check.project.transactions.writes(function):
            if not reads or _is_new(write, check):
                return function, write
    return None


def _is_new(write: Write, check: Check) -> bool:
    """Whether something is made or deleted: `add` in a reading endpoint may only attach what was loaded elsewhere."""
    if f.last_name(write.call.func) not in ("add", "add_all"):
        return True
    value = check.project.infer(write.call.args[0].value, *write.where)
    return isinstance(value, Instance) and isinstance(value.cls, Class) and value.origin is not None


def _is_lost(code: RequestCode, route: Route, check: Check) -> bool:
    """Whether what is written is sure to be rolled back, and not on purpose."""
    transactions, requests = check.project.transactions, check.project.requests
    if any(transactions.may_commit(function) for function in code.own):
        return False
    late = requests.late(route)
    for function in code.functions:
        # What a dependency commits before the endpoint starts keeps nothing of what that writes.
        if transactions.may_commit(function) and (function in late or not transactions.commits_at_once(function)):
            return False
    for function in code.functions:
        if requests.lets_go(function) or _undoes(function):
            return False
        found = transactions.writes(function)
        if not all(transactions.is_seen(write.session, write.where) for write in found):
            return False
        if (found or function.name == "__init__") and not _is_handed_seen(code, function, check):
            return False
    return True


def _is_handed_seen(code: RequestCode, function: Function, check: Check) -> bool:
    """Whether the sessions that a function is given, and so are its callers up to the endpoint, are made where it is
    seen: a factory that is kept in `app.state` may commit."""
    types, execution = check.project.types, check.project.effects.execution
    for caller, call in code.way(function)[::-1]:
        if call is not None and function in (execution.may_run(types.callee(caller.module, call)) or ()):
            is_bound = function.cls is not None and "staticmethod" not in types.decorators(function)
            for position, param in enumerate(function.params[is_bound:]):
                given = argument_at(call, position, param.name)
                if given is not None and is_session_like(types, types.parameter(function, param)):
                    if not check.project.transactions.is_seen(given.value, (caller.module, call.block, call.start)):
                        return False
        function = caller
    return True


def _undoes(function: Function) -> bool:
    """Whether a function takes back what was written on purpose: not in an `except`, nor in a `finally`."""
    for call in function.calls:
        if f.last_name(call.func) in _UNDOES:
            if not any(block.kind in ("except", "finally") for block in function.module.block_chain(call.block)):
                return True
    return False
