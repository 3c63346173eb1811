"""How often each rule found something, and which lines hold up how many endpoints: text or JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fastapi_lint.finding import Finding, Safety, Severity, counted
from fastapi_lint.report.ascii_json import Json, dumps
from fastapi_lint.report.contents import Report
from fastapi_lint.report.excerpt import visible
from fastapi_lint.report.totals import summary

_SGR = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "34"}
_CAUSES = 15
"""So many causes are shown; JSON holds all."""
_BLOCK = frozenset({"FAPI101", "FAPI102", "FAPI501"})
"""What these find holds up the event loop: also a single line of which tells more by who comes to it."""


class Row(NamedTuple):
    """A rule with the number of its findings, and of the safe and unsafe fixes among them."""

    findings: int
    code: str
    name: str
    severity: Severity
    safe: int
    unsafe: int


class Cause(NamedTuple):
    """A line that blocks, or where chains end: how many findings, functions and endpoints come down to it.

    The functions are those in which it was found; None of the endpoints where nobody followed them.
    """

    findings: int
    functions: int
    endpoints: int | None
    code: str
    path: str
    line: int
    what: str


def rows(findings: Sequence[Finding]) -> list[Row]:
    """The rules, most findings first."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.code, []).append(finding)
    found = []
    for code, group in groups.items():
        kinds = Counter(finding.fix.safety for finding in group if finding.fix)
        worst = min((finding.severity for finding in group), key=list(_SGR).index)
        found.append(Row(len(group), code, group[0].name, worst, kinds[Safety.SAFE], kinds[Safety.UNSAFE]))
    return sorted(found, key=lambda row: (-row.findings, row.code))


def causes(report: Report) -> list[Cause]:
    """The lines to which several findings or endpoints come, those first to which most endpoints do."""
    groups: dict[tuple[str, str, int], list[Finding]] = {}
    for finding in report.findings:
        if finding.chain and finding.related:
            end = finding.related[-1]
            groups.setdefault((finding.code, end.path, end.span.line), []).append(finding)
        elif finding.code in _BLOCK:
            groups.setdefault((finding.code, finding.path, finding.span.line), []).append(finding)
    found = []
    for key, group in groups.items():
        functions = {(each.path, each.symbol) for each in group}
        coming = {name for each in group for name in report.endpoints.get((each.path, each.span.line), ())}
        endpoints = len(coming) if report.endpoints else None
        if len(group) > 1 or (endpoints or 0) > 1:
            first = group[0]
            is_own = key[1:] == (first.path, first.span.line)  # then the step says less than the title
            what = first.title if is_own or not first.related else first.related[-1].message
            found.append(Cause(len(group), len(functions), endpoints, *key, what))
    return sorted(found, key=lambda each: (-(each.endpoints or 0), -each.functions, -each.findings, each[3:]))


def as_json(report: Report) -> str:
    """An array of the rules, each with its causes."""
    ends = causes(report)
    return dumps([_object(row, [end for end in ends if end.code == row.code], report) for row in rows(report.findings)])


def _object(row: Row, ends: Sequence[Cause], report: Report) -> Json:
    return {
        "code": row.code,
        "name": row.name,
        "severity": row.severity.value,
        "count": row.findings,
        "fixable": row.safe + row.unsafe,
        "safe": row.safe,
        "unsafe": row.unsafe,
        "causes": [
            {
                "filename": report.shown(end.path),
                "row": end.line,
                "message": end.what,
                "count": end.findings,
                "functions": end.functions,
                "endpoints": end.endpoints,
            }
            for end in ends
        ],
    }


def as_text(report: Report, *, color: bool = False) -> str:
    """The rules as lines, below them the causes, then the totals."""
    return "".join(f"{line}\n" for line in _lines(report, color))


def _lines(report: Report, color: bool) -> Iterator[str]:
    found = rows(report.findings)
    wide = max((len(row.name) for row in found), default=0)
    for row in found:
        fixes = [f"{number} {kind}" for number, kind in ((row.safe, "safe"), (row.unsafe, "unsafe")) if number]
        said = f"  fixes: {', '.join(fixes)}" if fixes else ""
        code = _styled(row.code, f"1;{_SGR[row.severity]}", color)
        yield f"{row.findings:>6}  {code}  {f'{visible(row.name):<{wide}}{said}'.rstrip()}"
    ends = causes(report)
    if ends:
        yield ""
        yield _styled("Lines that several findings or endpoints come down to:", "1", color)
    for end in ends[:_CAUSES]:
        code = _styled(end.code, "1", color)
        place = f"{visible(report.shown(end.path))}:{end.line}"
        reached = counted(end.functions, "function")
        if end.endpoints is not None:
            reached += f", run by {counted(end.endpoints, 'endpoint')}"
        yield f"{end.findings:>6}  {code}  {place}: {visible(end.what)} (reached by {reached})"
    if len(ends) > _CAUSES:
        yield f"        and {counted(len(ends) - _CAUSES, 'more line')}"
    if found:
        yield ""
    yield "".join(summary(report))


def _styled(text: str, codes: str, color: bool) -> str:
    return f"\x1b[{codes}m{text}\x1b[0m" if color else text
