"""What a run found, and which format writes it: findings in, one string out; prints nothing and touches no file.

Only the module of the chosen format is imported, so that `concise` never pays for rich.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from fastapi_lint.finding import Finding
from fastapi_lint.report.contents import Report

__all__ = ["FORMATS", "Report", "render"]

FORMATS = (
    "console", "concise", "grouped", "json", "json-lines", "sarif", "github", "gitlab", "junit", "rdjson", "azure",
    "pylint",
)  # fmt: skip


def render(
    format: str,
    report: Report,
    *,
    color: bool = False,
    width: int | None = None,
    links: bool = False,
    full: bool = False,
) -> str:
    r"""The report in one of `FORMATS`, lines ended by `\n`.

    `color`, `width` (in cells; None: there is no terminal), `links` (codes that lead to their rule) and `full` (nothing
    is folded) matter to `console` only. Raises `ValueError` for a format there is not.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown output format {format!r}: choose one of {', '.join(FORMATS)}")
    report = _masked(report)
    if format == "console":
        from fastapi_lint.report import console

        return console.render(report, color=color, width=width, links=links, full=full)
    module = importlib.import_module(f"{__name__}.formats.{format.replace('-', '_')}")
    return cast("Callable[[Report], str]", module.render)(report)


def _masked(report: Report) -> Report:
    """The report with messages that repeat no secret: some quote the code they are about, and what it is to become."""
    from fastapi_lint.report.excerpt import MASK, SECRET_CODES, secrets, secrets_at

    shown = (*report.findings, *report.suppressed)
    hidden = secrets(shown, report.sources)
    texts = secrets_at(hidden, report.sources)
    if not texts:
        return report

    def masked(finding: Finding) -> Finding:
        if finding.code in SECRET_CODES:
            return finding  # these name what is there, and take care themselves
        return finding.reworded(lambda text: texts.hidden(text, MASK))

    findings, suppressed = (tuple(map(masked, each)) for each in (report.findings, report.suppressed))
    return replace(report, findings=findings, suppressed=suppressed)
