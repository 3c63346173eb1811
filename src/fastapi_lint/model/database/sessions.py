"""Sessions, connections and engines of SQLAlchemy and SQLModel: which of their methods talk to the database, and which
factory (`async_sessionmaker(...)`) a session comes from.

What a session is, is inferred in `types`; what is known of other databases is in the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, Union

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.places import Place, place_of
from fastapi_lint.model.names.symbols import ClassObject, External, Function, FunctionObject, Instance, Module, Type
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.model.types.inference.passing import Unknown

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DEEPEST = 12
_CALLERS = 3
SYNC_SESSIONS = ("sqlalchemy.orm.Session", "sqlalchemy.orm.scoped_session", "sqlmodel.Session")
ASYNC_SESSIONS = (
    "sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.ext.asyncio.async_scoped_session",
    "sqlmodel.ext.asyncio.session.AsyncSession",
)  # fmt: skip

SCOPED_SESSIONS = ("sqlalchemy.orm.scoped_session", "sqlalchemy.ext.asyncio.async_scoped_session")

RAW_CONNECTIONS = (
    "sqlite3.Connection", "psycopg2.extensions.connection", "psycopg.Connection", "MySQLdb.connections.Connection",
    "pymysql.connections.Connection", "mysql.connector.abstracts.MySQLConnectionAbstract", "oracledb.Connection",
    "pyodbc.Connection",
)  # fmt: skip
"""Connections of synchronous drivers themselves."""

SESSION_IO = frozenset({
    "execute", "exec", "scalar", "scalars", "get", "get_one", "commit", "rollback", "flush", "refresh", "merge",
    "merge_all", "close", "reset", "invalidate", "connection", "begin_nested", "prepare", "bulk_save_objects",
    "bulk_insert_mappings", "bulk_update_mappings",
})  # fmt: skip
"""Methods of a session that talk to the database (`query` only builds a statement, `begin` only a scope)."""

SESSION_MARKS = frozenset({"add", "add_all", "delete", "delete_all", "expunge", "expunge_all", "expire", "expire_all"})
"""Methods that only change what the next flush does. `delete` may load relationships that the deletion cascades to."""

SESSION_WRITES = frozenset({
    "add", "add_all", "delete", "delete_all", "merge", "merge_all", "bulk_save_objects", "bulk_insert_mappings",
    "bulk_update_mappings",
})  # fmt: skip
"""Methods after which there is something to commit; `execute` is one as well when its statement writes."""

QUERY_IO = frozenset({
    "all", "first", "one", "one_or_none", "scalar", "get", "count", "delete", "update", "value", "values", "instances",
    "__iter__", "__getitem__",
})  # fmt: skip
"""Methods of `sqlalchemy.orm.Query` that run it; the others return a query."""

CONNECTION_IO = frozenset({
    "execute", "exec_driver_sql", "scalar", "scalars", "commit", "rollback", "begin_nested", "begin_twophase", "close",
    "invalidate", "recover_twophase", "rollback_prepared", "commit_prepared",
})  # fmt: skip
ENGINE_IO = frozenset({"connect", "begin", "raw_connection", "dispose", "execute", "scalar"})


def is_sync_session(types: Inference, value: Type) -> bool:
    """Whether a value is known to be a session that blocks: SQLAlchemy's, SQLModel's, a scoped one, or a subclass."""
    return types.is_instance(value, *SYNC_SESSIONS)


def is_async_session(types: Inference, value: Type) -> bool:
    """Whether a value is known to be an AsyncSession (SQLModel's, a scoped one, a subclass)."""
    return types.is_instance(value, *ASYNC_SESSIONS)


def is_session_like(types: Inference, value: Type) -> bool:
    """Whether a value is a session of any kind: synchronous or not, scoped or not."""
    return types.is_instance(value, *SYNC_SESSIONS, *ASYNC_SESSIONS)


def is_scoped(types: Inference, value: Type) -> bool:
    """Whether a value is a registry of sessions, which stands for one of them."""
    return types.is_instance(value, *SCOPED_SESSIONS)


def is_sync_connection(types: Inference, value: Type) -> bool:
    """Whether a value is known to be a synchronous SQLAlchemy connection."""
    return types.is_instance(value, "sqlalchemy.Connection")


def is_raw_connection(types: Inference, value: Type) -> bool:
    """Whether a value is known to be a connection of a synchronous driver itself: psycopg2's, sqlite3's."""
    return types.is_instance(value, *RAW_CONNECTIONS)


def is_sync_engine(types: Inference, value: Type) -> bool:
    """Whether a value is known to be a synchronous SQLAlchemy engine."""
    return types.is_instance(value, "sqlalchemy.Engine")


def is_async_connection(types: Inference, value: Type) -> bool:
    """Whether a value is known to be an AsyncConnection."""
    return types.is_instance(value, "sqlalchemy.ext.asyncio.AsyncConnection")


def is_async_engine(types: Inference, value: Type) -> bool:
    """Whether a value is known to be an AsyncEngine."""
    return types.is_instance(value, "sqlalchemy.ext.asyncio.AsyncEngine")


def io_methods(types: Inference, value: Type) -> frozenset[str]:
    """The methods of a synchronous database object that talk to the database; empty for anything else."""
    if is_sync_session(types, value):
        return SESSION_IO
    if is_sync_connection(types, value):
        return CONNECTION_IO
    if is_sync_engine(types, value):
        return ENGINE_IO
    return QUERY_IO if types.is_instance(value, "sqlalchemy.orm.Query") else frozenset()


# ---------------------------------------------------------------- factories


def committing_factories(project: Project) -> frozenset[Place | None]:
    """The places of the factories of which asynchronous sessions are committed; None among them for any that cannot be
    told, a session that a function is given for example. Tests do not count."""
    return frozenset(None if isinstance(one, _Alone) else one for one in project.about(_all_committing))


def committing_sessions(project: Project) -> frozenset[Place | None]:
    """As `committing_factories`, with the places of the calls that make sessions without a factory."""
    return frozenset(one.place if isinstance(one, _Alone) else one for one in project.about(_all_committing))


class _Alone(NamedTuple):
    """A session that a call makes without a factory."""

    place: Place


_Maker = Union[Place, _Alone, None]


def _all_committing(project: Project) -> frozenset[_Maker]:
    return frozenset(_committing(project))


def _committing(project: Project) -> Iterator[_Maker]:
    for name in ("commit", "begin"):
        for module, index in project.modules.calls_by_name.get(name, ()):
            call = module.facts.calls[index]
            if isinstance(call.func, f.Attr) and not module.is_test and (call.awaited or call.use == "with"):
                where = (module, call.block, call.start)
                if not _is_something_else(project, call.func.value, where):
                    yield from _factories(project, call.func.value, where, 0)


def _is_session(project: Project, module: Module, index: int) -> bool:
    return is_session_like(project.types, project.types.call_type(module, index))


def _is_something_else(project: Project, expr: f.Expr, where: Where) -> bool:
    """Whether what commits or begins is known to be no session: an engine, a connection, a client of another kind.

    A factory begins sessions, too.
    """
    owner = project.infer(expr, *where)
    if not isinstance(owner, Instance) or not isinstance(owner.cls, str) or owner.cls.endswith("sessionmaker"):
        return False
    return not is_session_like(project.types, owner)


def _factories(project: Project, expr: f.Expr | None, where: Where, depth: int) -> Iterator[_Maker]:
    """The places of the calls that make the factories which a session may come from; None where that is not known."""
    module = where[0]
    match expr:
        case f.Await(value=value) if depth < _DEEPEST:
            yield from _factories(project, value, where, depth + 1)
        case f.Name(id=name) if depth < _DEEPEST and (bound := project.types.find_bindings(name, where)):
            for one in bound:
                yield from _of_binding(project, one.entry, where, name, depth)
        case f.CallRef(index=index) if depth < _DEEPEST:
            call = module.facts.calls[index]
            match project.callee(module, call):
                case Instance(cls=str(cls), origin=origin) if cls.endswith("sessionmaker") and origin is not None:
                    yield place_of(origin.module, origin.facts)
                case FunctionObject(function=function):
                    yield from _given(project, function, depth)
                case External() | ClassObject() if _is_session(project, module, index):
                    yield _Alone(place_of(module, call))
                case _:
                    yield None
        case f.Attr(value=f.Name("self"), attr=attr) if depth < _DEEPEST:
            yield from _kept(project, where, attr, depth)
        case _:
            yield None


def _kept(project: Project, where: Where, attr: str, depth: int) -> Iterator[_Maker]:
    """What the methods of a class put into an attribute of its objects."""
    function = where[0].enclosing(where[1])
    cls = function.cls if function is not None else None
    stored = project.types.nearest_assigns(cls, attr) if cls is not None else []
    if not stored:
        yield None
    for entry, method in stored:
        if entry.value is not None and not is_none(entry.value):
            yield from _factories(project, entry.value, (method.module, entry.block, entry.start), depth + 1)


def _of_binding(project: Project, entry: object, where: Where, name: str, depth: int) -> Iterator[_Maker]:
    module = where[0]
    match entry:
        case f.Assign(value=value) if value is not None and entry.target == f.Name(name):
            yield from _factories(project, value, (module, entry.block, entry.start), depth + 1)
        case f.Block(kind="with") if entry.target == f.Name(name):
            yield from _factories(project, entry.test, (module, entry.parent, entry.start), depth + 1)
        case f.Param():
            yield from _of_parameter(project, module.enclosing(where[1]), entry, depth)
        case _:
            yield None


def _of_parameter(project: Project, function: Function | None, param: f.Param, depth: int) -> Iterator[_Maker]:
    """What a dependency or the callers of a function give a parameter."""
    types = project.types
    if function is None or not any(one is param for one in function.params):
        yield None
        return
    match types.dependency_of(param, (function.module, function.facts.outer, param.start)):
        case FunctionObject(function=dependency):
            yield from _given(project, dependency, depth)
            return
    index = next(i for i, one in enumerate(function.params) if one is param)
    try:
        calls = list(types.passing(function))
        found = [(types.argument(call, function, index), call.where) for call in calls]
    except Unknown:
        found = []
    if not found:
        yield None
    for value, place in found:
        yield from _factories(project, value, place, depth + 1)


def _given(project: Project, function: Function, depth: int) -> Iterator[_Maker]:
    """What a function returns or yields."""
    given = [one for one in function.exits if one.kind in ("return", "yield") and not is_none(one.value)]
    if not given:
        yield None
    for one in given:
        yield from _factories(project, one.value, (function.module, one.block, one.start), depth + 1)


def given_asynchronous(types: Inference, function: Function, expr: f.Expr | None) -> bool:
    """Whether an expression begins with a parameter, of the function or of the constructor of its class, for which all
    callers give an asynchronous session, whatever the annotation says."""
    root = expr
    held: f.Expr | None = None
    while isinstance(root, (f.Attr, f.CallRef)):
        held, root = root, root.value if isinstance(root, f.Attr) else function.module.facts.calls[root.index].func
    if not isinstance(root, f.Name):
        return False
    brought = [(function, root.id)]
    if root.id == "self" and function.cls is not None and isinstance(held, f.Attr):
        stored = types.self_assigns(function.cls).get(held.attr, [])
        brought = [(where, entry.value.id) for entry, where in stored if isinstance(entry.value, f.Name)]
        if len(brought) != len(stored):
            return False
    given = [(where, param) for where, name in brought for param in where.params if param.name == name]
    return bool(given) and all(_is_given(types, where, param, _CALLERS) is True for where, param in given)


def _is_given(types: Inference, function: Function, param: f.Param, depth: int) -> bool | None:
    """Whether all callers give a parameter an asynchronous session, those that only hand on what they are given
    included; None without any caller."""
    if is_async_session(types, types.passed(function, param)):
        return True
    if function.facts.decorators or (function.cls is not None and function.name != "__init__") or depth <= 0:
        return False
    index = next(number for number, one in enumerate(function.params) if one is param)
    found: set[bool | None] = set()
    try:
        for call in types.passing(function):
            value = types.argument(call, function, index)
            if value is None:
                return False
            found.add(_is_handed_on(types, value, call.where, depth - 1))
    except Unknown:
        return False
    return None if found <= {None} else False not in found


def _is_handed_on(types: Inference, value: f.Expr, where: Where, depth: int) -> bool | None:
    """Whether an argument is an asynchronous session, or a parameter that is given one; None if nobody calls that."""
    if is_async_session(types, types.infer(value, where)):
        return True
    caller = where[0].enclosing(where[1])
    if caller is None or not isinstance(value, f.Name):
        return False
    brought = [param for param in caller.params if param.name == value.id]
    if len(brought) != 1 or types.depends_call(brought[0], (caller.module, caller.facts.outer, brought[0].start)):
        return False
    return _is_given(types, caller, brought[0], depth)
