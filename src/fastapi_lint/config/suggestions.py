"""The nearest right word for a wrong one, as error messages name it. Judges nothing and prints nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `word` (case does not count), or None when nothing is near."""
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    folded = word.casefold()[:200]
    found = difflib.get_close_matches(folded, by_folded, n=10, cutoff=0.5)
    if not found:
        return None

    def likeness(candidate: str) -> tuple[float, int, int]:
        # Of equally like words the one that begins alike: FAPI201, not FAPI702, for FAPI299.
        ratio = difflib.SequenceMatcher(None, candidate, folded).ratio()
        alike = next(
            (n for n, pair in enumerate(zip(candidate, folded, strict=False)) if pair[0] != pair[1]), len(folded)
        )
        return ratio, alike, sum(one == other for one, other in zip(candidate, folded, strict=False))

    return by_folded[max(found, key=likeness)]


def hint(word: str, candidates: Iterable[str]) -> str:
    """A half sentence to end an error with: `; did you mean 'x'?`, or nothing when nothing is near."""
    found = nearest(word, candidates)
    return f"; did you mean '{found}'?" if found else ""
