"""The plan of an incremental run: records what verdicts depend on, and leaves out what can be reused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from fastapi_lint.engine import WHOLE, Judged, Plan, Task
from fastapi_lint.finding import Finding, by_place
from fastapi_lint.incremental.reuse import Reuse
from fastapi_lint.incremental.verdicts import Recorded, Verdict, depends_on
from fastapi_lint.model.names import Module
from fastapi_lint.model.project import Project
from fastapi_lint.rule import Check, Making
from fastapi_lint.tracking import recording
from fastapi_lint.tracking.fingerprints import fingerprint, plain
from fastapi_lint.tracking.recording import DependencySet, Input


@dataclass
class _Dependencies:
    """What a verdict in the making depends on, its fixes apart, and the fingerprints of what these are made from."""

    own: DependencySet = field(default_factory=set)
    of_fixes: DependencySet = field(default_factory=set)
    fixes: dict[Finding, bytes] = field(default_factory=dict)


class Recorder(Plan):
    """A plan that records; with `reuse`, only what an earlier run does not tell is judged."""

    def __init__(self, project: Project, reuse: Reuse | None = None) -> None:
        super().__init__(project)
        self._reuse = reuse
        self._verdicts: dict[Judged, _Dependencies] = {}
        self._subjects: dict[Module, Mapping[str, bytes]] = {}
        self._watched: Judged = ("", WHOLE)
        self._read: DependencySet = set()
        self._before: DependencySet | None = None

    def whole(self) -> Collection[str] | None:
        """The rules whose verdicts on the project are invalid."""
        return self._reuse.due(WHOLE, {}) if self._reuse is not None else None

    def tasks(self, modules: Sequence[Module], kinds: Sequence[str]) -> Sequence[Task]:
        """The modules on which a verdict is invalid. Only subjects that may have changed, or are due, are collected."""
        reuse = self._reuse
        same = [kind for kind in kinds if reuse is not None and reuse.has_same(kind)]
        placed = self.project.subjects_by_module([kind for kind in kinds if kind not in same], modules)
        found = self._subjects = {module: _fingerprints(subjects) for module, subjects in placed.items()}
        if reuse is None:
            return [Task(module, None, placed[module]) for module in modules]
        tasks = []
        again: set[str] = set()
        for module in modules:
            earlier = reuse.subjects(module.path)
            found[module] = {**found[module], **{kind: earlier[kind] for kind in same if kind in earlier}}
            due = reuse.due(module.path, found[module])
            if due is None or due:
                tasks.append(Task(module, due, placed[module]))
                again.update(kind for kind in same if kind in found[module] and reuse.asks_for(kind, due))
        more = self.project.subjects_by_module(sorted(again), [task.module for task in tasks])
        return [Task(task.module, task.due, [*task.subjects, *more[task.module]]) for task in tasks]

    def watching(self, judged: Judged) -> Recorder:
        """Dependencies that are recorded inside belong to a verdict."""
        self._watched = judged
        return self

    def __enter__(self) -> None:
        self._before = recording.record_into(self._read)

    def __exit__(self, *_: object) -> None:
        recording.record_into(self._before)
        if self._read:
            self._dependencies(self._watched).own.update(self._read)
            self._read.clear()

    def opened(self, judged: Judged, subject: object) -> object:
        """A subject, on whose making the verdict depends."""
        self._dependencies(judged).own.add(self.project.sources_of(subject))
        return self.project.opened(subject)

    def fixed(self, judged: Judged, finding: Finding, making: Making) -> Finding:
        """The fix of the earlier run, if it was made from the same and would be made again; else a new one."""
        dependencies = self._dependencies(judged)
        made_from = _fingerprint_of(making, dependencies.of_fixes)
        fixed = None
        if self._reuse is not None and made_from is not None:
            fixed = self._reuse.fixed(judged, finding, made_from)
        if fixed is None:
            before = recording.record_into(dependencies.of_fixes)
            try:
                fixed = super().fixed(judged, finding, making)
            finally:
                recording.record_into(before)
        if made_from is not None:
            dependencies.fixes[fixed] = made_from
        return fixed

    def recorded(self, said: Mapping[Judged, Collection[Finding]]) -> Recorded:
        """Everything that was recorded, given what the rules said."""
        verdicts = tuple(self._made(said))
        slices = {each for verdict in verdicts for each in verdict.depends_on.slices}
        return Recorded(
            verdicts,
            tuple(self.project.slices(slices).items()),
            tuple(
                (module.path, kind, code) for module, found in self._subjects.items() for kind, code in found.items()
            ),
        )

    def _made(self, said: Mapping[Judged, Collection[Finding]]) -> Iterator[Verdict]:
        for judged in {**said, **self._verdicts}:
            findings = tuple(sorted(said.get(judged, ()), key=by_place))
            dependencies = self._dependencies(judged)
            if not findings and not dependencies.own:
                continue
            together = dependencies.own | dependencies.of_fixes if dependencies.of_fixes else dependencies.own
            every = depends_on(together, but=judged[1])
            if findings or every.modules or every.slices:
                made_from = dependencies.fixes
                fixes = tuple((number, made_from[each]) for number, each in enumerate(findings) if each in made_from)
                yield Verdict(judged, findings, every, fixes, depends_on(dependencies.of_fixes, but=judged[1]))

    def _dependencies(self, judged: Judged) -> _Dependencies:
        found = self._verdicts.get(judged)
        if found is None:
            found = self._verdicts[judged] = _Dependencies()
        return found


def _fingerprints(subjects: Iterable[tuple[str, object]]) -> dict[str, bytes]:
    """The fingerprints of a module's subjects, by kind."""
    by_kind: dict[str, list[object]] = {}
    for kind, subject in subjects:
        by_kind.setdefault(kind, []).append(plain(subject))
    return {kind: fingerprint(found) for kind, found in by_kind.items()}


def _fingerprint_of(making: Making, dependencies: DependencySet) -> bytes | None:
    """A fingerprint of what a fix is made from: the function and its arguments; None when these cannot be compared.

    The modules that the arguments lead to are added to `dependencies`: what is in them is known by its place alone.
    """
    if not isinstance(making, partial) or making.keywords:
        return None
    called = making.func
    owner = getattr(called, "__self__", None)
    given = [None if isinstance(each, Check) else each for each in (owner, *making.args)]
    found: set[Input] = set()
    try:
        made_from = fingerprint([called.__module__, called.__qualname__, plain(given, found)])
    except (AttributeError, TypeError, RecursionError):
        return None
    dependencies |= found
    return made_from
