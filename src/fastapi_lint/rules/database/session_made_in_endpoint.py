"""FAPI519: sessions that an endpoint makes and may leave open."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Route
from fastapi_lint.model.database import is_async_session, is_sync_session
from fastapi_lint.rule import Check, rule


@rule("FAPI519", since="0.2.0")
def session_made_in_endpoint(route: Route, check: Check) -> Iterator[Finding]:
    """An endpoint makes a database session, and nothing closes it when it raises.

    Why is this bad?
    A session that is not closed keeps its connection. An exception between its making and its `close()` leaves it open
    until it is collected, and the pool runs empty under load.

    Known limits
    Sessions in a `with`, closed in a `finally`, handed on to other functions or returned are left alone. So are
    websockets, which outlive one session.

    References
    - [SQL databases: create a session dependency](https://fastapi.tiangolo.com/tutorial/sql-databases/#create-a-session-dependency)
    """
    handler = route.handler
    if handler is None or route.kind != "http":
        return
    for entry in handler.module.assigns_in.get(handler.index, ()):
        if not isinstance(entry.value, f.CallRef) or not isinstance(entry.target, f.Name):
            continue
        made = check.project.types.call_type(handler.module, entry.value.index)
        if not is_sync_session(check.project.types, made) and not is_async_session(check.project.types, made):
            continue
        call = handler.module.facts.calls[entry.value.index]
        name = entry.target.id
        if _is_registry(call, handler, check) or _is_kept_safe(handler, name):
            continue
        yield check.finding(
            call,
            f"`{handler.name}` makes a session that stays open when it raises",
            why="its connection is missing in the pool until it is collected",
            instead="inject it from a dependency with `yield`, or use `with`",
            module=handler.module,
        )


def _is_registry(call: f.Call, handler: Function, check: Check) -> bool:
    """Whether a call gives the session of a registry, or of a function of the project, which may look after it."""
    owner = check.project.callee(handler.module, call)
    if check.project.types.is_instance(owner, "sqlalchemy.orm.scoped_session"):
        return True
    name = check.project.types.name_of_type(owner) or ""
    made = check.project.types.is_instance(
        owner, "sqlalchemy.orm.sessionmaker", "sqlalchemy.ext.asyncio.async_sessionmaker"
    )
    return not made and not name.endswith("Session")


def _is_kept_safe(handler: Function, name: str) -> bool:
    """Whether a session is entered, closed in a `finally`, handed on or given back."""
    blocks = handler.module.blocks_in.get(handler.index, ())
    if any(block.kind == "with" and block.test == f.Name(name) for block in blocks):
        return True
    finals = [block for block in blocks if block.kind == "finally"]
    for call in handler.calls:
        if call.func == f.Attr(f.Name(name), "close"):
            if any(block.start <= call.start < block.end for block in finals):
                return True
        if any(arg.value == f.Name(name) for arg in call.args):
            return True
    return any(entry.value == f.Name(name) for entry in handler.exits)
