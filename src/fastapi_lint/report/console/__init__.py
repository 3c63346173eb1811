"""Findings for people at a terminal: what is wrong, where, the source underlined, how to fix it, and what to do next.

Built from rich `Text` only, never from markup: no text of the project is ever read as a command.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from fastapi_lint.finding import Finding, Related, Safety, Severity, Span, counted
from fastapi_lint.report.console.folding import Folded, folded
from fastapi_lint.report.console.preview import Line, preview
from fastapi_lint.report.console.rows import GUTTER, cut, excerpt, lines_of
from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import betrays, secrets, secrets_at, visible
from fastapi_lint.report.totals import MANY, most, steps, summary

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold blue"}
_FIXES = {Safety.SAFE: "fix", Safety.UNSAFE: "unsafe fix (--unsafe-fixes)", Safety.DISPLAY: "suggestion"}
_SIGNS = {"-": "red", "+": "green"}
_WIDTH = 160
"""The width for excerpts where there is no terminal."""
_PLACES = 8
"""So many places of what is folded are named."""
_LINK_ID = re.compile("\x1b]8;id=[^;]*;")


def render(
    report: Report, *, color: bool = False, width: int | None = None, links: bool = False, full: bool = False
) -> str:
    """The findings with excerpts, and what they come to; no escape sequence unless `color` (and `links`).

    Words are wrapped at `width`, and not at all where there is no terminal. Places stay whole, for terminals that make
    them links.
    """
    blocks = _Page(report, width, links=links and color).blocks(full=full)
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
    return _LINK_ID.sub("\x1b]8;;", out.getvalue())  # equal runs give equal texts


class _Page:
    """What all blocks of one report share: the width, the secrets to hide, and where rules are explained."""

    def __init__(self, report: Report, width: int | None, *, links: bool) -> None:
        self.report = report
        self.width = width
        self.urls = {rule.code: rule.url for rule in report.rules} if links else {}
        findings = (*report.findings, *report.suppressed)
        self.hidden = secrets(findings, report.sources)
        self.texts = secrets_at(self.hidden, report.sources)

    def blocks(self, *, full: bool) -> Iterator[Text]:
        shown = 0
        for block in folded(self.report.findings, full=full):
            shown += 1
            yield Text("\n").join([*self._lines(block, full=full), Text()])
        if self.report.fixed:
            yield _fixed(self.report)
            if len(self.report.findings) > MANY:
                yield Text()
        for heading, rows in most(self.report):
            yield Text("\n").join([Text(f"{heading}:", "bold"), *map(Text, rows), Text()])
        first, rest = summary(self.report)
        head = Text.assemble((first, "bold green" if not self.report.findings else "bold"))
        yield from self._wrapped(head, rest, hang=0)
        if shown < len(self.report.findings):
            yield from self._wrapped(Text(), f"Shown are {shown}, the others are folded; --full shows each.", hang=0)
        if len(self.report.findings) > MANY:
            yield Text("Next:", "bold")
            for command, what in steps(self.report):
                yield from self._wrapped(Text.assemble("  ", (command, "bold")), f" {what}", hang=6)

    def _lines(self, block: Folded, *, full: bool) -> Iterator[Text]:
        finding = block.finding
        style = _STYLES[finding.severity]
        code = Style.parse(style) + Style(link=self.urls.get(finding.code) or None)
        word = Text.assemble((finding.severity.value, style), "[", (finding.code, code), "]: ")
        yield from self._wrapped(word, visible(finding.title), style="bold", hang=4)
        related = tuple(self._related(finding))
        change = self._change(finding)
        numbers = [finding.span.line, *(line.number for line in change)]
        for path, span in ((finding.path, finding.span), *((each.path, each.span) for _, each in related)):
            numbers += [span.line, span.end_line, *lines_of(self.report.sources.get(path), span)]
        gutter = len(str(max(numbers)))
        place, name = self._place(finding.path, finding.span), f" ({visible(finding.name)})"
        if self.width and gutter + 4 + cell_len(place + name) > self.width:
            name = ""
        yield Text.assemble(" " * gutter, ("-->", GUTTER), f" {place}{name}")
        yield from self._excerpt(finding.path, finding.span, gutter, ("^", style))
        for number, (step, each) in enumerate(related, 1):
            arrow = Text.assemble(" " * gutter, ("-->", GUTTER), f" {self._place(each.path, each.span)}: ")
            yield from self._wrapped(arrow, f"{step}{visible(each.message)}", hang=gutter + 4)
            is_shown = full or not finding.chain or number == len(related)
            if is_shown and not _same(finding, each):  # its own place stands above
                yield from self._excerpt(each.path, each.span, gutter, ("-", GUTTER))
        for label, text in (("why", finding.why), ("instead", finding.instead)):
            if text:
                yield from self._said(gutter, label, "bold", visible(text))
        if finding.fix:
            yield from self._said(gutter, _FIXES[finding.fix.safety], "bold green", visible(finding.fix.message))
            for line in change:
                head = f"{line.number:>{gutter}} {line.sign} "
                written = cut(line.text, self._room(gutter), line.differs)
                yield Text.assemble((head if written else head.rstrip(), GUTTER), (written, _SIGNS[line.sign]))
        for note in self._folded(block):
            yield from self._said(gutter, "more", "bold", note)

    def _related(self, finding: Finding) -> Iterator[tuple[str, Related]]:
        """The steps of a chain with their numbers, without a first one at the finding's own place; or loose places."""
        for number, each in enumerate(finding.related, 1):
            if finding.chain and number == 1 and len(finding.related) > 1 and _same(finding, each):
                continue
            yield (f"{number}. " if finding.chain else ""), each

    def _change(self, finding: Finding) -> Sequence[Line]:
        if finding.fix is None or betrays(finding, self.texts):
            return ()
        return preview(finding.fix, self.report.sources.get(finding.path), self.hidden.get(finding.path, ()))

    def _excerpt(self, path: str, span: Span, gutter: int, mark: tuple[str, str]) -> Iterator[Text]:
        source = self.report.sources.get(path)
        yield from excerpt(source, self.hidden.get(path, ()), span, gutter, self.width or _WIDTH, mark)

    def _folded(self, block: Folded) -> Iterator[str]:
        """What is folded behind a finding, with the first places."""
        if block.alike:
            lines = sorted({each.span.line for each in block.alike})
            named = ", ".join(map(str, lines[:_PLACES]))
            rest = ", ..." if len(lines) > _PLACES else ""
            where = "this file" if len({each.symbol for each in (block.finding, *block.alike)}) > 1 else (
                f"`{visible(block.finding.symbol)}`" if block.finding.symbol else "this file"
            )  # fmt: skip
            noun = "line" if len(lines) == 1 else "lines"
            yield f"{len(block.alike)} more like this in {where}: {noun} {named}{rest}"
        if block.reaching:
            places = [f"{visible(self.report.shown(each.path))}:{each.span.line}" for each in block.reaching]
            rest = ", ..." if len(places) > _PLACES // 2 else ""
            named = ", ".join(places[: _PLACES // 2])
            yield f"{counted(len(places), 'other place')} {'gets' if len(places) == 1 else 'get'} there: {named}{rest}"
        if block.others:
            files = counted(len({each.path for each in block.others}), "file")
            code = block.finding.code
            yield f"{len(block.others)} more of {code} in {files}: --select {code} --full shows them"

    def _said(self, gutter: int, label: str, style: str, text: str) -> Iterator[Text]:
        head = Text.assemble(" " * gutter, (" = ", GUTTER), (f"{label}: ", style))
        yield from self._wrapped(head, text, hang=gutter + 5)

    def _place(self, path: str, span: Span) -> str:
        return f"{visible(self.report.shown(path))}:{span.line}:{span.column}"

    def _room(self, gutter: int) -> int:
        return max((self.width or _WIDTH) - gutter - 3, 20)

    def _wrapped(self, head: Text, said: str, *, hang: int, style: str = "") -> Iterator[Text]:
        """The head and what is said behind it, on as many lines as the width makes of them."""
        line, used = head, cell_len(head.plain)
        first = True
        for word in said.split(" ") if self.width else [said]:
            size = cell_len(word)
            if self.width and used > hang and used + (not first) + size > self.width:
                line.rstrip()
                yield line
                line, used, first = Text(" " * hang), hang, True
            line.append(word if first else f" {word}", style or None)
            used += size + (not first)
            first = False
        line.rstrip()
        yield line


def _same(finding: Finding, related: Related) -> bool:
    span = related.span
    return (related.path, span.line, span.column) == (finding.path, finding.span.line, finding.span.column)


def _fixed(report: Report) -> Text:
    names = {rule.code: rule.name for rule in report.rules}
    text = Text(f"Fixed {counted(sum(report.fixed.values()), 'finding')}:")
    for code, count in sorted(report.fixed.items()):
        text.append(f"\n  {count} x {code}{f' [{names[code]}]' if code in names else ''}")
    return text
