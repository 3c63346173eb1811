"""Parts the findings of a run into those that are reported and those that comments silence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from fastapi_lint.config.selection import Named
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, by_place
from fastapi_lint.suppressing import suppression


def part(
    findings: Iterable[Finding],
    sources: Mapping[str, Source],
    *,
    known: Sequence[Named],
    selected: Collection[str],
    ignored: Callable[[str], frozenset[str]],
    failed: Collection[tuple[str, str]],
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings that are reported, those about comments that silence nothing included, and those that are silenced.

    Both in order of place. `known` are all rules; `selected` the codes of those that were asked, but for those that are
    `ignored` at a path, and those that `failed` there (path and code): a comment for these may be needed.
    """
    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    kept: list[Finding] = []
    suppressed: list[Finding] = []
    for path, source in sources.items():
        own = by_path.get(path, [])
        if not own and not suppression.may_be_spare(source.data):
            continue
        silent = ignored(path)
        asked = {code for code in selected if code not in silent and not {(path, code), ("", code)} & {*failed}}
        wanted = (finding for finding in own if finding.code in asked or finding.code not in silent)
        applied = suppression.apply(wanted, source, known=known, selected=asked)
        kept += (*applied.kept, *applied.unused)
        suppressed += applied.suppressed
    return tuple(sorted(kept, key=by_place)), tuple(sorted(suppressed, key=by_place))
