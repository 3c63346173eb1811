"""Findings for people at a terminal: place, message, the source underlined, how to fix it, and a line that sums up.

Built from rich `Text` only, never from markup: no text of the project is ever read as a command.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, Safety, Severity, Span
from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import MASK, Ranges, overlapping, secrets, text_of, visible

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold blue"}
_NOUNS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "info"}
_FIXES = {
    Safety.SAFE: "fix",
    Safety.UNSAFE: "unsafe fix (--unsafe-fixes)",
    Safety.DISPLAY: "suggestion",
}
_GUTTER = "blue"
_TAB = 4
_WIDTH = 160
"""The width for excerpts where there is no terminal."""
_LEAD = 12
"""So many cells of a long line are shown before its span."""


def render(report: Report, *, color: bool = False, width: int | None = None) -> str:
    """The findings with excerpts of at most `width` cells, and the summary; no escape sequence unless `color`.

    Only excerpts are cut: the first line of a finding stays whole, for grep and for terminals that make it a link.
    """
    blocks = _blocks(report, width or _WIDTH)
    if not color:
        return "".join(f"{block.plain}\n" for block in blocks)
    out = io.StringIO()
    console = Console(
        file=out,
        force_terminal=True,
        color_system="standard",
        no_color=False,
        width=width or _WIDTH,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
    for block in blocks:
        console.print(block, soft_wrap=True)
    return out.getvalue()


def _blocks(report: Report, width: int) -> Iterator[Text]:
    hidden = secrets((*report.findings, *report.suppressed), report.sources)
    for finding in report.findings:
        yield Text("\n").join([*_lines(finding, report, hidden, width), Text()])
    if report.fixed:
        yield _fixed(report)
    yield _summary(report)


def _lines(finding: Finding, report: Report, hidden: Mapping[str, Ranges], width: int) -> Iterator[Text]:
    style = _STYLES[finding.severity]
    yield Text.assemble(
        (_place(report, finding.path, finding.span), "bold"),
        ": ",
        (finding.code, style),
        f" [{visible(finding.name)}] ",
        (visible(finding.title), style),
    )
    spans = [finding.span, *(each.span for each in finding.related)]
    gutter = max(len(str(max(span.line, span.end_line))) for span in spans)
    yield from _excerpt(report, hidden, finding.path, finding.span, gutter, width, ("^", style))
    for number, related in enumerate(finding.related, 1):
        step = f"{number}. " if finding.chain else ""
        yield Text.assemble(
            " " * gutter,
            ("-->", _GUTTER),
            f" {_place(report, related.path, related.span)}: {step}{visible(related.message)}",
        )
        yield from _excerpt(report, hidden, related.path, related.span, gutter, width, ("-", _GUTTER))
    for word, text in (("why", finding.why), ("instead", finding.instead)):
        if text:
            yield Text.assemble(" " * gutter, (" = ", _GUTTER), (f"{word}: ", "bold"), visible(text))
    if finding.fix:
        hint = f"{_FIXES[finding.fix.safety]}: "
        yield Text.assemble(" " * gutter, (" = ", _GUTTER), (hint, "bold green"), visible(finding.fix.message))


def _place(report: Report, path: str, span: Span) -> str:
    return f"{visible(report.shown(path))}:{span.line}:{span.column}"


def _excerpt(
    report: Report,
    hidden: Mapping[str, Ranges],
    path: str,
    span: Span,
    gutter: int,
    width: int,
    mark: tuple[str, str],
) -> Iterator[Text]:
    """The span's first and last line, underlined; nothing when the file is not at hand or has no such line."""
    source = report.sources.get(path)
    if source is None or not text_of(source) or span.line > len(source.line_starts):
        return
    character, style = mark
    bar = Text.assemble(" " * (gutter + 1), ("|", _GUTTER))
    yield bar
    last = span.end_line
    if last > span.line and not source.line(last)[: span.end_column - 1].strip():
        last -= 1  # the span ends before anything on its last line
    previous = span.line
    for line in sorted({span.line, min(last, len(source.line_starts))}):
        if line > previous + 1:
            yield Text("." * max(gutter, 3), _GUTTER)
        previous = line
        text = source.line(line)
        start = span.column - 1 if line == span.line else len(text) - len(text.lstrip())
        end = span.end_column - 1 if line == span.end_line else len(text.rstrip())
        shown, before, under = _row(source, line, start, end, hidden.get(path, ()), width - gutter - 3)
        yield Text.assemble((f"{line:>{gutter}} |", _GUTTER), f" {shown}" if shown else "")
        yield Text.assemble(" " * (gutter + 1), ("|", _GUTTER), " " * (before + 1), (character * under, style))


def _row(source: Source, line: int, start: int, end: int, hidden: Ranges, room: int) -> tuple[str, int, int]:
    """One line as it can be shown, with how many cells stand before the underline and how many it has.

    `start` and `end` count characters of the line from 0. Tabs become spaces, control characters visible, secrets
    masked; of a line that does not fit into `room` cells, the part around the span stays, with `...` where it is cut.
    """
    room = max(room, 20)
    text = source.line(line)
    start = min(start, len(text))
    end = max(min(end, len(text)), start)
    # Only characters that can be shown are laid out: a megabyte on one line costs no more than any other line.
    first = max(start - 4 * room, 0)
    stop = min(start + 4 * room, len(text))
    cells = _cells(source, line, text[first:stop], first, hidden)
    ends = [0, *accumulate(map(cell_len, cells))]
    start, end = start - first, min(end, stop) - first
    low, high = 0, len(cells)
    if first or stop < len(text) or ends[-1] > room:
        inner = room - 6
        left = 0 if not first and ends[end] <= inner else max(ends[start] - _LEAD, ends[end] - inner, 0)
        left = min(left, ends[start])
        low = next(index for index, cell in enumerate(ends) if cell >= left)
        high = max(index for index, cell in enumerate(ends) if cell - ends[low] <= inner)
        end = min(end, high)
    lead = "..." if low or first else ""
    tail = "..." if high < len(cells) or stop < len(text) else ""
    before = len(lead) + ends[start] - ends[low]
    return lead + "".join(cells[low:high]) + tail, before, max(ends[end] - ends[start], 1)


def _cells(source: Source, line: int, text: str, first: int, hidden: Ranges) -> list[str]:
    """What is shown for each character of (a part of) a line."""
    cells: list[str] = []
    column = 0
    for character in text:
        cell = " " * (_TAB - column % _TAB) if character == "\t" else visible(character)
        column += cell_len(cell)
        cells.append(cell)
    offset = source.line_starts[line - 1] + first
    for hidden_start, hidden_end in overlapping(hidden, offset, offset + len(text)):
        cells[hidden_start - offset : hidden_end - offset] = [MASK, *[""] * (hidden_end - hidden_start - 1)]
    return cells


def _fixed(report: Report) -> Text:
    names = {rule.code: rule.name for rule in report.rules}
    text = Text(f"Fixed {_count(sum(report.fixed.values()), 'finding')}:")
    for code, count in sorted(report.fixed.items()):
        text.append(f"\n  {count} x {code}{f' [{names[code]}]' if code in names else ''}")
    return text


def _summary(report: Report) -> Text:
    files = _count(report.files, "file")
    notices = f" {_count(len(report.notices), 'notice')}." if report.notices else ""
    if not report.findings and (failed := sum(notice.level is Severity.ERROR for notice in report.notices)):
        return Text(f"Found nothing in {files}, but {_count(failed, 'error')}: not everything was done.{notices}")
    if not report.findings:
        return Text.assemble(("All clear", "bold green"), f": {files} checked.{notices}")
    found = _count(len(report.findings), "finding")
    touched = _count(len({finding.path for finding in report.findings}), "file")
    return Text.assemble(
        (f"Found {found}", "bold"), f" in {touched} ({files} checked): {_severities(report.findings)}.",
        _fixable(report.findings), notices,
    )  # fmt: skip


def _severities(findings: Iterable[Finding]) -> str:
    kinds = [finding.severity for finding in findings]
    return ", ".join(_count(kinds.count(kind), noun) for kind, noun in _NOUNS.items() if kind in kinds)


def _fixable(findings: Iterable[Finding]) -> str:
    kinds = [finding.fix.safety for finding in findings if finding.fix]
    safe, unsafe = kinds.count(Safety.SAFE), kinds.count(Safety.UNSAFE)
    if safe and unsafe:
        return f" {safe} fixable with --fix, {unsafe} more with --unsafe-fixes."
    if safe:
        return f" {safe} fixable with --fix."
    return f" {unsafe} fixable with --unsafe-fixes." if unsafe else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
