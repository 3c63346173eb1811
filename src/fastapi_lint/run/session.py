"""The sources of one run and what is made of them: facts, the project, findings, from the cache where it has them.

Touches no disk but through the cache that it is given, and prints nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from fastapi_lint.config import selection
from fastapi_lint.config.settings import Settings
from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.finding import Edit, Finding, Notice, by_place
from fastapi_lint.incremental.redaction import Result, Unsealable, seal, unseal
from fastapi_lint.run import indexing
from fastapi_lint.run.cache import RuleTable, Store, digest

if TYPE_CHECKING:
    from fastapi_lint.engine import Checked
    from fastapi_lint.incremental.reuse import Standing
    from fastapi_lint.incremental.snapshot import Record
    from fastapi_lint.model.project import Project
    from fastapi_lint.rule import Rule

_SHARES = 6
"""Into how many shares per process the modules are divided for the rules: enough that none waits for long."""
_SECRETS = frozenset({"FAPI601", "FAPI602", "FAPI603"})
"""The rules that find secrets in the source: a file in which they do leaves nothing in the cache."""
_INDIFFERENT = frozenset({
    "root", "file", "select", "extend_select", "ignore", "exclude", "extend_exclude", "baseline", "output_format",
    "fix", "unsafe_fixes",
})  # fmt: skip
"""Settings that do not change what an analysis of given files with given rules finds."""


class Desk:
    """The sources of one run, which fixes replace, and the project linked from them.

    `codes` are the selected rules; `load` imports them, and is asked only if the cache has no answer.
    """

    def __init__(
        self,
        settings: Settings,
        table: RuleTable,
        codes: Sequence[str],
        load: Callable[[], Sequence[Rule]],
        sources: dict[str, Source],
        reported: set[str],
        declared: Mapping[str, str],
        store: Store,
        *,
        jobs: int = 1,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        self.sources = sources
        self._settings = settings
        self._table = table
        self._codes = codes
        self._load = load
        self._reported = reported
        self._declared = declared
        self._store = store
        self._jobs = jobs
        self._progress = progress
        self._indexing = indexing.Indexing(store, jobs, progress)
        self._linked: tuple[dict[str, Source], Project] | None = None
        self._made: tuple[bytes, Result, Checked] | None = None
        self._kept: Record | None = None
        self._held: Standing | None = None

    def check(self) -> Result:
        """Index what is new, link, run the rules, and part the findings by suppressions; or remember all that."""
        if self._made is not None:
            failed = any(notice.code for notice in self._made[2].notices)
            self._kept = None if failed else self._record({})
            self._made = None
        key = self._key() if self._store.is_used else b""
        if key and (held := self._store.result(key)) is not None:
            with suppress(Unsealable):
                return unseal(held, self.sources)
        checked = self._checked()
        result = self._suppressed(checked)
        self._made = (key, result, checked)
        return result

    @property
    def project(self) -> Project:
        """The project that the sources are, linked."""
        from fastapi_lint.model.names import Module
        from fastapi_lint.model.project import Project
        from fastapi_lint.tracking import recording

        if self._linked is None or self._linked[0] is not self.sources:
            if self._linked is not None:
                self._linked = None
                gc.collect()  # a project knows itself in many ways, and a run has no collector (`run._batch`)
            sources = self.sources.values()
            if self._is_much_new():
                self._indexing.prepare(list(sources))
            modules = (Module(source, partial(self._indexing.facts, source)) for source in sources)
            (recording.enable if self._store.is_used else recording.disable)()
            settings = self._settings
            project = Project(
                modules,
                roots=settings.src,
                declared=self._declared,
                targets=settings.target_versions,
                blocking=settings.blocking,
            )
            self._linked = (self.sources, project)
        return self._linked[1]

    def fix(self, state: Result, *, unsafe: bool) -> tuple[Result, Mapping[str, int], tuple[Notice, ...]]:
        """Apply fixes to the reported files until nothing changes, and take out the imports they made unused."""
        from fastapi_lint.fixing import fixer

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
        from fastapi_lint.fixing.edits import newly_unused

        if after.path in {module.path for module in self.project.re_exporting}:
            return ()
        import libcst as cst

        try:
            return newly_unused(before, after)
        except (Unreadable, cst.ParserSyntaxError, RecursionError):
            return ()  # the file did not parse until a fix, by chance, mended it

    # ---------------------------------------------------------------- rules

    def _checked(self) -> Checked:
        """What the rules say, as far as they have not said it in the last run."""
        project = self.project
        rules = [rule for rule in self._load() if rule.code in self._codes]
        held = self._held = self._standing(project, rules)
        checked = self._judged(project, rules, held)
        if held is None:
            return checked
        try:
            return held.with_standing(checked, self.sources, self._reported)
        except Unsealable:  # what stands cannot be read any more
            self._held = None
            return self._judged(project, rules, None)

    def _judged(self, project: Project, rules: Sequence[Rule], held: Standing | None) -> Checked:
        from fastapi_lint.engine import check

        reported = [path for path in project.modules.by_path if path in self._reported]
        size = sum(len(self.sources[path].data) for path in reported if held is None or path in held.touched)
        if self._jobs > 1 and size >= indexing.WORTH_PROCESSES:
            from fastapi_lint.run import workers

            if workers.can_inherit():
                return self._shared(project, rules, reported, held)
        progress = self._progress
        return check(
            project,
            rules,
            self._settings.rules,
            only=lambda module: module.path in self._reported,
            held=held,
            progress=None if progress is None else lambda done, total: progress("checking", done, total),
        )

    def _standing(self, project: Project, rules: Sequence[Rule]) -> Standing | None:
        """What stands of what the last run left, if that was a run with the same paths, rules and settings."""
        if self._kept is None:
            return None
        from fastapi_lint.incremental.reuse import Standing
        from fastapi_lint.model.names import Module

        kinds: dict[str, set[str]] = {}
        for rule in rules:
            for kind in rule.subjects:
                kinds.setdefault(kind.__name__, set()).add(rule.code)
        before = []
        files = self._files(self.sources)
        for path in self._kept.changed(files):
            facts = self._indexing.known(self._kept.files[path])
            before.append(None if facts is None else Module(Source(path, b""), facts))
        return Standing(self._kept, files, project, kinds, before)

    def _is_much_new(self) -> bool:
        """Whether so much is new that all of it is indexed before anything else, if need be in several processes."""
        if self._kept is None and self._store.is_used:
            from fastapi_lint.incremental.snapshot import Record

            self._kept = self._store.verdicts(self._scope(), Record)
        if self._kept is None:
            return True
        changed = self._kept.changed(self._files(self.sources))
        return sum(len(self.sources[path].data) for path in changed) >= indexing.WORTH_PROCESSES

    def _shared(
        self, project: Project, rules: Sequence[Rule], reported: Sequence[str], held: Standing | None
    ) -> Checked:
        """The rules in several processes that inherit the linked project; each judges some of the modules."""
        from fastapi_lint.engine import Checked, check, merged
        from fastapi_lint.model.names import Module
        from fastapi_lint.run import workers

        sources = [self.sources[path] for path in reported]
        size = sum(len(source.data) for source in sources)
        shares = [
            frozenset(source.path for source in group)
            for group in indexing.grouped(sources, max(size // (self._jobs * _SHARES), 1))
        ]
        project.prepare()  # what all processes would find out, each for itself
        gc.freeze()

        def judge(question: bytes) -> bytes:
            made = check(project, rules, self._settings.rules, only=wanted, share=shares[int(question)], held=held)
            return msgspec.msgpack.encode(made)

        def wanted(module: Module) -> bool:
            return module.path in self._reported

        found: list[Checked] = []
        try:
            for answer in workers.answers(judge, [str(i).encode() for i in range(len(shares))], self._jobs):
                found.append(msgspec.msgpack.decode(answer, type=Checked))
                if self._progress is not None:
                    self._progress("checking", len(found), len(shares))
        finally:
            gc.unfreeze()
        whole = merged(found)
        # A rule about one module may have been the first to see that another one, of another share, does not parse.
        for path in whole.broken:
            project.modules.by_path[path].is_broken = True
        of_modules = [rule for rule in rules if Module in rule.subjects]
        broken = frozenset(whole.broken)
        if broken and of_modules:
            again = check(project, of_modules, self._settings.rules, only=wanted, share=broken)
            whole = merged((whole, again))
        return whole

    def _suppressed(self, checked: Checked) -> Result:
        from fastapi_lint.catalog.identities import identities
        from fastapi_lint.suppressing import suppression

        by_path: dict[str, list[Finding]] = {}
        for finding in checked.findings:
            by_path.setdefault(finding.path, []).append(finding)
        silenced = selection.ignored_by_path(self._settings, self._table.built)
        known = list(identities().values())
        failed = {(notice.path, notice.code) for notice in checked.notices if notice.code}
        kept: list[Finding] = []
        suppressed: list[Finding] = []
        for path in sorted(self._reported):
            source, own = self.sources.get(path), by_path.get(path, [])
            if source is None or (not own and not suppression.may_be_spare(source.data)):
                continue
            ignored = silenced(path)
            asked = {code for code in self._codes if code not in ignored and (path, code) not in failed}
            applied = suppression.apply(
                (f for f in own if f.code in asked or f.code not in ignored), source, known=known, selected=asked
            )
            kept += applied.kept
            kept += applied.unused
            suppressed += applied.suppressed
        kept.sort(key=by_place)
        return Result(tuple(kept), tuple(sorted(suppressed, key=by_place)), checked.notices)

    # ---------------------------------------------------------------- memory

    def _key(self) -> bytes:
        """What a result depends on, besides the program."""
        return digest(self._scope(), *self._files(self.sources).values())

    def _scope(self) -> bytes:
        """What a result depends on, besides the program and what is in the files."""
        settings = {
            field.name: getattr(self._settings, field.name)
            for field in fields(self._settings)
            if field.name not in _INDIFFERENT
        }
        said = [list(self._codes), settings, sorted(self._reported), self._declared]
        return digest(msgspec.msgpack.encode(said, order="deterministic"), *map(_name, sorted(self.sources)))

    def _files(self, sources: Mapping[str, Source]) -> dict[str, bytes]:
        """The digests of files, by path and in order of that."""
        return {path: self._indexing.digest(sources[path]) for path in sorted(sources)}

    def remember(self) -> None:
        """Leave the last result and the facts it was made from in the cache, but no secrets."""
        if not self._store.is_used:
            return
        self._store.keep_rules(self._table)
        if self._made is None:
            return
        key, result, checked = self._made
        fresh = self._indexing.fresh(self.sources)
        secret = self._secrets(fresh, checked)
        files = self._files(self.sources)
        self._store.keep_facts(
            ((files[path], data) for path, data in fresh.items() if path not in secret), set(files.values())
        )
        if not any(notice.code for notice in checked.notices):  # a rule that failed may not fail again
            with suppress(Unsealable):
                self._store.keep_result(key, seal(result, secret, self.sources))
                self._store.keep_verdicts(self._scope(), self._record(secret))

    def _record(self, secret: Mapping[str, Collection[str]]) -> Record | None:
        """What the last run found out about each file. Raises `Unsealable`."""
        from fastapi_lint.incremental.snapshot import record

        if self._made is None or self._linked is None or not self._store.is_used:
            return None
        sources, project = self._linked
        return record(self._made[2], project, self._files(sources), secret, sources, self._held)

    def _secrets(self, paths: Collection[str], checked: Checked) -> dict[str, list[str]]:
        """The files that hold secrets, as far as the rules about them and the catalogue can tell, with these secrets.

        The rules are asked about files for which they were not selected, too.
        """
        from fastapi_lint.catalog import secrets
        from fastapi_lint.engine import check
        from fastapi_lint.tracking import recording

        found: dict[str, list[str]] = {}
        findings = list(checked.findings)
        judged = self._reported if _SECRETS.issubset(self._codes) else frozenset[str]()
        unjudged = frozenset(path for path in paths if path not in judged)
        if unjudged:
            recording.record_into(None)
            rules = [rule for rule in self._load() if rule.code in _SECRETS]
            findings += check(self.project, rules, only=lambda module: module.path in unjudged).findings
        for finding in findings:
            if finding.code in _SECRETS:
                found.setdefault(finding.path, []).extend(_literals(self.sources[finding.path], finding))
        for path in paths:
            source = self.sources[path]
            if secrets.may_hold_token(source.data):
                try:
                    text = source.text
                except Unreadable:
                    continue
                tokens = [text[start:end] for _, start, end in secrets.occurrences(text)]
                if tokens:
                    found.setdefault(path, []).extend(tokens)
        return found


def _literals(source: Source, finding: Finding) -> Iterator[str]:
    """The texts in quotes where a finding is: the secret, with what stands beside it."""
    span = finding.span
    text = source.text[source.offset(span.line, span.column) : source.offset(span.end_line, span.end_column)]
    for quote in ("'", '"'):
        yield from text.split(quote)[1::2]


def _name(path: str) -> bytes:
    return path.encode("utf-8", "surrogatepass")
