"""What a rule reports: plain frozen data, without any logic of rules, reporters or files.

Lines and columns start at 1 and count Unicode code points, as SARIF's `unicodeCodePoints` and Ruff's JSON do;
an end is exclusive. Paths are relative to the project root, with forward slashes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import lru_cache

import msgspec


class Severity(str, Enum):
    """How much a finding matters: it fails or leaks, it hurts, or it could be better."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Safety(str, Enum):
    """What a fix may do to a program that works.

    safe: behaviour and OpenAPI document stay, comments are kept; unsafe: opt-in; display: shown, never applied.
    """

    SAFE = "safe"
    UNSAFE = "unsafe"
    DISPLAY = "display"


class Span(msgspec.Struct, frozen=True, order=True, array_like=True):
    """A half-open range of one file: 1-based lines and columns in code points."""

    line: int
    column: int
    end_line: int
    end_column: int


class Edit(msgspec.Struct, frozen=True, order=True, array_like=True):
    """Replace the text in `span` by `content`; an empty span inserts, empty content deletes."""

    span: Span
    content: str


class Fix(msgspec.Struct, frozen=True):
    """An atomic set of edits of the finding's own file: all are applied or none is."""

    message: str
    safety: Safety
    edits: tuple[Edit, ...]


class Related(msgspec.Struct, frozen=True):
    """A second place that explains a finding; several in order are the steps of a chain."""

    path: str
    span: Span
    message: str


class Finding(msgspec.Struct, frozen=True):
    """One report of one rule at one place.

    `title` says what is wrong, with the user's symbols, in at most about 80 characters; `why` what that leads to;
    `instead` what to write. The last two may be empty.

    `noqa_lines` is the inclusive range of lines on which a suppression comment counts (the head of the statement
    around the finding). `chain` says that `related` is an ordered call chain (SARIF codeFlows), not a loose set.
    `symbol` is the dotted name of the enclosing function or class, for fingerprints that survive moved lines.
    `root_codes` are the codes that silence a chain where it ends, by a comment on `root_lines`: a decision there holds
    for all that leads to it.
    """

    code: str
    name: str
    title: str
    path: str
    span: Span
    severity: Severity = Severity.WARNING
    related: tuple[Related, ...] = ()
    chain: bool = False
    fix: Fix | None = None
    noqa_lines: tuple[int, int] = (0, 0)
    symbol: str = ""
    why: str = ""
    instead: str = ""
    root_codes: tuple[str, ...] = ()
    root_lines: tuple[int, int] = (0, 0)

    @property
    def root(self) -> Related | None:
        """Where a chain ends that can be silenced there."""
        return self.related[-1] if self.chain and self.root_codes and self.related else None

    @property
    def message(self) -> str:
        """Title, why and instead in one line, for formats that have one field for text."""
        return "; ".join(filter(None, (self.title, self.why, self.instead)))

    @property
    def brief(self) -> str:
        """Title and instead in one line: what to read where there is little room."""
        return "; ".join(filter(None, (self.title, self.instead)))

    def reworded(self, said: Callable[[str], str]) -> Finding:
        """The finding with all that it says sent through a function; edits stay as they are."""
        return msgspec.structs.replace(
            self,
            title=said(self.title),
            why=said(self.why),
            instead=said(self.instead),
            related=tuple(Related(each.path, each.span, said(each.message)) for each in self.related),
            fix=self.fix and msgspec.structs.replace(self.fix, message=said(self.fix.message)),
        )


class Notice(msgspec.Struct, frozen=True):
    """Something the run has to say that is not a finding: an unreadable file, a rule that raised, a broken cache.

    `code` is set when a rule raised; `path` when one file is concerned.
    """

    message: str
    path: str = ""
    code: str = ""
    level: Severity = Severity.WARNING


Endpoints = Mapping[tuple[str, int], frozenset[str]]
"""By path and line of a finding: the endpoints that run the function around it, each as "path:line" of its `def`."""


def nearest(findings: Iterable[Finding]) -> set[Finding]:
    """Findings but for those of which the same rule says the same of the same place, at the end of a shorter chain."""
    found: set[Finding] = set()
    chains: dict[tuple[str, str, Span], Finding] = {}
    for finding in findings:
        if not finding.chain:
            found.add(finding)
            continue
        place = (finding.code, finding.path, finding.span)
        other = chains.get(place)
        if other is None or _length(finding) < _length(other):
            chains[place] = finding
    return found.union(chains.values())


def _length(finding: Finding) -> tuple[object, ...]:
    places = [(related.path, related.span.line, related.span.column) for related in finding.related]
    return len(places), places, finding.message


def by_place(finding: Finding) -> tuple[str, Span, str, str]:
    """The order in which findings are reported: path, place, code, message."""
    return (finding.path, finding.span, finding.code, finding.message)


OWN_PREFIX = "FAPI"
"""What the codes of the rules that ship begin with; those of plugins have other letters."""


@lru_cache(maxsize=1024)  # of all rules in every check
def letters(code: str) -> str:
    """What a code, or the beginning of codes, has before its digits, in upper case."""
    return code.rstrip("0123456789").upper()


def counted(number: int, noun: str) -> str:
    """A number and its noun: `1 finding`, `2 findings`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
