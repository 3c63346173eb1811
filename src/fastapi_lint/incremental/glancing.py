"""What was found in a file before an edit, where that stands now: editors show it until the file is judged again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, Span


def moved(findings: Sequence[Finding], before: Source, after: Source) -> Iterator[Finding]:
    """Findings of a file in another text of it: those on lines that an edit left alone, where these are now.

    Without fixes: what these were made from may be on lines that have changed.
    """
    old, new = before.data.splitlines(), after.data.splitlines()
    shared = min(len(old), len(new))
    above = next((n for n in range(shared) if old[n] != new[n]), shared)
    below = next((n for n in range(shared - above) if old[-1 - n] != new[-1 - n]), shared - above)
    by = len(new) - len(old)
    for finding in findings:
        first = min(finding.span.line, finding.noqa_lines[0] or finding.span.line)
        last = max(finding.span.end_line, finding.noqa_lines[1])
        if last <= above:
            yield msgspec.structs.replace(finding, fix=None)
        elif first > len(old) - below:
            lines = finding.noqa_lines
            yield msgspec.structs.replace(
                finding,
                fix=None,
                span=_lower(finding.span, by),
                noqa_lines=(lines[0] + by, lines[1] + by) if lines != (0, 0) else lines,
            )


def _lower(span: Span, by: int) -> Span:
    return Span(span.line + by, span.column, span.end_line + by, span.end_column)
