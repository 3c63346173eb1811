"""Parts the findings of a run into those that are reported and those that comments silence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from fastapi_lint.config.selection import Named
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, by_place
from fastapi_lint.suppressing import suppression

_OF_CHAINS = frozenset({"FAPI101", "FAPI102", "FAPI104", "FAPI501"})
"""Codes that silence a chain where it ends, which may begin in another file."""


def part(
    findings: Iterable[Finding],
    sources: Mapping[str, Source],
    *,
    known: Sequence[Named],
    selected: Collection[str],
    ignored: Callable[[str], frozenset[str]],
    failed: Collection[tuple[str, str]],
    everywhere: Mapping[str, Source],
    built: Collection[str] | None = None,
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings that are reported, those about comments that silence nothing included, and those that are silenced.

    Both in order of place. `known` are all rules; `selected` the codes of those that were asked, but for those that are
    `ignored` at a path, and those that `failed` there (path and code): a comment for these may be needed. `everywhere`
    are the sources of the whole project, in which chains may end; where only a part of it is reported, it is not known
    whether a comment silences the chains that begin elsewhere. `built` are the codes that hints may name.
    """
    by_path: dict[str, list[Finding]] = {}
    kept: list[Finding] = []
    suppressed: list[Finding] = []
    used: dict[str, set[tuple[int, str]]] = {}
    directives: dict[str, tuple[suppression.Directive, ...]] = {}
    for finding in findings:
        root = finding.root
        if root is not None and root.path in everywhere and finding.path in sources:
            if not ignored(root.path).isdisjoint(finding.root_codes):
                suppressed.append(finding)
                continue
            if root.path not in directives:
                directives[root.path] = suppression.directives(everywhere[root.path])
            if matching := suppression.at_root(directives[root.path], finding, known):
                used.setdefault(root.path, set()).update(matching)
                suppressed.append(finding)
                continue
        by_path.setdefault(finding.path, []).append(finding)
    unknown = _OF_CHAINS if len(sources) < len(everywhere) else frozenset[str]()
    prefixes = suppression.prefixes_of(known)
    for path, source in sources.items():
        own = by_path.get(path, [])
        if not own and not suppression.may_be_spare(source.data, prefixes):
            continue
        silent = ignored(path)
        asked = {code for code in selected if code not in silent and not {(path, code), ("", code)} & {*failed}}
        judged = asked - unknown
        wanted = (finding for finding in own if finding.code in asked or finding.code not in silent)
        applied = suppression.apply(
            wanted, source, known=known, selected=judged, used_elsewhere=used.get(path, ()), built=built
        )
        kept += (*applied.kept, *applied.unused)
        suppressed += applied.suppressed
    return tuple(sorted(kept, key=by_place)), tuple(sorted(suppressed, key=by_place))
