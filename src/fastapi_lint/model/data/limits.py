"""How limits of values are called elsewhere, in JSON Schema and in other libraries. Judges nothing."""

from __future__ import annotations

LIMITS = {
    "lte": "le",
    "gte": "ge",
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "minLength": "min_length",
    "maxLength": "max_length",
    "min_items": "min_length",
    "max_items": "max_length",
}
"""The argument of Pydantic that is meant by one of another name: under that name nothing is checked."""
