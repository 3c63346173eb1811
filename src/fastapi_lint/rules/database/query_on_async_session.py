"""FAPI524: `query` on an AsyncSession, which has none."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Instance, Module
from fastapi_lint.model.database import given_asynchronous, is_async_session, is_sync_session
from fastapi_lint.rule import Check, rule

_ROWS = "scalars(select(...))"
_INSTEAD = {
    "delete": "execute(delete(...))",
    "update": "execute(update(...))",
    "get": "get(..., ident)",
    "count": "scalar(select(func.count()).select_from(...))",
}
"""By what the chain of a query ends with."""


@rule("FAPI524", severity=Severity.ERROR, since="0.2.0")
def query_on_async_session(module: Module, check: Check) -> Iterator[Finding]:
    """`query` is called on an AsyncSession.

    Why is this bad?
    `Query` is synchronous through and through, so an AsyncSession has no such method: the line raises AttributeError.

    Known limits
    The session has to be known by its annotation, its factory, its dependency, or by what all callers give. Callbacks
    of `run_sync` get a synchronous session, and project classes may define `query` themselves.

    References
    - [SQLAlchemy: select in place of query](https://docs.sqlalchemy.org/en/20/changelog/migration_20.html#migration-orm-usage)
    """
    for call in module.calls_named(("query",)):
        if not isinstance(call.func, f.Attr):
            continue
        session = check.project.infer(call.func.value, module, call.block, call.start)
        if (is_async_session(check.project.types, session) and not _defines(session, check)) or (
            is_sync_session(check.project.types, session) and _is_given_another(module, call, check)
        ):
            shown = module.source.slice(call.start, call.name_end)
            yield check.finding(
                (call.start, call.name_end),
                f"`{shown if len(shown) < 40 else 'query'}`: an AsyncSession has no `query`",
                why="the line raises AttributeError",
                instead=f"write `await session.{_INSTEAD.get(_last_step(module, call), _ROWS)}`",
            )


def _last_step(module: Module, query: f.Call) -> str:
    """What the chain of calls that a query begins ends with: `delete` of `query(...).filter(...).delete()`."""
    step = query
    while (following := next((one for one in module.facts.calls if _goes_on(module, one, step)), None)) is not None:
        step = following
    return f.last_name(step.func)


def _goes_on(module: Module, call: f.Call, step: f.Call) -> bool:
    """Whether a call is that of a method of what another gives."""
    value = call.func.value if isinstance(call.func, f.Attr) else None
    return isinstance(value, f.CallRef) and module.facts.calls[value.index] is step


def _is_given_another(module: Module, call: f.Call, check: Check) -> bool:
    """Whether a parameter says that it is a synchronous session, and all callers give an asynchronous one."""
    function = module.enclosing(call.block)
    return function is not None and given_asynchronous(check.project.types, function, call.func)


def _defines(session: object, check: Check) -> bool:
    """Whether a class of the project adds the method."""
    if not isinstance(session, Instance) or not isinstance(session.cls, Class):
        return False
    order = check.project.types.mro(session.cls)
    return any(isinstance(base, Class) and ("query" in base.methods or "query" in base.assigns) for base in order)
