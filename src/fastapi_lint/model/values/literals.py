"""String literals with their places. Knows no names and no facts beyond the text.

Facts keep what a literal says but not where it stands; a scan over the bytes gives the place back. The scan knows
strings, comments and brackets only, and reads an f-string with its own quotes inside as two.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from fastapi_lint.index.literals import content
from fastapi_lint.model.names.symbols import Module

# Each way begins with one certain byte, so that what is in between is skipped at the speed of a search. An open string
# goes on to the end of its line or text: to try again at each quote in it would be quadratic.
_TOKEN = re.compile(
    rb"#[^\r\n]*"
    rb"|\"(?:\"\"(?:[^\\\"]|\\.|\"(?!\"\"))*(?:\"\"\"|\\?\Z)|(?:[^\\\"\r\n]|\\(?:\r\n|.))*\"?)"
    rb"|'(?:''(?:[^\\']|\\.|'(?!''))*(?:'''|\\?\Z)|(?:[^\\'\r\n]|\\(?:\r\n|.))*'?)",
    re.DOTALL,
)
_PREFIX = re.compile(rb"(?<!\w)[rRbBuUfFtT]{1,2}\Z")
_COMMENT = ord("#")
_LETTERS = frozenset(b"rRbBuUfFtT")
_BEFORE = frozenset(b"\r\n;:")
"""What ends right before a statement."""


class Quoted(NamedTuple):
    """A string literal: byte range with prefix and quotes, and the range of what stands between the quotes.

    `text` is what it says (the source text of a formatted one), of bytes a character each; `alone` means that it is a
    statement of its own: a docstring or code that is commented out.
    """

    start: int
    end: int
    body_start: int
    body_end: int
    text: str
    formatted: bool
    alone: bool
    is_bytes: bool


@lru_cache(maxsize=8)
def quoted(module: Module) -> tuple[Quoted, ...]:
    """Every string literal of a module, in order."""
    return tuple(_scan(module.text))


def _scan(data: bytes) -> Iterator[Quoted]:
    depth, counted = 0, 0
    code: list[tuple[int, int]] = []
    for match in _TOKEN.finditer(data):
        first, end = match.span()
        code.append((counted, first))
        counted = end
        if data[first] == _COMMENT:
            continue
        found = _PREFIX.search(data, max(0, first - 3), first) if data[max(0, first - 1)] in _LETTERS else None
        start = found.start() if found is not None else first
        letters = data[start:first].lower()
        size = 3 if data[first : min(first + 3, end)] in (b'"""', b"'''") else 1
        inner = data[first + size : max(end - size, first + size)]
        formatted = b"f" in letters or b"t" in letters
        before = data[max(0, start - 200) : start].rstrip(b" \t\f")
        alone = not before or before[-1] in _BEFORE
        alone = alone and not before.rstrip(b"\r\n").endswith(b"\\")
        if alone:  # brackets are counted when it matters
            depth = max(0, depth + sum(_opened(data, *each) for each in code))
            code.clear()
            alone = depth == 0
        first += size
        said = _said(letters, inner, formatted)
        yield Quoted(start, end, first, first + len(inner), said, formatted, alone, b"b" in letters)


def _opened(data: bytes, start: int, end: int) -> int:
    """How many brackets are open behind a piece of code that were not before it."""
    opened = sum(data.count(bracket, start, end) for bracket in (b"(", b"[", b"{"))
    return opened - sum(data.count(bracket, start, end) for bracket in (b")", b"]", b"}"))


def _said(letters: bytes, inner: bytes, formatted: bool) -> str:
    if not formatted and b"\\" in inner:
        said = content(inner.decode("latin-1"), b"r" in letters)
        if said is not None:
            return said
    return inner.decode("utf-8", "replace")


def quoted_at(module: Module, offset: int) -> Quoted | None:
    """The string literal around a byte offset."""
    found = quoted(module)
    index = bisect_left(found, offset + 1, key=lambda each: each.start) - 1
    return found[index] if index >= 0 and found[index].start <= offset < found[index].end else None


def quoted_between(module: Module, start: int, end: int) -> tuple[Quoted, ...]:
    """The string literals inside a byte range."""
    found = quoted(module)
    first = bisect_left(found, start, key=lambda each: each.start)
    return found[first : bisect_left(found, end, lo=first, key=lambda each: each.start)]


@dataclass(frozen=True)
class Literal:
    """A literal, or several in a row that are one: what it says, and its byte range with all quotes; see `Quoted`."""

    text: str
    place: tuple[int, int]
    formatted: bool
    alone: bool
    is_bytes: bool


# A comment ends with its line here: one that might end at any `#` in it is read in twice as many ways with each.
_GAP = re.compile(rb"(?:\s|\\|#[^\r\n]*(?:[\r\n]|\Z))*\Z")
"""What may stand between two literals that are one."""


@lru_cache(maxsize=8)
def literals(module: Module) -> tuple[Literal, ...]:
    """Every string literal of a module, in order, those joined that lie beside each other."""
    return tuple(_joined(module.text, quoted(module)))


def _joined(data: bytes, found: tuple[Quoted, ...]) -> Iterator[Literal]:
    group: list[Quoted] = []
    for each in (*found, None):
        if group and (each is None or not _GAP.match(data, group[-1].end, each.start)):
            text, place = "".join(one.text for one in group), (group[0].start, group[-1].end)
            yield Literal(text, place, any(one.formatted for one in group), group[0].alone, group[0].is_bytes)
            group = []
        if each is not None:
            group.append(each)


def literals_between(module: Module, start: int, end: int) -> tuple[Literal, ...]:
    """The literals in a byte range that are not formatted."""
    found = literals(module)
    first = bisect_left(found, start, key=lambda each: each.place[0])
    last = bisect_left(found, end, lo=first, key=lambda each: each.place[0])
    return tuple(each for each in found[first:last] if not each.formatted)
