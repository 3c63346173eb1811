"""Holds the linter against the test files of other tools: what both say, what only they say, what only we say.

    python benchmarks/peers.py FOLDER [--lines]

FOLDER holds checkouts, or copies of the test files, of SonarPython, flake8-async and Ruff (all below it is searched by
file name; see `SUITES`). A file is linted in a project of its own, whose application serves its
async functions if it has no routes itself, with the rules that ask the same question; a line
agrees when both report something on it, or one of the two lines around it. Nothing of theirs is imported, run or kept.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi_lint.run.story import lint_sources

NEAR = 2
APP = "import theirs\nfrom fastapi import FastAPI\n\napp = FastAPI()\n"
"""What makes a file without FastAPI a part of an application: rules about blocking calls speak of what runs there."""
IMPORTS = b"import asyncio, os, subprocess, urllib, httpx, requests, urllib3, httpx2  #"
"""What files that import nothing mean by these names; put before their first line where that is a comment."""
_ASYNC = re.compile(r"^async def (\w+)", re.MULTILINE)
_BLOCKING = ("FAPI101", "FAPI102", "FAPI501")
SUITES: dict[str, tuple[str, ...]] = {
    # SonarPython, python-checks/src/test/resources/checks
    "asyncioTaskNotStored.py": ("FAPI105",),
    "childRouterBeforeParentRegistration.py": ("FAPI314",),
    "corsMiddlewareOrdering.py": ("FAPI704",),
    "fastAPIDependencyAnnotated.py": ("FAPI201",),
    "fastAPIGenericRouteDecorator.py": ("FAPI312",),
    "fastApiImportString.py": ("FAPI711",),
    "fastapiFileUploadForm.py": ("FAPI339",),
    "fastapiPathParameters.py": ("FAPI308",),
    "fastapiRedundantResponseModel.py": ("FAPI402",),
    "httpNoContentNonEmptyBody.py": ("FAPI303",),
    "inputInAsync.py": _BLOCKING,
    "jwtVerification.py": ("FAPI605",),
    "synchronousFileOperationsInAsync.py": _BLOCKING,
    "synchronousHttpOperationsInAsync.py": _BLOCKING,
    "synchronousOsCallsInAsync.py": _BLOCKING,
    "synchronousSubprocessOperationsInAsync.py": _BLOCKING,
    "timeSleepInAsync.py": _BLOCKING,
    # flake8-async, tests/eval_files
    "async210.py": _BLOCKING,
    "async211.py": _BLOCKING,
    "async212.py": _BLOCKING,
    "async22x.py": _BLOCKING,
    "async23x.py": _BLOCKING,
    "async240.py": _BLOCKING,
    "async250.py": _BLOCKING,
    "async251.py": _BLOCKING,
    # Ruff, crates/ruff_linter/resources/test/fixtures; the lines are in its snapshots (`*_FILE.snap`)
    "FAST001.py": ("FAPI402",),
    "FAST002_0.py": ("FAPI201",),
    "FAST002_1.py": ("FAPI201",),
    "FAST002_2.py": ("FAPI201",),
    "FAST003.py": ("FAPI308",),
    "ASYNC210.py": _BLOCKING,
    "ASYNC212.py": _BLOCKING,
    "ASYNC22x.py": _BLOCKING,
    "ASYNC230.py": _BLOCKING,
    "ASYNC240.py": _BLOCKING,
    "ASYNC250.py": _BLOCKING,
    "ASYNC251.py": _BLOCKING,
}
_SONAR = re.compile(r"#\s*Noncompliant(?:@([+-]\d+))?(?:\s+(\d+))?")
_FLAKE8 = re.compile(r"#\s*(?:error|ASYNC\d+(?:_\w+)?): ")
_SNAPSHOT = re.compile(r"^\s*--> (\S+?):(\d+):\d+", re.MULTILINE)


@dataclass
class Comparison:
    """A file: the lines on which both report, only they, only we."""

    file: Path
    codes: tuple[str, ...]
    agreed: list[int]
    missed: list[int]
    extra: list[int]


def expected(file: Path, folder: Path) -> list[int]:
    """The lines on which the other tool reports."""
    if file.name.startswith(("FAST", "ASYNC")):
        found: set[int] = set()
        for snapshot in folder.rglob(f"*_{file.name}.snap"):
            text = snapshot.read_text(encoding="utf-8")
            found |= {int(line) for name, line in _SNAPSHOT.findall(text) if name == file.name}
        return sorted(found)
    lines = []
    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if mark := _SONAR.search(text):
            lines += [number + int(mark[1] or 0)] * int(mark[2] or 1)
        lines += [number] * len(_FLAKE8.findall(text))
    return lines


def compared(file: Path, codes: tuple[str, ...], folder: Path) -> Comparison:
    """What the linter says of a file, line by line against what is expected there."""
    data = file.read_bytes()
    if data.startswith(b"#") and file.name.startswith("async"):
        data = IMPORTS + data
    names = _ASYNC.findall(data.decode()) if b"fastapi" not in data.lower() else []
    endpoints = "".join(f'app.get("/{name}")(theirs.{name})\n' for name in names)
    files = {"theirs.py": data, "main.py": (APP + endpoints).encode()}
    found = lint_sources(files, select=("all",)).findings
    ours = sorted(each.span.line for each in found if each.code in codes and each.path == "theirs.py")
    result = Comparison(file, codes, [], [], [])
    for line in expected(file, folder):
        near = min(ours, key=lambda each: abs(each - line), default=None)
        if near is not None and abs(near - line) <= NEAR:
            ours.remove(near)
            result.agreed.append(line)
        else:
            result.missed.append(line)
    result.extra += ours
    return result


def comparisons(folder: Path) -> Iterator[Comparison]:
    """The files of all suites that are there."""
    for name, codes in SUITES.items():
        for file in sorted(folder.rglob(name))[:1]:
            yield compared(file, codes, folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", action="store_true", help="show the lines that differ")
    arguments = parser.parse_args()
    print("| file | rules | theirs | agreed | missed | extra |\n|---|---|---:|---:|---:|---:|")
    total = [0, 0, 0, 0]
    for each in comparisons(arguments.folder):
        row = [len(each.agreed) + len(each.missed), len(each.agreed), len(each.missed), len(each.extra)]
        total = [one + two for one, two in zip(total, row, strict=True)]
        print(f"| {each.file.name} | {', '.join(each.codes)} | {' | '.join(map(str, row))} |")
        if arguments.lines:
            text = each.file.read_text(encoding="utf-8").splitlines()
            for kind, lines in (("missed", each.missed), ("extra", each.extra)):
                for line in lines:
                    print(f"    {kind} {each.file.name}:{line}: {text[line - 1].strip()}")
    print(f"| all | | {' | '.join(map(str, total))} |")
    return 0 if sum(total) else 1


if __name__ == "__main__":
    sys.exit(main())
