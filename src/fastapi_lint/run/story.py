"""The story of a run, top to bottom: discover, read, check, fix, compare, write. Prints nothing.

What a session does when it checks (index, link, ask the rules, suppress) is told in `session`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi_lint.config import selection
from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.config.settings import Settings
from fastapi_lint.files.notebooks import NotANotebook, Notebook, put_back
from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.finding import Endpoints, Finding, Notice, Severity, counted
from fastapi_lint.run import discovery, disk, workers
from fastapi_lint.run.cache import Store
from fastapi_lint.run.discovery import Discovered
from fastapi_lint.run.plugins.bringing import every_rule, plugin_files, table, vocabulary, with_rules
from fastapi_lint.run.registry import RuleRow, RuleTable, known, planned, rules
from fastapi_lint.run.request import Outcome, Request, together
from fastapi_lint.run.session import Scope, Session

if TYPE_CHECKING:
    from fastapi_lint.model.listing import RouteRow
    from fastapi_lint.rule import Rule
    from fastapi_lint.suppressing.following import Following

__all__ = [
    "LintResult", "Outcome", "Request", "check", "counting", "every_rule", "files", "known", "lasting", "lint_sources",
    "planned", "projects", "routes", "rules", "table", "vocabulary", "watched",
]  # fmt: skip


def check(request: Request) -> Outcome:
    """Analyse a project, and those of their own inside of it, and report, fix or suppress as the request says.

    Raises `ConfigurationError` for settings, paths and baselines that cannot be used.
    """
    parts = projects(request)
    if request.write_baseline is None:
        return _with_doubts(together([(_place(request, part), _checked(part, found)) for part, found in parts]))
    from fastapi_lint.suppressing import baseline

    written = baseline.earlier(request.write_baseline)
    outcomes = []
    for part, found in parts:
        outcome = _checked(part, found)
        codes = {rule.code for rule in outcome.rules}
        others = written.without(found.reported, codes, part.place, part.root)
        written = others.joined(baseline.remember(outcome.findings, outcome.sources, part.place))
        outcomes.append((_place(request, part), outcome))
    baseline.write(request.write_baseline, written)
    return _with_doubts(together(outcomes))


def _with_doubts(outcome: Outcome) -> Outcome:
    """The outcome; where there was nothing to look at, it says so."""
    failed = any(notice.level is Severity.ERROR for notice in outcome.notices)
    if outcome.apps or outcome.routes or failed or not outcome.files:
        return outcome
    doubt = Notice(f"no FastAPI application found in {counted(outcome.files, 'file')}; is the path right?")
    return replace(outcome, notices=(*outcome.notices, doubt))


def projects(request: Request) -> Iterator[tuple[Request, Discovered]]:
    """The projects that the paths of a request ask for, each as a request of its own with its files."""
    pending = [request]
    while pending:
        part = pending.pop(0)
        own = None if part.own is None else _within(part.own, part.settings)
        found = discovery.discover(part.root, part.paths, part.settings, own)
        inner = []
        for settings, paths in found.nested:
            place = f"{part.place}{settings.root.relative_to(part.root).as_posix()}/"
            inner.append(replace(part, root=settings.root, paths=paths, settings=settings, place=place))
        pending = [*inner, *pending]
        if found.reported or found.notices or part.stdin is not None or not (inner or pending or part is not request):
            yield part, found


def _within(own: Callable[[Path, Settings], Settings | None], around: Settings) -> Callable[[Path], Settings | None]:
    return lambda directory: own(directory, around)


def files(request: Request) -> list[Path]:
    """The files that a request is about."""
    return [part.root / path for part, found in projects(request) for path in found.reported]


def _place(request: Request, part: Request) -> str:
    """Where a project lies below the root of the request, with a slash at its end."""
    return "" if part is request else part.place.removeprefix(request.place)


def _checked(request: Request, found: Discovered) -> Outcome:
    """What comes of one project."""
    if not found.reported and request.stdin is None:
        return Outcome(notices=(*found.notices, *_said(request.settings)))
    rules = table(request.settings, request.caches)
    selected = _selected(request, rules)
    sources, unread = disk.read(request.root, found.files)
    reported: Collection[str] = found.reported
    if request.stdin is not None:
        name, data = request.stdin
        path = disk.place(request.root, name)
        try:
            sources[path] = disk.source(path, data)
        except NotANotebook as error:
            raise ConfigurationError(f"{path}: {error}") from None
        reported = {path}
    store = Store(request.root if request.cache else None, request.caches)
    session = _session(request, rules, selected, sources, reported, _declared(request, sources), store)
    known = _known(request, reported, {rule.code for rule in selected})
    closed = _Closed(request.root, is_asked=request.fix and not request.diff and request.stdin is None)
    applied: Mapping[str, int] = {}
    unfixed: Sequence[Notice] = ()

    def fixable(findings: Sequence[Finding]) -> Sequence[Finding]:
        if known is not None:
            new = known.compared(findings, session.sources).new
            findings = findings if request.fix_baseline else new
        return [finding for finding in findings if not finding.fix or not closed.has(finding.path)]

    with _batch():
        result = session.check()
        if request.fix or request.diff:
            result, applied, unfixed = session.fix(result, unsafe=request.unsafe_fixes, asked=fixable)
        session.remember()
        understood = _understood(session) if request.explain else ()
        endpoints = _endpoints(session, result.findings) if request.follow else {}
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

        diff = "".join(fixer.diff(request.place + old.path, *disk.contents(old, new)) for old, new in changed)
    elif request.stdin is not None and request.fix:
        with suppress(Unreadable):  # then it comes back as it was
            (path,) = reported
            stdin_output = session.sources[path].text
            if isinstance(old := sources[path], Notebook):
                stdin_output = put_back(old.raw, stdin_output).decode("utf-8", "surrogatepass")
    elif request.fix:
        written, unwritten = disk.write(request.root, changed)
        if unwritten:  # what is not fixed is still found
            with _batch():
                result = session.check_again({notice.path: sources[notice.path] for notice in unwritten})
    kept, compared = _compared(request, result.findings, session.sources, known)
    if request.add_noqa:
        from fastapi_lint.suppressing import noqa

        written, unwritten = disk.add_noqa(request.root, kept, session.sources)
        told = noqa.to_tell_ruff(disk.declarations(request.root) if written else {}, {each.code for each in kept})
        compared = (*compared, *([told] if told is not None else ()))
    notices = (
        *found.notices, *unread, *_said(request.settings), *result.notices, *unfixed, *closed.notices, *store.notices,
        *compared, *unwritten,
    )  # fmt: skip
    return Outcome(
        findings=kept,
        suppressed=result.suppressed,
        notices=tuple(dict.fromkeys(notices)),
        sources=disk.as_read(session.sources, sources),
        files=len(reported),
        fixed=dict(applied),
        diff=diff,
        stdin_output=stdin_output,
        changed_files=tuple(written),
        rules=selected,
        apps=result.apps,
        routes=result.routes,
        understood=understood,
        endpoints=endpoints,
    )


class _Closed:
    """The files that cannot be written, with a notice about each that was asked for."""

    def __init__(self, root: Path, *, is_asked: bool) -> None:
        self.notices: list[Notice] = []
        self._root = root
        self._is_asked = is_asked
        self._known: dict[str, bool] = {}

    def has(self, path: str) -> bool:
        if path not in self._known:
            notice = disk.refused(self._root, path) if self._is_asked else None
            self.notices += [notice] if notice else []
            self._known[path] = notice is not None
        return self._known[path]


def _understood(session: Session) -> tuple[str, ...]:
    from fastapi_lint.model.understanding import understanding

    return tuple(understanding(session.project))


def _endpoints(session: Session, findings: Sequence[Finding]) -> Endpoints:
    from fastapi_lint.model.reaching import endpoints

    return endpoints(session.project, findings)


def routes(request: Request) -> list[RouteRow]:
    """The routes of every app, as `fastapi-lint routes` prints them, with findings; of paths, if any are given."""
    return [row for part, found in projects(request) for row in _routes(part, found, _place(request, part))]


def _routes(request: Request, found: Discovered, place: str) -> Iterator[RouteRow]:
    from fastapi_lint.model.listing import listing

    sources, _ = disk.read(request.root, found.files)
    store = Store(request.root if request.cache else None, request.caches)
    rules = table(request.settings, request.caches)
    declared = _declared(request, sources)
    session = _session(request, rules, _selected(request, rules), sources, found.reported, declared, store)
    with _batch():
        result = session.check()
        session.remember()
        rows = listing(session.project, result.findings)
    for row in rows:
        if not request.paths or row["file"] in found.reported:
            row["project"], row["file"] = place.rstrip("/"), place + row["file"]
            yield row


def watched(request: Request) -> list[Path]:
    """The files that what comes of a request depends on."""
    found = []
    for part, discovered in projects(request):
        declared = disk.declarations(part.root)
        found += [part.root / path for path in (*discovered.files, *declared)]
        found += [part.settings.file] if part.settings.file else []
        found += plugin_files(part.settings)
    return found


def lasting(request: Request, found: Discovered, before: Session | None = None) -> tuple[Session, tuple[Notice, ...]]:
    """A session over one project that is checked again and again, with notices about files that cannot be read.

    `before` is the session that it takes the place of: what holds of that need not be made again.
    """
    sources, unread = disk.read(request.root, found.files)
    store = Store(request.root if request.cache else None, request.caches)
    rules = table(request.settings, request.caches)
    declared = _declared(request, sources)
    session = _session(
        request, rules, _selected(request, rules), sources, found.reported, declared, store, lasts=True, before=before
    )
    return session, unread


def counting(
    request: Request, found: Discovered, findings: tuple[Finding, ...], sources: Mapping[str, Source]
) -> tuple[Finding, ...]:
    """Of the findings of a session those that the baseline of the project does not know, if it has one."""
    rules = table(request.settings, request.caches)
    known = _known(request, found.reported, {rule.code for rule in _selected(request, rules)})
    return _compared(request, findings, sources, known)[0]


def lint_sources(
    files: Mapping[str, bytes],
    *,
    select: Sequence[str] = ("recommended",),
    fix: bool = False,
    unsafe: bool = False,
    options: Mapping[str, Mapping[str, object]] | None = None,
    extra: Sequence[Rule] = (),
) -> LintResult:
    """Lint (and fix) a project that is held in memory: paths relative to its root, and their content.

    `extra` are rules beside ours; `options` are by code.
    """
    settings = Settings(root=Path(), select=tuple(select), rules=dict(options or {}))  # type: ignore[arg-type]
    sources = {path: Source(path, data) for path, data in sorted(files.items()) if path.endswith((".py", ".pyi"))}
    declared = {path: data.decode("utf-8", "replace") for path, data in files.items() if disk.is_declaration(path)}
    declared.update((path, "") for path in files if disk.is_template(path))
    request = Request(root=Path(), paths=(), settings=settings)
    known = with_rules(extra)
    session = _session(
        request, known, _selected(request, known), sources, set(sources), declared, Store(None),
        lambda: (*rules(), *extra),
    )  # fmt: skip
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


def _declared(request: Request, sources: Mapping[str, Source]) -> dict[str, str]:
    return {**disk.templates(request.root, sources.values()), **disk.declarations(request.root)}


def _selected(request: Request, known: RuleTable) -> tuple[RuleRow, ...]:
    return selection.selected(request.settings, known.every, known.planned)


def _session(
    request: Request,
    known: RuleTable,
    selected: Sequence[RuleRow],
    sources: dict[str, Source],
    reported: Collection[str],
    declared: Mapping[str, str],
    store: Store,
    load: Callable[[], Sequence[Rule]] | None = None,
    *,
    lasts: bool = False,
    before: Session | None = None,
) -> Session:
    codes = tuple(rule.code for rule in selected)
    scope = Scope(request.settings, codes, frozenset(reported), declared, known.plugins)
    load = load or partial(every_rule, request.settings)
    jobs = request.jobs or workers.processors()
    return Session(
        scope, dict(sources), known, load, store, jobs=jobs, progress=request.progress, lasts=lasts, before=before
    )


def _said(settings: Settings) -> Iterator[Notice]:
    """What there is to say about the settings."""
    for name in settings.unread:
        assert settings.file is not None
        yield Notice(f"does not count: the configuration is read from {settings.file.name} beside it", name)


def _known(request: Request, reported: Collection[str], codes: Collection[str]) -> Following | None:
    """The baseline that counts for a project, if there is one: that of the command line, or that of its settings."""
    own = request.settings.baseline
    if request.write_baseline is not None or (request.baseline is None and own is None):
        return None
    from fastapi_lint.suppressing import baseline
    from fastapi_lint.suppressing.following import Following

    file, place = _baseline(request)
    return Following(baseline.load(file), checked=reported, codes=codes, place=place)


def _baseline(request: Request) -> tuple[Path, str]:
    """The file of the baseline, and what stands in it before the paths of this project."""
    if request.baseline is not None:
        return request.baseline, request.place
    return request.root / (request.settings.baseline or ""), ""


def _compared(
    request: Request, findings: tuple[Finding, ...], sources: Mapping[str, Source], known: Following | None
) -> tuple[tuple[Finding, ...], Sequence[Notice]]:
    """The findings that the baseline does not know; it is written anew where fixes have moved what it knows."""
    if known is None:
        return findings, ()
    compared = known.compared(findings, sources)
    notices = []
    if known.moved and request.fix and not request.diff and request.stdin is None:
        from fastapi_lint.suppressing import baseline

        file, _ = _baseline(request)
        baseline.write(file, known.rewritten(compared.known, sources, request.root))
        notices.append(
            Notice(f"the baseline {file.name} follows: fixes changed lines that it knows", level=Severity.INFO)
        )
    if compared.fixed:
        some = "1 entry of the baseline is" if compared.fixed == 1 else f"{compared.fixed} entries of the baseline are"
        message = f"{some} fixed; write it again to forget what is gone"
        notices.append(Notice(message, level=Severity.INFO))
    return compared.new, notices


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
