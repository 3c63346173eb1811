"""What of a snapshot holds for the files as they are now: which verdicts are reused, and which are invalidated.

A verdict is reused while its module, every other module that it depends on, and every slice are what they were.
Whatever is not certain is invalidated. Judges nothing itself; `incremental` says why this is sound.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property

import msgspec

from fastapi_lint.engine import WHOLE, Judged
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, Notice
from fastapi_lint.incremental.holding import Holding
from fastapi_lint.incremental.membership import concerned
from fastapi_lint.incremental.redaction import Redacted, RedactionError, Result, restore
from fastapi_lint.incremental.snapshot import ANY, Carried, Contribution, Numbered, Snapshot, StoredVerdict
from fastapi_lint.incremental.verdicts import DependsOn, Recorded, Verdict
from fastapi_lint.model.names import Module
from fastapi_lint.model.project import Project
from fastapi_lint.tracking import memoized, memory
from fastapi_lint.tracking.fingerprints import NUMBERS, fingerprint
from fastapi_lint.tracking.pairs import PAIRS, differing
from fastapi_lint.tracking.recording import EVERYTHING, Slice
from fastapi_lint.tracking.tables import EXTRACTS, NEEDS, Earlier, Places

_MOST_ASKED = 25
"""Modules that are asked one by one whether they contribute to a group of tables, before it is collected anew."""


class Reuse:
    """A snapshot against the files as they are now."""

    def __init__(
        self,
        snapshot: Snapshot,
        files: Mapping[str, bytes],
        project: Project,
        kinds: Mapping[str, Collection[str]],
        before: Mapping[str, Module],
    ) -> None:
        """`files` are digests by path; `kinds` the codes of the rules by the kind of subjects that they ask for;
        `before` the changed modules as they were, by path, where that is known.

        The project is told what it need not find out again (`tracking.tables.Earlier`).
        """
        by_path = self._by_path = project.modules.by_path
        others = concerned(snapshot.files, by_path)
        self.changed = others.union(snapshot.changed(files))
        self._before: dict[str, Module | None] = {path: None for path in files if path not in snapshot.files}
        self._before.update((path, by_path[path]) for path in others if snapshot.files.get(path) == files[path])
        self._before.update(before)
        self._snapshot = snapshot = snapshot.with_files(files)
        self._kinds = kinds
        self._project = project
        self._sources = {path: module.source for path, module in by_path.items()}
        self._paths = list(snapshot.files)
        self._changed = {number for number, path in enumerate(self._paths) if path in self.changed} | {ANY}
        self._slices = [each for each, _ in snapshot.slices]
        self._codes = dict(snapshot.slices)
        self._groups: dict[str, list[Contribution]] = {}
        for each in snapshot.contributions:
            self._groups.setdefault(each.group, []).append(each)
        self._same_tables: dict[str, bool] = {}
        self._same_slices: set[int] = set()
        self._extracts = self._extracts_now()
        self._differing = {name: self._differences(name) for name in PAIRS}
        self._kept_tables: dict[str, bool | None] = {}
        self._holding = Holding(lambda module: by_path.get(module.path) is module, self._is_kept)
        memory.begin(self._holding.holds)
        self._inform_project()
        self._subjects: dict[str, dict[str, bytes]] = {}
        for path, kind, found in snapshot.subjects:
            self._subjects.setdefault(path, {})[kind] = found

    def _inform_project(self) -> None:
        tables = self._project.modules.tables
        fingerprints: dict[Slice, bytes] = {}
        tables.earlier = Earlier(fingerprints)
        stored: dict[str, list[tuple[Slice, bytes]]] = {}
        for each, code in self._snapshot.slices:
            if code is not None:
                stored.setdefault(each.table, []).append((each, code))
        for name, found in stored.items():
            fingerprints.update(self._same_of(name, found, self._is_same_by_pairs))
        places = {
            group: {self._paths[each.file]: each.places for each in found if self._is_valid(each)}
            for group, found in self._groups.items()
        }
        tables.earlier = Earlier(fingerprints, {}, places)
        for name, found in stored.items():
            fingerprints.update(self._same_of(name, found, self._is_same))
        contributors = {name: found for name, (_, found) in self._tables().items() if found is not None}
        tables.earlier = Earlier(fingerprints, contributors, places)
        for path in self._snapshot.broken:
            if path not in self.changed:
                self._by_path[path].is_broken = True

    # ---------------------------------------------------------------- what the changed modules tell by themselves

    def _extracts_now(self) -> dict[str, dict[str, bytes]]:
        """What matters of the modules for each table: as it was for the unchanged ones, as it is for the others.

        Nothing of those that are no more, so that this is not what it was.
        """
        found = {}
        for name, codes in self._snapshot.extracts.items():
            modules = ((path, self._by_path.get(path)) for path in self.changed)
            now = {path: b"" if module is None else fingerprint(EXTRACTS[name](module)) for path, module in modules}
            found[name] = {**dict(zip(self._paths, codes, strict=True)), **now}
        return found

    @memoized
    def _has_same_extracts(self, name: str) -> bool:
        """Whether all that matters of modules for a table is what it was."""
        if name not in self._extracts:
            return False
        return self._extracts[name] == dict(zip(self._paths, self._snapshot.extracts[name], strict=True))

    def _differences(self, name: str) -> frozenset[str] | None:
        """The slices of a table to which changed modules bring something else than before; None when not known."""
        if name in NEEDS and not self._has_same_extracts(NEEDS[name]):
            return None
        found: set[str] = set()
        for path in self.changed:
            if path not in self._before:
                return None
            before, now = self._before[path], self._by_path.get(path)
            if before is not now:
                found |= differing(name, before, now)
        return frozenset(found)

    def _is_same_by_pairs(self, each: Slice) -> bool | None:
        """Whether a slice is what it was, as far as the changed modules tell by themselves; None when they do not."""
        if (found := self._differing.get(each.table)) is not None:
            return each.part not in found if each.part is not None else not found
        if each.table in EXTRACTS and self._has_same_extracts(each.table):
            return True
        return None

    # ---------------------------------------------------------------- tables

    def _is_same(self, each: Slice) -> bool:
        """Whether a slice is what it was without any doubt."""
        by_pairs = self._is_same_by_pairs(each)
        if by_pairs is not None:
            return by_pairs
        if each.table in EXTRACTS:
            return self._is_same_collected(each)
        if each.table not in self._same_tables:
            self._same_tables[each.table] = False  # in a circle
            self._same_tables[each.table] = self._is_same_table(each.table)
        return self._same_tables[each.table]

    @memoized
    def _is_same_collected(self, each: Slice) -> bool:
        """Whether a slice has the same fingerprint, of a table that is soon collected: no type is asked for it."""
        return self._project.slices([each])[each] == self._codes.get(each)

    def _is_same_table(self, name: str) -> bool:
        if name in PAIRS:
            return False
        if name not in self._groups:
            return name in self._snapshot.tables and self._is_unchanged(self._snapshot.tables[name].depends_on)
        contributions = self._groups[name]
        invalid = [each for each in contributions if not self._is_valid(each)]
        if len(contributions) < len(self._paths) or len(invalid) > _MOST_ASKED:
            return False
        if any(each.places and each.places[0] > NUMBERS for each in invalid):  # what is there may be something else now
            return False
        return all(self._contributed(name, each.file) == each.places for each in invalid)

    def _contributed(self, group: str, file: int) -> tuple[int, ...]:
        """The places at which a file contributes to a group now, none when it is no more."""
        module = self._by_path.get(self._paths[file])
        return () if module is None else tuple(sorted(self._project.contributes(group, module)))

    def _is_kept(self, each: Slice) -> bool:
        """Whether what is in a slice need not be collected anew, nor what it leads to."""
        if each.table in PAIRS or each.table in EXTRACTS:
            return bool(self._is_same_by_pairs(each))
        name = each.table
        if name not in self._kept_tables:
            self._kept_tables[name] = None  # in a circle: then it is not
            found = self._is_kept_table(name) and Slice(name, None) not in memory.renewed
            self._kept_tables[name] = found and self._kept_tables[name] is None
        elif self._kept_tables[name] is None:
            self._kept_tables[name] = False
        return bool(self._kept_tables[name])

    def _is_kept_table(self, name: str) -> bool:
        if name not in self._groups:
            return name in self._snapshot.tables and self._is_made_of_kept(self._snapshot.tables[name].depends_on)
        contributions = self._groups[name]
        if len(contributions) < len(self._paths):
            return False
        with_places = [each for each in contributions if each.places]
        if any(each.file in self._changed for each in with_places) or not self._is_same(Slice(name, None)):
            return False
        return all(self._is_made_of_kept(each.depends_on) or self._comes_again(each) for each in with_places)

    def _comes_again(self, each: Contribution) -> bool:
        """Whether a module that is asked again contributes what it did, made of what is kept and of nothing changed."""
        module = self._by_path[self._paths[each.file]]
        contributed = self._project.modules.tables.contributed.get(each.group, {})
        if module not in contributed:
            self._project.contributes(each.group, module)
            contributed = self._project.modules.tables.contributed[each.group]
        places, dependencies = contributed[module]
        if not isinstance(places, Places) or tuple(sorted(places)) != each.places:
            return False
        if any(leads_to.path in self.changed for leads_to in places.leads_to):
            return False
        return self._holding.holds(frozenset(dependencies))

    def _is_made_of_kept(self, found: Numbered) -> bool:
        return self._changed.isdisjoint(found.files) and all(self._is_kept(self._slices[n]) for n in found.slices)

    def _is_valid(self, each: Contribution) -> bool:
        return each.file not in self._changed and self._is_unchanged(each.depends_on)

    def _same_of(
        self, name: str, stored: list[tuple[Slice, bytes]], is_same: Callable[[Slice], bool | None]
    ) -> Iterable[tuple[Slice, bytes]]:
        """Of slices of one table those that are what they were: mostly all or none."""
        if is_same(Slice(name, None)):
            return stored
        return [(each, code) for each, code in stored if is_same(each)] if self._differing.get(name) else ()

    def _is_unchanged(self, found: Numbered) -> bool:
        if not self._changed.isdisjoint(found.files):
            return False
        if not self._same_slices.issuperset(found.slices):
            for number in found.slices:
                if number not in self._same_slices:
                    if not self._is_same(self._slices[number]):
                        return False
                    self._same_slices.add(number)
        return True

    def _by_name(self, found: Numbered) -> DependsOn:
        if ANY in found.files:
            return DependsOn((), (EVERYTHING,))
        return DependsOn(tuple(self._paths[n] for n in found.files), tuple(self._slices[n] for n in found.slices))

    def carried(self) -> Carried:
        """What the next snapshot takes over from this one."""
        contributions = {
            (each.group, self._paths[each.file]): (each.places, self._by_name(each.depends_on))
            for found in self._groups.values()
            for each in found
            if self._is_valid(each)
        }
        return Carried(contributions, self._tables(), self._extracts)

    def _tables(self) -> dict[str, tuple[DependsOn, Mapping[str, Collection[str]] | None]]:
        """The tables that are what they were, or of which it is known who brings what: with what they were collected
        from, and the contributors to their slices."""
        found = {}
        for name, table in self._snapshot.tables.items():
            same = self._has_same_extracts(name) if name in EXTRACTS else self._is_unchanged(table.depends_on)
            if same or name in PAIRS:
                found[name] = self._by_name(table.depends_on), self._contributors(name, table.contributors)
        return found

    def _contributors(
        self, name: str, before: Mapping[str, Sequence[int]] | None
    ) -> Mapping[str, Collection[str]] | None:
        """The slices of a table in which there may be something: what was there, and what changed modules bring."""
        if before is None:
            return None
        paths = self._paths
        found = {part: {paths[number] for number in numbers} & self._by_path.keys() for part, numbers in before.items()}
        for path in self._by_path.keys() & self.changed if name in PAIRS else ():
            for part, _ in PAIRS[name](self._by_path[path]):
                found.setdefault(part, set()).add(path)
        return found

    # ---------------------------------------------------------------- verdicts

    @cached_property
    def _invalid(self) -> dict[str, set[str]]:
        """The codes of the rules that judge unchanged modules again, by path: for a glance nobody needs to know."""
        found: dict[str, set[str]] = {}
        for code, path in self._invalidated():
            found.setdefault(path, set()).add(code)
        return found

    def _invalidated(self) -> Iterator[Judged]:
        """The verdicts that depend on what is not the same, or not known to be."""
        untouched = []
        for verdict in self._snapshot.verdicts:
            if verdict.judged[1] in self.changed or not self._changed.isdisjoint(verdict.depends_on.files):
                yield verdict.judged
            else:
                untouched.append(verdict)
        looked_at = {number for verdict in untouched for number in verdict.depends_on.slices}
        doubtful = {number for number in looked_at if not self._is_same(self._slices[number])}
        # What differs by what modules bring does differ; the rest has to be collected and compared.
        compared = {number for number in doubtful if self._is_same_by_pairs(self._slices[number]) is None}
        now = self._project.slices(self._slices[number] for number in compared)
        same = {n for n in compared if now[self._slices[n]] == self._snapshot.slices[n][1]}
        different = doubtful - same
        for verdict in untouched:
            if not different.isdisjoint(verdict.depends_on.slices):
                yield verdict.judged

    def has_same(self, kind: str) -> bool:
        """Whether the project's subjects of a kind are all what they were."""
        return self._is_same(Slice(self._project.SUBJECTS[kind], None))

    def subjects(self, path: str) -> Mapping[str, bytes]:
        """The fingerprints of a module's subjects as they were, by kind."""
        return self._subjects.get(path, {})

    def asks_for(self, kind: str, due: Collection[str] | None) -> bool:
        """Whether one of the rules that are due (None: all) asks for subjects of a kind."""
        return due is None or not set(self._kinds.get(kind, ())).isdisjoint(due)

    def due(self, path: str, subjects: Mapping[str, bytes]) -> Collection[str] | None:
        """The codes of the rules that have to judge a module again; None for all. `subjects` are fingerprints now."""
        if path in self.changed:
            return None
        found = self._invalid.get(path, set())
        before = self.subjects(path)
        if subjects != before and path != WHOLE:
            found = self._invalid.setdefault(path, found)
            for kind in {*subjects, *before}:
                if subjects.get(kind) != before.get(kind):
                    found.update(self._kinds.get(kind, ()))
        return found

    def fixed(self, judged: Judged, finding: Finding, made_from: bytes) -> Finding | None:
        """A finding with the fix that it had, if that was made from the same and would come out the same."""
        paths = {finding.path, *(related.path for related in finding.related)}
        return self._fixed(judged).get((finding, made_from)) if paths.isdisjoint(self.changed) else None

    @memoized
    def _fixed(self, judged: Judged) -> dict[tuple[Finding, bytes], Finding]:
        """The findings of an invalidated verdict, by what they are without fix and what that was made from."""
        position, verdict = self._verdicts.get(judged, (0, None))
        if verdict is None or not verdict.fixes or not self._is_unchanged(verdict.fix_depends_on):
            return {}
        found = {}
        for number, made_from in verdict.fixes:
            place = position + number
            with suppress(RedactionError):
                (finding,) = self._findings([(place, place + 1)], self._sources)
                found[msgspec.structs.replace(finding, fix=None), made_from] = finding
        return found

    @cached_property
    def _verdicts(self) -> dict[Judged, tuple[int, StoredVerdict]]:
        """Every verdict, with the number of the first finding that is its own."""
        found, position = {}, 0
        for verdict in self._snapshot.verdicts:
            found[verdict.judged] = position, verdict
            position += verdict.findings
        return found

    @property
    def touched(self) -> frozenset[str]:
        """The modules of which something is to be judged again, as far as it is known before subjects are compared."""
        return self.changed.union(self._invalid)

    @property
    def notices(self) -> list[Notice]:
        """What the earlier run had to say about unchanged files, and about none."""
        return [each for each in self._snapshot.notices if each.path not in self.changed]

    def completed(self, recorded: Recorded, sources: Mapping[str, Source]) -> Recorded:
        """What was recorded now together with the verdicts that are reused. Raises `RedactionError`, as `restore`."""
        reused, places = [], []
        for (code, path), (position, verdict) in self._verdicts.items():
            if path not in self.changed and code not in self._invalid.get(path, ()):
                reused.append(verdict)
                places.append((position, position + verdict.findings))
        found = self._findings(places, sources)
        verdicts: dict[Judged, Verdict] = {}
        for verdict in reused:
            own = tuple(next(found) for _ in range(verdict.findings))
            every, of_fixes = self._by_name(verdict.depends_on), self._by_name(verdict.fix_depends_on)
            verdicts[verdict.judged] = Verdict(verdict.judged, own, every, verdict.fixes, of_fixes)
        verdicts.update((each.judged, each) for each in recorded.verdicts)
        stored = {each: code for each, code in self._snapshot.slices if code is not None}
        fingerprints = stored | dict(recorded.fingerprints)
        needed = {each for verdict in verdicts.values() for each in verdict.depends_on.slices} - {EVERYTHING}
        return Recorded(
            tuple(verdicts.values()), tuple((each, fingerprints[each]) for each in needed), recorded.subjects
        )

    def _findings(self, places: Iterable[tuple[int, int]], sources: Mapping[str, Source]) -> Iterator[Finding]:
        redacted = self._snapshot.findings
        chosen = tuple(finding for start, end in places for finding in redacted.result.findings[start:end])
        return iter(restore(Redacted(Result(chosen, (), ()), redacted.pieces), sources).findings)
