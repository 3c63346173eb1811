"""Parameters, the Depends graph, authentication and protection. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.injection.circles import Circles, definition_of, name_of
from fastapi_lint.model.injection.dependencies import MARKERS, Depends, Parameter
from fastapi_lint.model.injection.markers import default_of, is_marked_twice, is_read_alike, means_required, target_of
from fastapi_lint.model.injection.protection.protection import Protection
from fastapi_lint.model.injection.reading import Reading
from fastapi_lint.model.injection.received import path_name, received, taken_by
from fastapi_lint.model.injection.resources import (
    Opened,
    closes,
    is_closed_in,
    is_handed_on,
    is_protected,
    opened,
    resource_of,
    run_by_hand,
)
from fastapi_lint.model.injection.scopes import ignores_scopes

__all__ = [
    "MARKERS",
    "Circles",
    "Depends",
    "Opened",
    "Parameter",
    "Protection",
    "Reading",
    "closes",
    "default_of",
    "definition_of",
    "ignores_scopes",
    "is_closed_in",
    "is_handed_on",
    "is_marked_twice",
    "is_protected",
    "is_read_alike",
    "means_required",
    "name_of",
    "opened",
    "path_name",
    "received",
    "resource_of",
    "run_by_hand",
    "taken_by",
    "target_of",
]
