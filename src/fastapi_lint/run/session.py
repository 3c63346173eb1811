"""The sources of one run and what is made of them: facts, the project, a judgement, a result; reused where possible.

Touches no disk but through the cache that it is given, and prints nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from fastapi_lint.config import selection
from fastapi_lint.config.settings import Settings
from fastapi_lint.files.source import LARGEST_TREE, Source, Unreadable
from fastapi_lint.finding import Edit, Finding, Notice, Severity, by_place, nearest
from fastapi_lint.incremental.redaction import RedactionError, Result, redact, restore
from fastapi_lint.run import indexing
from fastapi_lint.run.cache import Store, digest
from fastapi_lint.run.registry import RuleTable

if TYPE_CHECKING:
    from fastapi_lint.incremental.lasting import States
    from fastapi_lint.incremental.reuse import Reuse
    from fastapi_lint.incremental.snapshot import Snapshot
    from fastapi_lint.model.project import Project
    from fastapi_lint.rule import Rule
    from fastapi_lint.run.judging import Judgement, Rules

_INDIFFERENT = frozenset({
    "root", "file", "folders", "unread", "said", "plugins", "select", "extend_select", "ignore", "preview", "exclude",
    "extend_exclude",
    "force_exclude", "respect_gitignore", "baseline", "output_format", "fix", "unsafe_fixes", "fail_on",
    "max_warnings", "severity", "fixable", "unfixable",
})  # fmt: skip
"""Settings that do not change what an analysis of given files with given rules finds."""


@dataclass(frozen=True)
class Scope:
    """What a result depends on, besides the program and what is in the sources.

    `codes` are those of the selected rules, `reported` the paths for which findings are wanted, `declared` the texts of
    the files that declare dependencies, and the paths of templates; `plugins` stands for the content of plugins.
    """

    settings: Settings
    codes: tuple[str, ...]
    reported: frozenset[str]
    declared: Mapping[str, str]
    plugins: bytes = b""

    def key(self, paths: Collection[str]) -> bytes:
        """A digest of it, and of which files there are."""
        names = (path.encode("utf-8", "surrogatepass") for path in sorted(paths))
        return digest(self.lasting_key(paths), *names)

    def lasting_key(self, paths: Collection[str]) -> bytes:
        """A digest of what of it stays when files come and go: of wanted and unwanted files the fewer are in it."""
        settings = {
            field.name: getattr(self.settings, field.name)
            for field in fields(self.settings)
            if field.name not in _INDIFFERENT
        }
        others = frozenset(paths) - self.reported
        wanted = [True, sorted(self.reported)] if len(self.reported) < len(others) else [False, sorted(others)]
        said = [list(self.codes), settings, wanted, self.declared, self.plugins]
        return digest(msgspec.msgpack.encode(said, order="deterministic"))


@dataclass(frozen=True)
class _Made:
    """A result that was worked out, with what it came from, and the key under which it may be kept."""

    key: bytes
    result: Result
    judgement: Judgement
    reuse: Reuse | None


class Session:
    """The sources of one run, which fixes replace, and the project linked from them."""

    def __init__(
        self,
        scope: Scope,
        sources: dict[str, Source],
        table: RuleTable,
        load: Callable[[], Sequence[Rule]],
        store: Store,
        *,
        jobs: int = 1,
        progress: Callable[[str, int, int], None] | None = None,
        lasts: bool = False,
        before: Session | None = None,
    ) -> None:
        """`load` imports the rules of the table, and is asked only if the cache has no answer.

        A session that `lasts` is checked again and again, and builds each time upon the time before, cache or not.
        `before` is another session of the same project, which knew other files or settings.
        """
        self.sources = sources
        self.scope = scope
        self._table = table
        self._load = load
        self._store = store
        self._jobs = jobs
        self._progress = progress
        self._lasts = lasts
        self._tracks = lasts or store.is_used
        self._indexing: indexing.Indexing
        self._indexing = before._indexing if before is not None else indexing.Indexing(store, jobs, progress)
        self._linked: tuple[dict[str, Source], Project] | None = None
        self._made: _Made | None = None
        self._snapshot: Snapshot | None = before.left_for(scope, sources) if before is not None else None
        self._reused: tuple[Mapping[str, Source], Reuse | None] | None = None
        self._by_others: Mapping[str, Sequence[Finding]] = {}
        self._judged = sources
        self._states: States | None = None

    def tidy(self) -> None:
        """Be ready for the next check, and forget what was kept of states that none builds upon any more."""
        if self._lasts:
            self._build_upon_last()
        before = self._snapshot.files.values() if self._snapshot is not None else ()
        self._indexing.keep_only({*self._digests().values(), *before})

    def left_for(self, scope: Scope, sources: Mapping[str, Source]) -> Snapshot | None:
        """What its last check leaves for a session with other sources; None when nothing of it can hold there."""
        self._build_upon_last()
        return self._snapshot if scope.lasting_key(sources) == self.scope.lasting_key(self.sources) else None

    # ---------------------------------------------------------------- the way of a check

    def check(self) -> Result:
        """What is found, with the severities and fixes that the settings want."""
        return self._as_wanted(self._found())

    def _as_wanted(self, result: Result) -> Result:
        settings = self.scope.settings
        severities = selection.severities(settings, self._table.every)
        unfixable = selection.unfixable(settings, self._table.every)
        if not severities and not unfixable:
            return result

        def adjusted(finding: Finding) -> Finding:
            severity = severities.get(finding.code, finding.severity)
            fix = None if finding.code in unfixable else finding.fix
            return msgspec.structs.replace(finding, severity=severity, fix=fix)

        findings, suppressed = (tuple(map(adjusted, each)) for each in (result.findings, result.suppressed))
        return msgspec.structs.replace(result, findings=findings, suppressed=suppressed)

    def check_again(self, sources: Mapping[str, Source]) -> Result:
        """What is found with other texts of some files."""
        self.put(sources)
        return self.check()

    def glance(self, path: str) -> tuple[Finding, ...]:
        """What is found in one file: what its own functions, routes and classes bring now; and what others brought at
        the last check, where that stands now.

        It is there long before a check, which has yet to say what the file means for others, and they for it.
        """
        from fastapi_lint.incremental.glancing import moved

        self._build_upon_last()
        project, rules = self.project, self._rules()
        reuse = self._reuse(project, rules.rules)
        if reuse is not None and path not in reuse.changed:  # an edit was taken back: nothing of it would be said again
            reuse = None
        judgement = rules.judge_alone(project, path, reuse)
        by_others = moved(self._by_others.get(path, ()), self._judged[path], self.sources[path])
        found = nearest([*judgement.findings, *by_others])
        here = tuple(sorted((finding for finding in found if finding.path == path), key=by_place))
        return self._as_wanted(self._suppressed(msgspec.structs.replace(judgement, findings=here), [path])).findings

    def put(self, sources: Mapping[str, Source]) -> None:
        """Other texts of some files: what is asked from now on is about them."""
        if sources:
            self.sources = {**self.sources, **sources}

    def _found(self) -> Result:
        """Index what is new, link, ask the rules, part the findings by suppressions; or find all that in the cache."""
        self._build_upon_last()
        key = digest(self.scope.key(self.sources), *self._digests().values()) if self._store.is_used else b""
        if key and (kept := self._store.result(key)) is not None:
            with suppress(RedactionError):
                return restore(kept, self.sources)
        judgement, reuse = self._judgement()
        result = self._suppressed(judgement, self.scope.reported)
        self._made = _Made(key, result, judgement, reuse)
        if self._lasts:
            self._by_others, self._judged = judgement.by_others(), self.sources
        return result

    def _build_upon_last(self) -> None:
        """A check is behind us (a round of fixes, an edit): the next one builds upon it."""
        if self._made is not None:
            self._snapshot = None if self._made.judgement.has_failed else self._taken({})
            self._made = None
            if self._states is not None and self._linked is not None and self._snapshot is not None:
                self._states.settle(self._linked[1])

    @property
    def project(self) -> Project:
        """The project that the sources are, linked."""
        from fastapi_lint.incremental.lasting import States
        from fastapi_lint.model.project import Project
        from fastapi_lint.tracking import recording

        if self._linked is None or self._linked[0] is not self.sources:
            if self._lasts:  # else only a check builds upon the one before: what that made is yet to be remembered
                self._build_upon_last()
                if (turned := self._turned()) is not None:
                    return turned
            if self._linked is not None:
                self._linked = None
                # As in a run (`story._batch`), and a project knows itself in many ways. Who lasts does it when idle.
                if not gc.isenabled() and not self._lasts:
                    gc.collect()
            sources = self.sources.values()
            if self._is_much_new():
                self._indexing.prepare(list(sources))
            (recording.enable if self._tracks else recording.disable)()
            settings = self.scope.settings
            states = self._states or States()
            make = partial(
                Project,
                states.modules(self.sources, self._indexing.facts),
                roots=settings.src,
                declared=self.scope.declared,
                targets=settings.target_versions,
                blocking=settings.blocking,
                taint=settings.taint,
            )
            self._linked = (self.sources, states.begin(make))
            self._states = states if self._lasts else None
        return self._linked[1]

    def _turned(self) -> Project | None:
        """The project of the state before, with what it knows, made to be about the sources as they are now.

        None when it is not known what of it holds, or another project has been linked since.
        """
        linked, self._linked = self._linked, None  # whatever ends this leaves nothing half done
        if linked is None or self._snapshot is None or self._states is None:
            return None
        if not self._states.turn(linked[1], self._states.modules(self.sources, self._indexing.facts)):
            return None
        self._reused = self.sources, self._compared(linked[1], self._rules().rules)
        self._linked = self.sources, linked[1]
        return linked[1]

    def _judgement(self) -> tuple[Judgement, Reuse | None]:
        """What the rules say, and of which earlier run a part of that is reused."""
        project, rules = self.project, self._rules()
        reuse = self._reuse(project, rules.rules)
        judgement = rules.judge(project, reuse)
        if reuse is None:
            return judgement, None
        try:
            every = reuse.completed(judgement.recorded, self.sources)
        except RedactionError:  # what would be reused cannot be read any more
            return rules.judge(project), None
        return judgement.completed(reuse, every, self.scope.reported), reuse

    def _rules(self) -> Rules:
        from fastapi_lint.run.judging import Rules

        codes = frozenset(self.scope.codes)
        selected = [rule for rule in self._load() if rule.code in codes]
        return Rules(selected, self.scope.settings.rules, self.scope.reported, self._jobs, self._progress)

    def _suppressed(self, judgement: Judgement, reported: Collection[str]) -> Result:
        from fastapi_lint.catalog.identities import identities
        from fastapi_lint.suppressing.parting import part

        kept, suppressed = part(
            judgement.findings,
            {path: self.sources[path] for path in sorted(reported) if path in self.sources},
            known=[*identities().values(), *self._table.brought],
            selected=self.scope.codes,
            ignored=selection.ignored_by_path(self.scope.settings, self._table.every),
            failed={(notice.path, notice.code) for notice in judgement.notices if notice.code},
            everywhere=self.sources,
            built={rule.code for rule in self._table.every},
        )
        routes = self.project.routes
        apps = sum(not app.module.is_test for app in routes.apps)
        notices = (*judgement.notices, *_too_large(kept, self.sources))
        return Result(kept, suppressed, notices, apps, sum(not route.module.is_test for route in routes.all))

    # ---------------------------------------------------------------- fixes

    def fix(
        self,
        result: Result,
        *,
        unsafe: bool,
        asked: Callable[[Sequence[Finding]], Sequence[Finding]] = lambda findings: findings,
    ) -> tuple[Result, Mapping[str, int], tuple[Notice, ...]]:
        """Apply fixes to the reported files until nothing changes, and take out the imports they made unused.

        `asked` says of the findings of each round which of them are to be fixed.
        """
        from fastapi_lint.fixing import fixer

        def again(sources: Mapping[str, Source]) -> Sequence[Finding]:
            nonlocal result
            self.sources = dict(sources)
            result = self.check()
            return asked(result.findings)

        fixed = fixer.converge(self.sources, again, asked(result.findings), unsafe=unsafe, tidy=self.unused_imports)
        self.sources = dict(fixed.sources)
        return result, fixed.applied, fixed.notices

    def unused_imports(self, before: Source, after: Source) -> Sequence[Edit]:
        """Edits that remove what fixes made unused in a file, unless another module takes it from there."""
        import libcst as cst

        from fastapi_lint.fixing.edits import newly_unused
        from fastapi_lint.model.names import is_named_outside

        if after.path in {module.path for module in self.project.re_exporting}:
            return ()
        try:
            return newly_unused(before, after, is_named=partial(is_named_outside, self.project.modules, after.path))
        except (Unreadable, cst.ParserSyntaxError, SyntaxError, RecursionError):
            return ()  # the file did not parse until a fix, by chance, mended it

    # ---------------------------------------------------------------- what is left for the next run, and reused

    def remember(self) -> None:
        """Leave the last result, a snapshot and the facts it was made from in the cache, but no secrets."""
        if not self._store.is_used:
            return
        self._store.keep_rules(self._table.own)
        if self._table.brought:
            self._store.keep_rules(self._table, self._table.plugins)
        if self._made is None:
            return
        fresh = self._indexing.fresh(self.sources)
        secrets = self._secrets(fresh)
        digests = self._digests()
        self._store.keep_facts(
            ((digests[path], data) for path, data in fresh.items() if path not in secrets), set(digests.values())
        )
        if not self._made.judgement.has_failed:
            with suppress(RedactionError):
                self._store.keep_result(self._made.key, redact(self._made.result, secrets, self.sources))
                self._store.keep_snapshot(self.scope.lasting_key(self.sources), self._taken(secrets))

    def _taken(self, secrets: Mapping[str, Collection[str]]) -> Snapshot | None:
        """The snapshot of the last judgement. Raises `RedactionError`."""
        from fastapi_lint.incremental.snapshot import NOTHING, take

        if self._made is None or self._linked is None or not self._tracks:
            return None
        judgement, reuse = self._made.judgement, self._made.reuse
        sources, project = self._linked
        return take(
            judgement.recorded,
            project,
            self._digests(sources),
            sources,
            broken=judgement.broken,
            notices=[notice for notice in judgement.notices if not notice.code],
            secrets=secrets,
            carried=NOTHING if reuse is None else reuse.carried(),
        )

    def _reuse(self, project: Project, rules: Sequence[Rule]) -> Reuse | None:
        """What holds of the snapshot that a run with the same rules and settings has left."""
        if self._reused is None or self._reused[0] is not self.sources:
            self._reused = self.sources, self._compared(project, rules)
        return self._reused[1]

    def _compared(self, project: Project, rules: Sequence[Rule]) -> Reuse | None:
        if self._snapshot is None or self._snapshot.served_tests != project.served_tests:
            return None
        from fastapi_lint.incremental.reuse import Reuse
        from fastapi_lint.model.names import Module

        kinds: dict[str, set[str]] = {}
        for rule in rules:
            for kind in rule.subjects:
                kinds.setdefault(kind.__name__, set()).add(rule.code)
        before: dict[str, Module] = {}
        digests, files = self._digests(), self._snapshot.files
        for path in self._snapshot.changed(digests):
            module = self._states.before.get(path) if self._states is not None else None
            if module is not None:
                before[path] = module
            elif path in files and (facts := self._indexing.known(files[path])) is not None:
                before[path] = Module(Source(path, b""), facts)
                before[path].settle(path in project.served_tests)
        return Reuse(self._snapshot, digests, project, kinds, before)

    def _is_much_new(self) -> bool:
        """Whether so much is new that all of it is indexed before anything else, if need be in several processes."""
        if self._snapshot is None and self._store.is_used:
            from fastapi_lint.incremental.snapshot import Snapshot

            self._snapshot = self._store.snapshot(self.scope.lasting_key(self.sources), Snapshot)
        if self._snapshot is None:
            return True
        changed = self._snapshot.changed(self._digests())
        return sum(len(self.sources[path].data) for path in changed if path in self.sources) >= indexing.WORTH_PROCESSES

    def _digests(self, sources: Mapping[str, Source] | None = None) -> dict[str, bytes]:
        """The digests of files, by path and in order of that."""
        sources = self.sources if sources is None else sources
        return {path: self._indexing.digest(sources[path]) for path in sorted(sources)}

    def _secrets(self, paths: Collection[str]) -> dict[str, list[str]]:
        """The secrets in files, by path."""
        from fastapi_lint.run.judging import Rules
        from fastapi_lint.run.secrets import RULES, secrets_in
        from fastapi_lint.tracking import recording

        def judge(others: Collection[str]) -> Sequence[Finding]:
            recording.record_into(None)
            return Rules([rule for rule in self._load() if rule.code in RULES], {}, others).judge(self.project).findings

        assert self._made is not None
        judged = self.scope.reported if RULES.issubset(self.scope.codes) else ()
        return secrets_in(self.sources, paths, self._made.judgement.findings, judged, judge)


def _too_large(findings: Sequence[Finding], sources: Mapping[str, Source]) -> Iterator[Notice]:
    """Notices about files with findings that have no tree, so that there are no fixes for them."""
    for path in sorted({finding.path for finding in findings}):
        if len(sources[path].data) > LARGEST_TREE:
            why = "too large for fixes, and for rules that look at the whole tree"
            yield Notice(f"{why}: split it, or exclude it if it is generated", path, level=Severity.INFO)
