"""Writes the fixtures differently without changing what they mean, and compares what is said of them.

    python benchmarks/rewritten.py [CODE ...] [--only REWRITING ...] [--jobs 2] [--show]

Each example (`bad.py`, `good.py`, `more/*.py` with its project) and each project in `cases/` of the folders of fixtures
(all, or those of the rules named) is linted as it is, which the tests prove to be what its comments expect, and once
more after each of the rewritings (`rewritings.py`) that changes it. What was said of a line is *met* when the same rule
says something of that line again; a *new alarm* is what was not said before. `--show` prints each difference with the
case. The figures stand in `rewritten.md`. Nothing is written, imported or executed.

A difference is a question, not a verdict: some rules are about what a rewriting changes.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from precision import state
from rewritings import REWRITINGS

import fastapi_lint
from fastapi_lint.testing.linting import linted
from fastapi_lint.testing.reading import examples, folders

ROOT = Path(__file__).resolve().parent.parent
PATTERNS = ("bad.py", "good.py", "more/*.py")
_WORDS = re.compile(r"^# (ignore|select): (.*)$", re.MULTILINE)

Place = tuple[str, int, str]
"""Path, line, code."""


@dataclass(frozen=True)
class Case:
    """A project of the fixtures, the rules that it is linted with, and those that are not asked about."""

    name: str
    files: dict[str, bytes]
    select: tuple[str, ...]
    ignored: frozenset[str] = frozenset()

    def said(self, files: dict[str, bytes]) -> Counter[Place]:
        """How often each rule says something of each line."""
        found = linted(files, select=self.select)[0]
        return Counter((each.path, each.span.line, each.code) for each in found if each.code not in self.ignored)


@dataclass
class Row:
    """What came of one rewriting."""

    files: int = 0
    expected: int = 0
    met: int = 0
    new: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: Row) -> None:
        self.files += other.files
        self.expected += other.expected
        self.met += other.met
        self.new += other.new
        self.differences += other.differences


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("codes", nargs="*", help="rules whose folders are taken; all without any")
    parser.add_argument("--only", nargs="+", choices=REWRITINGS, default=list(REWRITINGS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="print what differs")
    options = parser.parse_args()
    rows = {kind: Row() for kind in options.only}
    cases = list(_cases(frozenset(options.codes)))
    with ProcessPoolExecutor(options.jobs) as pool:
        for done, found in enumerate(pool.map(partial(_compared, options.only), cases, chunksize=8), 1):
            for kind, row in found.items():
                rows[kind].add(row)
            if done % 100 == 0:
                print(f"{done} of {len(cases)}", file=sys.stderr, flush=True)
    print(f"fastapi-lint {fastapi_lint.__version__}{state()}, {len(cases)} cases\n")
    print("| rewriting | files changed | expectations | met | new alarms |\n|---|---:|---:|---:|---:|")
    for kind, row in rows.items():
        print(f"| {kind} | {row.files} | {row.expected} | {row.met} | {row.new} |")
    if options.show:
        print("\n".join(["", *(f"{kind}: {each}" for kind, row in rows.items() for each in row.differences)]))
    return 0


def _cases(codes: frozenset[str]) -> Iterator[Case]:
    root = ROOT / "fixtures"
    for pattern in PATTERNS:
        for example in examples(root, pattern):
            if not codes or example.code in codes:
                yield Case(str(example), example.files(), example.select)
    for folder in folders(root):
        if not codes or folder.name.split("-")[0] in codes:
            yield from (_project(path.parent) for path in sorted(folder.glob("cases/*/CASE.md")))


def _project(root: Path) -> Case:
    paths = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name != "CASE.md")
    inside = (path for path in paths if not {"fixed", "__pycache__"} & set(path.relative_to(root).parts))
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in inside}
    words: dict[str, set[str]] = {"ignore": set(), "select": set()}
    for data in files.values():
        for match in _WORDS.finditer(data.decode("utf-8", "replace")):
            words[match[1]] |= set(match[2].replace(",", " ").split())
    name = f"{root.parent.parent.name}/cases/{root.name}"
    return Case(name, files, tuple(sorted(words["select"])) or ("recommended",), frozenset(words["ignore"]))


def _compared(kinds: Sequence[str], case: Case) -> dict[str, Row]:
    """What differs for one case after each rewriting that changes it."""
    before: Counter[Place] | None = None
    rows = {}
    texts = {path: data.decode() for path, data in case.files.items() if path.endswith(".py") and _is_text(data)}
    for kind in kinds:
        after = REWRITINGS[kind](texts)
        if after == texts:
            continue
        prefix = "" if texts.keys() <= after.keys() else "site_/"
        others = {
            (prefix if "/" in path else "") + path: data for path, data in case.files.items() if path not in texts
        }
        said = case.said(others | {path: text.encode() for path, text in after.items()})
        if before is None:
            before = case.said(case.files)
        expected = Counter({(prefix + path, line, code): count for (path, line, code), count in before.items()})
        changed = sum(after.get(prefix + path) != text or bool(prefix) for path, text in texts.items())
        missed, new = expected - said, said - expected
        differences = [f"missed {_place(case, place)}" for place in sorted(missed.elements())]
        differences += [f"new    {_place(case, place)}" for place in sorted(new.elements())]
        total = expected.total()
        rows[kind] = Row(changed, total, total - missed.total(), new.total(), differences)
    return rows


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\r" not in data and b"\f" not in data


def _place(case: Case, place: Place) -> str:
    path, line, code = place
    return f"{code} {path}:{line} in {case.name}"


if __name__ == "__main__":
    sys.exit(main())
