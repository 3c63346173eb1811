"""Origins of strangers that a pattern of CORS lets in. Judges nothing, and runs no pattern: it reads them.

Starlette asks a pattern whether it matches an origin as a whole. What a pattern of a simple kind matches is written
down here piece by piece, and hosts are made of it in which a piece that may be anything is a stranger's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Union

_MOST = 40
"""Variants of a pattern that are looked at: each alternative and each optional piece doubles them."""
_DEEPEST = 8
_SHARED = frozenset({
    "co.uk", "org.uk", "com.au", "net.au", "co.nz", "co.jp", "co.kr", "co.in", "co.za", "com.br", "com.cn", "com.tr",
    "com.mx", "com.ar", "com.sg", "com.tw", "com.hk", "vercel.app", "netlify.app", "pages.dev", "web.app",
    "herokuapp.com", "github.io", "gitlab.io", "onrender.com", "fly.dev", "workers.dev", "azurewebsites.net",
    "firebaseapp.com", "cloudfront.net", "run.app", "railway.app", "surge.sh", "ngrok.io", "ngrok-free.app",
    "amplifyapp.com", "up.railway.app", "streamlit.app", "hf.space", "lovable.app", "replit.app",
})  # fmt: skip
"""Ends of hosts of more than one label below which anybody can have a name."""
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\Z")
_DOTS = re.compile(r"\.{2,}")
_PRIVATE = frozenset({"localhost", "local", "localdomain", "internal", "test", "lan", "home", "example", "invalid"})
_CLASSES = {"d": "0", "w": "az0", "s": " ", "D": "az.-", "W": ".-", "S": "az.-0"}


@dataclass(frozen=True)
class Wild:
    """A piece that may be several texts: between `least` and `most` characters (None: any number), every letter or dots
    among them or not. `is_dot`: it is written as one `.`, and perhaps somebody means a dot."""

    letters: bool
    dots: bool
    least: int = 1
    most: int | None = 1
    is_dot: bool = False


Piece = Union[str, Wild]
_DOT = Wild(True, True, is_dot=True)


@dataclass(frozen=True)
class Stranger:
    """An origin that a pattern lets in, the project's own host that it is mistaken for, and why. `is_shared`: what the
    pattern names is no host of the project, but one below which anybody can have a name."""

    origin: str
    own: str
    is_unescaped: bool
    is_shared: bool = False


class _Unread(Exception):
    """The pattern is of no simple kind."""


def stranger(pattern: str) -> Stranger | None:
    """An origin of somebody else that a pattern matches as a whole; None if there is none, or it is not known."""
    try:
        found = _Reader(pattern).read()
    except _Unread:
        return None
    return next((one for variant in found for one in _strangers(variant)), None)


def _strangers(variant: Sequence[Piece]) -> Iterator[Stranger]:
    scheme, host = _parted(variant)
    written = "".join(each if isinstance(each, str) else "." if each.is_dot else "" for each in host)
    own = _DOTS.sub(".", written).strip(".-").lower()
    home = _registrable(own)
    if own in _SHARED and any(_is_whole_label(host, number) for number in range(len(host))):
        yield Stranger(f"{scheme}evil.{own}", own, False, is_shared=True)
    if home is None:
        return
    end = own.rpartition(".")[2]
    for number, each in enumerate(host):
        if not isinstance(each, Wild):
            continue
        for text in _fillings(each, host[number + 1 :], end):
            pieces = [*map(_shortest, host[:number]), text, *map(_shortest, host[number + 1 :])]
            made = "".join(pieces).lower()
            if _HOST.match(made) and made.endswith("." + end) and _registrable(made) not in (home, None):
                yield Stranger(scheme + made, own, each.is_dot)


def _is_whole_label(host: Sequence[Piece], number: int) -> bool:
    """Whether a piece may be any name in front of a dot, at the beginning of a host."""
    each = host[number]
    return (
        number == 0
        and isinstance(each, Wild)
        and each.letters
        and (each.most is None or each.most >= len("evil"))
        and each.least <= len("evil")
        and list(host[1:2]) in (["."], [_DOT])
    )


def _fillings(each: Wild, behind: Sequence[Piece], end: str) -> Iterator[str]:
    """What a stranger would have in place of a piece, to make the name before or behind it part of another one."""
    if each.is_dot:
        yield "x"
        return
    if each.letters and (each.most is None or each.most >= len("evil")):
        if behind and isinstance(behind[0], str) and behind[0] != ".":
            yield "evil" + "l" * (each.least - len("evil"))  # https://evilexample.com
        if each.dots and each.most is None and not behind:
            yield f".evil.{end}"  # https://example.com.evil.com


def _shortest(piece: Piece) -> str:
    """The shortest text of a piece that is not empty: no host begins with a dot."""
    if isinstance(piece, str):
        return piece
    return "." if piece.is_dot else ("a" if piece.letters else "0") * max(piece.least, 1)


def _registrable(host: str) -> str | None:
    """The name below which a host lies that somebody has bought; None for private names, addresses and none at all."""
    labels = host.split(".")
    if len(labels) < 2 or not all(labels) or not _PRIVATE.isdisjoint(labels[-1:]) or "localhost" in labels:
        return None
    if not labels[-1].isalpha() or len(labels[-1]) < 2:
        return None
    size = next((size + 1 for size in (3, 2) if ".".join(labels[-size:]) in _SHARED), 2)
    return ".".join(labels[-size:]) if len(labels) >= size else None


def _parted(variant: Sequence[Piece]) -> tuple[str, list[Piece]]:
    """The scheme of an origin and its host, port left out."""
    start = 0
    for number in range(len(variant) - 2):
        if list(variant[number : number + 3]) == [":", "/", "/"]:
            start = number + 3
    scheme = "".join(each for each in variant[:start] if isinstance(each, str)) or "https://"
    host = list(variant[start:])
    if start == 0 and not (host and isinstance(host[0], Wild) and host[0].most is None and host[0].dots):
        return scheme, []  # it matches no origin at all
    end = next((number for number, each in enumerate(host) if each in (":", "/")), len(host))
    return scheme, host[:end]


class _Reader:
    """Reads a pattern from left to right: what it matches, one variant after the other."""

    def __init__(self, pattern: str) -> None:
        self.text = pattern.removeprefix("(?i)")
        self.at = 0

    def read(self) -> list[tuple[Piece, ...]]:
        found = self._alternatives(0)
        if self.at < len(self.text):
            raise _Unread
        return found

    def _alternatives(self, depth: int) -> list[tuple[Piece, ...]]:
        if depth > _DEEPEST:
            raise _Unread
        found = self._sequence(depth)
        while self._peek() == "|":
            self.at += 1
            found = found + self._sequence(depth)
            if len(found) > _MOST:
                raise _Unread
        return found

    def _sequence(self, depth: int) -> list[tuple[Piece, ...]]:
        found: list[tuple[Piece, ...]] = [()]
        while self._peek() not in ("", "|", ")"):
            options = self._quantified(self._atom(depth))
            found = [before + after for before in found for after in options]
            if len(found) > _MOST:
                raise _Unread
        return found

    def _atom(self, depth: int) -> list[tuple[Piece, ...]]:
        char = self._next()
        if char in "^$":
            return [()]
        if char == ".":
            return [(Wild(True, True, is_dot=True),)]
        if char == "[":
            return [(self._class(),)]
        if char == "\\":
            escaped = self._next()
            if escaped in _CLASSES:
                return [(_of(_CLASSES[escaped]),)]
            if escaped in "AZz":
                return [()]
            if escaped.isalnum():
                raise _Unread
            return [(escaped,)]
        if char == "(":
            if self._peek() == "?":
                self.at += 1
                if self._next() != ":":
                    raise _Unread
            found = self._alternatives(depth + 1)
            if self._next() != ")":
                raise _Unread
            return found
        if char in "*+?{":
            raise _Unread
        return [(char,)]

    def _quantified(self, options: list[tuple[Piece, ...]]) -> list[tuple[Piece, ...]]:
        least, most = self._count()
        if (least, most) == (1, 1):
            return options
        if len(options) == 1 and len(options[0]) == 1:
            piece = options[0][0]
            if isinstance(piece, Wild):
                return [(Wild(piece.letters, piece.dots, least, most),)]
        if most == 0 or least > _DEEPEST:
            raise _Unread
        once = [each * max(least, 1) for each in options]  # what comes still more often is left out
        return once if least else [(), *once]

    def _count(self) -> tuple[int, int | None]:
        least: int
        most: int | None
        match self._peek():
            case "*":
                least, most = 0, None
            case "+":
                least, most = 1, None
            case "?":
                least, most = 0, 1
            case "{":
                end = self.text.find("}", self.at)
                low, comma, high = self.text[self.at + 1 : end].partition(",")
                if end < 0 or not all(part.isdecimal() and len(part) < 4 for part in (low, high) if part):
                    raise _Unread
                least = int(low or 0)
                most = (int(high) if high else None) if comma else least
                self.at = end
            case _:
                return 1, 1
        self.at += 1
        if self._peek() in ("?", "+"):
            self.at += 1
        return least, most

    def _class(self) -> Wild | str:
        negated = self._peek() == "^"
        self.at += negated
        start = self.at
        held = ""
        while (char := self._next()) != "]" or self.at == start + 1:
            if char == "\\":
                escaped = self._next()
                held += _CLASSES.get(escaped, escaped)
            elif self._peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                held += char + self._next()
            else:
                held += char
        if len(held) == 1 and not negated:
            return held
        if negated:
            return Wild(not any(char.isalpha() for char in held), "." not in held)
        return _of(held)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise _Unread
        self.at += 1
        return char


def _of(held: str) -> Wild:
    """A piece that may be one of some characters; of a range the ends are given."""
    return Wild({"a", "z"} <= set(held.lower()), "." in held)
