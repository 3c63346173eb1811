"""The text of a function, for those who look for words in it: comments taken out. Parses nothing."""

from __future__ import annotations

import re

from fastapi_lint.model.names.symbols import Function

_COMMENTS = re.compile(r"^[ \t]*#.*$|#[^\n\"'{}]*$", re.M)
"""Comments, except those behind a statement that may be a part of a text."""


def code_of(function: Function, start: int) -> str:
    """The text of a function from a byte offset to its end, without comments."""
    return _COMMENTS.sub("", function.module.source.slice(start, function.facts.end))
