"""Pylint's lines, which many tools read: `path:line: [CODE(name), symbol] message`."""

from __future__ import annotations

from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import visible


def render(report: Report) -> str:
    """The findings, one a line; empty when there are none."""
    return "".join(
        f"{visible(report.shown(each.path))}:{each.span.line}: [{each.code}({visible(each.name)}), "
        f"{visible(each.symbol)}] {visible(each.message)}\n"
        for each in report.findings
    )
