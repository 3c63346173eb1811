"""Comments that silence findings: reads them, applies them, and says which of them silence nothing.

`# noqa`, `# noqa: FAPI201`, `# fastapi-lint: ignore`, `# fastapi-lint: ignore[FAPI201, name-of-a-rule]`, and, on a line
of its own, `# fastapi-lint: ignore-file` with or without a list, or `# ruff: noqa: FAPI201` (`flake8` too) with one. A
bare `# noqa` holds for its own line and, on the first line of a head, for the head; the others on any line of the
statement or head. Changes no files; `noqa.py` writes such comments.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from fastapi_lint.config.selection import Named
from fastapi_lint.config.suggestions import nearest
from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.finding import OWN_PREFIX, Edit, Finding, Fix, Safety, Severity, Span, letters
from fastapi_lint.suppressing.comments import comments

UNUSED_CODE = "FAPI002"
UNUSED_NAME = "unused-suppression"

_CODE = re.compile(r"([A-Z]{1,40})[0-9]\w{0,40}\Z", re.IGNORECASE)
_NOQA = re.compile(r"#[ \t]*noqa(?![\w-])(?:[ \t]*:)?", re.IGNORECASE)
_NOQA_CODE = re.compile(r"[ \t,]*(FAPI[0-9]\w*|[A-Z]+[0-9]+)(?![\w-])", re.IGNORECASE)
_OF_FILE = re.compile(r"#[ \t]*(?:ruff|flake8):[ \t]*noqa[ \t]*:", re.IGNORECASE)
_OWN = re.compile(r"#[ \t]*fastapi-lint:[ \t]*ignore(-file)?(?![\w-])[ \t]*(\[)?", re.IGNORECASE)
_ITEM = re.compile(r"[^,\]]+")


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A code or name in a suppression's list, with its offsets in the file's text."""

    text: str
    start: int
    end: int


class Directive(msgspec.Struct, frozen=True, array_like=True):
    """One suppression. Offsets count code points of the file's text.

    `kind` is "noqa", "noqa-file", "ignore" or "ignore-file". `entries` is None when it silences everything. `start` and
    `end` are its own range from the `#` on, `comment` that of the whole comment. `problem` says why it cannot work.
    """

    kind: str
    line: int
    entries: tuple[Entry, ...] | None
    start: int
    end: int
    comment: tuple[int, int]
    problem: str = ""

    @property
    def is_of_file(self) -> bool:
        """Whether it holds for the whole file."""
        return self.kind in ("noqa-file", "ignore-file")


@dataclass(frozen=True)
class Applied:
    """What suppressions made of a file's findings; `unused` are findings about the suppressions themselves."""

    kept: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    unused: tuple[Finding, ...]


def render(kind: str, entries: Sequence[str] | None, reason: str = "") -> str:
    """The comment for a suppression ("noqa", "ignore" or "ignore-file"); no list when `entries` is None."""
    if kind == "noqa":
        written = "# noqa" if entries is None else f"# noqa: {', '.join(entries)}"
    else:
        written = f"# fastapi-lint: {kind}" + ("" if entries is None else f"[{', '.join(entries)}]")
    return f"{written} {reason}".rstrip()


def has_directives(data: bytes) -> bool:
    """Whether the bytes of a file may hold a suppression; False is certain, and cheap to find out."""
    return b"fastapi-lint" in data or b"noqa" in data or b"noqa" in data.lower() or b"fastapi-lint" in data.lower()


def may_be_spare(data: bytes, prefixes: Collection[str] = (OWN_PREFIX,)) -> bool:
    """Whether the bytes of a file may hold a suppression that can silence too little: one that is ours by its words.

    `prefixes` are the letters with which the codes of rules begin.
    """
    lowered = data.lower()
    return b"fastapi-lint" in lowered or any(prefix.lower().encode() in lowered for prefix in prefixes)


def prefixes_of(known: Iterable[Named]) -> frozenset[str]:
    """The letters with which the codes of rules begin: `FAPI`, and those of plugins."""
    return frozenset(letters(rule.code) for rule in known)


def directives(source: Source) -> tuple[Directive, ...]:
    """The suppressions of a file in the order of their places; none when it is not readable as text."""
    if not has_directives(source.data):
        return ()
    try:
        text, starts = source.text, source.line_starts
    except Unreadable:
        return ()
    return tuple(
        directive
        for start, end in comments(text)
        for directive in _in_comment(text, start, end, bisect_right(starts, start), starts)
    )


def _in_comment(text: str, start: int, end: int, line: int, starts: list[int]) -> Iterator[Directive]:
    found: list[Directive] = []
    for match in _OF_FILE.finditer(text, start, end):  # without codes it is for the other tool alone
        entries, position = _listed(text, match.end(), end)
        if entries and not text[starts[line - 1] : start].strip():
            found.append(Directive("noqa-file", line, tuple(entries), match.start(), position, (start, end)))
    for match in _NOQA.finditer(text, start, end):
        entries, position = _listed(text, match.end(), end) if match[0].endswith(":") else ([], match.end())
        if not entries:
            position = match.start() + len(match[0].rstrip(":").rstrip())
        found.append(Directive("noqa", line, tuple(entries) or None, match.start(), position, (start, end)))
    for match in _OWN.finditer(text, start, end):
        kind = "ignore-file" if match[1] else "ignore"
        position, problem = match.end(), ""
        listed: tuple[Entry, ...] | None = None
        if match[2]:
            close = text.find("]", position, end)
            if close < 0:
                problem = "its list has no closing `]`"
                listed, position = (), end
            else:
                listed = tuple(_items(text, position, close))
                position = close + 1
        else:
            position = match.start() + len(match[0].rstrip())
        if kind == "ignore-file" and text[starts[line - 1] : start].strip():
            problem = problem or "`ignore-file` must stand on a line of its own"
        found.append(Directive(kind, line, listed, match.start(), position, (start, end), problem))
    yield from sorted(found, key=lambda directive: directive.start)


def _listed(text: str, position: int, end: int) -> tuple[list[Entry], int]:
    """The codes behind a `noqa:`, and where they end."""
    entries = []
    while item := _NOQA_CODE.match(text, position, end):
        entries.append(Entry(item[1], item.start(1), item.end(1)))
        position = item.end()
    return entries, position


def _items(text: str, start: int, end: int) -> Iterator[Entry]:
    for match in _ITEM.finditer(text, start, end):
        item = match[0].strip()
        if item:
            begin = match.start() + match[0].index(item)
            yield Entry(item, begin, begin + len(item))


def apply(
    findings: Iterable[Finding],
    source: Source,
    *,
    known: Iterable[Named],
    selected: Collection[str],
    found: Sequence[Directive] | None = None,
    used_elsewhere: Collection[tuple[int, str]] = (),
    built: Collection[str] | None = None,
) -> Applied:
    """Part a file's findings by its suppressions.

    `known` are all rules, planned ones included; `selected` the codes that could have been reported in this file: leave
    out what `per-file-ignores` silences and rules that raised, so that nobody is told to remove a comment that is
    needed. `found` saves reading the comments again, `used_elsewhere` are those that silence findings of other files:
    the number of the directive, and its code there. `built` are the codes that a hint may name (None: all). They are
    not judged when `FAPI002` is not selected or the file has a syntax error.
    """
    findings = tuple(findings)
    found = directives(source) if found is None else found
    if not found:
        return Applied(findings, (), ())
    names = {rule.name: rule.code for rule in known}
    meaning = [_codes(directive, names) for directive in found]
    used: set[tuple[int, str]] = set(used_elsewhere)
    kept: list[Finding] = []
    suppressed: list[Finding] = []
    for finding in findings:
        matching = [
            index
            for index, directive in enumerate(found)
            if not directive.problem and _covers(directive, finding) and _means(meaning[index], finding.code)
        ]
        used.update((index, finding.code) for index in matching)
        (suppressed if matching else kept).append(finding)
    if UNUSED_CODE not in selected or any(finding.code == "FAPI001" for finding in findings):
        return Applied(tuple(kept), tuple(suppressed), ())
    unused: list[Finding] = []
    offered = {name: code for name, code in names.items() if built is None or code in built}
    codes_of: dict[int, set[str]] = {}
    for index, code in used:
        codes_of.setdefault(index, set()).add(code)
    silencing = [o for o, meant in zip(found, meaning, strict=True) if not o.problem and _means(meant, UNUSED_CODE)]
    is_silent = any(other.is_of_file for other in silencing)
    silent = {other.line for other in silencing if other.entries is not None}
    for index, directive in enumerate(found):
        codes = codes_of.get(index, set())
        missed = {finding.code: finding.name for finding in kept if _covers(directive, finding)}
        report = _judge(directive, codes, names, selected, source, offered, missed)
        if report is None:
            continue
        (suppressed if is_silent or directive.line in silent else unused).append(report)
    return Applied(tuple(kept), tuple(suppressed), tuple(unused))


def at_root(found: Sequence[Directive], finding: Finding, known: Iterable[Named]) -> list[tuple[int, str]]:
    """The suppressions of the file where the chain of a finding ends that silence it there: number and code of each."""
    if finding.root is None:
        return []
    first, last = finding.root_lines
    names = {rule.name: rule.code for rule in known}
    matching = []
    for index, directive in enumerate(found):
        if directive.problem or (directive.is_of_file and directive.entries is None):
            continue
        if not directive.is_of_file and not first <= directive.line <= last:
            continue
        meant = _codes(directive, names)
        matching += [(index, code) for code in finding.root_codes if _means(meant, code)]
    return matching


def _codes(directive: Directive, names: dict[str, str]) -> frozenset[str] | None:
    if directive.entries is None:
        return None
    return frozenset(_code(entry.text, names) for entry in directive.entries)


def _code(word: str, names: dict[str, str]) -> str:
    return names.get(word.lower(), word.upper())


def _means(codes: frozenset[str] | None, code: str) -> bool:
    return codes is None or code in codes


def _covers(directive: Directive, finding: Finding) -> bool:
    if directive.is_of_file:
        return True
    first, last = finding.noqa_lines
    if first < 1:
        first = last = finding.span.line
    if directive.kind == "noqa" and directive.entries is None:  # may be meant for another tool
        return directive.line in (first, finding.span.line)
    return first <= directive.line <= last or directive.line == finding.span.line


def _judge(
    directive: Directive,
    used: set[str],
    names: dict[str, str],
    selected: Collection[str],
    source: Source,
    offered: dict[str, str],
    missed: dict[str, str],
) -> Finding | None:
    """The finding about one suppression, if anything in it silences nothing.

    `offered` are the names (and codes) that a hint may give, `missed` the codes (and names) of what is reported here: a
    word that is most like one of these is a misspelt one, and to be mended rather than removed.
    """
    shown = " ".join(source.text[directive.start : directive.end].split())
    if directive.problem:
        return _finding(directive, source, f"`{shown}` silences nothing", directive.problem, "", None)
    if directive.entries is None:
        return None
    if not directive.entries:
        return _finding(directive, source, f"`{shown}` silences nothing", "its list is empty", "remove it", ())
    known = set(names.values())
    prefixes = {letters(code) for code in known}
    spare: list[Entry] = []
    mended: list[str] = []
    complaints: list[str] = []
    for entry in directive.entries:
        by_code = _CODE.match(entry.text)
        own = not directive.kind.startswith("noqa") or (by_code and by_code[1].upper() in prefixes)
        code = _code(entry.text, names)
        if own and code not in known:
            guess = nearest(entry.text, sorted(missed if by_code else missed.values()))
            if guess:
                spare.append(Entry(guess, entry.start, entry.end))
                mended.append(guess)
            else:
                guess = nearest(entry.text, sorted(offered.values() if by_code else offered))
            complaints.append(f"`{entry.text}` is no rule" + (f" (did you mean `{guess}`?)" if guess else ""))
        elif own and code not in used and code in selected and code != UNUSED_CODE:
            complaints.append(f"nothing here is reported as `{entry.text}`")
        else:
            spare.append(entry)
    if not complaints:
        return None
    title = f"`{shown}` silences {'less than it says' if len(spare) > len(mended) else 'nothing'}"
    instead = "remove what is not needed" if spare else "remove the comment"
    if mended:
        instead = f"write {' and '.join(f'`{word}`' for word in mended)}"
    return _finding(directive, source, title, ", ".join(complaints), instead, tuple(spare))


def _finding(
    directive: Directive, source: Source, title: str, why: str, instead: str, spare: tuple[Entry, ...] | None
) -> Finding:
    """A finding that keeps the entries in `spare`; None: what was meant is unknown, so there is no fix."""
    fix = None
    if spare is not None:
        start, end, content = _removal(directive, spare, source)
        edit = Edit(_span(source, start, end), content)
        fix = Fix(
            "Correct the suppression" if content.strip("# ") else "Remove the unused suppression", Safety.SAFE, (edit,)
        )
    return Finding(
        code=UNUSED_CODE,
        name=UNUSED_NAME,
        title=title,
        why=why,
        instead=instead,
        path=source.path,
        span=_span(source, directive.start, directive.end),
        severity=Severity.WARNING,
        fix=fix,
        noqa_lines=(directive.line, directive.line),
    )


def _removal(directive: Directive, spare: tuple[Entry, ...], source: Source) -> tuple[int, int, str]:
    """What to replace (a range of the text, and by what) so that only `spare` and what is not ours stays."""
    text = source.text
    if spare and directive.entries:
        kept = ", ".join(entry.text for entry in spare)
        return directive.entries[0].start, directive.entries[-1].end, kept
    start, end = directive.comment
    before = text[start : directive.start].rstrip()
    after = text[directive.end : end]
    rest = after.lstrip(" \t,;:.-\u2013\u2014")
    if rest.startswith("#"):
        return directive.start, end - len(rest), ""
    if rest:
        return directive.start, end - len(rest), "# "
    if before:
        return start + len(before), end, ""
    starts = source.line_starts
    line_start = starts[directive.line - 1]
    code = text[line_start:start].rstrip()
    if code:
        return line_start + len(code), end, ""
    if directive.line < len(starts):
        return line_start, starts[directive.line], ""
    return line_start, end, ""


def _span(source: Source, start: int, end: int) -> Span:
    starts = source.line_starts
    line, end_line = bisect_right(starts, start), bisect_right(starts, end)
    return Span(line, start - starts[line - 1] + 1, end_line, end - starts[end_line - 1] + 1)
