"""What of a source may be shown: control characters made visible, secrets masked. Lays nothing out, reads no file."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping

from fastapi_lint.files.secrecy import Secrets
from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.finding import Finding, Span

SECRET_CODES = frozenset({"FAPI601", "FAPI602", "FAPI603"})
"""Rules whose findings point at a secret: its text is in no report, whichever rule's excerpt shows the line."""

MASK = "****"
Ranges = tuple[tuple[int, int], ...]
"""Sorted, disjoint ranges of offsets into `Source.text`."""

# What can move the cursor, change colours, reorder or hide text: C0 but tab, DEL, C1, bidi marks, embeddings, overrides
# and isolates, line separators, zero-width and tag characters; and lone surrogates, which no encoding can write.
_UNSAFE = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)
_QUOTED = re.compile(r"(\"\"\"|'''|\"|')((?:\\.|(?!\1).)*)(?:\1|\Z)", re.DOTALL)


def visible(text: str) -> str:
    r"""The text with what could spoof a terminal written out: `\x1b`, `\u202e`. Tabs stay."""
    return _UNSAFE.sub(lambda match: _escape(match[0]), text)


def _escape(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def text_of(source: Source | None) -> str:
    """The decoded text; empty when there is no source or it cannot be decoded."""
    try:
        return source.text if source else ""
    except Unreadable:
        return ""


def offsets(source: Source, span: Span) -> tuple[int, int]:
    """The range of `Source.text` that a span covers."""
    start = source.offset(span.line, span.column)
    return start, max(start, source.offset(span.end_line, span.end_column))


def secrets(findings: Iterable[Finding], sources: Mapping[str, Source]) -> dict[str, Ranges]:
    """By path, the ranges that no report may show: what stands between quotes where `SECRET_CODES` point at.

    A place without quotes is either inside a literal or the name it is bound to: then all literals of its statement's
    head are hidden, and hiding too much is the right mistake. Related places of such findings count as well.
    """
    found: dict[str, set[tuple[int, int]]] = {}
    for finding in findings:
        if finding.code not in SECRET_CODES:
            continue
        first, last = finding.noqa_lines if finding.noqa_lines[0] else (finding.span.line, finding.span.end_line)
        places = [(finding.path, finding.span, first, last)]
        places += [(each.path, each.span, each.span.line, each.span.end_line) for each in finding.related]
        for path, span, first, last in places:
            source = sources.get(path)
            if source is not None and text_of(source):
                found.setdefault(path, set()).update(_quoted(source, span, first, last))
    return {path: _merged(ranges) for path, ranges in found.items()}


def _quoted(source: Source, span: Span, first: int, last: int) -> list[tuple[int, int]]:
    start, end = offsets(source, span)
    if not re.search("[\"']", source.text[start:end]):
        start, _ = offsets(source, Span(min(first, span.line), 1, span.line, span.column))
        end = source.offset(max(last, span.end_line) + 1, 1)
    matches = _QUOTED.finditer(source.text[start:end])
    return [(start + match.start(2), start + match.end(2)) for match in matches if match[2]]


def _merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def overlapping(ranges: Ranges, start: int, end: int) -> Ranges:
    """The parts of the ranges that lie between two offsets."""
    index = max(bisect_left(ranges, (start, start)) - 1, 0)
    parts: list[tuple[int, int]] = []
    while index < len(ranges) and ranges[index][0] < end:
        part = max(ranges[index][0], start), min(ranges[index][1], end)
        if part[0] < part[1]:
            parts.append(part)
        index += 1
    return tuple(parts)


def masked(source: Source, start: int, end: int, ranges: Ranges) -> str:
    """The text between two offsets with every secret in it replaced by `MASK`."""
    pieces: list[str] = []
    for hidden_start, hidden_end in overlapping(ranges, start, end):
        pieces += [source.text[start:hidden_start], MASK]
        start = hidden_end
    return "".join(pieces) + source.text[start:end]


def secrets_at(hidden: Mapping[str, Ranges], sources: Mapping[str, Source]) -> Secrets:
    """What stands at the hidden ranges: to be looked for in what is shown, and never for a report."""
    return Secrets(sources[path].text[start:end] for path, ranges in hidden.items() for start, end in ranges)


def betrays(finding: Finding, texts: Secrets) -> bool:
    """Whether the fix of a finding writes out a secret that another finding points at, and so must not be shown.

    The fixes of `SECRET_CODES` themselves are trusted: they exist to take the secret away.
    """
    if finding.fix is None or finding.code in SECRET_CODES:
        return False
    return any(texts.are_in(edit.content) for edit in finding.fix.edits)
