"""Rows for people: a table at a terminal, one line a row whatever its width; columns, Markdown or CSV elsewhere."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence

from fastapi_lint.cli import terminal

FORMATS = ("console", "json", "markdown", "csv")
_LEAST = 8


def write_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, format: str = "console", drop: Sequence[str] = ()
) -> None:
    """Write rows under their heads; columns of `drop` are left out, the first first, while a terminal is too narrow."""
    rows = [tuple(_visible(cell) for cell in row) for row in rows]
    if format == "markdown":
        lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
        terminal.write("".join(f"| {' | '.join(line)} |\n" for line in lines), encoding="utf-8")
    elif format == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([heads, *rows])
        terminal.write(out.getvalue(), encoding="utf-8")
    else:
        _columns(heads, rows, drop, terminal.width(sys.stdout))


def _columns(heads: Sequence[str], rows: Sequence[Sequence[str]], drop: Sequence[str], width: int | None) -> None:
    widths = {column[0]: max(map(len, column)) for column in zip(heads, *rows, strict=True)}
    for head in drop:
        if width is None or _whole(widths) <= width:
            break
        del widths[head]
    while width is not None and _whole(widths) > width and max(widths.values()) > _LEAST:
        widths[max(widths, key=widths.__getitem__)] -= 1  # so that what stands behind a long cell is seen
    color = terminal.has_color(sys.stdout)
    lines = []
    for row in (heads, *rows):
        cells = [
            f"{_cut(cell, widths[head]):<{widths[head]}}"
            for head, cell in zip(heads, row, strict=True)
            if head in widths
        ]
        line = "  ".join(cells).rstrip()
        if width is not None:
            line = _cut(line, max(width, _LEAST))
        lines.append(f"\x1b[1m{line}\x1b[0m" if color and row is heads else line)
    terminal.write("".join(f"{line}\n" for line in lines))


def _whole(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + 2 * (len(widths) - 1)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _visible(cell: str) -> str:
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in cell)
