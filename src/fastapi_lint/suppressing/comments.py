"""Where the comments of a Python text are, and where lines end inside a string; linear time, any text, no parser.

Strings are skipped as the lexer skips them. An f-string that holds its own quote (PEP 701) is read as two strings,
which comes out even at its end; only a `#` in between could be taken for a comment.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

_OPEN = re.compile(r"#[^\r\n]*|\"\"\"|'''|\"|'")
_CLOSE = {
    '"""': re.compile(r'\\.|"""', re.DOTALL),
    "'''": re.compile(r"\\.|'''", re.DOTALL),
    '"': re.compile(r'\\(?:\r\n|.)|"|(?=[\r\n])', re.DOTALL),
    "'": re.compile(r"\\(?:\r\n|.)|'|(?=[\r\n])", re.DOTALL),
}


def lexed(text: str) -> Iterator[tuple[bool, int, int]]:
    """Comments (True) and strings (False) with their range in the text; a comment's newline is not part of it."""
    position = 0
    while match := _OPEN.search(text, position):
        position = match.end()
        quote = match[0]
        if quote[0] == "#":
            yield True, match.start(), position
            continue
        while close := _CLOSE[quote].search(text, position):
            position = close.end()
            if not close[0].startswith("\\"):
                break
        else:
            position = len(text)
        yield False, match.start(), position


def comments(text: str) -> Iterator[tuple[int, int]]:
    """The range of each comment, in order."""
    return ((start, end) for is_comment, start, end in lexed(text) if is_comment)


def closed_lines(text: str, starts: list[int]) -> frozenset[int]:
    """The lines (from 1) to which no comment can be added: they end inside a string or with a backslash.

    `starts` are the offsets at which the lines of the text begin.
    """
    closed: set[int] = set()
    comment_ends: set[int] = set()
    for is_comment, start, end in lexed(text):
        if is_comment:
            comment_ends.add(end)
        else:
            closed.update(range(bisect_right(starts, start), bisect_right(starts, end)))
    for line, after in enumerate(starts[1:], 1):
        stop = after - 2 if text.startswith("\r\n", after - 2) else after - 1
        if text.startswith("\\", stop - 1) and stop > 0 and stop not in comment_ends:
            closed.add(line)
    return frozenset(closed)
