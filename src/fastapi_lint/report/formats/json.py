"""An array of objects with the keys of Ruff's JSON, so that its consumers work, and `related`."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.files.secrecy import Secrets
from fastapi_lint.finding import Finding, Span
from fastapi_lint.report.ascii_json import Json, dumps
from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import betrays, secrets, secrets_at


def render(report: Report) -> str:
    """The findings as JSON; rows and columns start at 1, ends are exclusive, `filename` is as `Report.shown` has it."""
    return dumps(list(objects(report)))


def objects(report: Report) -> Iterator[dict[str, Json]]:
    """Each finding as an object."""
    hidden = secrets((*report.findings, *report.suppressed), report.sources)
    texts = secrets_at(hidden, report.sources)
    urls = {rule.code: rule.url for rule in report.rules}
    for each in report.findings:
        yield _finding(each, report, urls.get(each.code) or None, texts)


def _finding(finding: Finding, report: Report, url: str | None, texts: Secrets) -> dict[str, Json]:
    return {
        "code": finding.code,
        "name": finding.name,
        "message": finding.message,
        "title": finding.title,
        "why": finding.why,
        "instead": finding.instead,
        "severity": finding.severity.value,
        **_place(report.shown(finding.path)),
        "location": _start(finding.span),
        "end_location": _end(finding.span),
        "fix": None if betrays(finding, texts) else _fix(finding),
        "noqa_row": finding.noqa_lines[1] or finding.span.line,
        "url": url,
        "related": [
            {
                **_place(report.shown(each.path)),
                "location": _start(each.span),
                "end_location": _end(each.span),
                "message": each.message,
            }
            for each in finding.related
        ],
    }


def _fix(finding: Finding) -> Json:
    if finding.fix is None:
        return None
    return {
        "applicability": finding.fix.safety.value,
        "message": finding.fix.message,
        "edits": [
            {"content": edit.content, "location": _start(edit.span), "end_location": _end(edit.span)}
            for edit in finding.fix.edits
        ],
    }


def _start(span: Span) -> Json:
    return {"row": span.line, "column": span.column}


def _end(span: Span) -> Json:
    return {"row": span.end_line, "column": span.end_column}


def _place(path: str) -> dict[str, Json]:
    """The file; of a notebook, the number of the cell too."""
    if ".ipynb:cell " not in path:
        return {"filename": path}
    name, _, cell = path.rpartition(":cell ")
    return {"filename": name, "cell": int(cell)}
