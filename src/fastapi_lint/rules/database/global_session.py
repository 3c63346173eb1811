"""FAPI508: sessions and connections that live as long as the process."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.calls import stands_aside
from fastapi_lint.model.database import (
    is_async_connection,
    is_async_session,
    is_raw_connection,
    is_sync_connection,
    is_sync_session,
)
from fastapi_lint.model.names import ClassObject, Instance, Partial, Type
from fastapi_lint.model.types import is_none
from fastapi_lint.rule import Check, rule

_SCOPED = ("sqlalchemy.orm.scoped_session", "sqlalchemy.ext.asyncio.async_scoped_session")
_ASIDE = frozenset({
    "alembic", "migrations", "migration", "versions", "scripts", "script", "seeds", "seed", "examples", "example",
    "docs", "docs_src", "notebooks", "benchmarks", "tools", "bin",
})  # fmt: skip


_MIXED = {"session": "transactions", "connection": "statements"}


@rule("FAPI508", severity=Severity.ERROR)
def global_session(module: Module, check: Check) -> Iterator[Finding]:
    """A database session or connection is made once: at module or class level, or as the default of a parameter.

    Why is this bad?
    All requests then share one session. Sessions and connections are not made for that: threads of the threadpool and
    tasks of the event loop use it at the same time and see, commit or roll back each other's changes. After one error
    the transaction stays invalid for everybody, objects of every request pile up in it, and a connection that the
    server closed is never replaced.

    Make the engine and the factory (`sessionmaker`) once, and a session for each request in a dependency with `yield`.

    Known limits
    `scoped_session`, in-memory SQLite, connections that are closed in the same module, scripts, migrations and tests
    are left alone, and so is what an object that lives at module level keeps in an attribute.

    References
    - [SQL (relational) databases](https://fastapi.tiangolo.com/tutorial/sql-databases/)
    - [SQLAlchemy: is the session thread-safe?](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks)
    """
    if module.is_test or not module.mentions("ession", "onnect", "next("):
        return
    if stands_aside(check.project, module, _ASIDE):
        return
    for index, name, level in (*_assigned(module, check), *_given(module, check), *_defaults(module)):
        call = module.facts.calls[index]
        if f.last_name(call.func) == "cast":
            continue  # says what something is, and makes nothing
        what = _kind(check.project.types.call_type(module, index), check)
        if not what or _is_in_memory(call) or _is_main(module, call.block):
            continue
        if not check.project.effects.is_served(module):
            return
        yield check.finding(
            call,
            f"`{name}` is a {what} made {level}",
            why=f"all requests share it, so threads and tasks mix their {_MIXED[what]}",
            instead="make one for each request in a dependency with `yield`",
        )


def _assigned(module: Module, check: Check) -> Iterator[tuple[int, str, str]]:
    """The calls for a session that fill a name at module or class level: index, name, and the place in words."""
    for entry in module.assigns_in.get(-1, ()):
        if isinstance(entry.value, f.CallRef) and entry.op == "=" and isinstance(entry.target, f.Name):
            is_one = _kind(check.project.types.call_type(module, entry.value.index), check)
            if is_one and not _is_closed(module, entry.target.id):
                cls = module.facts.blocks[entry.block].cls
                level = f"in the body of class `{module.classes[cls].name}`" if cls >= 0 else "at module level"
                yield entry.value.index, entry.target.id, level


def _given(module: Module, check: Check) -> Iterator[tuple[int, str, str]]:
    """The calls for a session that an object of the project, or a partial function, is made with at module level."""
    for entry in module.assigns_in.get(-1, ()):
        if not isinstance(entry.value, f.CallRef) or not isinstance(entry.target, f.Name):
            continue
        types, outer = check.project.types, module.facts.calls[entry.value.index]
        made = types.call_type(module, entry.value.index)
        is_kept = isinstance(made, Partial) or isinstance(types.callee(module, outer), ClassObject)
        if not is_kept or _kind(made, check):
            continue
        for arg in outer.args:
            if isinstance(arg.value, f.CallRef) and _kind(types.call_type(module, arg.value.index), check):
                call = module.facts.calls[arg.value.index]
                shown = module.source.slice(call.start, call.name_end)
                yield arg.value.index, f"{shown}(...)", f"at module level, and `{entry.target.id}` keeps it"


def _defaults(module: Module) -> Iterator[tuple[int, str, str]]:
    """The calls that are the default of a parameter, which Python evaluates when it defines the function."""
    blocks = module.facts.blocks
    for function in module.functions:
        if blocks[function.facts.outer].function < 0 and function.name != "<lambda>":
            for param in function.params:
                if isinstance(param.default, f.CallRef):
                    yield param.default.index, param.name, f"as a default of `{function.name}`"


def _kind(value: Type, check: Check) -> str:
    """ "session", "connection" or empty."""
    types = check.project.types
    if not isinstance(value, Instance) or types.is_instance(value, *_SCOPED):
        return ""
    if is_sync_session(types, value) or is_async_session(types, value):
        return "session"
    if is_sync_connection(types, value) or is_async_connection(types, value) or is_raw_connection(types, value):
        return "connection"
    return ""


def _is_in_memory(call: f.Call) -> bool:
    """`sqlite3.connect(":memory:")`: another connection would be another database."""
    return any(isinstance(arg.value, f.Const) and ":memory:" in str(arg.value.value) for arg in call.args)


def _is_main(module: Module, block: int) -> bool:
    """Whether a block runs only when the module is run as a program."""
    for entry in module.block_chain(block):
        if entry.kind == "if" and "__main__" in module.source.slice(entry.start, min(entry.end, entry.start + 80)):
            return True
    return False


def _is_closed(module: Module, name: str) -> bool:
    """Whether the module closes it, or forgets it, when it has done its work at import."""
    for call in module.calls_in.get(-1, ()):
        match call.func:
            case f.Attr(value=f.Name(id=found), attr="close" | "dispose" | "remove") if found == name:
                return True
    return any(
        isinstance(entry.target, f.Name) and entry.target.id == name and is_none(entry.value) and entry.start > 0
        for entry in module.assigns_in.get(-1, ())
    ) or any(leave.kind == "del" and leave.value == f.Name(name) for leave in module.exits_in.get(-1, ()))
