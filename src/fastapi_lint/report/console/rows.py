"""Lines of a source as a terminal can show them, with what is meant underlined. Knows no finding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from rich.cells import cell_len
from rich.text import Text

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Span
from fastapi_lint.report.excerpt import MASK, Ranges, overlapping, text_of, visible

GUTTER = "blue"
_TAB = 4
_LEAD = 12
"""So many cells of a long line are shown before its span."""
_OPENS = re.compile(r"[(\[{:,=]\s*(#.*)?$")
"""A line that opens what follows, or goes on with it."""
_ANNOUNCES = re.compile(r"^\s*(@|(try|else|finally|except\b.{0,60}):)")
"""A line that says little without the next one: a decorator, or a clause of a `try`."""


def lines_of(source: Source | None, span: Span) -> tuple[int, ...]:
    """The numbers of the lines that show a span: its first and its last, and one around them where that helps.

    A line in brackets is shown below the line that opens them, a decorator above what it decorates. None when the file
    is not at hand or has no such line.
    """
    if source is None or not text_of(source) or span.line > len(source.line_starts):
        return ()
    first, last = span.line, min(_last(source, span), len(source.line_starts))
    found = {first, last}
    text = source.line(first)
    if first > 1 and _opens(source, first - 1, text):
        found.add(first - 1)
    elif last == first < len(source.line_starts) and _ANNOUNCES.search(text):
        found.add(first + 1)
    return tuple(sorted(line for line in found if line in (first, last) or source.line(line).strip()))


def excerpt(
    source: Source | None, hidden: Ranges, span: Span, gutter: int, width: int, mark: tuple[str, str]
) -> Iterator[Text]:
    """The lines of `lines_of`, those of the span underlined with `mark`: a character and its style."""
    lines = lines_of(source, span)
    if source is None or not lines:
        return
    yield Text.assemble(" " * (gutter + 1), ("|", GUTTER))
    previous = lines[0]
    for line in lines:
        if line > previous + 1:
            yield Text("." * max(gutter, 3), GUTTER)
        previous = line
        text = source.line(line)
        start = span.column - 1 if line == span.line else len(text) - len(text.lstrip())
        end = span.end_column - 1 if line == span.end_line else len(text.rstrip())
        shown, before, under = _row(source, line, start, end, hidden, width - gutter - 3)
        yield Text.assemble((f"{line:>{gutter}} |", GUTTER), f" {shown}" if shown else "")
        if span.line <= line <= max(_last(source, span), span.line):
            yield Text.assemble(" " * (gutter + 1), ("|", GUTTER), " " * (before + 1), (mark[0] * under, mark[1]))


def cut(text: str, room: int, differs: int = 0) -> str:
    """One line of a change as it can be shown in so many cells, with what stands at an offset of it."""
    before = cell_len(visible(text[:differs].expandtabs(_TAB)))
    text = visible(text.expandtabs(_TAB))
    if cell_len(text) <= room:
        return text
    ends = [0, *accumulate(map(cell_len, text))]
    low, lead = 0, ""
    if before + _LEAD > room - 3:
        low, lead = next(index for index, cells in enumerate(ends) if cells >= before - room // 3), "..."
    room += ends[low] - len(lead)
    if ends[-1] <= room:
        return lead + text[low:]
    return lead + text[low : max(index for index, cells in enumerate(ends) if cells <= max(room - 3, 0))] + "..."


def _opens(source: Source, line: int, inside: str) -> bool:
    """Whether a line opens what stands below it, further to the right, and says what that belongs to."""
    text = source.line(line)
    if not text.strip() or len(text) > 500 or not _OPENS.search(text):
        return False
    return len(text) - len(text.lstrip()) < len(inside) - len(inside.lstrip())


def _last(source: Source, span: Span) -> int:
    """The last line of a span that ends behind something."""
    last = min(span.end_line, len(source.line_starts))
    return last - 1 if last > span.line and not source.line(last)[: span.end_column - 1].strip() else last


def _row(source: Source, line: int, start: int, end: int, hidden: Ranges, room: int) -> tuple[str, int, int]:
    """One line as it can be shown, with how many cells stand before the underline and how many it has.

    `start` and `end` count characters of the line from 0. Tabs become spaces, control characters visible, secrets
    masked; of a line that does not fit into `room` cells, the part around the span stays, with `...` where it is cut.
    """
    room = max(room, 20)
    text = source.line(line)
    start = min(start, len(text))
    end = max(min(end, len(text)), start)
    # Only characters that can be shown are laid out: a megabyte on one line costs no more than any other line.
    first = max(start - 4 * room, 0)
    stop = min(start + 4 * room, len(text))
    cells = _cells(source, line, text[first:stop], first, hidden)
    ends = [0, *accumulate(map(cell_len, cells))]
    start, end = start - first, min(end, stop) - first
    low, high = 0, len(cells)
    if first or stop < len(text) or ends[-1] > room:
        inner = room - 6
        left = 0 if not first and ends[end] <= room - 3 else max(ends[start] - _LEAD, ends[end] - inner, 0)
        left = min(left, ends[start])
        inner += 0 if left or first else 3
        low = next(index for index, cell in enumerate(ends) if cell >= left)
        high = max(index for index, cell in enumerate(ends) if cell - ends[low] <= inner)
        end = min(end, high)
    lead = "..." if low or first else ""
    tail = "..." if high < len(cells) or stop < len(text) else ""
    before = len(lead) + ends[start] - ends[low]
    return lead + "".join(cells[low:high]) + tail, before, max(ends[end] - ends[start], 1)


def _cells(source: Source, line: int, text: str, first: int, hidden: Ranges) -> list[str]:
    """What is shown for each character of (a part of) a line."""
    cells: list[str] = []
    column = 0
    for character in text:
        cell = " " * (_TAB - column % _TAB) if character == "\t" else visible(character)
        column += cell_len(cell)
        cells.append(cell)
    offset = source.line_starts[line - 1] + first
    for hidden_start, hidden_end in overlapping(hidden, offset, offset + len(text)):
        cells[hidden_start - offset : hidden_end - offset] = [MASK, *[""] * (hidden_end - hidden_start - 1)]
    return cells
