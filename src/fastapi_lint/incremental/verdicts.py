"""Verdicts: what a rule said about a module, with all that this depends on. Plain data."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fastapi_lint.engine import Judged
from fastapi_lint.finding import Finding
from fastapi_lint.tracking import recording
from fastapi_lint.tracking.recording import DependencySet, Slice


class DependsOn(msgspec.Struct, frozen=True, array_like=True):
    """Dependencies: modules by path, and slices of tables."""

    modules: tuple[str, ...] = ()
    slices: tuple[Slice, ...] = ()


_NOTHING = DependsOn()


class _Order(dict[Slice, tuple[str, bool, str]]):
    """What slices are sorted by, worked out once."""

    def __missing__(self, each: Slice) -> tuple[str, bool, str]:
        found = self[each] = each.table, each.part is not None, each.part or ""
        return found


_ORDER = _Order()


def depends_on(dependencies: DependencySet, but: str = "") -> DependsOn:
    """Recorded dependencies as data, in a fixed order; without the module at the path `but`."""
    if not dependencies:
        return _NOTHING
    modules, slices = recording.flattened(dependencies)
    in_order = sorted(slices, key=_ORDER.__getitem__)
    return DependsOn(tuple(sorted({module.path for module in modules} - {but})), tuple(in_order))


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """What a rule said about a module, and what that depends on besides this module.

    `fixes` are fingerprints of what fixes were made from, by the number of the finding; `fix_depends_on` is what they
    depend on, all of it contained in `depends_on`.
    """

    judged: Judged
    findings: tuple[Finding, ...]
    depends_on: DependsOn
    fixes: tuple[tuple[int, bytes], ...] = ()
    fix_depends_on: DependsOn = DependsOn()


class Recorded(msgspec.Struct, frozen=True, array_like=True):
    """What a run has recorded.

    `verdicts` are all that hold more than "nothing, whatever the other modules are"; `fingerprints` those of the slices
    that they depend on; `subjects` those of the project's subjects, by path and kind.
    """

    verdicts: tuple[Verdict, ...] = ()
    fingerprints: tuple[tuple[Slice, bytes], ...] = ()
    subjects: tuple[tuple[str, str, bytes], ...] = ()


def merged(shares: Iterable[Recorded]) -> Recorded:
    """What several processes have recorded together; of the same verdict, the last one counts."""
    verdicts: dict[Judged, Verdict] = {}
    fingerprints: dict[Slice, bytes] = {}
    subjects: dict[tuple[str, str, bytes], None] = {}
    for share in shares:
        verdicts.update((verdict.judged, verdict) for verdict in share.verdicts)
        fingerprints.update(share.fingerprints)
        subjects.update(dict.fromkeys(share.subjects))
    return Recorded(tuple(verdicts.values()), tuple(fingerprints.items()), tuple(subjects))
