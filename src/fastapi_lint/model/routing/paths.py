"""How Starlette matches paths: placeholders, convertors, and which pattern swallows which. Knows no route."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")

CONVERTORS = ("str", "path", "int", "float", "uuid")
"""The convertors that Starlette knows by itself; others are registered by the project."""

_PLACEHOLDER = re.compile(r"{([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-zA-Z_][a-zA-Z0-9_]*))?}")
# One private character stands for "any value of this kind" where the covered pattern has a placeholder. Only what takes
# every such value lets the character pass, so that a match of the covering pattern is a proof.
_ANY = {"str": "\ue000", "path": "\ue001", "int": "\ue002", "float": "\ue003", "uuid": "\ue004"}
_TAKES = {
    "str": "[^/\ue001\ue005]+",
    "path": "(?s:.*)",
    "int": "[0-9\ue002]+",
    "float": "(?:[0-9\ue002]+(?:\\.[0-9\ue002]+)?|\ue003)",
    "uuid": "(?:[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}|\ue004)",
}


def placeholders(path: str) -> tuple[tuple[str, str], ...]:
    """The placeholders of a path in order: name and convertor ("str" when none is written)."""
    return tuple((match[1], match[2] or "str") for match in _PLACEHOLDER.finditer(path))


def without_placeholders(path: str) -> str:
    """The path with every valid placeholder cut out: braces that are left are not placeholders."""
    return _PLACEHOLDER.sub("", path)


def normalised(path: str) -> str:
    """The path with the names of its placeholders taken out: equal for patterns that match the same URLs."""
    return _PLACEHOLDER.sub(lambda match: "{:" + (match[2] or "str") + "}", path)


def covers(pattern: str, other: str) -> bool:
    """Whether every URL that `other` matches is matched by `pattern` too; False also when that cannot be proved."""
    return _regex(pattern).fullmatch(_token(other)) is not None


def _custom(name: str) -> str:
    return f"\ue005{name}\ue005"


@lru_cache(maxsize=20_000)
def _regex(pattern: str) -> re.Pattern[str]:
    text, at = "", 0
    for match in _PLACEHOLDER.finditer(pattern):
        kind = match[2] or "str"
        text += re.escape(pattern[at : match.start()]) + (_TAKES.get(kind) or _custom(kind))
        at = match.end()
    return re.compile(text + re.escape(pattern[at:]))


def _token(pattern: str) -> str:
    return _PLACEHOLDER.sub(lambda match: _ANY.get(match[2] or "str") or _custom(match[2]), pattern)


_MOST_ALIKE = 50
"""Patterns that are alike are looked at up to this number: a project with more has one answer for all of them."""


@dataclass
class _Shapes(Generic[T]):
    """Patterns with placeholders by the text before the first and after the last, so that few need a full match."""

    table: dict[tuple[str, str], dict[str, T]] = field(default_factory=dict)
    lengths: set[tuple[int, int]] = field(default_factory=set)

    def setdefault(self, pattern: str, value: T) -> T:
        first, last = pattern.index("{"), pattern.rindex("}") + 1
        self.lengths.add((first, len(pattern) - last))
        return self.table.setdefault((pattern[:first], pattern[last:]), {}).setdefault(pattern, value)

    def covering(self, text: str) -> Iterator[T]:
        token = _token(text)
        for before, after in self.lengths:
            if before + after <= len(token):
                for pattern, value in self.table.get((token[:before], token[len(token) - after :]), {}).items():
                    if _regex(pattern).fullmatch(token):
                        yield value


@dataclass
class _Node(Generic[T]):
    literal: dict[str, _Node[T]] = field(default_factory=dict)
    open: _Shapes[_Node[T]] = field(default_factory=_Shapes)
    tails: _Shapes[list[T]] = field(default_factory=_Shapes)
    ends: list[T] = field(default_factory=list)


class PathIndex(Generic[T]):
    """Patterns with what belongs to them; finds those that cover another pattern without looking at all of them."""

    def __init__(self, entries: Iterable[tuple[str, T]] = ()) -> None:
        self._root: _Node[T] = _Node()
        for path, value in entries:
            self.add(path, value)

    def add(self, path: str, value: T) -> None:
        """Remember a pattern."""
        node = self._root
        for segment in path.split("/"):
            if ":path}" in segment:  # may span segments: compared as a whole
                ends = node.tails.setdefault(_anonymous(path), [])
                break
            if "{" in segment and "}" in segment:
                node = node.open.setdefault(_anonymous(segment), _Node())
            else:
                node = node.literal.setdefault(segment, _Node())
        else:
            ends = node.ends
        if len(ends) < _MOST_ALIKE:
            ends.append(value)

    def covering(self, path: str) -> Iterator[T]:
        """What belongs to the patterns that match every URL of `path`, itself included when it was added."""
        nodes = [self._root]
        for segment in path.split("/"):
            for node in nodes:
                for values in node.tails.covering(path):
                    yield from values
            if ":path}" in segment:
                return  # only what spans segments too can cover it
            following = [node.literal[segment] for node in nodes if segment in node.literal]
            for node in nodes:
                following.extend(node.open.covering(segment))
            nodes = following
        for node in nodes:
            yield from node.ends


def _anonymous(pattern: str) -> str:
    """The pattern with one name for all placeholders."""
    return normalised(pattern).replace("{:", "{_:")
