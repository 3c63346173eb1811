"""What stands around the routes of an app: its middleware, and the names under which routes are looked up. Judges
nothing."""

from __future__ import annotations

from fastapi_lint.model.application.document import has_document
from fastapi_lint.model.application.given_back import GivenBack, coroutines_given_back, properties_given_back
from fastapi_lint.model.application.lending import Lent, is_early, lent, takes_back, used_in, uses
from fastapi_lint.model.application.middleware import (
    CORS,
    Middleware,
    additions,
    app_of,
    catches_errors,
    in_stack,
    middleware_in,
    passes_on,
    refuses,
    stacks,
    writes_cors,
    writes_cors_headers,
)
from fastapi_lint.model.application.naming import Named, Names, route_names
from fastapi_lint.model.application.requests import Role, is_called_by_hand, is_served, role_of, stays_plain
from fastapi_lint.model.application.startup import Provided, is_set_by_tests, needs, overridden, provided
from fastapi_lint.model.application.states import States, is_state, may_be_state, opened_states, states_of
from fastapi_lint.model.application.wrappers import wraps_endpoint

__all__ = [
    "CORS",
    "GivenBack",
    "Lent",
    "Middleware",
    "Named",
    "Names",
    "Provided",
    "Role",
    "States",
    "additions",
    "app_of",
    "catches_errors",
    "coroutines_given_back",
    "has_document",
    "in_stack",
    "is_called_by_hand",
    "is_early",
    "is_served",
    "is_set_by_tests",
    "is_state",
    "lent",
    "may_be_state",
    "middleware_in",
    "needs",
    "opened_states",
    "overridden",
    "passes_on",
    "properties_given_back",
    "provided",
    "refuses",
    "role_of",
    "route_names",
    "stacks",
    "states_of",
    "stays_plain",
    "takes_back",
    "used_in",
    "uses",
    "wraps_endpoint",
    "writes_cors",
    "writes_cors_headers",
]
