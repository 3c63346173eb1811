"""The rules over a linked project: in this process, or in several that inherit the project. Touches no disk."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from fastapi_lint.engine import check
from fastapi_lint.finding import Finding, Notice, by_place, nearest
from fastapi_lint.incremental.recorder import Recorder
from fastapi_lint.incremental.verdicts import Recorded, merged
from fastapi_lint.model.names import Module
from fastapi_lint.model.project import Project
from fastapi_lint.rule import Option, Rule
from fastapi_lint.run import indexing, workers
from fastapi_lint.tracking import recording

if TYPE_CHECKING:
    from fastapi_lint.incremental.reuse import Reuse

_SHARES = 6
"""Into how many shares per process the modules are divided: enough that none waits for long."""


class Judgement(msgspec.Struct, frozen=True, array_like=True):
    """What the rules said: findings in order of place, notices, files that do not parse; and what was recorded."""

    findings: tuple[Finding, ...]
    notices: tuple[Notice, ...]
    broken: tuple[str, ...]
    recorded: Recorded = Recorded()

    @property
    def has_failed(self) -> bool:
        """Whether a rule raised: another time it may not, so such a judgement is not kept."""
        return any(notice.code for notice in self.notices)

    def by_others(self) -> dict[str, list[Finding]]:
        """By path of a file, what was found there over something that stands in another one."""
        found: dict[str, list[Finding]] = {}
        for verdict in self.recorded.verdicts:
            for finding in verdict.findings:
                if finding.path != verdict.judged[1]:
                    found.setdefault(finding.path, []).append(finding)
        return found

    def completed(self, reuse: Reuse, recorded: Recorded, reported: Collection[str]) -> Judgement:
        """This judgement with what is reused of an earlier run (`recorded` is both together)."""
        every = (finding for verdict in recorded.verdicts for finding in verdict.findings)
        findings = nearest(finding for finding in every if finding.path in reported)
        notices = tuple(dict.fromkeys((*reuse.notices, *self.notices)))
        return Judgement(tuple(sorted(findings, key=by_place)), notices, self.broken, recorded)


@dataclass(frozen=True)
class Rules:
    """What is asked: rules with their options (by code), about the files with these paths, in so many processes."""

    rules: Sequence[Rule]
    options: Mapping[str, Mapping[str, Option]]
    reported: Collection[str]
    jobs: int = 1
    progress: Callable[[str, int, int], None] | None = None

    def judge(self, project: Project, reuse: Reuse | None = None) -> Judgement:
        """What the rules say about a project, but for what is reused."""
        reported = [path for path in project.modules.by_path if path in self.reported]
        sources = [project.modules.by_path[path].source for path in reported]
        touched = sum(len(source.data) for source in sources if reuse is None or source.path in reuse.touched)
        if self.jobs > 1 and touched >= indexing.WORTH_PROCESSES and workers.can_inherit():
            size = sum(len(source.data) for source in sources)
            groups = indexing.grouped(sources, max(size // (self.jobs * _SHARES), 1))
            return self._shared(project, [frozenset(source.path for source in group) for group in groups], reuse)
        return self._said(project, self.rules, reuse, progress=self._checking)

    def judge_alone(self, project: Project, path: str, reuse: Reuse | None = None) -> Judgement:
        """What the rules say of that which stands in one file, but for those that look at the project as a whole."""
        rules = [rule for rule in self.rules if Project not in rule.subjects]
        return self._said(project, rules, reuse, share=frozenset([path]))

    def _said(
        self,
        project: Project,
        rules: Sequence[Rule],
        reuse: Reuse | None,
        *,
        share: Collection[str] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Judgement:
        recorder = Recorder(project, reuse) if recording.active else None
        made = check(project, rules, self.options, only=self._is_asked, share=share, plan=recorder, progress=progress)
        recorded = recorder.recorded(made.said) if recorder is not None else Recorded()
        return Judgement(made.findings, made.notices, made.broken, recorded)

    def _shared(self, project: Project, shares: Sequence[Collection[str]], reuse: Reuse | None) -> Judgement:
        """The shares of modules, each judged in a process that inherits the linked project."""
        project.prepare()  # what all processes would find out, each for itself
        gc.freeze()

        def judge(question: bytes) -> bytes:
            return msgspec.msgpack.encode(self._said(project, self.rules, reuse, share=shares[int(question)]))

        found: list[Judgement] = []
        try:
            for answer in workers.answers(judge, [str(i).encode() for i in range(len(shares))], self.jobs):
                found.append(msgspec.msgpack.decode(answer, type=Judgement))
                self._checking(len(found), len(shares))
        finally:
            gc.unfreeze()
        whole = together(found)
        # A rule about one module may have been the first to see that another one, of another share, does not parse.
        for path in whole.broken:
            project.modules.by_path[path].is_broken = True
        of_modules = [rule for rule in self.rules if Module in rule.subjects]
        if whole.broken and of_modules:
            whole = together((whole, self._said(project, of_modules, None, share=frozenset(whole.broken))))
        return whole

    def _is_asked(self, module: Module) -> bool:
        return module.path in self.reported

    def _checking(self, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress("checking", done, total)


def together(shares: Iterable[Judgement]) -> Judgement:
    """What the shares of a project come to: the same as one judgement over all of it."""
    shares = list(shares)
    findings = nearest(finding for share in shares for finding in share.findings)
    notices: dict[tuple[str, str], Notice] = {}
    for share in shares:
        for notice in share.notices:
            notices.setdefault((notice.code, notice.path), notice)
    return Judgement(
        tuple(sorted(findings, key=by_place)),
        tuple(notices[key] for key in sorted(notices)),
        tuple(sorted({path for share in shares for path in share.broken})),
        merged(share.recorded for share in shares),
    )
