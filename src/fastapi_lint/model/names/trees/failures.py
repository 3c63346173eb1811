"""Where a file stops being Python, and what was expected there, by what the two parsers say. Judges nothing."""

from __future__ import annotations

import re

from fastapi_lint.finding import Span
from fastapi_lint.model.names.symbols import Module

_ERROR_AT = re.compile(r"error at (\d+):(\d+)")
_EXPECTED = re.compile(r"expected (?:one of )?([^\n]+)")


def place_of_error(module: Module, error: Exception) -> Span:
    """Where the error is: what the tolerant parser could not place on one line, else where the strict one gave up."""
    source = module.source
    for start, end in module.facts.errors:
        span = source.span(start, end)
        if span.line == span.end_line:
            return span
    match = _ERROR_AT.search(str(error))
    line, column = (int(match[1]), int(match[2]) + 1) if match else (getattr(error, "raw_line", 1), 1)
    while line > 1 and not source.line(line)[: column - 1].strip():
        line -= 1  # it gave up at the first word of a line: what is missing is missing at the end of the one before
        column = len(source.line(line)) + 1
    return Span(line, column, line, column)


def expected_there(reason: str) -> str:
    """What the parser would have accepted, when that is little enough to be of help."""
    listed = _EXPECTED.search(reason)
    if listed is None:
        return ""
    tokens = [token.strip() for token in listed[1].split("\n", 1)[0].split(", ") if token.strip()]
    return f": expected {' or '.join(f'`{token}`' for token in tokens)}" if 0 < len(tokens) <= 3 else ""
