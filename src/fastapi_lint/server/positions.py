"""Places in a text as a client counts them: lines from 0, and characters in units of UTF-8, 16 or 32.

Findings count lines and code points from 1 (`finding.Span`), facts bytes, edits of documents offsets; all meet here.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from lsprotocol import types

from fastapi_lint.finding import Span

_NEWLINE = re.compile(r"\r\n|\r|\n")


class Positions:
    """A text whose lines are counted; `encoding` is what the client and the server agreed upon."""

    def __init__(self, text: str, encoding: str) -> None:
        self.text = text
        self._encoding = encoding
        self._is_plain = text.isascii() or encoding == types.PositionEncodingKind.Utf32

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _NEWLINE.finditer(self.text))]

    @cached_property
    def _ends(self) -> list[int]:
        """Where each line ends, without its newline."""
        return [*(match.start() for match in _NEWLINE.finditer(self.text)), len(self.text)]

    def offset(self, position: types.Position) -> int:
        """The offset in the text; the end of the line, or of the text, for a position behind that."""
        if position.line >= len(self._starts):
            return len(self.text)
        start, end = self._starts[position.line], self._ends[position.line]
        if self._is_plain:
            return min(start + position.character, end)
        left = position.character
        for offset in range(start, end):
            left -= self._units(self.text[offset])
            if left < 0:  # at a character, or in the middle of one
                return offset
        return end

    def position(self, offset: int) -> types.Position:
        """The position of an offset in the text."""
        line = bisect_right(self._starts, offset) - 1
        start = self._starts[line]
        return types.Position(line, offset - start if self._is_plain else self._units(self.text[start:offset]))

    def range(self, start: int, end: int) -> types.Range:
        """The range between two offsets."""
        return types.Range(self.position(start), self.position(end))

    def of_span(self, span: Span) -> types.Range:
        """The range of a span of a finding."""
        return self.range(self._of(span.line, span.column), self._of(span.end_line, span.end_column))

    def _of(self, line: int, column: int) -> int:
        if line > len(self._starts):
            return len(self.text)
        return min(self._starts[line - 1] + column - 1, len(self.text))

    def byte_offset(self, position: types.Position) -> int:
        """As `offset`, in bytes of UTF-8, as facts count."""
        return len(self.text[: self.offset(position)].encode("utf-8", "replace"))

    def of_bytes(self, start: int, end: int) -> types.Range:
        """The range between two byte offsets."""
        if self.text.isascii():
            return self.range(start, end)
        data = self.text.encode("utf-8", "replace")
        offsets = [len(data[:each].decode("utf-8", "replace")) for each in (start, end)]
        return self.range(*offsets)

    def _units(self, text: str) -> int:
        if self._encoding == types.PositionEncodingKind.Utf8:
            return len(text.encode("utf-8", "replace"))
        return len(text) + sum(character > "\uffff" for character in text)
