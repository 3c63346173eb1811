"""GitLab's code quality report: one array, findings recognised between pipelines by their fingerprint."""

from __future__ import annotations

from fastapi_lint.finding import Severity
from fastapi_lint.report.ascii_json import dumps
from fastapi_lint.report.contents import Report
from fastapi_lint.report.fingerprint import fingerprints

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}


def render(report: Report) -> str:
    """The findings as JSON; paths are relative to `report.base`, which in a pipeline is the repository."""
    identities = fingerprints(report.findings, report.sources)
    return dumps(
        [
            {
                "description": finding.message,
                "check_name": finding.code,
                "fingerprint": identity,
                "severity": _SEVERITIES[finding.severity],
                "location": {
                    "path": report.shown(finding.path),
                    "positions": {
                        "begin": {"line": finding.span.line, "column": finding.span.column},
                        "end": {"line": finding.span.end_line, "column": finding.span.end_column},
                    },
                },
            }
            for finding, identity in zip(report.findings, identities, strict=True)
        ]
    )
