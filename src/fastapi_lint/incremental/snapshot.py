"""What a run leaves for the next one, as data: verdicts, and what they and the tables depend on.

What of it still holds is found out in `reuse`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from fastapi_lint.engine import Judged
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Notice
from fastapi_lint.incremental.redaction import Redacted, Result, redact
from fastapi_lint.incremental.verdicts import DependsOn, Recorded, depends_on
from fastapi_lint.model.project import Project
from fastapi_lint.tracking.fingerprints import fingerprint
from fastapi_lint.tracking.pairs import PAIRS
from fastapi_lint.tracking.recording import EVERYTHING, Slice
from fastapi_lint.tracking.tables import ASKED, COLLECTED, EXTRACTS, Table, Whole, collection

ANY = -1
"""The number of a file that is changed whenever one is."""


class Numbered(msgspec.Struct, frozen=True, array_like=True):
    """Dependencies by their numbers in the snapshot: files and slices."""

    files: tuple[int, ...] = ()
    slices: tuple[int, ...] = ()


class StoredVerdict(msgspec.Struct, frozen=True, array_like=True):
    """A verdict (see `verdicts.Verdict`) with the number of its findings instead of these."""

    judged: Judged
    findings: int
    depends_on: Numbered
    fixes: tuple[tuple[int, bytes], ...]
    fix_depends_on: Numbered


class Contribution(msgspec.Struct, frozen=True, array_like=True):
    """The places at which a file contributes to a group of tables (see `tracking.tables`), if it does."""

    group: str
    file: int
    places: tuple[int, ...]
    depends_on: Numbered


class StoredTable(msgspec.Struct, frozen=True, array_like=True):
    """What a table was collected from, and the slices in which there is something, with the files that contribute it.

    No files where these are not known; no slices when they are not.
    """

    depends_on: Numbered
    contributors: dict[str, tuple[int, ...]] | None


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """What a run leaves for the next one with the same program, paths, rules and settings.

    `files` are digests by path. `findings` are those of all verdicts in their order, redacted. `slices` are all that
    something depends on, with their fingerprints where known. `subjects` are fingerprints of the project's subjects by
    path and kind; `extracts` those of what matters of each file for some tables. `served_tests` are the files that are
    called like tests and are none, which must be the same for any of it to hold.
    """

    files: dict[str, bytes]
    verdicts: tuple[StoredVerdict, ...]
    findings: Redacted
    slices: tuple[tuple[Slice, bytes | None], ...]
    subjects: tuple[tuple[str, str, bytes], ...]
    broken: tuple[str, ...]
    notices: tuple[Notice, ...]
    contributions: tuple[Contribution, ...]
    tables: dict[str, StoredTable]
    extracts: dict[str, tuple[bytes, ...]]
    served_tests: frozenset[str]

    def changed(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """The paths of the files that are not what they were, were not there or are no more, given the digests now."""
        return tuple(path for path in {**self.files, **files} if self.files.get(path) != files.get(path))

    def with_files(self, paths: Iterable[str]) -> Snapshot:
        """The same, with files that were not there: nothing was in them, so that they brought nothing to anything."""
        came = [path for path in paths if path not in self.files]
        if not came:
            return self
        numbers = range(len(self.files), len(self.files) + len(came))
        groups = dict.fromkeys(each.group for each in self.contributions)
        nothing = [Contribution(group, number, (), Numbered()) for group in groups for number in numbers]
        return msgspec.structs.replace(
            self,
            files={**self.files, **dict.fromkeys(came, b"")},
            contributions=(*self.contributions, *nothing),
            extracts={name: (*codes, *[b""] * len(came)) for name, codes in self.extracts.items()},
        )


@dataclass(frozen=True)
class Carried:
    """What of an earlier snapshot still holds, and is taken over: by group and path, by table, by table and path."""

    contributions: Mapping[tuple[str, str], tuple[tuple[int, ...], DependsOn]] = field(default_factory=dict)
    tables: Mapping[str, tuple[DependsOn, Mapping[str, Collection[str]] | None]] = field(default_factory=dict)
    extracts: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)


NOTHING = Carried()


def take(
    recorded: Recorded,
    project: Project,
    files: Mapping[str, bytes],
    sources: Mapping[str, Source],
    *,
    broken: tuple[str, ...] = (),
    notices: Iterable[Notice] = (),
    secrets: Mapping[str, Collection[str]],
    carried: Carried = NOTHING,
) -> Snapshot:
    """The snapshot of a run. `files` are digests by path; `secrets` are redacted. Raises `RedactionError`."""
    numbers = _Numbers(files)
    verdicts = tuple(
        StoredVerdict(
            each.judged,
            len(each.findings),
            numbers.of(each.depends_on),
            each.fixes,
            numbers.of(each.fix_depends_on),
        )
        for each in recorded.verdicts
    )
    findings = tuple(finding for verdict in recorded.verdicts for finding in verdict.findings)
    contributions = tuple(_contributions(project, numbers, carried))
    tables = dict(_tables(project, numbers, carried))
    fingerprints = dict(recorded.fingerprints)
    at_hand = [each for each in numbers.slices if each not in fingerprints and _is_at_hand(project, each)]
    fingerprints.update(project.slices(at_hand))
    return Snapshot(
        dict(files),
        verdicts,
        redact(Result(findings, (), ()), secrets, sources),
        tuple((each, fingerprints.get(each)) for each in numbers.slices),
        recorded.subjects,
        broken,
        tuple(notices),
        contributions,
        tables,
        {name: tuple(_extracts(name, project, carried)) for name in EXTRACTS if name in tables},
        project.served_tests,
    )


class _Numbers:
    """Numbers for paths and slices, given as they come."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.files = {path: number for number, path in enumerate(paths)}
        self.slices: dict[Slice, int] = {}

    def of(self, found: DependsOn) -> Numbered:
        """Dependencies by their numbers."""
        if EVERYTHING in found.slices:
            return Numbered((ANY,))
        for each in found.slices:
            if each not in self.slices:
                self.slices[each] = len(self.slices)
        return Numbered(
            tuple(map(self.files.__getitem__, found.modules)), tuple(map(self.slices.__getitem__, found.slices))
        )

    def paths(self, contributors: Mapping[str, Iterable[str]]) -> dict[str, tuple[int, ...]]:
        """Contributors by their numbers."""
        return {part: tuple(self.files[path] for path in paths) for part, paths in contributors.items()}


def _is_at_hand(project: Project, each: Slice) -> bool:
    """Whether the fingerprint of a slice is to be had without collecting anything for it."""
    if each.table not in COLLECTED and each.table not in ASKED:
        return False
    known = project.modules.tables.earlier.fingerprints
    return each in known or collection(project, each.table).dependencies is not None


def _contributions(project: Project, numbers: _Numbers, carried: Carried) -> Iterator[Contribution]:
    for (group, path), (places, found) in carried.contributions.items():
        yield Contribution(group, numbers.files[path], places, numbers.of(found))
    for group, contributed in project.modules.tables.contributed.items():
        for module, (at, dependencies) in contributed.items():
            if (group, module.path) not in carried.contributions:  # else not all of it was looked at again
                every = numbers.of(depends_on(dependencies | {module}))
                yield Contribution(group, numbers.files[module.path], tuple(sorted(at)), every)


def _tables(project: Project, numbers: _Numbers, carried: Carried) -> Iterator[tuple[str, StoredTable]]:
    for name in (*COLLECTED, *ASKED):
        table = collection(project, name)
        if table.dependencies is not None and (name not in PAIRS or name in project.modules.tables.contributors):
            # Of what modules bring by themselves it is not asked what it was collected from.
            every = Numbered() if name in PAIRS else numbers.of(depends_on(table.dependencies))
            # What is collected from everything is invalidated anyway, and its slices may be named by texts.
            is_lost = ANY in every.files and name not in EXTRACTS
            yield name, StoredTable(every, None if is_lost else _contributors(project, numbers, name, table))
        elif name in carried.tables:
            found, contributors = carried.tables[name]
            numbered = None if contributors is None else numbers.paths(contributors)
            yield name, StoredTable(numbers.of(found), numbered)


def _contributors(
    project: Project, numbers: _Numbers, name: str, table: Table[Hashable, object] | Whole[object]
) -> dict[str, tuple[int, ...]] | None:
    known = project.modules.tables.contributors.get(name)
    if known is not None:
        return numbers.paths(known)
    return None if isinstance(table, Whole) else dict.fromkeys(table.parts, ())


def _extracts(name: str, project: Project, carried: Carried) -> Sequence[bytes]:
    known = carried.extracts.get(name, {})
    modules = project.modules.by_path.items()
    return [known[path] if path in known else fingerprint(EXTRACTS[name](module)) for path, module in modules]
