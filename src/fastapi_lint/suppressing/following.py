"""Which findings a baseline knows while fixes change the text around them. Reads and writes no files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, by_place
from fastapi_lint.suppressing.baseline import Baseline, Compared, remember


class Following:
    """A baseline in a run that fixes. A finding that it knew before a fix is no new one because its line has changed.

    `moved` are the paths of findings that are known by that alone: the baseline itself does not know them any more.
    """

    def __init__(
        self, baseline: Baseline, *, checked: Collection[str] | None, codes: Collection[str] | None, place: str = ""
    ) -> None:
        self.baseline = baseline
        self.moved: frozenset[str] = frozenset()
        self._checked = checked
        self._codes = codes
        self._place = place
        self._known: Counter[tuple[str, ...]] | None = None

    def compared(self, findings: Sequence[Finding], sources: Mapping[str, Source]) -> Compared:
        """The findings of a round, parted into new and known ones; the first round is that before all fixes."""
        exact = self.baseline.filter(findings, sources, checked=self._checked, codes=self._codes, place=self._place)
        if self._known is None:
            self._known = Counter(map(_likeness, exact.known))
            return exact
        missing = self._known - Counter(map(_likeness, exact.known))
        new: list[Finding] = []
        moved: list[Finding] = []
        for finding in exact.new:
            likeness = _likeness(finding)
            if missing[likeness] > 0:
                missing[likeness] -= 1
                moved.append(finding)
            else:
                new.append(finding)
        self.moved = frozenset(finding.path for finding in moved)
        known = tuple(sorted((*exact.known, *moved), key=by_place))
        return Compared(tuple(new), known, max(exact.fixed - len(moved), 0))

    def rewritten(self, findings: Sequence[Finding], sources: Mapping[str, Source], root: Path) -> Baseline:
        """The baseline with what it knows of moved lines as they are now; `findings` are all that are known."""
        own = [finding for finding in findings if finding.path in self.moved]
        codes = {entry.code for entry in self.baseline.entries}
        kept = self.baseline.without(self.moved, codes, self._place, root)
        return kept.joined(remember(own, sources, self._place))


def _likeness(finding: Finding) -> tuple[str, ...]:
    return finding.path, finding.code, finding.symbol, finding.title
