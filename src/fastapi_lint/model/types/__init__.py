"""Light types of expressions: annotations, members, returns, generics, containers. Unknown stays unknown."""

from __future__ import annotations

from fastapi_lint.model.types.alternatives import options
from fastapi_lint.model.types.deferral import Deferral
from fastapi_lint.model.types.identity import classes_in, identity, names_in, survives_as_text
from fastapi_lint.model.types.inference.inference import DEPENDS, Where, is_none
from fastapi_lint.model.types.inference.members import PROPERTIES
from fastapi_lint.model.types.unimported import When, is_dead, scope_around, unimported
from fastapi_lint.model.types.vouching import Vouching

__all__ = [
    "DEPENDS",
    "PROPERTIES",
    "Deferral",
    "Vouching",
    "When",
    "Where",
    "classes_in",
    "identity",
    "is_dead",
    "is_none",
    "names_in",
    "options",
    "scope_around",
    "survives_as_text",
    "unimported",
]
