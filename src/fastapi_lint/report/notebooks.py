"""Findings in notebooks as readers find them: by cell and line for people, by the line of the file for services."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from fastapi_lint.files.notebooks import Notebook, cell_at, cells, lines_of
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Finding, Fix, Related, Span
from fastapi_lint.report.contents import Report


def placed(report: Report, *, by_cell: bool) -> Report:
    """The report with places in notebooks as `nb.ipynb:cell 3` and lines of that, or as lines of the file itself."""
    notebooks = {path: source for path, source in report.sources.items() if isinstance(source, Notebook)}
    if not notebooks:
        return report
    raw = {path: lines_of(source.raw) for path, source in notebooks.items()} if not by_cell else {}
    sources = dict(report.sources)

    def place(path: str, span: Span) -> tuple[str, Span]:
        source = notebooks[path]
        number, line = cell_at(source.text, span.line)
        _, end_line = cell_at(source.text, span.end_line)
        if by_cell:
            return f"{path}:cell {number}", Span(line, span.column, end_line, span.end_column)
        lines = raw[path].get(number) or [(1, 1)]
        first, start = lines[min(line, len(lines)) - 1]
        last, end = lines[min(end_line, len(lines)) - 1]
        return path, Span(first, start + span.column - 1, last, end + span.end_column - 1)

    def moved_step(step: Related) -> Related:
        if step.path not in notebooks:
            return step
        path, span = place(step.path, step.span)
        return msgspec.structs.replace(step, path=path, span=span)

    def moved(finding: Finding) -> Finding:
        finding = msgspec.structs.replace(finding, related=tuple(map(moved_step, finding.related)))
        if finding.path not in notebooks:
            return finding
        path, span = place(finding.path, finding.span)
        first, last = (max(line, finding.span.line) if line < 1 else line for line in finding.noqa_lines)
        head = place(finding.path, Span(first, 1, last, 1))[1]
        return msgspec.structs.replace(
            finding,
            path=path,
            span=span,
            noqa_lines=(head.line, head.end_line),
            fix=_fix(finding.fix, finding.path, path),
        )

    def _fix(fix: Fix | None, old: str, path: str) -> Fix | None:
        """The fix with its edits in the same cell; those of others cannot be said there."""
        if fix is None:
            return None
        edits = []
        for edit in fix.edits:
            there, span = place(old, edit.span)
            if not by_cell or there != path:
                return msgspec.structs.replace(fix, edits=())
            edits.append(Edit(span, edit.content))
        return msgspec.structs.replace(fix, edits=tuple(edits))

    for path, source in notebooks.items():
        if by_cell:
            for cell in cells(source.text):
                sources[f"{path}:cell {cell.number}"] = Source(f"{path}:cell {cell.number}", cell.text.encode())
        else:
            sources[path] = Source(path, source.raw)
    findings, suppressed = (tuple(map(moved, each)) for each in (report.findings, report.suppressed))
    return replace(report, findings=findings, suppressed=suppressed, sources=sources)
