"""Logging commands of Azure Pipelines: each finding is an issue of the build, with its place."""

from __future__ import annotations

from fastapi_lint.finding import Severity
from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import visible

_ESCAPES = {"%": "%AZP25", ";": "%3B", "\r": "%0D", "\n": "%0A", "]": "%5D"}


def render(report: Report) -> str:
    """One command a finding; empty when there are none. An information is a warning: Azure has no third kind."""
    return "".join(
        f"##vso[task.logissue type={'error' if each.severity is Severity.ERROR else 'warning'}"
        f";sourcepath={_escaped(report.shown(each.path))};linenumber={each.span.line};columnnumber={each.span.column}"
        f";code={_escaped(each.code)};]{_escaped(each.message, brackets=False)}\n"
        for each in report.findings
    )


def _escaped(text: str, *, brackets: bool = True) -> str:
    """A property; or a message, in which brackets and semicolons have no meaning."""
    special = _ESCAPES if brackets else {key: value for key, value in _ESCAPES.items() if key not in ";]"}
    return "".join(special.get(letter) or visible(letter) for letter in text)
