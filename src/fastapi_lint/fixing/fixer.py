"""Turns the fixes of findings into new text: select, merge, apply, converge. Text only: reads and writes no file.

A round accepts, in the order of place and code, every fix that neither overlaps nor touches one accepted before it;
what waits is asked for again in the next round, from findings made on the new text. Equal edits count once.
"""

from __future__ import annotations

import difflib
import re
import symtable
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from warnings import catch_warnings, simplefilter

from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.finding import Edit, Finding, Notice, Safety

ROUNDS = 10
"""After so many rounds a file that still changes is left as it is, with a notice."""

_LINE = re.compile(r"[^\n]*\n|[^\n]+")

Range = tuple[int, int]


class Conflict(ValueError):
    """Two edits that are to be applied together overlap."""


class Unencodable(ValueError):
    """The fixed text cannot be written in the file's own encoding."""


@dataclass(frozen=True)
class Round:
    """What one round made: the new source (the old one itself when nothing changed), and whose fixes are in it.

    `rejected` are the codes of rules whose fix broke the file: they must not be asked again for this file.
    """

    source: Source
    applied: tuple[Finding, ...]
    rejected: frozenset[str]
    notices: tuple[Notice, ...]


@dataclass(frozen=True)
class Fixed:
    """The end of `converge`: the last sources, fixes made by code, findings that remain in them, and notices."""

    sources: Mapping[str, Source]
    applied: dict[str, int]
    findings: tuple[Finding, ...]
    notices: tuple[Notice, ...]


def apply(source: Source, edits: Iterable[Edit]) -> str:
    """The text of `source` after `edits`, in any order; equal edits count once.

    Different insertions at one place are made in the order given; one at the start of a replaced range comes before
    the replacement. Raises `Conflict` when two edits overlap.
    """
    placed = [(*_range(source, edit), edit.content) for edit in dict.fromkeys(edits)]
    placed.sort(key=lambda item: item[:2])
    text = source.text
    pieces: list[str] = []
    position = 0
    for start, end, content in placed:
        if start < position:
            raise Conflict(f"{source.path}: edits overlap at offset {start}")
        pieces += (text[position:start], content)
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def select(findings: Iterable[Finding], *, unsafe: bool) -> list[Finding]:
    """The findings whose fix may be applied: safe ones, with `unsafe` the unsafe ones too, display-only ones never."""
    allowed = {Safety.SAFE, Safety.UNSAFE} if unsafe else {Safety.SAFE}
    return [finding for finding in findings if finding.fix and finding.fix.edits and finding.fix.safety in allowed]


def merge(source: Source, findings: Iterable[Finding]) -> list[Finding]:
    """Those findings whose fixes can be applied together, decided in the order of their edits' place, then code.

    Left out are: fixes whose edits overlap or touch those of an accepted fix (identical edits are shared instead),
    fixes that contradict themselves, and fixes that change nothing.
    """
    candidates = []
    for finding in findings:
        edits = _edits(finding)
        ranges = [_range(source, edit) for edit in edits]
        if edits and not _is_idle(source, edits, ranges):
            candidates.append((min(ranges), finding.code, finding.span, finding.message, edits, ranges, finding))
    accepted: list[Finding] = []
    taken: list[Range] = []
    shared: set[Edit] = set()
    for *_, edits, ranges, finding in sorted(candidates, key=lambda item: item[:5]):
        new = {edit: place for edit, place in zip(edits, ranges, strict=True) if edit not in shared}
        if any(_touches(taken, place) for place in new.values()) or _contradicts(ranges):
            continue
        for edit, place in new.items():
            shared.add(edit)
            taken.insert(bisect_left(taken, place), place)
        accepted.append(finding)
    return accepted


def advance(
    source: Source,
    findings: Sequence[Finding],
    *,
    unsafe: bool,
    skip: Collection[str] = (),
    parses: Callable[[str], bool] | None = None,
) -> Round:
    """One round over one file: merge the applicable fixes of `findings` (rules in `skip` excepted) and apply them.

    A result that does not parse is taken back whole; then the fixes are tried one by one, the rules whose fix alone
    breaks the file are rejected with a notice, and the others applied as far as they still parse together. `parses`
    replaces the standard test: libcst reads the text, and so does this Python if it could read it before.
    """
    accepted = merge(source, (f for f in select(findings, unsafe=unsafe) if f.code not in skip))
    if not accepted:
        return Round(source, (), frozenset(), ())
    parses = parses or _parser(source)
    if (after := _attempt(source, accepted, parses)) is not None:
        return Round(after, tuple(accepted), frozenset(), ())
    if not parses(source.text):
        message = "does not parse: nothing was fixed"
        return Round(source, (), frozenset(f.code for f in findings), (Notice(message, path=source.path),))
    broken = {f.code: f for f in reversed(accepted) if _attempt(source, [f], parses) is None}
    notices = tuple(
        Notice(
            f"the fix of {code} at line {broken[code].span.line} would leave the file unreadable; "
            "it was taken back, please report it",
            path=source.path,
            code=code,
        )
        for code in sorted(broken)
    )
    kept: list[Finding] = []
    last = source
    for finding in accepted:
        if finding.code not in broken and (after := _attempt(source, [*kept, finding], parses)) is not None:
            kept.append(finding)
            last = after
    return Round(last, tuple(kept), frozenset(broken), notices)


def converge(
    sources: Mapping[str, Source],
    check: Callable[[Mapping[str, Source]], Sequence[Finding]],
    findings: Sequence[Finding],
    *,
    unsafe: bool,
    parses: Callable[[str], bool] | None = None,
    tidy: Callable[[Source, Source], Sequence[Edit]] | None = None,
) -> Fixed:
    """Fix the files of a project in rounds until nothing changes, at most `ROUNDS`.

    `findings` are those of `sources`; `check` gives the findings of every new set of sources, since a fix in one file
    may change what is found in another. `tidy` is asked at the end for edits of each changed file (imports that the
    fixes made unused), with its first and last source, until it has none. Notices name the rules whose fix broke a
    file or that never came to an end.
    """
    first, current = dict(sources), dict(sources)
    applied: Counter[str] = Counter()
    notices: list[Notice] = []
    rejected: dict[str, frozenset[str]] = {}
    seen: dict[str, set[str]] = {}
    settled = False
    for _ in range(ROUNDS):
        changed = settled = False
        for path, own in _by_path(findings).items():
            source = current[path]
            step = advance(source, own, unsafe=unsafe, skip=rejected.get(path, ()), parses=parses)
            rejected[path] = rejected.get(path, frozenset()) | step.rejected
            notices += step.notices
            changed = changed or bool(step.applied or step.rejected)
            if step.applied:
                texts = seen.setdefault(path, {source.text})
                settled = settled or step.source.text in texts
                texts.add(step.source.text)
                applied.update(finding.code for finding in step.applied)
                current[path] = step.source
        if not changed:
            break
        findings = check(current)
        if settled:  # a text that was there before: the fixes go round in a circle
            break
    for path, own in _by_path(findings).items():
        allowed = (f for f in select(own, unsafe=unsafe) if f.code not in rejected.get(path, ()))
        if left := merge(current[path], allowed):
            codes = ", ".join(sorted({finding.code for finding in left}))
            notices.append(Notice(f"fixes did not come to an end; last to change the file: {codes}", path=path))
    if tidy is not None:
        tidied = {
            path: tidied_up(first[path], source, tidy, parses)
            for path, source in current.items()
            if source is not first[path]
        }
        if any(source is not current[path] for path, source in tidied.items()):
            current |= tidied
            findings = check(current)
    return Fixed(current, dict(sorted(applied.items())), tuple(findings), tuple(notices))


def _by_path(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    table: dict[str, list[Finding]] = {}
    for finding in findings:
        table.setdefault(finding.path, []).append(finding)
    return dict(sorted(table.items()))


def encode(source: Source, text: str) -> bytes:
    """The bytes of `text` in the encoding of `source`, with its BOM if it has one; newlines are those of `text`.

    Raises `Unencodable` when the encoding lacks a character, or when the file would be read in another encoding.
    """
    try:
        data = text.encode(source.encoding)
        same = Source(source.path, data).encoding == source.encoding
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise Unencodable(f"{source.path}: {source.encoding} cannot hold {text[error.start]!a} (line {line})") from None
    except Unreadable as error:
        raise Unencodable(f"{source.path}: {error}") from None
    if not same:
        raise Unencodable(f"{source.path}: the encoding declaration of the fixed text no longer says {source.encoding}")
    return data


def diff(path: str, before: str, after: str) -> str:
    """The unified diff of two texts as `patch` and `git apply` read it; empty when they are equal."""
    name = path.replace("\\", "/").lstrip("/") + ("\t" if " " in path else "")
    lines = difflib.unified_diff(_LINE.findall(before), _LINE.findall(after), f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _range(source: Source, edit: Edit) -> Range:
    span = edit.span
    return source.offset(span.line, span.column), source.offset(span.end_line, span.end_column)


def _edits(finding: Finding) -> tuple[Edit, ...]:
    return tuple(dict.fromkeys(finding.fix.edits)) if finding.fix else ()


def _is_idle(source: Source, edits: Sequence[Edit], ranges: Sequence[Range]) -> bool:
    pairs = zip(edits, ranges, strict=True)
    return all(source.text[start:end] == edit.content for edit, (start, end) in pairs)


def _touches(taken: Sequence[Range], place: Range) -> bool:
    """Whether a range overlaps or touches a taken one: those are sorted by start and so, being disjoint, by end too."""
    index = bisect_left(taken, place)
    return any(start <= place[1] and place[0] <= end for start, end in taken[max(index - 1, 0) : index + 1])


def _contradicts(ranges: Sequence[Range]) -> bool:
    ordered = sorted(ranges)
    return any(start < end for (_, end), (start, _) in pairwise(ordered))


def _attempt(source: Source, findings: Sequence[Finding], parses: Callable[[str], bool]) -> Source | None:
    """The source with these fixes; None when it would not parse or cannot be encoded."""
    try:
        text = apply(source, [edit for finding in findings for edit in _edits(finding)])
        return Source(source.path, encode(source, text)) if parses(text) else None
    except (Conflict, Unencodable):
        return None


def tidied_up(
    first: Source,
    last: Source,
    tidy: Callable[[Source, Source], Sequence[Edit]],
    parses: Callable[[str], bool] | None = None,
) -> Source:
    """A fixed source after the edits that `tidy` has for it, given what it was at first and what it is."""
    parses = parses or _parser(last)
    while edits := tidy(first, last):
        try:
            text = apply(last, edits)
        except Conflict:
            break
        # Only ever shorter, so that a tidy that repeats itself comes to an end.
        if len(text) >= len(last.text) or not parses(text):
            break
        last = Source(last.path, encode(last, text))
    return last


def _parser(source: Source) -> Callable[[str], bool]:
    """The standard test: libcst accepts what Python refuses (a parameter twice), so Python's own reader is asked too,
    unless it already refused the text before, which may be for a newer Python."""
    readable = _is_readable(source.text)
    return lambda text: _parses(text) and (not readable or _is_readable(text))


def _parses(text: str) -> bool:
    import libcst as cst

    try:
        cst.parse_module(text)
    except (cst.ParserSyntaxError, SyntaxError, RecursionError, ValueError):
        return False
    return True


def _is_readable(text: str) -> bool:
    """Whether the Python that runs the linter can read the text: grammar and scopes; nothing is run."""
    try:
        with catch_warnings():
            simplefilter("ignore")
            symtable.symtable(text, "<fixed>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True
