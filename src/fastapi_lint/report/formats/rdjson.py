"""The Reviewdog Diagnostic Format as one JSON object: findings as comments of a review, with suggestions."""

from __future__ import annotations

from fastapi_lint.files.secrecy import Secrets
from fastapi_lint.finding import Finding, Severity, Span
from fastapi_lint.report.ascii_json import Json, dumps
from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import betrays, secrets, secrets_at, text_of

HOME = "https://github.com/fastapi-lint/fastapi-lint"
_SEVERITIES = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.INFO: "INFO"}


def render(report: Report) -> str:
    """The findings as diagnostics; columns count bytes of UTF-8 from 1, as the format wants it."""
    hidden = secrets((*report.findings, *report.suppressed), report.sources)
    texts = secrets_at(hidden, report.sources)
    urls = {rule.code: rule.url for rule in report.rules}
    return dumps(
        {
            "source": {"name": "fastapi-lint", "url": HOME},
            "diagnostics": [_diagnostic(each, report, urls.get(each.code, ""), texts) for each in report.findings],
        }
    )


def _diagnostic(finding: Finding, report: Report, url: str, texts: Secrets) -> Json:
    document: dict[str, Json] = {
        "message": finding.message,
        "location": _location(report, finding.path, finding.span),
        "severity": _SEVERITIES[finding.severity],
        "code": {"value": finding.code, **({"url": url} if url else {})},
    }
    if finding.fix and not betrays(finding, texts):
        document["suggestions"] = [
            {"range": _range(report, finding.path, edit.span), "text": edit.content} for edit in finding.fix.edits
        ]
    if finding.related:
        document["relatedLocations"] = [
            {"message": each.message, "location": _location(report, each.path, each.span)} for each in finding.related
        ]
    return document


def _location(report: Report, path: str, span: Span) -> Json:
    return {"path": report.shown(path), "range": _range(report, path, span)}


def _range(report: Report, path: str, span: Span) -> Json:
    return {
        "start": {"line": span.line, "column": _column(report, path, span.line, span.column)},
        "end": {"line": span.end_line, "column": _column(report, path, span.end_line, span.end_column)},
    }


def _column(report: Report, path: str, line: int, column: int) -> int:
    """A column in bytes; in characters where the file is not at hand."""
    source = report.sources.get(path)
    if source is None or not text_of(source) or line > len(source.line_starts):
        return column
    return len(source.line(line)[: column - 1].encode("utf-8", "surrogatepass")) + 1
