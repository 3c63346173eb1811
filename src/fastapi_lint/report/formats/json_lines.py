"""The objects of the format `json`, one a line."""

from __future__ import annotations

from fastapi_lint.report.ascii_json import dumps
from fastapi_lint.report.contents import Report
from fastapi_lint.report.formats.json import objects


def render(report: Report) -> str:
    """The findings as lines of JSON; empty when there are none."""
    return "".join(dumps(each, indent=None) for each in objects(report))
