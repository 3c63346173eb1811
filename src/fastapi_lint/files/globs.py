"""Path patterns as `.gitignore` writes them, in time linear in the path. Reads no files.

Own code instead of one regular expression per pattern: `*a*a*a*b` in somebody's file must not make a search explode,
and a walk over many thousand entries should ask a set first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Union

_Segment = Union[str, "re.Pattern[str]", None]
"""A literal name, a pattern for one name, or None for `**`."""


class _Run:
    """Neighbouring patterns of the same sign, whose order does not matter."""

    def __init__(self, negated: bool) -> None:
        self.negated = negated
        self.names: tuple[set[str], set[str]] = (set(), set())
        self.globs: tuple[list[str], list[str]] = ([], [])
        self.compiled: list[re.Pattern[str] | None] = [None, None]
        self.paths: list[tuple[bool, tuple[_Segment, ...]]] = []

    def close(self) -> None:
        for index, globs in enumerate(self.globs):
            # The groups of an atomic emulation need names of their own, hence one pattern per run.
            if globs:
                self.compiled[index] = re.compile(
                    "|".join(f"(?:{_expression(glob, f'{index}_{n}')})" for n, glob in enumerate(globs)), re.DOTALL
                )

    def hits(self, parts: Sequence[str], is_directory: bool) -> bool:
        name = parts[-1]
        for index in (0, 1) if is_directory else (0,):
            if name in self.names[index]:
                return True
            pattern = self.compiled[index]
            if pattern is not None and pattern.fullmatch(name):
                return True
        return any(
            (is_directory or not directories_only) and _path_matches(segments, parts)
            for directories_only, segments in self.paths
        )


class Globs:
    """An ordered list of gitignore patterns; a later one overrules an earlier one, `!` takes back.

    Patterns without a slash (but for a trailing one) match a name at any depth, others a path from the root. A pattern
    that cannot be read (`[z-a]`) matches nothing.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._runs: list[_Run] = []
        for line in lines:
            self._add(line)
        for run in self._runs:
            run.close()

    def __bool__(self) -> bool:
        return bool(self._runs)

    def _add(self, line: str) -> None:
        pattern = _stripped(line)
        if not pattern or pattern.startswith("#"):
            return
        negated = pattern.startswith("!")
        pattern = pattern[negated:]
        directories_only = pattern.endswith("/")
        anchored = "/" in pattern.rstrip("/")
        segments = [segment for segment in pattern.split("/") if segment]
        if not segments:
            return
        if not self._runs or self._runs[-1].negated != negated:
            self._runs.append(_Run(negated))
        run = self._runs[-1]
        if not anchored or (len(segments) == 2 and segments[0] == "**" and segments[1] != "**"):
            name = segments[-1]
            if not _is_glob(name):
                run.names[directories_only].add(name)
            elif _segment(name) is not None:
                run.globs[directories_only].append(name)
            return
        read: list[_Segment] = []
        for index, segment in enumerate(segments):
            if segment == "**":
                if not read or read[-1] is not None:
                    read.append(None)
                if index == len(segments) - 1:
                    read.append(_ANY)  # `a/**` is everything inside a, not a itself
            elif not _is_glob(segment):
                read.append(segment)
            else:
                compiled = _segment(segment)
                if compiled is None:
                    return
                read.append(compiled)
        run.paths.append((directories_only, tuple(read)))

    def verdict(self, parts: Sequence[str], is_directory: bool) -> bool | None:
        """What the last pattern to match this very path does: take it in (True) or back (False); None: no match.

        `parts` are the names of the path below the patterns' root. Directories above are not asked: a walk has asked
        them before it came here.
        """
        for run in reversed(self._runs):
            if run.hits(parts, is_directory):
                return not run.negated
        return None

    def matches(self, path: str) -> bool:
        """Whether the patterns take in the file at this relative path or a directory that it is in."""
        parts = path.split("/")
        return any(self.verdict(parts[:depth], depth < len(parts)) for depth in range(1, len(parts) + 1))


def seen_from(pattern: str, place: Sequence[str], *, below: bool) -> str | None:
    """A pattern that counts from one directory, as it is for another; None if nothing there can match it.

    `place` is the way between the two: the other one lies there (`below`), or else is the one from which the first is
    to be found there. A pattern without a slash in it means names in whatever directory.
    """
    sign, body = ("!", pattern[1:]) if pattern.startswith("!") else ("", pattern)
    if "/" not in body.rstrip("/") or not place:
        return pattern
    segments = body.strip("/").split("/")
    end = "/" if body.endswith("/") else ""
    if not below:
        return f"{sign}/{'/'.join((*place, *segments))}{end}"
    for index, name in enumerate(place):
        if index == len(segments):
            return f"{sign}**"  # it means a directory around
        if segments[index] == "**":
            return f"{sign}{'/'.join(segments[index:])}{end}"
        if not Globs([f"/{segments[index]}"]).matches(name):
            return None
    rest = segments[len(place) :]
    return f"{sign}/{'/'.join(rest)}{end}" if rest else f"{sign}**"


def _stripped(line: str) -> str:
    """The line without its newline and without trailing spaces that are not escaped."""
    line = line.rstrip("\r\n")
    end = len(line)
    while end and line[end - 1] in " \t" and not (end > 1 and line[end - 2] == "\\"):
        end -= 1
    return line[:end]


def _is_glob(segment: str) -> bool:
    return any(character in segment for character in "*?[\\")


_ANY = re.compile(".+", re.DOTALL)


def _segment(segment: str) -> re.Pattern[str] | None:
    try:
        return re.compile(_expression(segment, "s"), re.DOTALL)
    except re.error:
        return None


def _expression(segment: str, label: str) -> str:
    """A regular expression for one name. What follows a star is found once and never tried again (`(?=(x))\\1`)."""
    pieces = [""]
    index = 0
    while index < len(segment):
        character = segment[index]
        index += 1
        if character == "*":
            if len(pieces) == 1 or pieces[-1]:
                pieces.append("")
        elif character == "?":
            pieces[-1] += "."
        elif character == "\\" and index < len(segment):
            pieces[-1] += re.escape(segment[index])
            index += 1
        elif character == "[":
            written, index = _bracket(segment, index)
            pieces[-1] += written
        else:
            pieces[-1] += re.escape(character)
    first, *rest = pieces
    if not rest:
        return first
    *middle, last = rest
    atoms = "".join(f"(?=(?P<g{label}_{n}>.*?{piece}))(?P=g{label}_{n})" for n, piece in enumerate(middle))
    return f"{first}{atoms}.*{last}"


def _bracket(segment: str, index: int) -> tuple[str, int]:
    """The expression for a character class whose `[` stands before `index`, and where it ends; else a literal `[`."""
    start = index
    negated = segment[index : index + 1] in ("!", "^")
    index += negated
    items: list[str] = []
    while index < len(segment) and (segment[index] != "]" or not items):
        if segment[index] == "\\" and index + 1 < len(segment):
            index += 1
        items.append(segment[index])
        index += 1
        if segment[index : index + 1] == "-" and segment[index + 1 : index + 2] not in ("", "]"):
            items[-1] = f"{re.escape(items[-1])}-{re.escape(segment[index + 1])}"
            index += 2
        else:
            items[-1] = re.escape(items[-1])
    if index >= len(segment):
        return re.escape("["), start
    return f"[{'^' if negated else ''}{''.join(items)}]", index + 1


def _path_matches(segments: Sequence[_Segment], parts: Sequence[str]) -> bool:
    """Whether the segments match the whole path; the last `**` seen takes one more name on each failure."""
    at = position = 0
    star = taken = -1
    while position < len(parts):
        if at < len(segments) and segments[at] is None:
            star, taken = at, position
            at += 1
        elif at < len(segments) and _name_matches(segments[at], parts[position]):
            at += 1
            position += 1
        elif star >= 0:
            taken += 1
            at, position = star + 1, taken
        else:
            return False
    return all(segment is None for segment in segments[at:])


def _name_matches(segment: _Segment, name: str) -> bool:
    if isinstance(segment, str):
        return segment == name
    return segment is not None and segment.fullmatch(name) is not None
