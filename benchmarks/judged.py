"""Adds up what all looks of `precision.md` have judged, rule by rule: the only table there that names every rule.

    python benchmarks/judged.py [--into]

Reads the tables whose first two columns are *rule* and *judged*, their rows "all others", and the paragraphs that begin
with "Judged, and all of them true:". A row that is about several rules at once ("FAPI409, 410, 412") is counted for the
first. What was mended since still counts as it was judged then: a rule is at least as good as its row. Prints the
section, or puts it where the one from the last time stands (`--into`).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi_lint.run.story import rules

DOCUMENT = Path(__file__).with_name("precision.md")
HEADING = "## All looks together"
_ALL_TRUE = "Judged, and all of them true:"


@dataclass(frozen=True)
class Judged:
    """How many findings of a rule were judged, and how many of these are true, arguable and false."""

    all: int = 0
    arguable: int = 0
    false: int = 0

    def __add__(self, other: Judged) -> Judged:
        return Judged(self.all + other.all, self.arguable + other.arguable, self.false + other.false)


def looks(text: str) -> Iterator[tuple[str, Judged]]:
    """What each look says of a rule, by code, in the order in which it stands there."""
    lines = iter(_without_section(text).splitlines())
    for line in lines:
        if line.startswith(_ALL_TRUE):
            paragraph = [line.removeprefix(_ALL_TRUE)]
            for more in lines:
                if not more:
                    break
                paragraph.append(more)
            yield from _all_true(" ".join(paragraph))
        elif line.startswith("| rule |") and "| judged" in line:
            names = [cell.partition(" (")[0] for cell in _cells(line)]
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    break
                yield from _row(dict(zip(names, _cells(row), strict=False)))


def _row(row: dict[str, str]) -> Iterator[tuple[str, Judged]]:
    if row["rule"] == "all others":
        yield from _all_true(row["what"])
        return
    code = re.match(r"FAPI\d{3}", row["rule"])
    if code is None:
        return
    left = row.get("left", "")
    arguable = row.get("arguable") or (left.partition("+")[2] or "0")
    yield code[0], Judged(_number(row["judged"]), _number(arguable), _number(row.get("false") or row["false before"]))


def _all_true(text: str) -> Iterator[tuple[str, Judged]]:
    """`FAPI105 3, 111 2`: each of a code or its number, and how many."""
    for number, count in re.findall(r"(?:FAPI)?(\d{3}) (\d+)\b", text):
        yield f"FAPI{number}", Judged(int(count))


def _number(text: str) -> int:
    """The number in a cell such as `21 (19)` or `older: 6 (3)`."""
    found = re.search(r"\d+", text)
    return int(found[0]) if found else 0


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _without_section(text: str) -> str:
    start = text.find(HEADING)
    if start < 0:
        return text
    end = text.find("\n## ", start)
    return text[:start] + (text[end + 1 :] if end >= 0 else "")


def section(text: str) -> str:
    """The section with a row for every rule there is."""
    found: dict[str, Judged] = {}
    for code, judged in looks(text):
        found[code] = found.get(code, Judged()) + judged
    every = sum(found.values(), Judged())
    built = [rule for rule in rules() if rule.code in found]
    unread = [rule.code for rule in rules() if rule.code not in found]
    lines = [
        HEADING,
        "",
        "Made by `python benchmarks/judged.py --into`, which adds up the tables below. What was mended since counts as",
        "it was judged then.",
        "",
        f"{every.all:,} findings of {len(built)} rules were judged in all looks: {every.false} false "
        f"({every.false / every.all:.1%}), {every.arguable} arguable ({every.arguable / every.all:.1%}).",
        "",
        "| rule | preset | judged | true | arguable | false |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for rule in built:
        one = found[rule.code]
        true = one.all - one.arguable - one.false
        name = f"{rule.code} {rule.name}"
        lines.append(f"| {name} | {rule.preset} | {one.all} | {true} | {one.arguable} | {one.false} |")
    lines += ["", f"No finding of these was ever drawn: {', '.join(unread) or 'none'}.", ""]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", action="store_true", help=f"put it into {DOCUMENT.name}")
    options = parser.parse_args()
    text = DOCUMENT.read_text(encoding="utf-8")
    made = section(text)
    if not options.into:
        sys.stdout.write(made)
        return 0
    rest = _without_section(text)
    first = rest.index("\n## ") + 1
    DOCUMENT.write_text(f"{rest[:first]}{made}\n{rest[first:]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
