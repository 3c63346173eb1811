"""One line a finding: `path:line:column: CODE [*] title; instead`, `[*]` where `--fix` helps."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import visible
from fastapi_lint.report.totals import is_fixable


def render(report: Report) -> str:
    """The findings, one a line; empty when there are none."""
    return "".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    for finding in report.findings:
        mark = "[*] " if is_fixable(finding) else ""
        place = f"{visible(report.shown(finding.path))}:{finding.span.line}:{finding.span.column}"
        yield f"{place}: {finding.code} {mark}{visible(finding.brief)}\n"
