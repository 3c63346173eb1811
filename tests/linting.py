"""What tests ask of the linter: lint texts in memory, list the rules, read the fixtures. Asserts nothing itself."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import fastapi_lint.rules
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding
from fastapi_lint.index.build import build
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.project import Project
from fastapi_lint.rule import Rule
from fastapi_lint.run.story import lint_sources

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"

_MARK = re.compile(r"#\s*(expect|fact):\s*(.*?)\s*(?=#\s*(?:expect|fact):|$)")
_PLACE = re.compile(r"\A(?:#[^\n]*\n)*?# file: (\S+)[ \t]*\r?\n")
_NEWLINE = re.compile(r"\r\n|\r|\n")


def lint(files: Mapping[str, bytes], select: Sequence[str] = ("recommended",)) -> list[Finding]:
    """The findings over the files of one project (path relative to its root: content); rules may not raise."""
    result = lint_sources(files, select=select)
    assert not result.notices, result.notices
    return list(result.findings)


def fix(
    files: Mapping[str, bytes], select: Sequence[str] = ("recommended",), *, unsafe: bool = True
) -> dict[str, bytes]:
    """The files as `--fix` (and `--unsafe-fixes`) leaves them."""
    return after_fixing(files, select, unsafe=unsafe)[0]


def after_fixing(
    files: Mapping[str, bytes], select: Sequence[str] = ("recommended",), *, unsafe: bool = True
) -> tuple[dict[str, bytes], list[Finding]]:
    """The files as `--fix` (and `--unsafe-fixes`) leaves them, and what is still found in them."""
    result = lint_sources(files, select=select, fix=True, unsafe=unsafe)
    assert not result.notices, result.notices
    return dict(result.files), list(result.findings)


def facts_of(files: Mapping[str, bytes]) -> Iterator[tuple[str, int, str]]:
    """What the model infers about each function: path, line of its `def`, and a fact such as "blocks via requests.get".

    A fixture expects one with `# fact: ...` where the function is declared.
    """
    sources = (Source(path, data) for path, data in sorted(files.items()) if path.endswith((".py", ".pyi")))
    project = Project(Module(source, build(source.utf8)) for source in sources)
    for function in project.functions:
        trail = project.effects.function_blocks(function)
        if trail is not None:
            line = function.module.source.line_of(function.start)
            yield function.module.path, line, f"blocks via {trail.steps[-1].name}"


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule below `fastapi_lint.rules`, by code; found by importing the modules, as a reader would."""
    found: dict[int, Rule] = {}
    for module in rule_modules():
        for value in vars(importlib.import_module(module)).values():
            if isinstance(value, Rule):
                found[id(value)] = value
    return tuple(sorted(found.values(), key=lambda rule: rule.code))


def rule_modules() -> list[str]:
    """The dotted names of all modules below `fastapi_lint.rules`, packages excluded."""
    package = fastapi_lint.rules
    walked = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    return sorted(module.name for module in walked if not module.ispkg)


@dataclass(frozen=True)
class Expectation:
    """A trailing `# expect: CODE part of the message`: a finding with this code starts on this line."""

    line: int
    code: str
    part: str

    def met_by(self, finding: Finding) -> bool:
        return (finding.span.line, finding.code) == (self.line, self.code) and self.part in finding.message


@dataclass(frozen=True)
class Example:
    """One fixture file with the modules of its case.

    It stands in the project under its own name, beside what `project/` holds; or where a `# file: tests/test_x.py`
    among its first comment lines says, for rules that look at a file's place.
    """

    code: str
    path: Path

    def __str__(self) -> str:
        return self.path.relative_to(FIXTURES).as_posix()

    @property
    def folder(self) -> Path:
        return FIXTURES / str(self).split("/", 1)[0]

    @property
    def place(self) -> str:
        head = _PLACE.match(self.path.read_bytes().decode("utf-8", "replace"))
        return head[1] if head else self.path.name

    @property
    def fixed(self) -> Path:
        """Where the text after fixing is kept: `fixed.py` for `bad.py`, else `NAME.fixed.py`."""
        name = "fixed.py" if self.path.name == "bad.py" else f"{self.path.stem}.fixed.py"
        return self.path.with_name(name)

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
        assert self.place not in project, f"{self} and a file of project/ have the same place"
        return {**project, self.place: self.path.read_bytes() if content is None else content}


def fixture_folders() -> list[Path]:
    """The fixture folders of rules, by code."""
    return sorted(path for path in FIXTURES.glob("FAPI*-*") if path.is_dir())


def examples(pattern: str) -> list[Example]:
    """The fixture files below each folder that match a glob pattern, results of fixes excluded."""
    return [
        Example(folder.name.split("-", 1)[0], path)
        for folder in fixture_folders()
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
