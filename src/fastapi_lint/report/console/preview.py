"""What a fix makes of a file, as a few lines of a diff. Applies nothing, and shows nothing that is to be hidden."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Fix
from fastapi_lint.report.excerpt import Ranges, offsets, overlapping, text_of

MOST_LINES = 8
"""Longer changes are not shown: `--diff` does that."""


class Line(NamedTuple):
    """A line that a fix takes away (`-`) or writes (`+`), with its number in the file as it is.

    `differs` is the offset in the text from which it is another than the line that it takes the place of, or that takes
    its place.
    """

    number: int
    sign: str
    text: str
    differs: int = 0


def preview(fix: Fix, source: Source | None, hidden: Ranges) -> tuple[Line, ...]:
    """The lines that the fix changes, as they were and as they become; none when that is long or must not be shown."""
    if source is None or not text_of(source) or not fix.edits:
        return ()
    lines: list[Line] = []
    for edits in _hunks(sorted(fix.edits)):
        first, last = edits[0].span.line, max(edit.span.end_line for edit in edits)
        if last - first >= MOST_LINES or last > len(source.line_starts):
            return ()
        start, end = source.offset(first, 1), source.offset(last + 1, 1)
        if any(True for _ in overlapping(hidden, start, end)):
            return ()
        old = source.text[start:end]
        before, after = _lines(old), _lines(_applied(source, edits, start, end))
        while before and after and before[0] == after[0]:
            first, before, after = first + 1, before[1:], after[1:]
        while before and after and before[-1] == after[-1]:
            before, after = before[:-1], after[:-1]
        alike = [_alike(*pair) for pair in zip_longest(before, after, fillvalue="")]
        for sign, texts in (("-", before), ("+", after)):
            lines += [Line(first + index, sign, text, alike[index]) for index, text in enumerate(texts)]
        if len(lines) > MOST_LINES:
            return ()
    return tuple(lines)


def _hunks(edits: list[Edit]) -> Iterator[list[Edit]]:
    """The edits in groups that touch the same lines."""
    group: list[Edit] = []
    last = 0
    for edit in edits:
        if group and edit.span.line > last:
            yield group
            group = []
        group.append(edit)
        last = max(last, edit.span.end_line)
    yield group


def _alike(one: str, other: str) -> int:
    """How many characters two lines have in common at their start."""
    return next(
        (index for index, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )


def _applied(source: Source, edits: list[Edit], start: int, end: int) -> str:
    parts: list[str] = []
    done = start
    for edit in edits:
        first, last = offsets(source, edit.span)
        parts += [source.text[done:first], edit.content]
        done = max(done, last)
    return "".join([*parts, source.text[done:end]])


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
