"""What literals mean: the text of a string or number token in, its constant out. Knows nothing of syntax trees."""

from __future__ import annotations

import re
import unicodedata

from fastapi_lint.index.facts import Const, Expr, Raw, Unknown

UNKNOWN = Unknown()
BYTES = Raw("bytes")
MAX_TEXT = 10_000
"""Characters above which a string is `Unknown`: half a string would be wrong, and nobody asks for a whole one."""

_PREFIX = re.compile(r"[A-Za-z]*")
_ESCAPE = re.compile(
    r"\\(?:(\n)|([\\'\"abfnrtv])|([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|N\{([^}\n]{1,100})\})"
)
_SIMPLE = {"\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _unescape(match: re.Match[str]) -> str:
    group = match.lastindex
    value = match[group] if group else ""
    if group == 1:
        return ""
    if group == 2:
        return _SIMPLE[value]
    if group == 7:
        return unicodedata.lookup(value)
    return chr(int(value, 8 if group == 3 else 16))


def prefix(literal: str) -> str:
    """The lower-case prefix letters of a string literal."""
    found = _PREFIX.match(literal)
    return found[0].lower() if found else ""


def decoded(text: str) -> str:
    """The characters of a piece of source; `text` has one character for each byte of the UTF-8 file (latin-1)."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "replace")


def content(body: str, raw: bool) -> str | None:
    """What a string body (without quotes, one character a byte) stands for; None when it is unusable."""
    if len(body) > 6 * MAX_TEXT:
        return None
    body = decoded(body)
    if "\r" in body:
        body = body.replace("\r\n", "\n").replace("\r", "\n")
    if not raw and "\\" in body:
        try:
            body = _ESCAPE.sub(_unescape, body)
            body.encode()
        except (KeyError, ValueError, OverflowError):  # unknown character name, no such character, lone surrogate
            return None
    return body if len(body) <= MAX_TEXT else None


def string(literal: str) -> Expr:
    """The constant of a whole plain or bytes literal, prefix and quotes included; not for formatted ones."""
    letters = prefix(literal)
    if "b" in letters:
        return BYTES
    quoted = literal[len(letters) :]
    size = 3 if len(quoted) >= 6 and quoted[:3] in ('"""', "'''") else 1
    if len(quoted) < 2 * size or quoted[-size:] != quoted[:size]:
        return UNKNOWN
    value = content(quoted[size:-size], "r" in letters)
    return UNKNOWN if value is None else Const(value)


def number(literal: str) -> Expr:
    """The constant of a number; complex numbers, Python 2 spellings and what does not fit in 64 bits are `Unknown`."""
    if len(literal) > 400:
        return UNKNOWN
    try:
        value = int(literal, 0)
    except ValueError:
        return _fraction(literal)
    return Const(value) if value < 1 << 64 else UNKNOWN


def _fraction(literal: str) -> Expr:
    if not any(mark in literal for mark in ".eE"):  # 0777, 10L, 3j
        return UNKNOWN
    try:
        return Const(float(literal))
    except ValueError:  # 1.5j
        return UNKNOWN


def negative(value: Expr) -> Expr:
    """`-value` for a number, else `Unknown`."""
    known = value.value if isinstance(value, Const) else None
    if isinstance(known, float) or (type(known) is int and known <= 1 << 63):
        return Const(-known)
    return UNKNOWN
