"""Notebooks as Python: the code cells of an .ipynb file as one text, and a text put back into the cells.

A line in front of each cell says which one begins, so that nothing else need be remembered: the text alone tells where
a place is, and what belongs to which cell. What IPython reads and Python does not (`%time`, `!ls`, `name?`) becomes a
comment on the way there, and what it was on the way back. Reads and writes no file.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from fastapi_lint.files.source import Source

SUFFIX = ".ipynb"
_CELL = re.compile(r"^#%% fastapi-lint: cell ([0-9]+)$", re.MULTILINE)
_MARK = "#%%ipython "
_MAGIC = re.compile(r"[ \t]*(?:%%?[A-Za-z].*|!.*|\?.*|[\w.]+\?\??[ \t]*$)")
_ASSIGNED = re.compile(r"([\w., \t]+=[ \t]*)([%!][A-Za-z].*)")
_HIDDEN = re.compile(rf"(?:None|pass)  {_MARK}")
_OTHER_LANGUAGE = re.compile(r"%%(?!time|timeit|capture|prun)\w+")
_SOURCE = re.compile(r'"source"\s*:\s*')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class NotANotebook(ValueError):
    """The bytes are no notebook with Python in it; the message says why."""


@dataclass(frozen=True)
class Cell:
    """A code cell: its number among all cells, from 1 on, and its text."""

    number: int
    text: str


class Notebook(Source):
    """The Python of a notebook as one file; `raw` are the bytes of the notebook itself."""

    def __init__(self, path: str, raw: bytes) -> None:
        """Raises `NotANotebook`."""
        super().__init__(path, as_python(raw).encode())
        self.raw = raw


def as_python(raw: bytes) -> str:
    """The code cells of a notebook as one text."""
    return "".join(
        f"#%% fastapi-lint: cell {cell.number}\n{''.join(map(_hidden, cell.text.splitlines(keepends=True)))}"
        f"{'' if cell.text.endswith(chr(10)) else chr(10)}"
        for cell in _cells(_parsed(raw))
    )


def put_back(raw: bytes, text: str) -> bytes:
    """The notebook with what was made of its text; all else, and the cells that did not change, stays as it is.

    Raises `NotANotebook` if the text does not have the cells of the notebook.
    """
    content = _parsed(raw)
    before = {cell.number: cell.text for cell in _cells(content)}
    after = {cell.number: cell.text for cell in cells(text)}
    if list(before) != list(after):
        raise NotANotebook("the fixed text does not have the cells of the notebook")
    for number, made in after.items():
        made = "".join(map(_shown, made.splitlines(keepends=True)))
        if not before[number].endswith("\n"):
            made = made.removesuffix("\n")
        if made != before[number]:
            cell = _all_cells(content)[number - 1]
            cell["source"] = made.splitlines(keepends=True) if isinstance(cell["source"], list) else made
    return _written(raw, content)


def cells(text: str) -> Iterator[Cell]:
    """The cells that a text was made from, or that were made of them."""
    marks = list(_CELL.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=True):
        yield Cell(int(mark[1]), text[mark.end() + 1 : end])


def cell_at(text: str, line: int) -> tuple[int, int]:
    """The number of the cell at a line of the text, and the line in it; 0 and the line itself where there is none."""
    offset = 0
    for number, content in enumerate(text.split("\n"), 1):
        if mark := _CELL.match(content):
            found, offset = int(mark[1]), number
        if number == line:
            break
    return (found, max(line - offset, 1)) if offset else (0, line)


def lines_of(raw: bytes) -> dict[int, list[tuple[int, int]]]:
    """Where in the file each line of a cell begins, by the number of the cell: line, and column of its text."""
    text = raw.decode("utf-8-sig")
    starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(offset: int) -> tuple[int, int]:
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    found: dict[int, list[tuple[int, int]]] = {}
    for number, source in enumerate(_SOURCE.finditer(text), 1):
        position = source.end()
        if text[position : position + 1] != "[":
            found[number] = [place(position + 1)] * (text.count("\\n", position, _end_of(text, position)) + 1)
            continue
        position += 1
        while string := _STRING.match(text, _next(text, position)):
            found.setdefault(number, []).append(place(string.start() + 1))
            position = string.end()
    return found


def _end_of(text: str, position: int) -> int:
    string = _STRING.match(text, position)
    return string.end() if string else position


def _next(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n,":
        position += 1
    return position


def _all_cells(content: dict[str, object]) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", content["cells"])


def _parsed(raw: bytes) -> dict[str, object]:
    try:
        content = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise NotANotebook(f"no notebook: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise NotANotebook("no notebook: it has no `cells` (notebooks of format 3 and older are not read)")
    language = _language(content.get("metadata"))
    if language != "python":
        raise NotANotebook(f"its language is {language}")
    return content


def _language(metadata: object) -> str:
    if isinstance(metadata, dict):
        for key, name in (("kernelspec", "language"), ("language_info", "name")):
            table = metadata.get(key)
            if isinstance(table, dict) and isinstance(table.get(name), str):
                return str(table[name]).lower()
    return "python"


def _cells(content: dict[str, object]) -> Iterator[Cell]:
    for number, cell in enumerate(_all_cells(content), 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        text = "".join(map(str, source)) if isinstance(source, list) else str(source)
        if not _OTHER_LANGUAGE.match(text.lstrip()):
            yield Cell(number, text)


def _hidden(line: str) -> str:
    """A line as Python reads it."""
    content = line.rstrip("\r\n")
    if _MAGIC.fullmatch(content):
        start = len(content) - len(content.lstrip())
        return f"{content[:start]}pass  {_MARK}{line[start:]}"
    if assigned := _ASSIGNED.fullmatch(content):
        return f"{assigned[1]}None  {_MARK}{line[assigned.start(2) :]}"
    return line


def _shown(line: str) -> str:
    """A line as IPython reads it."""
    return _HIDDEN.sub("", line, count=1)


def _written(raw: bytes, content: dict[str, object]) -> bytes:
    """The content as JSON, laid out as the file was."""
    bom, text = raw.startswith(b"\xef\xbb\xbf"), raw.decode("utf-8-sig")
    end = text[len(text.rstrip()) :]
    before = json.loads(text)
    indents: Sequence[int | str | None] = (1, 2, 4, "\t", None)
    layouts = [(indent, ascii) for indent in indents for ascii in (False, True)]
    same = (layout for layout in layouts if _dumped(before, *layout) == text.rstrip().replace("\r\n", "\n"))
    made = _dumped(content, *next(same, (1, False))) + end
    if "\r\n" in text:
        made = made.replace("\r\n", "\n").replace("\n", "\r\n")
    return (b"\xef\xbb\xbf" if bom else b"") + made.encode("utf-8", "surrogatepass")


def _dumped(content: object, indent: int | str | None, ascii: bool) -> str:
    return json.dumps(content, indent=indent, ensure_ascii=ascii)
