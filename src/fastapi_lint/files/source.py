"""One file of the analysed project: its bytes, text, line table, and its libcst tree on demand.

Does not read files and reports nothing. Importing this module does not import libcst.
"""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from fastapi_lint.finding import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    import libcst as cst

_NEWLINE = re.compile(r"\r\n|\r|\n")
_BYTE_NEWLINE = re.compile(rb"\r\n|\r|\n")


class Unreadable(ValueError):
    """The bytes are not Python text; the message says why, `line` (1-based) where."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


class TooLarge(Unreadable):
    """The file is too large to be opened with libcst: data written as Python, which would take minutes."""


LARGEST_TREE = 1_500_000
"""Bytes from which on a file has facts but no tree."""


class Blank(NamedTuple):
    """Bytes of a file, of whole statements of a suite, that a tree leaves out; `head` is the code that stands first."""

    start: int
    end: int
    head: str = ""

    def filling(self, text: bytes) -> bytes:
        """Code as long as what is left out: the head, and one literal that ends where the last statement does."""
        left_out = text[self.start : self.end]
        newlines = _BYTE_NEWLINE.findall(left_out)
        last = len(re.split(rb"[\r\n]", left_out)[-1].decode())
        if newlines and last >= 3:
            return b"".join([self.head.encode(), b'"""', *newlines, b" " * (last - 3), b'"""'])
        if not newlines and last > len(self.head):
            return (self.head + "0" * (last - len(self.head))).encode()
        return left_out


class Source:
    """A file's content under its path relative to the project root (forward slashes).

    `data` are the bytes as they are on disk. `text` is decoded as PEP 263 says, without BOM, newlines as they are.
    Raises `Unreadable` from `text` (and all that needs it) when the bytes cannot be Python source. `line_length` is
    what the project declares for its formatter.
    """

    line_length: int | None = None

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data

    def __repr__(self) -> str:
        return f"Source({self.path!r})"

    @cached_property
    def encoding(self) -> str:
        """The codec's name; `utf-8-sig` when there is a BOM."""
        try:
            return tokenize.detect_encoding(io.BytesIO(self.data).readline)[0]
        except (SyntaxError, LookupError) as error:
            raise Unreadable(str(error)) from None

    @cached_property
    def text(self) -> str:
        """The decoded text; `Unreadable` for undecodable or NUL bytes."""
        return self._decoded()

    def _decoded(self) -> str:
        if b"\0" in self.data:
            raise Unreadable("source contains a NUL byte", self.data[: self.data.index(b"\0")].count(b"\n") + 1)
        try:
            return self.data.decode(self.encoding)
        except UnicodeDecodeError as error:
            line = self.data[: error.start].count(b"\n") + 1
            raise Unreadable(f"not valid {self.encoding}: {error.reason} (byte {error.start})", line) from None

    @cached_property
    def utf8(self) -> bytes:
        """The text in UTF-8 without BOM: what the byte offsets of facts count in."""
        text = self._decoded()  # not kept: of most files only the bytes are ever asked for
        if self.encoding == "utf-8":
            return self.data
        if self.encoding == "utf-8-sig":
            return self.data[len(codecs.BOM_UTF8) :]
        return text.encode()

    @cached_property
    def _byte_starts(self) -> list[int]:
        lines = self.utf8.splitlines(keepends=True)  # of bytes, which know no other ends of lines than Python
        if lines and not lines[-1].endswith((b"\n", b"\r")):
            del lines[-1]
        return [0, *accumulate(map(len, lines))]

    @cached_property
    def line_starts(self) -> list[int]:
        """The offset in `text` at which each line starts."""
        return [0, *[newline.end() for newline in _NEWLINE.finditer(self.text)]]

    def line(self, number: int) -> str:
        """The text of a 1-based line without its newline; empty when there is no such line."""
        starts = self.line_starts
        if not 1 <= number <= len(starts):
            return ""
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")

    def offset(self, line: int, column: int) -> int:
        """The offset in `text` of a 1-based line and column, kept inside the text."""
        starts = self.line_starts
        if line > len(starts):
            return len(self.text)
        return min(starts[line - 1] + column - 1, len(self.text))

    def span(self, start: int, end: int) -> Span:
        """The span of a byte range as facts give it."""
        line, column = self._place(start)
        end_line, end_column = self._place(end)
        return Span(line, column, end_line, end_column)

    def line_of(self, byte_offset: int) -> int:
        """The 1-based line of a byte offset as facts give it."""
        return bisect_right(self._byte_starts, byte_offset)

    def byte_offset(self, line: int, column: int) -> int:
        """The byte offset, as facts count, of a 1-based line and column."""
        start = self._byte_starts[line - 1]
        if self.utf8.isascii():
            return start + column - 1
        return start + len(self.line(line)[: column - 1].encode())

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._byte_starts, offset)
        before = self.utf8[self._byte_starts[line - 1] : offset]
        return line, (len(before) if before.isascii() else len(before.decode("utf-8", "replace"))) + 1

    def slice(self, start: int, end: int) -> str:
        """The text of a byte range as facts give it."""
        return self.utf8[start:end].decode("utf-8", "replace")

    @cached_property
    def tree(self) -> cst.Module:
        """The libcst tree; raises `libcst.ParserSyntaxError`, `TooLarge`, and `Unreadable` like `text`."""
        if len(self.data) > LARGEST_TREE:
            raise TooLarge(f"larger than {LARGEST_TREE} bytes")
        import libcst as cst

        return cst.parse_module(self.text)

    def with_blanks(self, blanks: Sequence[Blank]) -> Source:
        """The same file, whose tree leaves something out. `blanks` are in order and do not overlap.

        Everything else keeps its place. For whoever needs a small part: libcst takes its time for every node.
        """
        return _Excerpt(self, blanks)

    def forget_tree(self) -> None:
        """Give back the memory of what is made on demand; nodes of the old tree have no place any more."""
        for name in ("tree", "_spans", "text", "line_starts", "_byte_starts"):
            self.__dict__.pop(name, None)

    @cached_property
    def _spans(self) -> dict[int, tuple[int, int, int, int]]:
        from fastapi_lint.files.positions import spans

        return spans(self.tree)

    def span_of(self, node: cst.CSTNode) -> Span:
        """The span of a node of `tree`, whitespace around it excluded.

        The first call places every node of the module: ask only for what is reported or edited.
        """
        return Span(*self._spans[id(node)])

    def code_of(self, node: cst.CSTNode) -> str:
        """The text of a node of `tree` exactly as it stands in the file."""
        span = self.span_of(node)
        return self.text[self.offset(span.line, span.column) : self.offset(span.end_line, span.end_column)]


class _Excerpt(Source):
    """A file whose tree leaves something out; text and places are those of the whole file."""

    def __init__(self, whole: Source, blanks: Sequence[Blank]) -> None:
        super().__init__(whole.path, whole.data)
        for name in ("encoding", "text", "utf8", "_byte_starts", "line_starts"):
            self.__dict__[name] = getattr(whole, name)
        self.line_length = whole.line_length
        self._blanks = blanks

    @cached_property
    def tree(self) -> cst.Module:
        """The libcst tree of what is left; raises as for a whole file."""
        import libcst as cst

        parts, position = [], 0
        for blank in self._blanks:
            parts += [self.utf8[position : blank.start], blank.filling(self.utf8)]
            position = blank.end
        return cst.parse_module(b"".join([*parts, self.utf8[position:]]).decode())
