"""The story of a run, top to bottom: discover, read, index, link, check, suppress, compare, fix. Prints nothing."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi_lint.config import selection
from fastapi_lint.config.settings import Settings
from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.finding import Finding, Notice, Severity
from fastapi_lint.rule import Rule
from fastapi_lint.run import discovery
from fastapi_lint.run import lazy as later
from fastapi_lint.run.cache import RuleRow, RuleTable, Store, stored_rules
from fastapi_lint.run.session import Desk

if TYPE_CHECKING:
    from fastapi_lint.catalog.identities import Identity
    from fastapi_lint.model.listing import RouteRow

Progress = Callable[[str, int, int], None]
_DECLARING = re.compile(
    r"(pyproject\.toml|requirements[\w.-]*\.txt|uv\.lock|poetry\.lock|pdm\.lock|Pipfile|Pipfile\.lock|setup\.cfg)\Z"
)
_LARGEST_DECLARATION = 8_000_000
_DEEPEST_DECLARATION = 3


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


@dataclass(frozen=True)
class LintResult:
    """What `lint_sources` gives: findings and notices, and the files as they are after fixing."""

    findings: tuple[Finding, ...]
    notices: tuple[Notice, ...]
    files: Mapping[str, bytes]


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule that is built, by code: the `Rule` objects of all modules below `fastapi_lint.rules`."""
    later.put_off("libcst")  # a tenth of a second, which a run without a fix to make need not wait for
    import fastapi_lint.rules

    found: dict[str, Rule] = {}
    for module in pkgutil.walk_packages(fastapi_lint.rules.__path__, "fastapi_lint.rules."):
        if not module.ispkg:
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, Rule):
                    found[value.code] = value
    return tuple(found[code] for code in sorted(found))


@cache
def planned() -> tuple[Identity, ...]:
    """The rules of the catalogue that are not built yet."""
    from fastapi_lint.catalog.identities import identities

    built = {rule.code for rule in rules()}
    return tuple(row for row in identities().values() if row.code not in built and not row.is_dropped)


@cache
def known(start: Path) -> RuleTable:
    """Every rule as data: from a cache at or above `start`, else by importing all of them."""
    return stored_rules(start) or RuleTable(
        tuple(
            RuleRow(r.code, r.name, r.preset, r.severity, r.summary, r.documentation, dict(r.options)) for r in rules()
        ),
        tuple(RuleRow(row.code, row.name, row.preset) for row in planned()),
    )


# -------------------------------------------------------------------- the run


def check(request: Request) -> Outcome:
    """Analyse a project and report, fix or suppress as the request says.

    Raises `ConfigurationError` for settings, paths and baselines that cannot be used.
    """
    table = known(request.root)
    selected = selection.selected(request.settings, table.built, table.planned)
    found = discovery.discover(request.root, request.paths, request.settings)
    sources, notices = _read(request, found.files)
    store = Store(request.root if request.cache else None)
    reported = set(found.reported)
    if request.stdin is not None:
        name, data = request.stdin
        path = _relative(request.root, name)
        sources[path] = Source(path, data)
        reported = {path}
    desk = _desk(request, table, selected, sources, reported, _declarations(request.root), store)
    with _batch():
        state = desk.check()
        applied: Mapping[str, int] = {}
        before = dict(sources)
        extra: tuple[Notice, ...] = ()
        if request.fix or request.diff:
            state, applied, extra = desk.fix(state, unsafe=request.unsafe_fixes)
        desk.remember()
    notices = (*found.notices, *notices, *state.notices, *extra, *store.notices)
    changed = [path for path in sorted(reported) if path in before and desk.sources[path] is not before[path]]
    kept = state.findings
    if request.baseline is not None and request.write_baseline is None:
        from fastapi_lint.suppressing import baseline

        compared = baseline.load(request.baseline).filter(
            kept, desk.sources, checked=reported, codes={rule.code for rule in selected}
        )
        kept = compared.new
        if compared.fixed:
            message = f"{compared.fixed} entries of the baseline are fixed; write it again to forget them"
            notices = (*notices, Notice(message, level=Severity.INFO))
    if request.write_baseline is not None:
        from fastapi_lint.suppressing import baseline

        baseline.write(request.write_baseline, baseline.remember(kept, desk.sources))
    diff, stdin_output = "", None
    written: tuple[str, ...] = ()
    if request.diff:
        from fastapi_lint.fixing import fixer

        diff = "".join(fixer.diff(path, before[path].text, desk.sources[path].text) for path in changed)
    elif request.stdin is not None and request.fix:
        with suppress(Unreadable):  # then it comes back as it was
            stdin_output = desk.sources[next(iter(reported))].text
    elif request.fix:
        written, failed = _write(request.root, [(before[path], desk.sources[path]) for path in changed])
        notices = (*notices, *failed)
    if request.add_noqa:
        written, failed = _add_noqa(request.root, kept, desk.sources)
        notices = (*notices, *failed)
    return Outcome(
        findings=kept,
        suppressed=state.suppressed,
        notices=tuple(dict.fromkeys(notices)),
        sources=desk.sources,
        files=len(reported),
        fixed=dict(applied),
        diff=diff,
        stdin_output=stdin_output,
        changed_files=written,
    )


def routes(request: Request) -> list[RouteRow]:
    """The routes of every app of the project, as `fastapi-lint routes` prints them, with the findings at each."""
    from fastapi_lint.model.listing import listing

    table = known(request.root)
    selected = selection.selected(request.settings, table.built, table.planned)
    found = discovery.discover(request.root, request.paths, request.settings)
    sources, _ = _read(request, found.files)
    store = Store(request.root if request.cache else None)
    with _batch():
        declared = _declarations(request.root)
        desk = _desk(request, table, selected, sources, set(found.reported), declared, store)
        state = desk.check()
        desk.remember()
        return listing(desk.project, state.findings)


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
    table = known(Path())
    selected = selection.selected(settings, table.built, table.planned)
    sources = {path: Source(path, data) for path, data in sorted(files.items()) if path.endswith((".py", ".pyi"))}
    declared = {path: data.decode("utf-8", "replace") for path, data in files.items() if _DECLARING.search(path)}
    request = Request(root=Path(), paths=(), settings=settings)
    desk = _desk(request, table, selected, sources, set(sources), declared, Store(None))
    state = desk.check()
    notices: tuple[Notice, ...] = ()
    if fix:
        state, _, notices = desk.fix(state, unsafe=unsafe)
        fixed = {path: source.data for path, source in desk.sources.items()}
        files = {**files, **fixed}
    return LintResult(state.findings, (*state.notices, *notices), files)


def _desk(
    request: Request,
    table: RuleTable,
    selected: Sequence[RuleRow],
    sources: dict[str, Source],
    reported: set[str],
    declared: Mapping[str, str],
    store: Store,
) -> Desk:
    return Desk(
        request.settings,
        table,
        tuple(rule.code for rule in selected),
        rules,
        sources,
        reported,
        declared,
        store,
        jobs=request.jobs or _processors(),
        progress=request.progress,
    )


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# -------------------------------------------------------------------- disk


def _read(request: Request, files: Sequence[str]) -> tuple[dict[str, Source], tuple[Notice, ...]]:
    sources: dict[str, Source] = {}
    notices = []
    for path in files:
        try:
            sources[path] = Source(path, (request.root / path).read_bytes())
        except OSError as error:
            notices.append(Notice(f"cannot be read: {error.strerror or error}", path, level=Severity.ERROR))
    return sources, tuple(notices)


def _declarations(root: Path) -> dict[str, str]:
    """The texts of the files that declare dependencies: at the root, and up to three folders below it."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        inside = (name for name in folders if not name.startswith(".") and name != "node_modules")
        folders[:] = sorted(inside) if depth < _DEEPEST_DECLARATION else []
        for name in sorted(files):
            path = Path(folder, name)
            if _DECLARING.search(name) and not name.startswith("."):
                try:
                    if path.is_file() and path.stat().st_size < _LARGEST_DECLARATION:
                        found[path.relative_to(root).as_posix()] = path.read_text("utf-8", "replace")
                except OSError:
                    continue
    return found


def _write(root: Path, pairs: Sequence[tuple[Source, Source]]) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    from fastapi_lint.files import writing
    from fastapi_lint.fixing import fixer

    written, notices = [], []
    inside = root.resolve()
    for old, new in pairs:
        try:
            if not (root / old.path).resolve().is_relative_to(inside):
                notices.append(Notice("not fixed: the file lies outside the project", old.path, level=Severity.ERROR))
                continue
            writing.write(root / old.path, fixer.encode(old, new.text), expected=old.data)
            written.append(old.path)
        except (writing.NotWritten, fixer.Unencodable, OSError) as error:
            notices.append(Notice(f"not fixed: {error}", old.path, level=Severity.ERROR))
    return tuple(written), tuple(notices)


def _add_noqa(
    root: Path, findings: Sequence[Finding], sources: Mapping[str, Source]
) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    from fastapi_lint.fixing import fixer
    from fastapi_lint.suppressing import noqa

    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    pairs, refused = [], []
    for path, own in sorted(by_path.items()):
        try:
            text = noqa.add_noqa(sources[path], own)
            if text != sources[path].text:
                pairs.append((sources[path], Source(path, fixer.encode(sources[path], text))))
        except (Unreadable, fixer.Unencodable) as error:
            refused.append(Notice(f"no suppression added: {error}", path, level=Severity.ERROR))
    written, failed = _write(root, pairs)
    return written, (*refused, *failed)


def _relative(root: Path, name: str) -> str:
    path = Path(name)
    path = path if path.is_absolute() else Path.cwd() / path
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return Path(name).name


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
