"""What is changed in a source before the grammar sees it: syntax it does not know, and shapes it takes for ever over.

The result is as long as the source and has its lines; only the parser sees it, names and texts are cut from the source.
"""

from __future__ import annotations

import re

_LAZY = re.compile(rb"^([ \t\f]*|[^\n#'\"]*;[ \t]*)lazy(?=[ \t]+(?:import|from)[ \t.])", re.MULTILINE)
_CONTINUATIONS = re.compile(rb"(?<=\\\n)(?:\\\n){20,}")
_UNCLOSED_NAME = re.compile(rb"\\N\{(?![^}\n]{1,100}\})")
_BEFORE_HEAD = re.compile(rb"^[ \t]*#[^\n]*\n(?:[ \t]*\n)*(?=[ \t]+(?:@|def[ \t]|class[ \t]|async[ \t]))", re.MULTILINE)
"""The last comment line above an indented decorator, function or class."""
_MANY_COMMENTS = 500


def masked(data: bytes) -> bytes:
    """The bytes to parse for a source without lone carriage returns."""
    # `type(x).y = z` is an assignment, but the grammar sees `type X = ...`; another word of that length helps.
    parsed = data.replace(b"type(", b"typo(").replace(b"type (", b"typo (")
    if b"lazy" in data:  # PEP 810, unknown to the grammar: a statement of its own that is as long as the word
        parsed = _LAZY.sub(rb"\g<1>0  ;", parsed)
    # The time that the grammar's scanner needs grows with the square of these.
    if b"\\\n\\\n\\\n" in parsed:
        parsed = _CONTINUATIONS.sub(lambda match: b" " * len(match[0]), parsed)
    if b"\\N{" in parsed:
        parsed = _UNCLOSED_NAME.sub(rb"\\N ", parsed)
    if b"#" in parsed:
        parsed = _without_dedented_comments(parsed)
    if parsed.count(b"#") > _MANY_COMMENTS:
        parsed = _without_comment_walls(parsed)
    return parsed


def _without_dedented_comments(data: bytes) -> bytes:
    """Blanks comments that stand further left than the decorator, function or class below them.

    Between a decorator and its function the grammar takes such a comment for the end of the block.
    """
    changed: bytearray | None = None
    for match in _BEFORE_HEAD.finditer(data):
        below = data[match.end() : match.end() + 200]
        indent = len(below) - len(below.lstrip(b" \t"))
        end = match.end() - 1
        while end > 0:
            start = data.rfind(b"\n", 0, end) + 1
            text = data[start:end].lstrip(b" \t")
            if text and (text[:1] != b"#" or b'"""' in text or b"'''" in text):
                break
            if text and end - start - len(text) < indent:
                changed = changed if changed is not None else bytearray(data)
                changed[start:end] = b" " * (end - start)
            end = start - 1
    return bytes(changed) if changed is not None else data


def _without_comment_walls(data: bytes) -> bytes:
    """Blanks comments of many lines without a statement between.

    Lines in a string may look like comments: nothing is blanked that could end a string or be evaluated in one.
    """
    lines = data.split(b"\n")
    first = 0
    continued = False
    for number in range(len(lines) + 1):
        line = lines[number] if number < len(lines) else b"end"
        text = line.lstrip()
        plain = (not text or text[:1] == b"#") and not (b'"""' in text or b"'''" in text or b"{" in text)
        if not plain or continued:
            if number - first > _MANY_COMMENTS:
                for index in range(first, number):
                    lines[index] = lines[index].split(b"#", 1)[0].ljust(len(lines[index]))
            first = number + 1
        continued = line.rstrip(b"\r").endswith(b"\\")
    return b"\n".join(lines)
