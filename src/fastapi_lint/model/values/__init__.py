"""Constants, texts, and the values that code has where it runs several times. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.values.constants import UNKNOWN, Unfolded
from fastapi_lint.model.values.defaults import Defaults
from fastapi_lint.model.values.environment import NOWHERE, Bound
from fastapi_lint.model.values.freshness import FRESH_WORDS, fresh
from fastapi_lint.model.values.literals import (
    Literal,
    Quoted,
    literals,
    literals_between,
    quoted,
    quoted_at,
    quoted_between,
)
from fastapi_lint.model.values.readers import environment_read, is_set_default
from fastapi_lint.model.values.texts import (
    DOCUMENTED,
    BoundText,
    bound_texts,
    example_texts,
    is_named_for_tests,
    target_name,
    unwrapped,
)
from fastapi_lint.model.values.times.naive import (
    NAIVE,
    NAIVE_WORDS,
    NaiveTime,
    makers_of_naive_times,
    makes_naive_times,
    naive_times,
)

__all__ = [
    "DOCUMENTED",
    "FRESH_WORDS",
    "NAIVE",
    "NAIVE_WORDS",
    "NOWHERE",
    "UNKNOWN",
    "Bound",
    "BoundText",
    "Compositions",
    "Defaults",
    "Literal",
    "NaiveTime",
    "Outside",
    "Piece",
    "Quoted",
    "Unfolded",
    "bound_texts",
    "environment_read",
    "example_texts",
    "fresh",
    "is_named_for_tests",
    "is_set_default",
    "literals",
    "literals_between",
    "makers_of_naive_times",
    "makes_naive_times",
    "naive_times",
    "quoted",
    "quoted_at",
    "quoted_between",
    "target_name",
    "unwrapped",
]
