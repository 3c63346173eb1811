"""Rows for people: a table at a terminal, one line a row whatever its width; columns, Markdown or CSV elsewhere."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence

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
        if width is None or sum(widths.values()) + 2 * (len(widths) - 1) <= width:
            break
        del widths[head]
    color = terminal.has_color(sys.stdout)
    lines = []
    for row in (heads, *rows):
        cells = [f"{cell:<{widths[head]}}" for head, cell in zip(heads, row, strict=True) if head in widths]
        line = "  ".join(cells).rstrip()
        if width is not None and len(line) > width:
            line = line[: max(width - 3, _LEAST)] + "..."
        lines.append(f"\x1b[1m{line}\x1b[0m" if color and row is heads else line)
    terminal.write("".join(f"{line}\n" for line in lines))


def _visible(cell: str) -> str:
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in cell)
