"""Response classes and HTTP exceptions of libraries: which argument is the body, which the status. Lookups only."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from fastapi_lint.catalog.names import lineage

Kind = Literal["response", "stream", "error"]


class AnswerClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A class whose objects leave as an answer; the file says what the fields mean."""

    name: str
    kind: Kind
    parameters: tuple[str, ...]
    content: str
    default: int
    empty: bool


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    answer: tuple[AnswerClass, ...]


@cache
def _classes() -> dict[str, AnswerClass]:
    data = resources.files("fastapi_lint.catalog").joinpath("answers.toml").read_bytes()
    return {row.name: row for row in msgspec.toml.decode(data, type=_Table).answer}


@cache
def answer_class(cls: str) -> AnswerClass | None:
    """What is known of a library class, or of its nearest known base, that leaves as an answer; None for others."""
    return next((found for base in lineage(cls) if (found := _classes().get(base)) is not None), None)
