"""Schemas and records: their fields, how they are configured, who exchanges them. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.calls.reach.caching import is_cached
from fastapi_lint.model.calls.reach.keeping import for_want_of, hands_back, is_kept, is_on_miss
from fastapi_lint.model.data.blanking import is_blanked
from fastapi_lint.model.data.environment import Variable, loads_env_file, names_env_file, variable_of
from fastapi_lint.model.data.exchange import Exchange, Use, body_parameters, response_types
from fastapi_lint.model.data.kinds import model_of_method, record_kind
from fastapi_lint.model.data.lifetimes import CACHES, is_made_anew, is_made_once
from fastapi_lint.model.data.making.drawing import may_make_new
from fastapi_lint.model.data.making.particular import Particular
from fastapi_lint.model.data.making.roots import Root, nearest_root, roots
from fastapi_lint.model.data.making.trying import only_tries
from fastapi_lint.model.data.making.uploads import kept_upload, takes_upload
from fastapi_lint.model.data.making.usage import Usage, usage_of
from fastapi_lint.model.data.making.weighing import weighs, weighs_given
from fastapi_lint.model.data.rebuilding import is_imported_by_a_user, is_rebuilt
from fastapi_lint.model.data.releases import is_for_a_release
from fastapi_lint.model.data.rows import MAPPERS, is_mapped, row_class
from fastapi_lint.model.data.schemas import LIMITS, Schema, SchemaField
from fastapi_lint.model.data.serialization import is_left_out, serialized
from fastapi_lint.model.data.statuses import status_is_decided

__all__ = [
    "CACHES",
    "LIMITS",
    "MAPPERS",
    "Exchange",
    "Particular",
    "Root",
    "Schema",
    "SchemaField",
    "Usage",
    "Use",
    "Variable",
    "body_parameters",
    "for_want_of",
    "hands_back",
    "is_blanked",
    "is_cached",
    "is_for_a_release",
    "is_imported_by_a_user",
    "is_kept",
    "is_left_out",
    "is_made_anew",
    "is_made_once",
    "is_mapped",
    "is_on_miss",
    "is_rebuilt",
    "kept_upload",
    "loads_env_file",
    "may_make_new",
    "model_of_method",
    "names_env_file",
    "nearest_root",
    "only_tries",
    "record_kind",
    "response_types",
    "roots",
    "row_class",
    "serialized",
    "status_is_decided",
    "takes_upload",
    "usage_of",
    "variable_of",
    "weighs",
    "weighs_given",
]
