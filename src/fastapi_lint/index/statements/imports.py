"""Import statements of a syntax tree to entries of a draft."""

from __future__ import annotations

import re

from tree_sitter import Node

from fastapi_lint.index.dispatch import last, takers
from fastapi_lint.index.draft import Draft
from fastapi_lint.index.facts import Import
from fastapi_lint.index.grammar import ALIASED, DOTTED, IMPORT_PREFIX, IMPORT_WORD, RELATIVE, WILDCARD
from fastapi_lint.index.statements.simple import lines

_SPACE = re.compile(r"[\s\\]+")


def _path(d: Draft, node: Node) -> str:
    text = d.slice(node)
    return text if text.isidentifier() else _SPACE.sub("", text)


def _import(d: Draft, node: Node, depth: int) -> None:
    lines(d, node.start_byte, node.end_byte)
    for child in node.children:
        name, alias = _alias(d, child)
        if name:
            d.imports.append(Import(name, "", alias, 0, d.block, child.start_byte, child.end_byte))


def _alias(d: Draft, node: Node) -> tuple[str, str]:
    """Name and alias; both empty when the node is no imported name."""
    found = node.kind_id
    if found == DOTTED:
        return _path(d, node), ""
    if found == ALIASED:
        return _path(d, node.child(0)), _path(d, last(node))
    return ("*", "") if found == WILDCARD else ("", "")


def _from_import(d: Draft, node: Node, depth: int) -> None:
    lines(d, node.start_byte, node.end_byte)
    module, level, after = "__future__", 0, False
    for child in node.children:
        found = child.kind_id
        if found == IMPORT_WORD:
            after = True
        elif after:
            name, alias = _alias(d, child)
            if name:
                d.imports.append(Import(module, name, alias, level, d.block, child.start_byte, child.end_byte))
        elif found == DOTTED:
            module = _path(d, child)
        elif found == RELATIVE:
            module = ""
            for part in child.children:
                if part.kind_id == IMPORT_PREFIX:
                    level = d.text.count(".", part.start_byte, part.end_byte)
                elif part.kind_id == DOTTED:
                    module = _path(d, part)


takers(
    {
        "import_statement": _import,
        "import_from_statement": _from_import,
        "future_import_statement": _from_import,
    }
)
