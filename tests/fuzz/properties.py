"""What must hold for any input whatsoever; asserted by the Hypothesis tests and by the coverage-guided ones alike."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.run.story import LintResult, lint_sources


def judge(result: LintResult, files: Mapping[str, bytes]) -> None:
    """No rule raised, no fix broke a file, and every finding lies inside its file."""
    failed = [notice.message for notice in result.notices if notice.code]
    assert failed == [], failed  # said once more for runs without pytest
    for finding in result.findings:
        source = Source(finding.path, result.files[finding.path])
        assert finding.path in files
        try:
            last = len(source.line_starts)
        except Unreadable:
            assert finding.code == "FAPI001"
            continue
        span = finding.span
        assert 1 <= span.line <= span.end_line <= last
        assert (span.line, span.column) <= (span.end_line, span.end_column)
        assert source.offset(span.end_line, span.end_column) <= len(source.text)


def fix_and_judge(files: Mapping[str, bytes], *, unsafe: bool) -> None:
    """Fixing keeps what `judge` asks for, and fixing once more changes nothing."""
    result = lint_sources(files, select=("all",), fix=True, unsafe=unsafe)
    judge(result, files)
    again = lint_sources(result.files, select=("all",), fix=True, unsafe=unsafe)
    assert again.files == result.files, "fixed files are left alone"
