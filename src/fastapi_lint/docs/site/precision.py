"""What `benchmarks/precision.md` says of each rule, read from its tables. Judges nothing, and adds up nothing else."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_SECTION_TITLE = re.compile(r"^## +(\S.*)$", re.MULTILINE)
_TRUE = re.compile(r"^(?:All true|Judged, and all of them true): (.+?)\.\s*$", re.MULTILINE | re.DOTALL)
_CODES = re.compile(r"FAPI(\d{3}(?:, \d{3})*)\b(?: [a-z0-9-]+)?")
_CELL = re.compile(r"(?<!\\)\|")
TOGETHER = "All looks together"
"""The title of the section that adds up the others (`benchmarks/judged.py`)."""


@dataclass(frozen=True)
class Look:
    """What one reading of real findings says of a rule: how many were judged, and what they were.

    `of` is the part of the rule that was judged when it was not all of it; `together` the codes that share the figures.
    """

    title: str
    judged: int
    false: int
    arguable: int
    note: str = ""
    of: str = ""
    together: tuple[str, ...] = ()

    @property
    def true(self) -> int:
        """Those that were neither false nor arguable."""
        return self.judged - self.false - self.arguable


@dataclass(frozen=True)
class Measured:
    """All that is known of one rule: the looks, in their order, and what is known without findings in real code."""

    looks: tuple[Look, ...] = ()
    known: str = ""

    @property
    def total(self) -> Look:
        """The looks that are about this rule alone, added up."""
        own = [look for look in self.looks if not look.together]
        judged, false, arguable = (sum(getattr(look, name) for look in own) for name in ("judged", "false", "arguable"))
        return Look("all", judged, false, arguable)


def measured(text: str) -> Mapping[str, Measured]:
    """What the document says of each code; rules of which it says nothing are absent."""
    looks: defaultdict[str, list[Look]] = defaultdict(list)
    known: dict[str, str] = {}
    parts = _SECTION_TITLE.split(text)
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        title = title.partition(", 20")[0]
        if title == TOGETHER:
            continue
        for row in _rows(body):
            if row.get("what is known"):
                known |= dict.fromkeys(_codes(row["rule"]), row["what is known"])
            for code, look in _looks(title, row):
                looks[code].append(look)
        for listed in _TRUE.findall(body):
            for code, look in _all_true(title, listed):
                looks[code].append(look)
    return {code: Measured(tuple(looks[code]), known.get(code, "")) for code in sorted({*looks, *known})}


def _rows(text: str) -> Iterator[dict[str, str]]:
    """The rows of all tables whose first column is the rule, as header: cell."""
    header: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            header = []
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]]
        if not header:
            header = cells if cells[0] == "rule" else ["", *cells[1:]]
        elif header[0] == "rule" and not set(cells[0]) <= set("-: "):
            yield dict(zip(header, cells, strict=True))


def _looks(title: str, row: Mapping[str, str]) -> Iterator[tuple[str, Look]]:
    """The figures of a row, for each of its codes; nothing where the row has none."""
    if row["rule"] == "all others":
        yield from _all_true(title, row.get("what", ""))
        return
    false = _number(row.get("false", row.get("false before", "")))
    arguable = _number(row.get("arguable", row.get("left", "").partition("+")[2]))
    if judged := _number(row.get("judged", row.get("judged (projects)", ""))) or _number(row.get("true", "")):
        if "judged" not in row and "judged (projects)" not in row:
            judged += false + arguable
        codes = _codes(row["rule"])
        note = row.get("what", row.get("notes", ""))
        for code in codes:
            others = tuple(other for other in codes if other != code)
            yield code, Look(title, judged, false, arguable, note, _part(row["rule"]), others)


def _all_true(title: str, listed: str) -> Iterator[tuple[str, Look]]:
    """A list such as "FAPI101 2, 105 2": codes, the first in full, with how many were judged."""
    for code, count in re.findall(r"(?:FAPI)?(\d{3})\s+(\d+)", listed):
        yield f"FAPI{code}", Look(title, int(count), 0, 0)


def _codes(cell: str) -> list[str]:
    """The codes of a first cell such as "FAPI101 blocking-call-in-async, long" or "FAPI409, 410, 412"."""
    found = _CODES.match(cell)
    return [f"FAPI{digits}" for digits in found[1].split(", ")] if found else []


def _part(cell: str) -> str:
    """What stands behind code and name: "long"."""
    found = _CODES.match(cell)
    return cell[found.end() :].strip(" ,").removeprefix("(").removesuffix(")") if found else ""


def _number(cell: str) -> int:
    """The first number of a cell, as of "older: 20 (20)"; 0 where there is none."""
    found = re.search(r"\d[\d,]*", cell)
    return int(found[0].replace(",", "")) if found else 0
