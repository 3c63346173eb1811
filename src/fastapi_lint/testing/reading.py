"""What stands in folders of fixtures: the files of a case, and what they announce. Runs no rule.

Writes `fixed.py` files when it is asked to, and nothing else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi_lint.finding import Finding

_FOLDER = re.compile(r"[A-Z]{1,40}[0-9]{1,20}-.")
_MARK = re.compile(r"#\s*(expect|fact):\s*(.*?)\s*(?=#\s*(?:expect|fact):|$)")
_PLACE = re.compile(r"\A(?:#[^\n]*\n)*?# file: (\S+)[ \t]*\r?\n")
_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Expectation:
    """A trailing `# expect: CODE part of the message`: a finding with this code starts on this line."""

    line: int
    code: str
    part: str

    def met_by(self, finding: Finding) -> bool:
        """Whether a finding is what is expected."""
        return (finding.span.line, finding.code) == (self.line, self.code) and self.part in finding.message


@dataclass(frozen=True)
class Example:
    """One fixture file with the modules of its case; `folder` is that of its rule, named `CODE-name`.

    It stands in the project under its own name, beside what `project/` holds; or where a `# file: tests/test_x.py`
    among its first comment lines says, for rules that look at a file's place.
    """

    folder: Path
    path: Path

    def __str__(self) -> str:
        return f"{self.folder.name}/{self.path.relative_to(self.folder).as_posix()}"

    @property
    def code(self) -> str:
        """The code of the rule that it is about."""
        return self.folder.name.split("-", 1)[0]

    @property
    def content(self) -> bytes:
        """What stands in it."""
        return self.path.read_bytes()

    @property
    def place(self) -> str:
        """Where it stands in the project."""
        head = _PLACE.match(self.content.decode("utf-8", "replace"))
        return head[1] if head else self.path.name

    @property
    def fixed(self) -> Path:
        """Where the text after fixing is kept: `fixed.py` for `bad.py`, else `NAME.fixed.py`."""
        name = "fixed.py" if self.path.name == "bad.py" else f"{self.path.stem}.fixed.py"
        return self.path.with_name(name)

    @property
    def wanted(self) -> bytes | None:
        """The text after fixing; None where there is none."""
        return self.fixed.read_bytes() if self.fixed.exists() else None

    def bless(self, content: bytes | None) -> None:
        """Keep a text as that after fixing; None: there is none."""
        if content is None:
            self.fixed.unlink(missing_ok=True)
        else:
            self.fixed.write_bytes(content)

    @property
    def select(self) -> tuple[str, str]:
        """All recommended rules, and the fixture's own, which may be a strict one."""
        return ("recommended", self.code)

    def project(self) -> dict[str, bytes]:
        """The other files of the case by their place in the project."""
        root = self.folder / "project"
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }

    def files(self, content: bytes | None = None) -> dict[str, bytes]:
        """The whole case: the project with this example (or `content` in its stead)."""
        project = self.project()
        if self.place in project:
            raise AssertionError(f"{self} and a file of project/ have the same place")
        return {**project, self.place: self.content if content is None else content}


def is_to_bless() -> bool:
    """Whether the environment asks for what the fixes make to be written down: `FASTAPI_LINT_BLESS=1`."""
    return os.environ.get("FASTAPI_LINT_BLESS") == "1"


def folders(root: Path) -> list[Path]:
    """The folders of rules among fixtures, by code."""
    return sorted(path for path in root.glob("*-*") if path.is_dir() and _FOLDER.match(path.name))


def examples(root: Path, pattern: str) -> list[Example]:
    """The files below each folder that match a glob pattern, results of fixes excluded."""
    return [
        Example(folder, path)
        for folder in folders(root)
        for path in sorted(folder.glob(pattern))
        if not path.name.endswith("fixed.py")
    ]


def expectations(content: bytes) -> list[Expectation]:
    """The findings that a file announces, in the order of its lines."""
    found = []
    for line, text in _marks(content, "expect"):
        code, _, part = text.partition(" ")
        found.append(Expectation(line, code, part.strip()))
    return found


def expected_facts(content: bytes) -> list[tuple[int, str]]:
    """The facts that a file announces: line and text."""
    return list(_marks(content, "fact"))


def _marks(content: bytes, kind: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(_NEWLINE.split(content.decode("utf-8", "replace")), 1):
        for mark in _MARK.finditer(line):
            if mark[1] == kind:
                yield number, mark[2]
