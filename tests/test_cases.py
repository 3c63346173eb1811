"""Small projects whose lines say what must be reported there, and nothing else: faults that real code once showed.

`fixtures/CODE-name/cases/NAME/` is a project. Its CASE.md says what it is about, which answer is right and why, and the
kind of fault. A comment at the end of a line expects findings there, or on a decorator or head up to three lines away:

    x = f()  #! FAPI101                                 one finding of this rule; a code twice: two of it
    x = f()  #! FAPI501 not="plain `def`" says="await"  its message holds one text and not the other
    x = f()  #! FAPI602 severity=info fix=none          its severity, the safety of its fix
    x = f()  #? FAPI621                                 expected as soon as FAPI621 is built
    x = f()  #~ FAPI604                                 allowed, not expected: either answer is right

`# ignore: CODE ...` leaves rules out, `# select: CODES` says what is selected. A folder `fixed/` holds what files
become after `--fix --unsafe-fixes`.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from linting import FIXTURES, all_rules, fix, lint

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding
from fastapi_lint.report import Report, render

NEAR = 3
CASES = sorted(path.parent for path in FIXTURES.glob("FAPI*-*/cases/*/CASE.md"))
_MARK = re.compile(r"# ?([!?~]) ?(FAPI.*)$")
_WORDS = re.compile(r"^# (ignore|select): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Mark:
    """What a line expects: a finding with a code, and what is demanded of it."""

    path: str
    line: int
    kind: str
    code: str
    demands: tuple[tuple[str, str], ...]

    def is_near(self, finding: Finding) -> bool:
        return (finding.path, finding.code) == (self.path, self.code) and abs(finding.span.line - self.line) <= NEAR

    def complaint(self, finding: Finding) -> str:
        """What of the demands a finding does not meet; empty when it meets them all."""
        have = {
            "severity": finding.severity.value,
            "fix": finding.fix.safety.value if finding.fix is not None else "none",
        }
        for key, wanted in self.demands:
            holds = wanted in finding.message
            if (key == "says" and not holds) or (key == "not" and holds) or have.get(key, wanted) != wanted:
                return f"{key}={wanted!r}: {have.get(key, finding.message)}"
        return ""


def marks(path: str, text: str) -> list[Mark]:
    """The marks of one file, in the order of its lines."""
    found: list[Mark] = []
    for number, line in enumerate(text.splitlines(), 1):
        if match := _MARK.search(line):
            for word in shlex.split(match[2]):
                if word.startswith("FAPI"):
                    found.append(Mark(path, number, match[1], word, ()))
                else:
                    key, _, value = word.partition("=")
                    last = found.pop()
                    found.append(Mark(last.path, last.line, last.kind, last.code, (*last.demands, (key, value))))
    return found


def read(case: Path) -> dict[str, bytes]:
    """The files of a case's project by their path in it."""
    return {
        path.relative_to(case).as_posix(): path.read_bytes()
        for path in sorted(case.rglob("*"))
        if path.is_file() and path.name != "CASE.md" and path.relative_to(case).parts[0] != "fixed"
        if "__pycache__" not in path.parts
    }


def said(files: dict[str, bytes], word: str) -> set[str]:
    """The codes that comments of a case name behind a word."""
    found = (match for data in files.values() for match in _WORDS.finditer(data.decode("utf-8", "replace")))
    return {code for match in found if match[1] == word for code in match[2].replace(",", " ").split()}


def said_to_users(findings: list[Finding], files: dict[str, bytes]) -> list[Finding]:
    """The findings as reports say them, which repeat no secret."""
    sources = {path: Source(path, data) for path, data in files.items()}
    rows = json.loads(render("json", Report(findings=tuple(findings), sources=sources, files=len(files))))
    texts = [(row["title"], row["why"], row["instead"]) for row in rows]
    return [
        msgspec.structs.replace(finding, title=title, why=why, instead=instead)
        for finding, (title, why, instead) in zip(findings, texts, strict=True)
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_answered_rightly(case: Path) -> None:
    files = read(case)
    select = sorted(said(files, "select")) or ["recommended"]
    built = {rule.code for rule in all_rules()}
    left = said_to_users(lint(files, select), files)
    wrong, allowed = [], []
    wanted = [each for path, data in files.items() for each in marks(path, data.decode("utf-8", "replace"))]
    for mark in wanted:
        if mark.kind == "~" or (mark.kind == "?" and mark.code not in built):
            allowed.append(mark)
            continue
        near = sorted((each for each in left if mark.is_near(each)), key=lambda each: abs(each.span.line - mark.line))
        if not near:
            wrong.append(f"missed alarm: {mark.path}:{mark.line}: {mark.code}")
            continue
        left.remove(near[0])
        if complaint := mark.complaint(near[0]):
            wrong.append(f"{mark.path}:{mark.line}: {mark.code}: {complaint}")
    ignored = said(files, "ignore")
    wrong += [
        f"false alarm: {each.path}:{each.span.line}: {each.code} {each.message}"
        for each in left
        if each.code not in ignored and not any(mark.is_near(each) for mark in allowed)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("case", [each for each in CASES if (each / "fixed").is_dir()], ids=lambda case: case.name)
def test_a_case_is_fixed_as_expected(case: Path) -> None:
    files = read(case)
    after = fix(files, sorted(said(files, "select")) or ["recommended"])
    fixed = {path.relative_to(case / "fixed").as_posix(): path for path in (case / "fixed").rglob("*.py")}
    assert fixed.keys() <= files.keys()
    for path, data in after.items():
        wanted = fixed[path].read_bytes() if path in fixed else files[path]
        assert data.decode() == wanted.decode(), path


def test_the_marks_of_a_line_are_read() -> None:
    text = 'x\ny  #! FAPI101 FAPI102 says="a `b`" not=c\nz  #~ FAPI604'
    assert marks("a.py", text) == [
        Mark("a.py", 2, "!", "FAPI101", ()),
        Mark("a.py", 2, "!", "FAPI102", (("says", "a `b`"), ("not", "c"))),
        Mark("a.py", 3, "~", "FAPI604", ()),
    ]


def test_there_are_cases() -> None:
    assert CASES, f"no cases below {FIXTURES}"
