"""What a run leaves about each of its files for the next one: verdicts, and what they and the tables were made from.

Plain data; what of it still stands is found out in `standing`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from fastapi_lint.engine import Checked, Judged
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Notice
from fastapi_lint.incremental.redaction import Result, Sealed, seal
from fastapi_lint.model.project import Project
from fastapi_lint.tracking import recording
from fastapi_lint.tracking.fingerprints import fingerprint
from fastapi_lint.tracking.recording import EVERYTHING, DependencySet, Slice
from fastapi_lint.tracking.tables import COLLECTED, EXTRACTS, PAIRS, Table, Whole, collection

if TYPE_CHECKING:
    from fastapi_lint.incremental.reuse import Standing

ANY = -1
"""The number of a file that is changed whenever one is."""


class Origins(msgspec.Struct, frozen=True, array_like=True):
    """What something was made from: files and slices of tables, by their numbers in the record."""

    files: tuple[int, ...]
    slices: tuple[int, ...]


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A verdict, how many findings are its own, and what their fixes were made of (see `engine.Verdict`)."""

    judged: Judged
    findings: int
    origins: Origins
    asked: tuple[tuple[int, bytes], ...] = ()
    fixes: Origins = Origins((), ())


class Contribution(msgspec.Struct, frozen=True, array_like=True):
    """The places at which a file contributes to a group of tables (see `model.tables`), if it does."""

    group: str
    file: int
    places: tuple[int, ...]
    origins: Origins


class Gathered(msgspec.Struct, frozen=True, array_like=True):
    """What a table was collected from, and the slices in which there is something, with the files that bring it.

    Without the latter where they are not known; no slices when that is not known.
    """

    origins: Origins
    filled: dict[str, tuple[int, ...]] | None


class Record(msgspec.Struct, frozen=True, array_like=True):
    """What a run leaves for the next one, given the same paths, rules and settings.

    `files` are digests by path. `findings` are those of all verdicts in their order, without secrets. `slices` are all
    that are spoken of, with what stands in them in short where that is known. `subjects` are those of the project, in
    short, by path and kind; `extracts` what matters of each file for some tables, in short.
    """

    files: dict[str, bytes]
    verdicts: tuple[Kept, ...]
    findings: Sealed
    slices: tuple[tuple[Slice, bytes | None], ...]
    subjects: tuple[tuple[str, str, bytes], ...]
    broken: tuple[str, ...]
    notices: tuple[Notice, ...]
    contributions: tuple[Contribution, ...]
    tables: dict[str, Gathered]
    extracts: dict[str, tuple[bytes, ...]]

    def changed(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """The paths of the files that are not what they were, in order, given the digests now."""
        return tuple(path for path, digest in self.files.items() if files[path] != digest)


class _Numbers:
    """Numbers for paths and slices, given as they are spoken of."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.files = {path: number for number, path in enumerate(paths)}
        self.slices: dict[Slice, int] = {}

    def origins(self, paths: Iterable[str], slices: Iterable[Slice]) -> Origins:
        """What was read, as it is kept."""
        looked_at = [each for each in slices if each != EVERYTHING]
        files = tuple(self.files[path] for path in paths)
        if len(looked_at) < len(list(slices)):
            return Origins((ANY,), ())
        return Origins(files, tuple(self.slices.setdefault(each, len(self.slices)) for each in looked_at))

    def read(self, reads: DependencySet) -> Origins:
        """What was noted, as it is kept."""
        modules, slices = recording.flattened(reads)
        return self.origins(sorted(module.path for module in modules), sorted(slices, key=repr))


def record(
    checked: Checked,
    project: Project,
    files: Mapping[str, bytes],
    secrets: Mapping[str, Collection[str]],
    sources: Mapping[str, Source],
    before: Standing | None = None,
) -> Record:
    """What is to be kept of a run; `before` is what it has built upon. Raises `Unsealable`, as `seal` does."""
    numbers = _Numbers(files)
    verdicts = tuple(
        Kept(
            each.judged,
            len(each.findings),
            numbers.origins(each.modules, each.slices),
            each.asked,
            numbers.origins(each.fix_modules, each.fix_slices),
        )
        for each in checked.verdicts
    )
    findings = tuple(finding for verdict in checked.verdicts for finding in verdict.findings)
    contributions = tuple(_contributions(project, numbers, before))
    tables = dict(_tables(project, numbers, before))
    told = dict(checked.slices)
    there = [each for each in numbers.slices if each not in told and _is_there(project, each)]
    told.update(project.slices(there))
    return Record(
        dict(files),
        verdicts,
        seal(Result(findings, (), ()), secrets, sources),
        tuple((each, told.get(each)) for each in numbers.slices),
        checked.subjects,
        checked.broken,
        tuple(notice for notice in checked.notices if not notice.code),
        contributions,
        tables,
        {name: tuple(_extracts(name, project, before)) for name in EXTRACTS},
    )


def _is_there(project: Project, each: Slice) -> bool:
    """Whether it can be said what stands in a slice without collecting anything for that."""
    return each.table in COLLECTED and (
        each in project.modules.tables.earlier.fingerprints or collection(project, each.table).dependencies is not None
    )


def _contributions(project: Project, numbers: _Numbers, before: Standing | None) -> Iterator[Contribution]:
    kept = set()
    for group, path, places, (paths, slices) in before.contributions() if before is not None else ():
        kept.add((group, path))
        yield Contribution(group, numbers.files[path], places, numbers.origins(paths, slices))
    for group, found in project.modules.tables.contributed.items():
        for module, (at, reads) in found.items():
            if (group, module.path) not in kept:  # else not all of it was looked at again
                yield Contribution(group, numbers.files[module.path], tuple(sorted(at)), numbers.read(reads | {module}))


def _tables(project: Project, numbers: _Numbers, before: Standing | None) -> Iterator[tuple[str, Gathered]]:
    held = dict(before.tables()) if before is not None else {}
    for name in COLLECTED:
        table = collection(project, name)
        if table.dependencies is not None and (name not in PAIRS or name in project.modules.tables.contributors):
            # Of what modules bring by themselves it is not asked what it was collected from.
            origins = numbers.read(table.dependencies) if name not in PAIRS else Origins((), ())
            # What is collected from everything falls anyway, and its slices may be named by texts.
            falls = ANY in origins.files and name not in EXTRACTS
            yield name, Gathered(origins, None if falls else _filled(project, numbers, name, table))
        elif name in held:
            (paths, slices), filled = held[name]
            numbered = {part: tuple(numbers.files[each] for each in homes) for part, homes in (filled or {}).items()}
            yield name, Gathered(numbers.origins(paths, slices), numbered if filled is not None else None)


def _filled(
    project: Project, numbers: _Numbers, name: str, table: Table[Hashable, object] | Whole[object]
) -> dict[str, tuple[int, ...]] | None:
    homes = project.modules.tables.contributors.get(name)
    if homes is not None:
        return {part: tuple(numbers.files[path] for path in paths) for part, paths in homes.items()}
    return None if isinstance(table, Whole) else dict.fromkeys(table.parts, ())


def _extracts(name: str, project: Project, before: Standing | None) -> Iterator[bytes]:
    held = before.extracts.get(name, {}) if before is not None else {}
    for path, module in project.modules.by_path.items():
        yield held[path] if path in held else fingerprint(EXTRACTS[name](module))
