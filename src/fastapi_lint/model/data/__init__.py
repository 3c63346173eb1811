"""Schemas and records: their fields, how they are configured, who exchanges them. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.data.exchange import Exchange, Use, body_parameters, response_types
from fastapi_lint.model.data.kinds import record_kind
from fastapi_lint.model.data.lifetimes import is_made_anew, is_made_once
from fastapi_lint.model.data.rebuilding import is_imported_by_a_user, is_rebuilt
from fastapi_lint.model.data.schemas import Schema, SchemaField
from fastapi_lint.model.data.serialization import is_left_out, serialized
from fastapi_lint.model.data.statuses import status_is_decided

__all__ = [
    "Exchange",
    "Schema",
    "SchemaField",
    "Use",
    "body_parameters",
    "is_imported_by_a_user",
    "is_left_out",
    "is_made_anew",
    "is_made_once",
    "is_rebuilt",
    "record_kind",
    "response_types",
    "serialized",
    "status_is_decided",
]
