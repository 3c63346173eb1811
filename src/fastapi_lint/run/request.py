"""What is asked of a run, and what comes of it: plain data, and the outcomes of several projects as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from fastapi_lint.config.settings import Settings
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Endpoints, Finding, Notice, by_place
from fastapi_lint.run.registry import RuleRow


@dataclass(frozen=True)
class Request:
    """What is asked of a run. `paths` filter the report; the model sees everything below `root`.

    `own` is asked for the settings of a directory below the root that may be a project of its own; without it, nothing
    is one. `place` is where the root lies below the one that was asked for, "" or with a slash at its end: the paths of
    a baseline that the command line names count from there. `explain`: it is to be said what was understood;
    `follow`: which endpoints come to what was found.
    """

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
    fix_baseline: bool = False
    progress: Callable[[str, int, int], None] | None = None
    own: Callable[[Path, Settings], Settings | None] | None = None
    place: str = ""
    explain: bool = False
    follow: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of it: findings after suppressions and baseline, in order of place, and what was written.

    `rules` are those that were asked. `apps` and `routes` are how many the projects have, tests excepted;
    `understood` says more of that, in sentences, and `endpoints` which of them run the functions around findings.
    """

    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Finding, ...] = ()
    notices: tuple[Notice, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    files: int = 0
    fixed: Mapping[str, int] = field(default_factory=dict)
    diff: str = ""
    stdin_output: str | None = None
    changed_files: tuple[str, ...] = ()
    rules: tuple[RuleRow, ...] = ()
    apps: int = 0
    routes: int = 0
    understood: tuple[str, ...] = ()
    endpoints: Endpoints = field(default_factory=dict)


def together(outcomes: Sequence[tuple[str, Outcome]]) -> Outcome:
    """The outcomes of several projects as that of one; each with its place below the common root."""
    if len(outcomes) == 1 and not outcomes[0][0]:
        return outcomes[0][1]
    moved = [_moved(outcome, place) if place else outcome for place, outcome in outcomes]
    fixed: Counter[str] = Counter()
    for outcome in moved:
        fixed.update(outcome.fixed)
    rules = {rule.code: rule for outcome in moved for rule in outcome.rules}
    return Outcome(
        findings=tuple(sorted((each for outcome in moved for each in outcome.findings), key=by_place)),
        suppressed=tuple(sorted((each for outcome in moved for each in outcome.suppressed), key=by_place)),
        notices=tuple(dict.fromkeys(each for outcome in moved for each in outcome.notices)),
        sources={path: source for outcome in moved for path, source in outcome.sources.items()},
        files=sum(outcome.files for outcome in moved),
        fixed=dict(sorted(fixed.items())),
        diff="".join(outcome.diff for outcome in moved),
        changed_files=tuple(path for outcome in moved for path in outcome.changed_files),
        rules=tuple(rules[code] for code in sorted(rules)),
        apps=sum(outcome.apps for outcome in moved),
        routes=sum(outcome.routes for outcome in moved),
        understood=tuple(said for outcome in moved for said in outcome.understood),
        endpoints={at: names for outcome in moved for at, names in outcome.endpoints.items()},
    )


def _moved(outcome: Outcome, place: str) -> Outcome:
    return replace(
        outcome,
        findings=tuple(_finding(each, place) for each in outcome.findings),
        suppressed=tuple(_finding(each, place) for each in outcome.suppressed),
        notices=tuple(_notice(each, place) for each in outcome.notices),
        sources={place + path: source for path, source in _shown(outcome).items()},
        changed_files=tuple(place + path for path in outcome.changed_files),
        understood=tuple(f"{place.rstrip('/')}: {said}" for said in outcome.understood),
        endpoints={
            (place + path, line): frozenset(place + name for name in names)
            for (path, line), names in outcome.endpoints.items()
        },
    )


def _shown(outcome: Outcome) -> Mapping[str, Source]:
    """The sources that a report may show something of: those of the others need not be kept until the end."""
    paths: Collection[str] = {
        path
        for finding in (*outcome.findings, *outcome.suppressed)
        for path in (finding.path, *(related.path for related in finding.related))
    }
    return {path: source for path, source in outcome.sources.items() if path in paths}


def _finding(finding: Finding, place: str) -> Finding:
    related = tuple(msgspec.structs.replace(each, path=place + each.path) for each in finding.related)
    return msgspec.structs.replace(finding, path=place + finding.path, related=related)


def _notice(notice: Notice, place: str) -> Notice:
    path = place + notice.path if notice.path else notice.path
    return msgspec.structs.replace(notice, path=path.removesuffix("/."))
