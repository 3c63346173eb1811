"""Sessions, connections and engines of SQLAlchemy and SQLModel, and which of their methods talk to the database.

Where a session comes from is inferred in `types`; what is known of other databases is in the catalogue.
"""

from __future__ import annotations

from fastapi_lint.model.names.symbols import Type
from fastapi_lint.model.types.inference.inference import Inference

SYNC_SESSIONS = ("sqlalchemy.orm.Session", "sqlalchemy.orm.scoped_session", "sqlmodel.Session")
ASYNC_SESSIONS = (
    "sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.ext.asyncio.async_scoped_session",
    "sqlmodel.ext.asyncio.session.AsyncSession",
)  # fmt: skip

SCOPED_SESSIONS = ("sqlalchemy.orm.scoped_session", "sqlalchemy.ext.asyncio.async_scoped_session")

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
