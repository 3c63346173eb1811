"""A `run` module with chosen rules and outcome, so that the command line is tested without analysing anything."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

import fastapi_lint.run
from fastapi_lint.config.settings import Settings
from fastapi_lint.config.vocabulary import Vocabulary
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Finding, Fix, Notice, Related, Safety, Severity, Span
from fastapi_lint.rule import Option


@dataclass(frozen=True)
class FakeRule:
    """A rule without a judge."""

    code: str
    name: str
    preset: str = "recommended"
    options: Mapping[str, Option] = field(default_factory=dict)
    kind: str = "model"
    fix: Safety | None = None
    severity: Severity = Severity.WARNING
    summary: str = "A summary."
    guideline: str = "Nothing hurts."
    since: str = "0.1.0"
    is_new: bool = False
    example: tuple[str, ...] = ()
    documentation: str = "A summary.\n\nWhy is this bad?\nIt *hurts*."

    @property
    def url(self) -> str:
        """Where the rule is explained."""
        return f"https://example.org/{self.code}"


RULES = (
    FakeRule("FAPI001", "syntax-error"),
    FakeRule("FAPI002", "unused-suppression", fix=Safety.SAFE),
    FakeRule("FAPI201", "parameter-without-annotated", fix=Safety.SAFE),
    FakeRule("FAPI202", "depends-on-call-result"),
    FakeRule("FAPI301", "missing-status-code", options={"methods": ("post",), "depth": 3, "loud": False, "word": "x"}),
    FakeRule("FAPI302", "missing-tags", preset="strict"),
)
PLANNED = (FakeRule("FAPI105", "dangling-task"), FakeRule("FAPI701", "later-one"), FakeRule("FAPI702", "later-two"))


@dataclass(frozen=True)
class Request:
    """What the command line asks `run` for."""

    root: Path
    paths: tuple[Path, ...]
    settings: Settings
    fix: bool = False
    unsafe_fixes: bool = False
    diff: bool = False
    stdin: tuple[str, bytes] | None = None
    jobs: int = 1
    cache: bool = True
    caches: Path | None = None
    add_noqa: bool = False
    baseline: Path | None = None
    write_baseline: Path | None = None
    progress: Callable[[str, int, int], None] | None = None
    fix_baseline: bool = False
    own: Callable[[Path, Settings], Settings | None] | None = None
    place: str = ""
    explain: bool = False
    follow: bool = False


@dataclass(frozen=True)
class Outcome:
    """What `run` answers."""

    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Finding, ...] = ()
    notices: tuple[Notice, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    files: int = 1
    fixed: Mapping[str, int] = field(default_factory=dict)
    diff: str = ""
    stdin_output: str | None = None
    changed_files: tuple[str, ...] = ()
    rules: tuple[FakeRule, ...] = ()
    apps: int = 0
    routes: int = 0
    understood: tuple[str, ...] = ()
    endpoints: Mapping[tuple[str, int], frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class FakeTable:
    """The rules as data."""

    built: tuple[FakeRule, ...] = RULES
    planned: tuple[FakeRule, ...] = PLANNED
    brought: tuple[FakeRule, ...] = ()
    every: tuple[FakeRule, ...] = RULES


class FakeRun(ModuleType):
    """Remembers the requests, answers with `outcome` (or raises it)."""

    def __init__(self) -> None:
        super().__init__("fastapi_lint.run.story")
        self.Request = Request
        self.requests: list[Request] = []
        self.outcome: Outcome | BaseException = Outcome()
        self.known_routes: list[dict[str, object]] = []

    def check(self, request: Request) -> Outcome:
        self.requests.append(request)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    def rules(self) -> tuple[FakeRule, ...]:
        return RULES

    def planned(self) -> tuple[FakeRule, ...]:
        return PLANNED

    def every_rule(self, settings: Settings) -> tuple[FakeRule, ...]:
        return RULES

    def table(self, settings: Settings, caches: Path | None = None) -> FakeTable:
        return FakeTable()

    def vocabulary(self, start: Path, caches: Path | None = None) -> Vocabulary:
        return Vocabulary(RULES, PLANNED)

    def watched(self, request: Request) -> list[Path]:
        return [request.root / "app.py", request.root / "gone.py"]

    def routes(self, request: Request) -> list[dict[str, object]]:
        self.requests.append(request)
        return self.known_routes


def installed(monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    """The fake in the place of `fastapi_lint.run` until the test ends."""
    fake = FakeRun()
    monkeypatch.setitem(sys.modules, "fastapi_lint.run.story", fake)
    monkeypatch.setattr(fastapi_lint.run, "story", fake, raising=False)
    return fake


def finding(
    code: str = "FAPI201",
    line: int = 1,
    *,
    path: str = "app.py",
    head: tuple[int, int] = (0, 0),
    fix: bool = False,
    end: Related | None = None,
    severity: Severity = Severity.WARNING,
) -> Finding:
    """A finding of one of `RULES` at the first column of a line."""
    edit = Edit(Span(line, 1, line, 1), "")
    return Finding(
        code=code,
        name=next(rule.name for rule in RULES if rule.code == code),
        title="`x` is wrong; it hurts; write y",
        path=path,
        span=Span(line, 1, line, 2),
        severity=severity,
        fix=Fix("Write y", Safety.SAFE, (edit,)) if fix else None,
        noqa_lines=head,
        related=(end,) if end else (),
        chain=end is not None,
    )
