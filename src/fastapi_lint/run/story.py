"""The story of a run, top to bottom: discover, read, check, fix, compare, write. Prints nothing.

What a session does when it checks (index, link, ask the rules, suppress) is told in `session`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi_lint.config import selection
from fastapi_lint.config.settings import Settings
from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.finding import Finding, Notice, Severity
from fastapi_lint.run import discovery, disk, workers
from fastapi_lint.run.cache import Store
from fastapi_lint.run.registry import RuleRow, known, planned, rules
from fastapi_lint.run.session import Scope, Session

if TYPE_CHECKING:
    from fastapi_lint.model.listing import RouteRow

__all__ = ["LintResult", "Outcome", "Request", "check", "known", "lint_sources", "planned", "routes", "rules"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Request:
    """What is asked of a run. `paths` filter the report; the model sees everything below `root`."""

    root: Path
    paths: tuple[Path, ...]
    settings: Settings
    fix: bool = False
    unsafe_fixes: bool = False
    diff: bool = False
    stdin: tuple[str, bytes] | None = None
    jobs: int = 1
    cache: bool = True
    add_noqa: bool = False
    baseline: Path | None = None
    write_baseline: Path | None = None
    progress: Progress | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it: findings after suppressions and baseline, in order of place, and what was written."""

    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Finding, ...] = ()
    notices: tuple[Notice, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    files: int = 0
    fixed: Mapping[str, int] = field(default_factory=dict)
    diff: str = ""
    stdin_output: str | None = None
    changed_files: tuple[str, ...] = ()


def check(request: Request) -> Outcome:
    """Analyse a project and report, fix or suppress as the request says.

    Raises `ConfigurationError` for settings, paths and baselines that cannot be used.
    """
    selected = _selected(request.settings, request.root)
    found = discovery.discover(request.root, request.paths, request.settings)
    sources, unread = disk.read(request.root, found.files)
    reported: Collection[str] = found.reported
    if request.stdin is not None:
        name, data = request.stdin
        path = disk.place(request.root, name)
        sources[path] = Source(path, data)
        reported = {path}
    store = Store(request.root if request.cache else None)
    session = _session(request, selected, sources, reported, disk.declarations(request.root), store)
    applied: Mapping[str, int] = {}
    unfixed: Sequence[Notice] = ()
    with _batch():
        result = session.check()
        if request.fix or request.diff:
            result, applied, unfixed = session.fix(result, unsafe=request.unsafe_fixes)
        session.remember()
    kept, compared = _compared(request, result.findings, session.sources, reported, {rule.code for rule in selected})
    changed = [
        (sources[path], session.sources[path])
        for path in sorted(reported)
        if path in sources and session.sources[path] is not sources[path]
    ]
    diff, stdin_output = "", None
    written: Sequence[str] = ()
    unwritten: Sequence[Notice] = ()
    if request.diff:
        from fastapi_lint.fixing import fixer

        diff = "".join(fixer.diff(old.path, old.text, new.text) for old, new in changed)
    elif request.stdin is not None and request.fix:
        with suppress(Unreadable):  # then it comes back as it was
            stdin_output = session.sources[next(iter(reported))].text
    elif request.fix:
        written, unwritten = disk.write(request.root, changed)
    if request.add_noqa:
        written, unwritten = disk.add_noqa(request.root, kept, session.sources)
    notices = (*found.notices, *unread, *result.notices, *unfixed, *store.notices, *compared, *unwritten)
    return Outcome(
        findings=kept,
        suppressed=result.suppressed,
        notices=tuple(dict.fromkeys(notices)),
        sources=session.sources,
        files=len(reported),
        fixed=dict(applied),
        diff=diff,
        stdin_output=stdin_output,
        changed_files=tuple(written),
    )


def routes(request: Request) -> list[RouteRow]:
    """The routes of every app of the project, as `fastapi-lint routes` prints them, with the findings at each."""
    from fastapi_lint.model.listing import listing

    selected = _selected(request.settings, request.root)
    found = discovery.discover(request.root, request.paths, request.settings)
    sources, _ = disk.read(request.root, found.files)
    store = Store(request.root if request.cache else None)
    session = _session(request, selected, sources, found.reported, disk.declarations(request.root), store)
    with _batch():
        result = session.check()
        session.remember()
        return listing(session.project, result.findings)


def lint_sources(
    files: Mapping[str, bytes],
    *,
    select: Sequence[str] = ("recommended",),
    fix: bool = False,
    unsafe: bool = False,
    options: Mapping[str, Mapping[str, object]] | None = None,
) -> LintResult:
    """Lint (and fix) a project that is held in memory: paths relative to its root, and their content."""
    settings = Settings(root=Path(), select=tuple(select), rules=dict(options or {}))  # type: ignore[arg-type]
    sources = {path: Source(path, data) for path, data in sorted(files.items()) if path.endswith((".py", ".pyi"))}
    declared = {path: data.decode("utf-8", "replace") for path, data in files.items() if disk.is_declaration(path)}
    request = Request(root=Path(), paths=(), settings=settings)
    session = _session(request, _selected(settings, Path()), sources, set(sources), declared, Store(None))
    result = session.check()
    notices: Sequence[Notice] = ()
    if fix:
        result, _, notices = session.fix(result, unsafe=unsafe)
        files = {**files, **{path: source.data for path, source in session.sources.items()}}
    return LintResult(result.findings, (*result.notices, *notices), files)


@dataclass(frozen=True)
class LintResult:
    """What `lint_sources` gives: findings and notices, and the files as they are after fixing."""

    findings: tuple[Finding, ...]
    notices: tuple[Notice, ...]
    files: Mapping[str, bytes]


def _selected(settings: Settings, start: Path) -> tuple[RuleRow, ...]:
    table = known(start)
    return selection.selected(settings, table.built, table.planned)


def _session(
    request: Request,
    selected: Sequence[RuleRow],
    sources: dict[str, Source],
    reported: Collection[str],
    declared: Mapping[str, str],
    store: Store,
) -> Session:
    codes = tuple(rule.code for rule in selected)
    scope = Scope(request.settings, codes, frozenset(reported), declared)
    jobs = request.jobs or workers.processors()
    return Session(scope, dict(sources), known(request.root), rules, store, jobs=jobs, progress=request.progress)


def _compared(
    request: Request,
    findings: tuple[Finding, ...],
    sources: Mapping[str, Source],
    reported: Collection[str],
    codes: Collection[str],
) -> tuple[tuple[Finding, ...], Sequence[Notice]]:
    """The findings that the baseline does not know, unless a new one is to be written; that is done here."""
    if request.write_baseline is None and request.baseline is None:
        return findings, ()
    from fastapi_lint.suppressing import baseline

    if request.write_baseline is not None:
        baseline.write(request.write_baseline, baseline.remember(findings, sources))
        return findings, ()
    assert request.baseline is not None
    compared = baseline.load(request.baseline).filter(findings, sources, checked=reported, codes=codes)
    if not compared.fixed:
        return compared.new, ()
    message = f"{compared.fixed} entries of the baseline are fixed; write it again to forget them"
    return compared.new, (Notice(message, level=Severity.INFO),)


@contextmanager
def _batch() -> Iterator[None]:
    """Without the cyclic collector: a run makes millions of objects that live to its end, and few cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
