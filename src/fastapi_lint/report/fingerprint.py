"""Who a finding is, whatever line it moved to: what baselines, SARIF and GitLab compare between two runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, by_place
from fastapi_lint.report.excerpt import SECRET_CODES, masked, secrets, text_of

_LINES = 5
"""So many lines of a long span count: a finding about a class is not a new one because its last method changed."""


def fingerprints(findings: Sequence[Finding], sources: Mapping[str, Source]) -> list[str]:
    """For each finding, in the order given, 32 hexadecimal digits that are unique among them.

    Hashed are code, path, symbol, the text of the span's lines (spaces collapsed, a comment behind the span dropped, so
    that adding a suppression changes nothing) and the number among findings that are equal in all this, counted in the
    order of `by_place`, so that the order given does not matter. The lines of a secret's finding are masked before they
    are hashed: nobody can guess at a short password with the fingerprint as the judge.
    """
    hidden = secrets(findings, sources)
    seen: dict[str, int] = {}
    result = [""] * len(findings)
    for index in sorted(range(len(findings)), key=lambda each: by_place(findings[each])):
        finding = findings[index]
        ranges = hidden.get(finding.path, ()) if finding.code in SECRET_CODES else ()
        identity = "\0".join((finding.code, finding.path, finding.symbol, _text(finding, sources, ranges)))
        number = seen[identity] = seen.get(identity, -1) + 1
        data = f"{identity}\0{number}".encode("utf-8", "surrogatepass")
        result[index] = hashlib.sha256(data).hexdigest()[:32]
    return result


def _text(finding: Finding, sources: Mapping[str, Source], ranges: tuple[tuple[int, int], ...]) -> str:
    source = sources.get(finding.path)
    if source is None or not text_of(source):
        return ""
    span = finding.span
    last = min(span.end_line, span.line + _LINES - 1)
    start = source.offset(span.line, 1)
    end = source.offset(last + 1, 1)
    if last == span.end_line:
        after = source.offset(last, span.end_column)
        behind, comment, _ = source.text[after:end].partition("#")
        if comment and "'" not in behind and '"' not in behind:
            end = after + len(behind)
    return " ".join(masked(source, start, end, ranges).split())
