"""How a syntax tree is walked: one function for every kind of node, found by the kind's number. Knows no facts.

Children are taken one by one and only when they can matter: making a Python object for a node is what costs time here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from tree_sitter import Node

from fastapi_lint.index.draft import Draft
from fastapi_lint.index.facts import Expr
from fastapi_lint.index.grammar import COMMENT, ERROR, SKIPPED, all_kinds, kinds, tokens
from fastapi_lint.index.literals import UNKNOWN

Reader = Callable[[Draft, Node, int], Expr]
"""Takes the draft, an expression's node and how deep that is nested; returns what the expression is."""
Taker = Callable[[Draft, Node, int], None]
"""The same for statements, which only leave entries in the draft."""
Use = Literal["statement", "with", "iter", "value"]

LIMIT = 100
"""Nesting beyond which an expression is `Unknown` and its calls are not seen."""
DEPTH = 80
"""Nesting beyond which statements are not seen."""
_EFFECT = re.compile(r"[(\[{]|:=|lambda|yield")
"""What an expression must contain to call, bind, yield or open a scope."""


def nothing(d: Draft, node: Node, depth: int) -> Expr:
    """Punctuation, comments and other leaves."""
    return UNKNOWN


def anything(d: Draft, node: Node, depth: int) -> Expr:
    """An expression of no interest, except for the calls and scopes inside."""
    if depth < LIMIT and _EFFECT.search(d.text, node.start_byte, node.end_byte):
        for child in node.children:
            if child.child_count:
                EXPR[child.kind_id](d, child, depth + 1)
    return UNKNOWN


EXPR: dict[int, Reader] = dict.fromkeys(all_kinds(), anything)
"""The reader of every kind of node; of statements too, when they stand where an expression should."""
EXPR.update(dict.fromkeys(tokens(), nothing))
EXPR.update(dict.fromkeys(kinds("comment", "line_continuation"), nothing))
EXPR[ERROR] = anything
STMT: dict[int, Taker] = {}


def readers(handlers: Mapping[str, Reader]) -> None:
    """Registers the readers of expressions by the name of the kind."""
    EXPR.update({number: handler for name, handler in handlers.items() for number in kinds(name)})


def takers(handlers: Mapping[str, Taker]) -> None:
    """Registers what takes statements by the name of the kind."""
    STMT.update({number: handler for name, handler in handlers.items() for number in kinds(name)})


def expression(d: Draft, node: Node, depth: int = 0) -> Expr:
    """What an expression is."""
    return EXPR[node.kind_id](d, node, depth)


def parts(node: Node) -> Iterator[Node]:
    """The children that mean something: no punctuation, keywords or comments."""
    for child in node.children:
        if child.kind_id not in SKIPPED:
            yield child


def inner(node: Node) -> Node:
    """The first meaningful child; the last child if there is none."""
    child = node
    for child in node.children:
        if child.kind_id not in SKIPPED:
            return child
    return child


def last(node: Node) -> Node:
    """The last child that is no comment."""
    index = node.child_count - 1
    child = node.child(index)
    while index and child.kind_id == COMMENT:
        index -= 1
        child = node.child(index)
    return child
