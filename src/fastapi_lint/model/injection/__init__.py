"""Parameters, the Depends graph, authentication and protection. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.injection.dependencies import MARKERS, Depends, Parameter
from fastapi_lint.model.injection.markers import default_of, is_marked_twice, is_read_alike, means_required, target_of
from fastapi_lint.model.injection.protection import Protection
from fastapi_lint.model.injection.reading import Reading
from fastapi_lint.model.injection.received import path_name, received, taken_by

__all__ = [
    "MARKERS",
    "Depends",
    "Parameter",
    "Protection",
    "Reading",
    "default_of",
    "is_marked_twice",
    "is_read_alike",
    "means_required",
    "path_name",
    "received",
    "taken_by",
    "target_of",
]
