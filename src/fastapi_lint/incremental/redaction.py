"""Keeps secrets out of what a run leaves behind: what findings say in the words of a file is kept as places in it.

Knows neither rules nor the cache; whoever restores must have the same files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from fastapi_lint.files.secrecy import Secrets
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Finding, Notice

_PLACE = re.compile("\0([0-9]+)\0")
"""What stands for a piece of a file: its number between two characters that Python source cannot hold."""
_LITERAL = re.compile(r"(?s)\"\"\".*?\"\"\"|'''.*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'")


class Result(msgspec.Struct, frozen=True, array_like=True):
    """What came of one analysis: findings before and after suppressions, notices, how many apps and routes it saw."""

    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    notices: tuple[Notice, ...]
    apps: int = 0
    routes: int = 0


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A piece of the text of a file, as offsets in that."""

    path: str
    start: int
    end: int


class Redacted(msgspec.Struct, frozen=True, array_like=True):
    """A result in whose texts pieces of files are replaced by their numbers."""

    result: Result
    pieces: tuple[Piece, ...]


class RedactionError(ValueError):
    """A finding says something that may hold a secret and stands in no file."""


def redact(result: Result, secrets: Mapping[str, Collection[str]], sources: Mapping[str, Source]) -> Redacted:
    """The result without the secrets, which are given by file. Raises `RedactionError`.

    In a file with a secret no other literal is trusted either: it may be a part of it, or one that no rule knows.
    """
    pieces: dict[Piece, int] = {}

    def taken(text: str, paths: Iterable[str]) -> str | None:
        for path in paths:
            start = sources[path].text.find(text) if path in sources else -1
            if start >= 0:
                number = pieces.setdefault(Piece(path, start, start + len(text)), len(pieces))
                return f"\0{number}\0"
        return None

    def redacted(finding: Finding) -> Finding:
        paths = sorted({finding.path, *(related.path for related in finding.related)} & secrets.keys())
        if not paths:
            return finding
        known = Secrets(text for path in paths for text in secrets[path])

        def said(text: str) -> str:
            text = _LITERAL.sub(lambda match: taken(match[0], paths) or match[0], text)
            pieces: list[str] = []
            last = 0
            for start, end in known.places(text):
                pieces += [text[last:start], _found(taken(text[start:end], paths))]
                last = end
            return "".join(pieces) + text[last:]

        def written(text: str) -> str:
            text = said(text)
            if finding.path in secrets and ("'" in text or '"' in text):
                raise RedactionError("an edit writes a literal that stands in no file, or a part of one")
            return text

        return _rewritten(finding, said, written)

    findings, suppressed = (tuple(map(redacted, group)) for group in (result.findings, result.suppressed))
    return Redacted(msgspec.structs.replace(result, findings=findings, suppressed=suppressed), tuple(pieces))


def restore(redacted: Redacted, sources: Mapping[str, Source]) -> Result:
    """The result as it was. Raises `RedactionError` when a piece is not to be had."""
    if not redacted.pieces:
        return redacted.result

    def opened(match: re.Match[str]) -> str:
        number = int(match[1])
        if number >= len(redacted.pieces) or redacted.pieces[number].path not in sources:
            raise RedactionError("a piece of a file is missing")
        piece = redacted.pieces[number]
        return sources[piece.path].text[piece.start : piece.end]

    def whole(text: str) -> str:
        return _PLACE.sub(opened, text) if "\0" in text else text

    findings, suppressed = (
        tuple(_rewritten(finding, whole, whole) for finding in group)
        for group in (redacted.result.findings, redacted.result.suppressed)
    )
    return msgspec.structs.replace(redacted.result, findings=findings, suppressed=suppressed)


def _found(piece: str | None) -> str:
    if piece is None:
        raise RedactionError("a secret stands in no file")
    return piece


def _rewritten(finding: Finding, said: Callable[[str], str], written: Callable[[str], str]) -> Finding:
    """A finding with its messages and the contents of its edits sent through functions."""
    found = finding.reworded(said)
    if found.fix is None:
        return found
    edits = tuple(Edit(edit.span, written(edit.content)) for edit in found.fix.edits)
    return msgspec.structs.replace(found, fix=msgspec.structs.replace(found.fix, edits=edits))
