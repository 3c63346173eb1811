"""The story of a run, top to bottom: discover, read, index, link, check, suppress, compare, fix. Prints nothing."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi_lint import discovery, selection, suppression
from fastapi_lint.catalog.identities import Identity, identities
from fastapi_lint.finding import Edit, Finding, Notice, Severity, by_place
from fastapi_lint.index.facts import Facts
from fastapi_lint.model.project import Project, empty_facts
from fastapi_lint.model.symbols import Module
from fastapi_lint.rule import Rule
from fastapi_lint.settings import Settings
from fastapi_lint.source import Source, Unreadable

if TYPE_CHECKING:
    from fastapi_lint.model.listing import RouteRow

Progress = Callable[[str, int, int], None]
_DECLARING = re.compile(
    r"(pyproject\.toml|requirements[\w.-]*\.txt|uv\.lock|poetry\.lock|pdm\.lock|Pipfile|Pipfile\.lock|setup\.cfg)\Z"
)
_LARGEST_DECLARATION = 8_000_000


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
    built = {rule.code for rule in rules()}
    return tuple(row for row in identities().values() if row.code not in built)


# -------------------------------------------------------------------- the run


def check(request: Request) -> Outcome:
    """Analyse a project and report, fix or suppress as the request says.

    Raises `ConfigurationError` for settings, paths and baselines that cannot be used.
    """
    selected = selection.selected(request.settings, rules(), planned())
    found = discovery.discover(request.root, request.paths, request.settings)
    sources, notices = _read(request, found.files)
    reported = set(found.reported)
    if request.stdin is not None:
        name, data = request.stdin
        path = _relative(request.root, name)
        sources[path] = Source(path, data)
        reported = {path}
    desk = _Desk(request, selected, sources, reported, _declarations(request.root))
    with _batch():
        state = desk.check()
        applied: Mapping[str, int] = {}
        before = dict(sources)
        extra: tuple[Notice, ...] = ()
        if request.fix or request.diff:
            state, applied, extra = desk.fix(state, unsafe=request.unsafe_fixes)
    notices = (*found.notices, *notices, *state.notices, *extra)
    changed = [path for path in sorted(reported) if path in before and desk.sources[path] is not before[path]]
    kept = state.findings
    if request.baseline is not None and request.write_baseline is None:
        from fastapi_lint import baseline

        compared = baseline.load(request.baseline).filter(
            kept, desk.sources, checked=reported, codes={rule.code for rule in selected}
        )
        kept = compared.new
        if compared.fixed:
            message = f"{compared.fixed} entries of the baseline are fixed; write it again to forget them"
            notices = (*notices, Notice(message, level=Severity.INFO))
    if request.write_baseline is not None:
        from fastapi_lint import baseline

        baseline.write(request.write_baseline, baseline.remember(kept, desk.sources))
    diff, stdin_output = "", None
    written: tuple[str, ...] = ()
    if request.diff:
        from fastapi_lint import fixer

        diff = "".join(fixer.diff(path, before[path].text, desk.sources[path].text) for path in changed)
    elif request.stdin is not None and request.fix:
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

    found = discovery.discover(request.root, request.paths, request.settings)
    sources, _ = _read(request, found.files)
    with _batch():
        selected = selection.selected(request.settings, rules(), planned())
        desk = _Desk(request, selected, sources, set(found.reported), _declarations(request.root))
        state = desk.check()
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
    selected = selection.selected(settings, rules(), planned())
    sources = {path: Source(path, data) for path, data in sorted(files.items()) if path.endswith((".py", ".pyi"))}
    declared = {path: data.decode("utf-8", "replace") for path, data in files.items() if _DECLARING.search(path)}
    request = Request(root=Path(), paths=(), settings=settings)
    desk = _Desk(request, selected, sources, set(sources), declared)
    state = desk.check()
    notices: tuple[Notice, ...] = ()
    if fix:
        from fastapi_lint import fixer

        state, _, notices = desk.fix(state, unsafe=unsafe)
        fixed = {path: fixer.encode(source, source.text) for path, source in desk.sources.items()}
        files = {**files, **fixed}
    return LintResult(state.findings, (*state.notices, *notices), files)


@dataclass(frozen=True)
class _State:
    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    notices: tuple[Notice, ...]


class _Desk:
    """The sources of one run, which fixes replace, and the project linked from them."""

    def __init__(
        self,
        request: Request,
        selected: Sequence[Rule],
        sources: dict[str, Source],
        reported: set[str],
        declared: Mapping[str, str],
    ) -> None:
        self.request = request
        self.selected = selected
        self.sources = sources
        self.reported = reported
        self.declared = declared
        self.facts: dict[str, tuple[Source, Facts]] = {}
        self.project: Project

    def check(self) -> _State:
        """Index what is new, link, run the rules, and part the findings by suppressions."""
        from fastapi_lint.engine import check as run_rules

        settings, progress = self.request.settings, self.request.progress
        self._index()
        self.project = Project(
            (Module(source, facts) for source, facts in self.facts.values()),
            roots=settings.src,
            declared=self.declared,
            targets=settings.target_versions,
            blocking=settings.blocking,
        )
        checked = run_rules(
            self.project,
            self.selected,
            settings.rules,
            only=lambda module: module.path in self.reported,
            progress=None if progress is None else lambda done, total: progress("checking", done, total),
        )
        return self._suppress(checked.findings, checked.notices)

    def _index(self) -> None:
        from fastapi_lint.index.build import build

        stale = [source for path, source in self.sources.items() if self.facts.get(path, (None,))[0] is not source]
        for done, source in enumerate(stale):
            if self.request.progress is not None:
                self.request.progress("indexing", done, len(stale))
            try:
                facts = build(source.utf8)
            except Unreadable:
                facts = empty_facts()
            self.facts[source.path] = (source, facts)

    def _suppress(self, findings: Sequence[Finding], notices: tuple[Notice, ...]) -> _State:
        by_path: dict[str, list[Finding]] = {}
        for finding in findings:
            by_path.setdefault(finding.path, []).append(finding)
        silenced = selection.ignored_by_path(self.request.settings, rules())
        known = list(identities().values())
        failed = {(notice.path, notice.code) for notice in notices if notice.code}
        kept: list[Finding] = []
        suppressed: list[Finding] = []
        for path in sorted(self.reported):
            source, own = self.sources.get(path), by_path.get(path, [])
            if source is None or (not own and not suppression.has_directives(source.data)):
                continue
            ignored = silenced(path)
            asked = {
                rule.code for rule in self.selected if rule.code not in ignored and (path, rule.code) not in failed
            }
            applied = suppression.apply(
                (f for f in own if f.code in asked or f.code not in ignored), source, known=known, selected=asked
            )
            kept += applied.kept
            kept += applied.unused
            suppressed += applied.suppressed
        return _State(tuple(sorted(kept, key=by_place)), tuple(sorted(suppressed, key=by_place)), notices)

    def fix(self, state: _State, *, unsafe: bool) -> tuple[_State, Mapping[str, int], tuple[Notice, ...]]:
        """Apply fixes to the reported files until nothing changes, and take out the imports they made unused."""
        from fastapi_lint import fixer

        def again(sources: Mapping[str, Source]) -> Sequence[Finding]:
            nonlocal state
            self.sources = dict(sources)
            state = self.check()
            return state.findings

        fixed = fixer.converge(self.sources, again, state.findings, unsafe=unsafe, tidy=self._unused_imports)
        self.sources = dict(fixed.sources)
        return state, fixed.applied, fixed.notices

    def _unused_imports(self, before: Source, after: Source) -> Sequence[Edit]:
        """Edits that remove what fixes made unused in a file, unless another module takes it from there."""
        from fastapi_lint.edits import newly_unused

        if after.path in self._taken:
            return ()
        return newly_unused(before, after)

    @property
    def _taken(self) -> set[str]:
        """The files from which other modules import names that they only import themselves."""
        return {module.path for module in self.project.re_exporting}


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
    """The texts of the files that declare dependencies: at the root, and one and two folders below it."""
    found: dict[str, str] = {}
    for pattern in ("*", "*/*", "*/*/*"):
        for path in sorted(root.glob(pattern)):
            if _DECLARING.search(path.name) and not any(
                part.startswith(".") or part == "node_modules" for part in path.parts[len(root.parts) :]
            ):
                try:
                    if path.is_file() and path.stat().st_size < _LARGEST_DECLARATION:
                        found[path.relative_to(root).as_posix()] = path.read_text("utf-8", "replace")
                except OSError:
                    continue
    return found


def _write(root: Path, pairs: Sequence[tuple[Source, Source]]) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    from fastapi_lint import fixer, writing

    written, notices = [], []
    for old, new in pairs:
        try:
            writing.write(root / old.path, fixer.encode(old, new.text), expected=old.data)
            written.append(old.path)
        except (writing.NotWritten, fixer.Unencodable, OSError) as error:
            notices.append(Notice(f"not fixed: {error}", old.path, level=Severity.ERROR))
    return tuple(written), tuple(notices)


def _add_noqa(
    root: Path, findings: Sequence[Finding], sources: Mapping[str, Source]
) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    from fastapi_lint import fixer, noqa

    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    pairs = []
    for path, own in sorted(by_path.items()):
        text = noqa.add_noqa(sources[path], own)
        if text != sources[path].text:
            pairs.append((sources[path], Source(path, fixer.encode(sources[path], text))))
    return _write(root, pairs)


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
