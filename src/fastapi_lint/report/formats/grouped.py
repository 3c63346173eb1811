"""Findings below their file: `line:column CODE [*] title; instead`, `[*]` where `--fix` helps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import visible
from fastapi_lint.report.totals import is_fixable


def render(report: Report) -> str:
    """The findings with a heading for each file, and an empty line behind it; empty when there are none."""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    for path, group in groupby(report.findings, key=lambda finding: finding.path):
        findings = list(group)
        places = [f"{finding.span.line}:{finding.span.column}" for finding in findings]
        wide = max(map(len, places))
        yield f"{visible(report.shown(path))}:"
        for place, finding in zip(places, findings, strict=True):
            mark = "[*] " if is_fixable(finding) else ""
            yield f"  {place:<{wide}}  {finding.code} {mark}{visible(finding.brief)}"
        yield ""
