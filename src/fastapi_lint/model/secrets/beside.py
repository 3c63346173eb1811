"""Texts that a module compares with a name by `==` or `!=`, or in the cases of a `match`, as they are written. Resolves
nothing, and judges none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.values.literals import Quoted, quoted_at

_OPERATOR = re.compile(rb"==|!=")
_NAME_BEFORE = re.compile(rb"(?<![\w.\"'])(?:\w{1,40}\.){0,4}([A-Za-z_]\w{1,60})\Z")
_NAME_AFTER = re.compile(rb"(?:\w{1,40}\.){0,4}([A-Za-z_]\w{1,60})\b(?!\s{0,2}[.(\[])")
_CASE = re.compile(rb"case\s*(?:\(\s*)?[\"']")
_LONGEST_NAME = 240
_QUOTES = (b'"', b"'")


def written_beside(module: Module, is_asked: Callable[[str], bool]) -> Iterator[tuple[str, Quoted]]:
    """The last name on one side of each comparison, when `is_asked` says so of it, with the literal on its other side;
    not where the program stops with that text."""
    data = module.text
    for match in _OPERATOR.finditer(data):
        left = len(data[max(0, match.start() - 2) : match.start()].rstrip()) + max(0, match.start() - 2)
        behind = data[match.end() : match.end() + 3]
        right = match.end() + len(behind) - len(behind.lstrip())
        if data[right : right + 1] in _QUOTES:
            found, place = _NAME_BEFORE.search(data, max(0, left - _LONGEST_NAME), left), right
        elif data[left - 1 : left] in _QUOTES:
            found, place = _NAME_AFTER.match(data, right), left - 1
        else:
            continue
        if found is None:
            continue
        name = found[1].decode("ascii", "replace")
        literal = quoted_at(module, place) if is_asked(name) else None  # few ask, and the scan reads all of the text
        if literal is None or literal.formatted or literal.alone or place not in (literal.start, literal.end - 1):
            continue
        if not _is_refused(module, match[0], place):
            yield name, literal
    yield from _in_cases(module, is_asked)


def _in_cases(module: Module, is_asked: Callable[[str], bool]) -> Iterator[tuple[str, Quoted]]:
    """The same of the cases of a `match` that begin with a literal."""
    blocks = module.facts.blocks
    for index, block in enumerate(blocks):
        subject = blocks[block.parent].test if block.kind == "case" else None
        found = _CASE.match(module.text, block.start, block.end) if subject is not None else None
        if subject is None or found is None or not is_asked(name := f.last_name(subject)):
            continue
        literal = quoted_at(module, found.end() - 1)
        if literal is None or literal.formatted or literal.start != found.end() - 1:
            continue
        if not any(leave.kind == "raise" and leave.block == index for leave in module.facts.exits):
            yield name, literal


def _is_refused(module: Module, operator: bytes, place: int) -> bool:
    """Whether a text is looked for so that the program stops with it: `if password == "changeme-1": raise`."""
    blocks = module.facts.blocks
    around = [i for i, block in enumerate(blocks) if block.kind == "if" and block.start <= place < block.end]
    if not around or not operator.strip().startswith(b"=="):
        return False
    asking = max(around, key=lambda index: blocks[index].start)
    is_in_head = b":\n" not in module.text[blocks[asking].start : place]
    return is_in_head and any(leave.kind == "raise" and leave.block == asking for leave in module.facts.exits)
