"""Compares what Ruff and fastapi-lint find in the same projects, rule by rule. Judges nothing itself.

    python benchmarks/ruff.py PROJECT [PROJECT ...] [--output TABLE.md] [--judge FOLDER] [--sample 30] [--seed 1]
                              [--store FOLDER]

No project is configured by itself, changed, imported or executed, and no suppression comment counts on either side. A
pair of findings is one when both stand in the same statement (FAST002: on the same parameter; FAST003: about the same
placeholder); a place that our finding names beside its own one counts, too. `--judge` writes, for each rule of Ruff,
what only one side finds, with the lines around it: all of it when there are up to `--sample`, else a random sample that
goes round the projects. `--store` keeps the findings; a project whose findings are there is not linted again.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import msgspec

from fastapi_lint import __version__
from fastapi_lint.config.settings import Settings
from fastapi_lint.run.story import Request, check

GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "FAST001": (("FAST001",), ("FAPI402",)),
    "FAST002": (("FAST002",), ("FAPI201",)),
    "FAST003": (("FAST003",), ("FAPI308",)),
    "ASYNC2": (
        ("ASYNC210", "ASYNC212", "ASYNC220", "ASYNC221", "ASYNC222", "ASYNC230", "ASYNC240", "ASYNC250", "ASYNC251"),
        ("FAPI101", "FAPI102"),
    ),
    "S10": (("S105", "S106", "S107"), ("FAPI601", "FAPI602", "FAPI603")),
    "S608": (("S608",), ("FAPI507",)),
    "RUF029": (("RUF029",), ()),
}
"""Which rules of Ruff and which of ours look for the same."""
SKIPPED = ("myenv/", "node_modules/", "venv/", ".venv/", "site-packages/")
TESTS = re.compile(r"(?:^|/)(?:tests?|testing)/|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py\Z")
NAME = re.compile(r"`\{?(\w+)\}?`")


class Found(msgspec.Struct, frozen=True):
    """A finding of either side: rows and columns start at 1, `also` are further places (rows) that it names."""

    code: str
    path: str
    start: tuple[int, int]
    end: tuple[int, int]
    message: str
    also: tuple[int, ...] = ()


class Both(msgspec.Struct, frozen=True):
    """What both sides find in one project."""

    project: str
    folder: str
    ruff: tuple[Found, ...]
    ours: tuple[Found, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, help="write the table here instead of printing it")
    parser.add_argument("--judge", type=Path, metavar="FOLDER", help="write here what only one side finds")
    parser.add_argument("--sample", type=int, default=30, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", type=Path, metavar="FOLDER", help="keep the findings of each project here")
    options = parser.parse_args(arguments)
    results = []
    for project in options.projects:
        results.append(findings(project.resolve(), options.store))
        print(f"{project.name}: {len(results[-1].ruff)} and {len(results[-1].ours)}", file=sys.stderr, flush=True)
    compared = {key: [compare(each, key) for each in results] for key in GROUPS}
    text = table(results, compared)
    if options.output is None:
        print(text, end="")
    else:
        options.output.write_text(text, encoding="utf-8")
    if options.judge is not None:
        options.judge.mkdir(parents=True, exist_ok=True)
        for name, lines in to_judge(results, compared, options.sample, random.Random(options.seed)):
            (options.judge / f"{name}.txt").write_text(lines, encoding="utf-8")
    return 0


def findings(root: Path, store: Path | None) -> Both:
    """What both find in one project, from the store if it is there."""
    kept = store / f"{root.name}.json" if store is not None else None
    if kept is not None and kept.exists():
        return msgspec.json.decode(kept.read_bytes(), type=Both)
    both = Both(root.name, str(root), tuple(of_ruff(root)), tuple(of_ours(root)))
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(msgspec.json.encode(both))
    return both


def of_ruff(root: Path) -> Iterator[Found]:
    asked = [code for theirs, _ in GROUPS.values() for code in theirs]
    options = ["--isolated", "--no-cache", "--preview", "--ignore-noqa", "--exit-zero", "--output-format", "json"]
    for folder in SKIPPED:
        options += ["--extend-exclude", folder.rstrip("/")]
    command = [sys.executable, "-m", "ruff", "check", *options, "--select", ",".join(asked), "."]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True)
    for item in json.loads(done.stdout):
        if item["code"] not in asked or not item["filename"].endswith(".py"):
            continue  # a syntax error, a notebook
        first, last = item["location"], item["end_location"]
        path = Path(item["filename"]).relative_to(root).as_posix()
        place = (first["row"], first["column"]), (last["row"], last["column"])
        yield Found(item["code"], path, *place, item["message"])


def of_ours(root: Path) -> Iterator[Found]:
    codes = tuple(code for _, ours in GROUPS.values() for code in ours)
    settings = Settings(root=root, select=codes, extend_exclude=SKIPPED)
    outcome = check(Request(root=root, paths=(root,), settings=settings, cache=False))
    for each in (*outcome.findings, *outcome.suppressed):
        span = each.span
        also = tuple(other.span.line for other in each.related if other.path == each.path and not each.chain)
        place = (span.line, span.column), (span.end_line, span.end_column)
        yield Found(each.code, each.path, *place, each.message, also)


# ---------------------------------------------------------------- comparison


class Compared(msgspec.Struct, frozen=True):
    """What of one project both find (as Ruff's findings), and what only one does."""

    both: tuple[Found, ...]
    ruff: tuple[Found, ...]
    ours: tuple[Found, ...]


def compare(results: Both, key: str) -> Compared:
    """Compare one group of rules over one project."""
    codes, own = GROUPS[key]
    ruff = [each for each in results.ruff if each.code in codes]
    ours = [each for each in results.ours if each.code in own]
    statements: dict[str, dict[int, int]] = {}
    for path in {each.path for each in ruff} & {each.path for each in ours}:
        statements[path] = statements_of(Path(results.folder, path))
    alike = alike_by(key, statements)
    by_path: dict[str, list[Found]] = defaultdict(list)
    for each in ours:
        by_path[each.path].append(each)
    both = [each for each in ruff if any(alike(each, other) for other in by_path[each.path])]
    matched = {id(other) for each in both for other in by_path[each.path] if alike(each, other)}
    kept = {id(each) for each in both}
    return Compared(
        tuple(both),
        tuple(each for each in ruff if id(each) not in kept),
        tuple(each for each in ours if id(each) not in matched),
    )


def alike_by(key: str, statements: dict[str, dict[int, int]]) -> Callable[[Found, Found], bool]:
    """Whether a finding of Ruff and one of ours in the same file are about the same."""

    def alike(ruff: Found, ours: Found) -> bool:
        if key == "FAST002":
            return ruff.start < ours.end and ours.start < ruff.end
        lines = statements.get(ruff.path, {})
        rows = (ours.start[0], *ours.also)
        if all(lines.get(ruff.start[0], ruff.start[0]) != lines.get(row, row) for row in rows):
            return False
        return key != "FAST003" or NAME.findall(ruff.message)[:1] == NAME.findall(ours.message)[:1]

    return alike


def statements_of(path: Path) -> dict[int, int]:
    """For each line the first line of the statement on it: the innermost one, of a compound one its head."""
    found: dict[int, int] = {}
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return found
    for node in ast.walk(tree):  # breadth first: inner statements come later
        if isinstance(node, ast.stmt):
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
            found.update(dict.fromkeys(range(first, (node.end_lineno or first) + 1), first))
    return found


# ---------------------------------------------------------------- output


def table(results: Sequence[Both], compared: dict[str, list[Compared]]) -> str:
    """The counts as Markdown, one row for each rule of Ruff; what only we find is counted for the whole group."""
    version = subprocess.run([sys.executable, "-m", "ruff", "--version"], capture_output=True, text=True, check=True)
    lines = [
        f"fastapi-lint {__version__}, {version.stdout.strip()}: " + ", ".join(each.project for each in results),
        "",
        "| Ruff | ours | Ruff finds | both | only Ruff | of these in tests | only we |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for key, (theirs, ours) in GROUPS.items():
        for index, code in enumerate(theirs):
            both = sum(each.code == code for one in compared[key] for each in one.both)
            alone = [each for one in compared[key] for each in one.ruff if each.code == code]
            tests = sum(TESTS.search(each.path) is not None for each in alone)
            own = str(sum(len(one.ours) for one in compared[key])) if ours and index == 0 else ""
            names = ", ".join(ours) if index == 0 else ""
            lines.append(f"| {code} | {names} | {both + len(alone)} | {both} | {len(alone)} | {tests} | {own} |")
    return "\n".join(lines) + "\n"


def to_judge(
    results: Sequence[Both], compared: dict[str, list[Compared]], count: int, chance: random.Random
) -> Iterator[tuple[str, str]]:
    """Name and text of a file for each rule, on either side: what only this side finds."""
    for key, (theirs, ours) in GROUPS.items():
        for code in (*theirs, *ours):
            drawn = []
            for result, one in zip(results, compared[key], strict=True):
                alone = [(result, each) for each in (*one.ruff, *one.ours) if each.code == code]
                drawn.append(chance.sample(alone, len(alone)))
            flat = [each for turn in zip_longest(*drawn) for each in turn if each is not None][:count]
            yield code, "".join(shown(Path(result.folder), each) for result, each in sorted(flat, key=str))


def shown(root: Path, found: Found) -> str:
    """A finding and the source around it."""
    source = (root / found.path).read_text(encoding="utf-8", errors="replace").splitlines()
    row = found.start[0]
    first = max(1, row - 8)
    around = (f"{'>' if n == row else ' '}{n:5} {line}" for n, line in enumerate(source[first - 1 : row + 5], first))
    return f"=== {root.name} {found.path}:{row} {found.code} {found.message}\n" + "\n".join(around) + "\n\n"


if __name__ == "__main__":
    sys.exit(main())
