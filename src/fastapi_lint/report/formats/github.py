"""Workflow commands of GitHub Actions: each finding annotates its line in the pull request."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import visible

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(report: Report) -> str:
    """One command a finding; empty when there are none."""
    return "".join(f"{_command(finding, report)}\n" for finding in report.findings)


def _command(finding: Finding, report: Report) -> str:
    properties = ",".join(f"{name}={_property(value)}" for name, value in _properties(finding, report))
    return f"::{_COMMANDS[finding.severity]} {properties}::{_data(finding.message)}"


def _properties(finding: Finding, report: Report) -> Iterator[tuple[str, str]]:
    span = finding.span
    yield "title", f"{finding.code} ({finding.name})"
    yield "file", report.shown(finding.path)
    yield "line", str(span.line)
    yield "endLine", str(span.end_line)
    if span.line == span.end_line:  # the runner refuses columns of a range of lines
        yield "col", str(span.column)
        yield "endColumn", str(span.end_column)


def _data(text: str) -> str:
    """A message as the runner reads it; its line breaks stay line breaks, other control characters become visible."""
    lines = text.replace("%", "%25").split("\n")
    return "%0A".join("%0D".join(map(visible, line.split("\r"))) for line in lines)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
