"""What tests ask of the linter: lint texts in memory, list the rules, read the fixtures. Asserts nothing itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import fastapi_lint.rules
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding
from fastapi_lint.index.build import build
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.project import Project
from fastapi_lint.rule import Rule
from fastapi_lint.testing import reading
from fastapi_lint.testing.linting import linted
from fastapi_lint.testing.reading import Example

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"


def lint(files: Mapping[str, bytes], select: Sequence[str] = ("recommended",)) -> list[Finding]:
    """The findings over the files of one project (path relative to its root: content); rules may not raise."""
    return linted(files, select=select)[0]


def fix(
    files: Mapping[str, bytes], select: Sequence[str] = ("recommended",), *, unsafe: bool = True
) -> dict[str, bytes]:
    """The files as `--fix` (and `--unsafe-fixes`) leaves them."""
    return linted(files, select=select, fixing=True, unsafe=unsafe)[1]


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


def fixture_folders() -> list[Path]:
    """The fixture folders of rules, by code."""
    return reading.folders(FIXTURES)


def examples(pattern: str) -> list[Example]:
    """The fixture files below each folder that match a glob pattern, results of fixes excluded."""
    return reading.examples(FIXTURES, pattern)
