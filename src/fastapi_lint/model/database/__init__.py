"""Mapped classes, sessions and connections, what is written and how much is read. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.database.conditions import is_sql
from fastapi_lint.model.database.expiring import is_read_after_commit
from fastapi_lint.model.database.holders import (
    conversations_in,
    given,
    holds_conversation,
    is_async_conversation,
    is_conversation,
    is_session,
    taken,
)
from fastapi_lint.model.database.inserts import Insert, Inserts
from fastapi_lint.model.database.limiting.fates import Fate
from fastapi_lint.model.database.limiting.limits import Limits
from fastapi_lint.model.database.limiting.paging import QueryNumber, query_numbers
from fastapi_lint.model.database.loading import Loading, Rows
from fastapi_lint.model.database.mapping.mapped import Relationship, classes_of
from fastapi_lint.model.database.mapping.zones import COLUMNS, has_zone, is_of_table, loses_zone
from fastapi_lint.model.database.records import loads_a_key
from fastapi_lint.model.database.registries import taken_of_registry
from fastapi_lint.model.database.requests import RequestCode, Requests
from fastapi_lint.model.database.sessions import (
    ASYNC_SESSIONS,
    committing_factories,
    committing_sessions,
    given_asynchronous,
    is_async_connection,
    is_async_session,
    is_raw_connection,
    is_scoped,
    is_session_like,
    is_sync_connection,
    is_sync_session,
)
from fastapi_lint.model.database.statements import Statement, statements
from fastapi_lint.model.database.writing.meaning import may_be_meant
from fastapi_lint.model.database.writing.transactions import Late, Transactions, Write
from fastapi_lint.model.database.writing.uncommitted import may_leave_open

__all__ = [
    "ASYNC_SESSIONS",
    "COLUMNS",
    "Fate",
    "Insert",
    "Inserts",
    "Late",
    "Limits",
    "Loading",
    "QueryNumber",
    "Relationship",
    "RequestCode",
    "Requests",
    "Rows",
    "Statement",
    "Transactions",
    "Write",
    "classes_of",
    "committing_factories",
    "committing_sessions",
    "conversations_in",
    "given",
    "given_asynchronous",
    "has_zone",
    "holds_conversation",
    "is_async_connection",
    "is_async_conversation",
    "is_async_session",
    "is_conversation",
    "is_of_table",
    "is_raw_connection",
    "is_read_after_commit",
    "is_scoped",
    "is_session",
    "is_session_like",
    "is_sql",
    "is_sync_connection",
    "is_sync_session",
    "loads_a_key",
    "loses_zone",
    "may_be_meant",
    "may_leave_open",
    "query_numbers",
    "statements",
    "taken",
    "taken_of_registry",
]
