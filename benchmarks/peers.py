"""Holds the linter against the test files of other tools: what both say, what only they say, what only we say.

    python benchmarks/peers.py FOLDER [--lines]
    python benchmarks/peers.py FOLDER --flask [--lines]
    python benchmarks/peers.py FOLDER --codeql | --evloop | --vscode [--lines]

FOLDER holds checkouts, or copies of the test files, of SonarPython, flake8-async and Ruff (all below it is searched by
file name; see `SUITES`). A file is linted in a project of its own, whose application serves its
async functions if it has no routes itself, with the rules that ask the same question; a line
agrees when both report something on it, or one of the two lines around it. Nothing of theirs is imported, run or kept.

`--flask` is about Semgrep's files (python/flask/security, python/fastapi/security): Flask is rewritten to FastAPI line
by line (see `REWRITING`), in memory. There a line agrees when we report between it and the next mark or function, for
the source may be marked, or a call in the middle of a statement; and a line that is marked as right may not be
reported.

`--codeql` is about CodeQL's taint_test.py of FastAPI (`peers_inputs.py`), `--evloop` about the tests of evloop-lint and
fastapi-evloop-linter (`peers_cases.py`), `--vscode` about the fixtures of fastapi-vscode (`peers_routes.py`).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from peers_cases import compare_cases
from peers_inputs import compare_inputs
from peers_routes import compare_routes

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
FLASK: dict[str, tuple[str, ...]] = {
    "wildcard-cors.py": ("FAPI611",),
    "os-system-injection.py": ("FAPI623",),
    "subprocess-injection.py": ("FAPI623",),
    "user-eval.py": ("FAPI623",),
    "user-exec.py": ("FAPI623",),
    "insecure-deserialization.py": ("FAPI623",),
    "dangerous-template-string.py": ("FAPI623",),
    "path-traversal-open.py": ("FAPI619",),
    "ssrf-requests.py": ("FAPI621",),
    "tainted-url-host.py": ("FAPI621", "FAPI624"),
    "open-redirect.py": ("FAPI622",),
    "tainted-sql-string.py": ("FAPI507",),
    "raw-html-concat.py": ("FAPI624",),
    "directly-returned-format-string.py": ("FAPI624",),
}
"""Semgrep's files, and the rules that ask the same question."""
REWRITING: tuple[tuple[str, str], ...] = (
    (r"^from flask import .*|^import flask\b.*", "IMPORTS"),
    (r"^from flask_sqlalchemy import .*", "import sqlalchemy; from sqlalchemy import text"),
    (r"\b(?:flask\.)?Flask\(__name__.*?\)", "FastAPI(default_response_class=HTMLResponse)"),
    (r"\bSQLAlchemy\(.*?\)", "sqlalchemy.create_engine('sqlite://').connect()"),
    (r"@(\w+)\.route\(", r"@\1.api_route("),
    (r"<(?:int|string|path|float|uuid):(\w+)>|<(\w+)>(?=[\w/<>]*[\"'])", r"{\1\2}"),
    (r"\bflask\.request\b", "request"),
    (r"\brequest\.(?:args|values)\b", "request.query_params"),
    (r"\brequest\.form\b", "(await request.form())"),
    (r"\brequest\.get_json\(.*?\)|\brequest\.json\b", "(await request.json())"),
    (r"\brequest\.data\b|\brequest\.get_data\(.*?\)", "(await request.body())"),
    (r"\brequest\.path\b", "request.url.path"),
    (r"\brequest\.host\b", "request.headers['host']"),
    (r"\b(?:flask\.)?redirect\(", "RedirectResponse("),
    (r"\b(?:flask\.)?make_response\(", "HTMLResponse("),
    (r"\b(?:flask\.)?render_template_string\(", "jinja2.Template("),
)
"""What stands in a line of Flask, and what a line of FastAPI has in its place."""
FLASK_IMPORTS = (
    "import jinja2; from fastapi import FastAPI, Request; from fastapi.responses import HTMLResponse, RedirectResponse"
)
_DEF = re.compile(r"^(\s*)def (\w+)\((.*?)\)(.*)$")
_MARK = re.compile(r"#\s*(ruleid|ok):")
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


def rewritten(text: str) -> str:
    """A file of Flask as one of FastAPI, line by line."""
    lines, is_decorated = [], False
    for line in text.splitlines():
        for pattern, instead in REWRITING if not line.lstrip().startswith("#") else ():
            line = re.sub(pattern, instead, line)
        if line == "IMPORTS":
            line = FLASK_IMPORTS
        if (found := _DEF.match(line)) and is_decorated:
            given = [param.strip() for param in found[3].split(",") if param.strip()]
            params = ", ".join(param if set(":=") & set(param) else f"{param}: str" for param in given)
            line = f"{found[1]}async def {found[2]}(request: Request{', ' if params else ''}{params}){found[4]}"
        is_decorated = line.lstrip().startswith("@") or (is_decorated and not line.strip())
        lines.append(line)
    return "\n".join(lines) + "\n"


def of_flask(file: Path, codes: tuple[str, ...]) -> tuple[list[int], list[int], list[int], list[str]]:
    """The marked lines that are found, those that are missed, those marked as right that are reported; the text."""
    text = rewritten(file.read_text(encoding="utf-8"))
    found = lint_sources({"main.py": text.encode()}, select=("all",)).findings
    ours = {each.span.line for each in found if each.code in codes}
    lines = text.splitlines()
    marks = [(number, mark[1]) for number, line in enumerate(lines, 1) if (mark := _MARK.search(line))]
    bounds = sorted({number for number, _ in marks} | {n for n, line in enumerate(lines, 1) if _DEF.match(line)})
    agreed, missed, wrong = [], [], []
    for number, kind in marks:
        end = min((each for each in bounds if each > number), default=len(lines) + 1)
        if kind == "ok":
            wrong += [number] * any(number < each <= number + 1 for each in ours)
        else:
            (agreed if any(number < each < end for each in ours) else missed).append(number)
    return agreed, missed, wrong, lines


def compare_flask(folder: Path, *, shows_lines: bool) -> int:
    print("| file | rules | theirs | found | missed | right lines reported |\n|---|---|---:|---:|---:|---:|")
    total = [0, 0, 0, 0]
    for name, codes in FLASK.items():
        for file in sorted(folder.rglob(name))[:1]:
            agreed, missed, wrong, lines = of_flask(file, codes)
            row = [len(agreed) + len(missed), len(agreed), len(missed), len(wrong)]
            total = [one + two for one, two in zip(total, row, strict=True)]
            print(f"| {name} | {', '.join(codes)} | {' | '.join(map(str, row))} |")
            for kind, numbers in (("missed", missed), ("wrong", wrong)) if shows_lines else ():
                for number in numbers:
                    print(
                        f"    {kind} {name}:{number}: {' / '.join(line.strip() for line in lines[number : number + 2])}"
                    )
    print(f"| all | | {' | '.join(map(str, total))} |")
    return 0 if sum(total) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", action="store_true", help="show the lines that differ")
    parser.add_argument("--flask", action="store_true", help="rewrite Semgrep's files of Flask, and compare these")
    others = {"codeql": compare_inputs, "evloop": compare_cases, "vscode": compare_routes}
    for name in others:
        parser.add_argument(f"--{name}", action="store_true", help="compare with these tests instead")
    arguments = parser.parse_args()
    for name, compare_others in others.items():
        if getattr(arguments, name):
            return compare_others(arguments.folder, shows_lines=arguments.lines)
    if arguments.flask:
        return compare_flask(arguments.folder, shows_lines=arguments.lines)
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
