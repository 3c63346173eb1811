"""Which findings the console shows whole, and which it folds behind them. Lays nothing out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fastapi_lint.finding import Finding, Severity, by_place
from fastapi_lint.report.totals import MANY

_QUOTED = re.compile(r"`[^`]*`")
_LEAST = 2
"""So many are worth being folded: in the place of one, it can be shown."""
_EXAMPLES = 3
"""Above `MANY` findings, so many blocks show what a rule finds; what else it finds is folded behind the last."""


class Folded(NamedTuple):
    """A finding that is shown, and those that are folded behind it: `alike` in the same function or file, `reaching`
    the same end of a chain, `others` of the same rule in other files."""

    finding: Finding
    alike: tuple[Finding, ...] = ()
    reaching: tuple[Finding, ...] = ()
    others: tuple[Finding, ...] = ()


def folded(findings: Sequence[Finding], *, full: bool = False) -> Iterator[Folded]:
    """The findings in the order in which they are shown: errors first, then by file; nothing folded when `full`."""
    ordered = sorted(findings, key=lambda each: (each.severity is not Severity.ERROR, by_place(each)))
    if full:
        yield from map(Folded, ordered)
        return
    many = len(findings) > MANY
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in ordered:
        groups.setdefault(_key(finding, many), []).append(finding)
    shown = [block for group in groups.values() for block in _blocks(group)]
    shown.sort(key=lambda block: (block.finding.severity is not Severity.ERROR, by_place(block.finding)))
    yield from _examples(shown) if many else shown


def _key(finding: Finding, many: bool) -> tuple[object, ...]:
    """What findings have in common that say nearly the same."""
    end = finding.related[-1] if finding.chain and finding.related else None
    if end is not None:
        return (finding.code, finding.severity, end.path, end.span)
    if finding.severity is Severity.ERROR or not (many or finding.symbol):
        return (finding.code, finding.path, finding.span, finding.message)
    said = _QUOTED.sub("", finding.title)
    return (finding.code, finding.severity, finding.path, "" if many else finding.symbol, said)


def _blocks(group: Sequence[Finding]) -> Iterator[Folded]:
    first, more = group[0], tuple(group[1:])
    if len(more) < _LEAST:
        yield from map(Folded, group)
    elif first.chain:
        yield Folded(first, reaching=more)
    else:
        yield Folded(first, alike=more)


def _examples(blocks: Sequence[Folded]) -> Iterator[Folded]:
    """The first blocks of each rule, the last of them with what the others show; errors are all shown."""
    of_rule: dict[str, list[Folded]] = {}
    for block in blocks:
        if block.finding.severity is not Severity.ERROR:
            of_rule.setdefault(block.finding.code, []).append(block)
    rest: dict[str, tuple[Finding, ...]] = {}
    for code, found in of_rule.items():
        if len(found) >= _EXAMPLES + _LEAST:
            hidden = found[_EXAMPLES:]
            rest[code] = tuple(each for block in hidden for each in (block.finding, *block.alike, *block.reaching))
    seen: dict[str, int] = {}
    for block in blocks:
        code = block.finding.code
        if block.finding.severity is Severity.ERROR or code not in rest:
            yield block
            continue
        seen[code] = seen.get(code, 0) + 1
        if seen[code] < _EXAMPLES:
            yield block
        elif seen[code] == _EXAMPLES:
            yield block._replace(others=rest[code])
