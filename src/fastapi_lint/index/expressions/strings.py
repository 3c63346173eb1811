"""Strings of a syntax tree to expressions of the facts, formatted and concatenated ones included."""

from __future__ import annotations

from tree_sitter import Node

from fastapi_lint.index.dispatch import EXPR, LIMIT, anything, parts, readers
from fastapi_lint.index.draft import Draft
from fastapi_lint.index.expressions.primary import SEEN
from fastapi_lint.index.facts import Const, Expr, Joined, Raw
from fastapi_lint.index.grammar import CONTENT, CONVERSION, FORMAT_SPEC, INTERPOLATION, SKIPPED, STRING
from fastapi_lint.index.literals import MAX_TEXT, UNKNOWN, content, prefix, string


def _text(d: Draft, node: Node, depth: int) -> Expr:
    key = d.text[node.start_byte : node.end_byte]
    short = len(key) < 60
    if short:
        found = SEEN.get(key)
        if found is not None:
            return found
    if key[:1] not in "\"'":
        letters = prefix(key)
        if "f" in letters or "t" in letters:
            return _joined(_pieces(d, node, depth, "r" in letters))
    value = string(key)
    if short and value is not UNKNOWN:  # in broken code a string may be any text: what means nothing here may elsewhere
        SEEN[key] = value
    return value


_Piece = tuple[Expr, str]
"""A part of a formatted string, and how it is written: `!r:>10`."""


def _pieces(d: Draft, node: Node, depth: int, raw: bool) -> list[_Piece]:
    """The parts of a formatted string."""
    pieces: list[_Piece] = []
    if depth >= LIMIT:
        return [(UNKNOWN, "")]
    for child in node.children:
        found = child.kind_id
        if found == CONTENT:
            text = content(d.text[child.start_byte : child.end_byte].replace("{{", "{").replace("}}", "}"), raw)
            pieces.append((UNKNOWN if text is None else Const(text), ""))
        elif found == INTERPOLATION:
            value: Expr = UNKNOWN
            written = ""
            for part in child.children:
                found = part.kind_id
                if found in (FORMAT_SPEC, CONVERSION):
                    written += d.slice(part)
                    anything(d, part, depth + 1)
                elif found not in SKIPPED:
                    value = EXPR[found](d, part, depth + 1)
            pieces.append((UNKNOWN if written and isinstance(value, Const) else value, written))
    return pieces


def _joined(pieces: list[_Piece]) -> Joined:
    """A formatted string of its parts, neighbouring texts in one."""
    merged = _merged(pieces)
    formats = [(number, written) for number, (_, written) in enumerate(merged) if written]
    return Joined(tuple([piece for piece, _ in merged]), tuple(formats))


def _merged(pieces: list[_Piece]) -> list[_Piece]:
    """The same with neighbouring texts joined."""
    merged: list[_Piece] = []
    run: list[str] = []
    for piece, written in [*pieces, (None, "")]:
        if isinstance(piece, Const) and isinstance(piece.value, str):
            run.append(piece.value)
            continue
        if run:
            text = "".join(run)
            merged.append((Const(text) if len(text) <= MAX_TEXT else UNKNOWN, ""))
            run = []
        if piece is not None:
            merged.append((piece, written))
    return merged


def _concatenated(d: Draft, node: Node, depth: int) -> Expr:
    pieces: list[_Piece] = []
    formatted = False
    for child in parts(node):
        value = _text(d, child, depth) if child.kind_id == STRING else UNKNOWN
        if isinstance(value, Joined):
            formatted = True
            formats = dict(value.formats)
            pieces.extend((part, formats.get(number, "")) for number, part in enumerate(value.parts))
        else:
            pieces.append((value, ""))
    if formatted:
        return _joined(pieces)
    merged = [piece for piece, _ in _merged(pieces)]
    return merged[0] if merged and (len(merged) == 1 or all(isinstance(m, Raw) for m in merged)) else UNKNOWN


readers(
    {
        "string": _text,
        "concatenated_string": _concatenated,
    }
)
