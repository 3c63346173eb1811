"""Schemas, mapped classes and sessions. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.data.exchange import Exchange, Use, body_parameters, response_types
from fastapi_lint.model.data.holders import conversations_in, given, is_async_conversation, is_conversation, is_session
from fastapi_lint.model.data.inserts import Insert, Inserts
from fastapi_lint.model.data.kinds import record_kind
from fastapi_lint.model.data.lifetimes import is_made_anew, is_made_once
from fastapi_lint.model.data.limits import Fate, Limits
from fastapi_lint.model.data.paging import QueryNumber, query_numbers
from fastapi_lint.model.data.rebuilding import is_imported_by_a_user, is_rebuilt
from fastapi_lint.model.data.schemas import Schema, SchemaField
from fastapi_lint.model.data.serialization import is_left_out, serialized
from fastapi_lint.model.data.sessions import (
    ASYNC_SESSIONS,
    is_async_connection,
    is_async_session,
    is_sync_connection,
    is_sync_session,
)

__all__ = [
    "ASYNC_SESSIONS",
    "Exchange",
    "Fate",
    "Insert",
    "Inserts",
    "Limits",
    "QueryNumber",
    "Schema",
    "SchemaField",
    "Use",
    "body_parameters",
    "conversations_in",
    "given",
    "is_async_connection",
    "is_async_conversation",
    "is_async_session",
    "is_conversation",
    "is_imported_by_a_user",
    "is_left_out",
    "is_made_anew",
    "is_made_once",
    "is_rebuilt",
    "is_session",
    "is_sync_connection",
    "is_sync_session",
    "keys_given",
    "query_numbers",
    "record_kind",
    "response_schemas",
    "response_types",
    "serialized",
]
