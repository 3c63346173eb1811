"""Which verdicts of an earlier run still stand: those of rules that would read the same again. Judges nothing itself.

A verdict on a module stands while the module, every other one that was read for it, and every slice of a table that was
looked at are what they were. A table is what it was while nobody contributes to it who did not, or otherwise. Whatever
is not certain falls, and is judged again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property

import msgspec

from fastapi_lint.engine import SUBJECTS, WHOLE, Checked, Judged, Verdict
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, by_place, nearest
from fastapi_lint.incremental.redaction import Result, Sealed, Unsealable, unseal
from fastapi_lint.incremental.snapshot import ANY, Contribution, Kept, Origins, Record
from fastapi_lint.model.names import Module
from fastapi_lint.model.project import Project
from fastapi_lint.tracking import memoized
from fastapi_lint.tracking.fingerprints import fingerprint
from fastapi_lint.tracking.recording import EVERYTHING, Slice
from fastapi_lint.tracking.tables import EXTRACTS, NEEDS, PAIRS, Earlier, differing

_Read = tuple[list[str], list[Slice]]
"""Paths of modules, and slices of tables."""
_MOST_ASKED = 25
"""Modules that are asked one by one whether they contribute to a group of tables, before it is collected anew."""


class Standing:
    """What of a record stands, given the files as they are now. Answers the engine (`engine.Held`)."""

    def __init__(
        self,
        kept: Record,
        files: Mapping[str, bytes],
        project: Project,
        kinds: Mapping[str, Collection[str]],
        before: Sequence[Module | None],
    ) -> None:
        """`kinds` are the codes of the rules by the kind of subjects that the project has for them; `before` the
        changed modules as they were, None where that is not known, in the order of `changed`."""
        self.changed = kept.changed(files)
        self._kept = kept
        self._kinds = kinds
        self._project = project
        self._before = before
        self._sources = {path: module.source for path, module in project.modules.by_path.items()}
        self._paths = list(kept.files)
        self._changed = {number for number, path in enumerate(self._paths) if path in self.changed} | {ANY}
        self._slices = [each for each, _ in kept.slices]
        self._groups: dict[str, list[Contribution]] = {}
        for each in kept.contributions:
            self._groups.setdefault(each.group, []).append(each)
        self._answers: dict[str, bool] = {}
        self.extracts = self._extracts_now()
        self._differing = {name: self._differences(name) for name in PAIRS}
        self._hand_over()
        self._subjects: dict[str, dict[str, bytes]] = {}
        for path, kind, told in kept.subjects:
            self._subjects.setdefault(path, {})[kind] = told
        self._stale: dict[str, set[str]] = {}
        for code, path in self._fallen():
            self._stale.setdefault(path, set()).add(code)

    def _hand_over(self) -> None:
        """Tell the project what it need not find out again."""
        tables = self._project.modules.tables
        known: dict[Slice, bytes] = {}
        tables.earlier = Earlier(known)
        for each, code in self._kept.slices:
            if code is not None and self._told(each):
                known[each] = code
        places = {
            group: {self._paths[each.file]: each.places for each in found if self._stands(each)}
            for group, found in self._groups.items()
        }
        tables.earlier = Earlier(known, {}, places)
        for each, code in self._kept.slices:
            if code is not None and self._is_same(each):
                known[each] = code
        contributors = {name: filled for name, (_, filled) in self.tables() if filled is not None}
        tables.earlier = Earlier(known, contributors, places)
        for path in self._kept.broken:
            if path not in self.changed:
                self._project.modules.by_path[path].is_broken = True

    # ---------------------------------------------------------------- what is told from the changed modules alone

    def _extracts_now(self) -> dict[str, dict[str, bytes]]:
        """What matters of the modules for each table: as it was for the unchanged ones, as it is for the others."""
        by_path = self._project.modules.by_path
        found = {}
        for name, codes in self._kept.extracts.items():
            now = {path: fingerprint(EXTRACTS[name](by_path[path])) for path in self.changed}
            found[name] = {**dict(zip(self._paths, codes, strict=True)), **now}
        return found

    @memoized
    def _matters_alike(self, name: str) -> bool:
        """Whether all that matters for a table is what it was."""
        return self.extracts[name] == dict(zip(self._paths, self._kept.extracts[name], strict=True))

    def _differences(self, name: str) -> frozenset[str] | None:
        """The slices of a table to which changed modules bring something else than before; None when not known."""
        if name in NEEDS and not self._matters_alike(NEEDS[name]):
            return None
        found: set[str] = set()
        for path, module in zip(self.changed, self._before, strict=True):
            if module is None:
                return None
            found |= differing(name, module, self._project.modules.by_path[path])
        return frozenset(found)

    def _told(self, each: Slice) -> bool | None:
        """Whether a slice is what it was, as far as the changed modules tell; None when they do not."""
        if (found := self._differing.get(each.table)) is not None:
            return each.part not in found if each.part is not None else not found
        if each.table in EXTRACTS and self._matters_alike(each.table):
            return True
        return None

    # ---------------------------------------------------------------- tables

    def _is_same(self, each: Slice) -> bool:
        """Whether a slice is what it was without any doubt."""
        told = self._told(each)
        if told is not None:
            return told
        if each.table not in self._answers:
            self._answers[each.table] = False  # in a circle
            self._answers[each.table] = self._is_same_table(each.table)
        return self._answers[each.table]

    def _is_same_table(self, name: str) -> bool:
        if name in PAIRS or name in EXTRACTS:
            return False
        if name not in self._groups:
            return name in self._kept.tables and self._have_not_changed(self._kept.tables[name].origins)
        contributions = self._groups[name]
        fallen = [each for each in contributions if not self._stands(each)]
        if len(contributions) < len(self._paths) or len(fallen) > _MOST_ASKED or any(each.places for each in fallen):
            return False
        by_path = self._project.modules.by_path
        return not any(self._project.contributes(name, by_path[self._paths[each.file]]) for each in fallen)

    def _stands(self, each: Contribution) -> bool:
        return each.file not in self._changed and self._have_not_changed(each.origins)

    def _have_not_changed(self, origins: Origins) -> bool:
        return self._changed.isdisjoint(origins.files) and all(self._is_same(self._slices[n]) for n in origins.slices)

    def _read(self, origins: Origins) -> _Read:
        if ANY in origins.files:
            return [], [EVERYTHING]
        return [self._paths[number] for number in origins.files], [self._slices[number] for number in origins.slices]

    def contributions(self) -> Iterator[tuple[str, str, tuple[int, ...], _Read]]:
        """Those that stand: group, path, the places, and what was read to find them."""
        for found in self._groups.values():
            for each in found:
                if self._stands(each):
                    yield each.group, self._paths[each.file], each.places, self._read(each.origins)

    def tables(self) -> Iterator[tuple[str, tuple[_Read, Mapping[str, Collection[str]] | None]]]:
        """The tables that are what they were, or of which it is known who brings what: with what they were collected
        from, and the slices that are filled, by whom."""
        for name, table in self._kept.tables.items():
            same = self._matters_alike(name) if name in EXTRACTS else self._have_not_changed(table.origins)
            if same or name in PAIRS:
                yield name, (self._read(table.origins), self._filled(name, table.filled))

    def _filled(self, name: str, before: Mapping[str, Sequence[int]] | None) -> Mapping[str, Collection[str]] | None:
        """The slices of a table in which there may be something: what was there, and what changed modules bring."""
        if before is None:
            return None
        paths = self._paths
        found = {part: {paths[number] for number in numbers} for part, numbers in before.items()}
        for path in self.changed if name in PAIRS else ():
            for part, _ in PAIRS[name](self._project.modules.by_path[path]):
                found.setdefault(part, set()).add(path)
        return found

    # ---------------------------------------------------------------- verdicts

    def _fallen(self) -> Iterator[Judged]:
        untouched = []
        for verdict in self._kept.verdicts:
            if verdict.judged[1] in self.changed or not self._changed.isdisjoint(verdict.origins.files):
                yield verdict.judged
            else:
                untouched.append(verdict)
        looked_at = {number for verdict in untouched for number in verdict.origins.slices}
        doubtful = {number for number in looked_at if not self._is_same(self._slices[number])}
        # What differs by what modules bring does differ; the rest has to be collected and compared.
        compared = {number for number in doubtful if self._told(self._slices[number]) is None}
        now = self._project.slices(self._slices[number] for number in compared)
        same = {number for number in compared if now[self._slices[number]] == self._kept.slices[number][1]}
        fallen = doubtful - same
        for verdict in untouched:
            if not fallen.isdisjoint(verdict.origins.slices):
                yield verdict.judged

    def keeps(self, kind: str) -> bool:
        """As the engine asks: whether the project's subjects of a kind are all what they were."""
        return self._is_same(Slice(SUBJECTS[kind], None))

    def subjects(self, path: str) -> Mapping[str, bytes]:
        """As the engine asks: the subjects of a module as they were, in short."""
        return self._subjects.get(path, {})

    def stale(self, path: str, subjects: Mapping[str, bytes]) -> Collection[str] | None:
        """As the engine asks."""
        if path in self.changed:
            return None
        found = self._stale.get(path, set())
        before = self.subjects(path)
        if subjects != before and path != WHOLE:
            found = self._stale.setdefault(path, found)
            for kind in {*subjects, *before}:
                if subjects.get(kind) != before.get(kind):
                    found.update(self._kinds.get(kind, ()))
        return found

    def fixed(self, judged: Judged, finding: Finding, asked: bytes) -> Finding | None:
        """As the engine asks."""
        paths = {finding.path, *(related.path for related in finding.related)}
        return self._fixed(judged).get((finding, asked)) if paths.isdisjoint(self.changed) else None

    @memoized
    def _fixed(self, judged: Judged) -> dict[tuple[Finding, bytes], Finding]:
        """The findings of a verdict that has fallen, by what they are without fix and what that was made of."""
        position, verdict = self._by_judged.get(judged, (0, None))
        if verdict is None or not verdict.asked or not self._have_not_changed(verdict.fixes):
            return {}
        found = {}
        for number, asked in verdict.asked:
            place = position + number
            with suppress(Unsealable):
                (finding,) = self._findings([(place, place + 1)], self._sources)
                found[msgspec.structs.replace(finding, fix=None), asked] = finding
        return found

    @cached_property
    def _by_judged(self) -> dict[Judged, tuple[int, Kept]]:
        """Every verdict, with the number of the first finding that is its own."""
        found, position = {}, 0
        for verdict in self._kept.verdicts:
            found[verdict.judged] = position, verdict
            position += verdict.findings
        return found

    @property
    def touched(self) -> frozenset[str]:
        """The modules of which something is to be judged again, as far as it is known before subjects are compared."""
        return frozenset((*self.changed, *self._stale))

    def with_standing(self, fresh: Checked, sources: Mapping[str, Source], reported: Collection[str]) -> Checked:
        """What was checked now, together with what stands. Raises `Unsealable`, as `unseal` does."""
        standing, places = [], []
        changed = frozenset(self.changed)
        for (code, path), (position, verdict) in self._by_judged.items():
            if path not in changed and code not in self._stale.get(path, ()):
                standing.append(verdict)
                places.append((position, position + verdict.findings))
        found = self._findings(places, sources)
        verdicts: dict[Judged, Verdict] = {}
        for verdict in standing:
            own = tuple(next(found) for _ in range(verdict.findings))
            paths, slices = self._read(verdict.origins)
            fix_paths, fix_slices = self._read(verdict.fixes)
            verdicts[verdict.judged] = Verdict(
                verdict.judged, own, tuple(paths), tuple(slices), verdict.asked, tuple(fix_paths), tuple(fix_slices)
            )
        verdicts.update((each.judged, each) for each in fresh.verdicts)
        every = (finding for verdict in verdicts.values() for finding in verdict.findings)
        held = nearest(finding for finding in every if finding.path in reported)
        told = {each: code for each, code in self._kept.slices if code is not None} | dict(fresh.slices)
        needed = {each for verdict in verdicts.values() for each in verdict.slices} - {EVERYTHING}
        notices = [each for each in self._kept.notices if each.path not in changed]
        return Checked(
            tuple(sorted(held, key=by_place)),
            tuple(dict.fromkeys((*notices, *fresh.notices))),
            fresh.broken,
            tuple(verdicts.values()),
            tuple((each, told[each]) for each in needed),
            fresh.subjects,
        )

    def _findings(self, places: Iterable[tuple[int, int]], sources: Mapping[str, Source]) -> Iterator[Finding]:
        sealed = self._kept.findings
        chosen = tuple(finding for start, end in places for finding in sealed.result.findings[start:end])
        return iter(unseal(Sealed(Result(chosen, (), ()), sealed.pieces), sources).findings)
