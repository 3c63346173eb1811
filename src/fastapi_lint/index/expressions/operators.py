"""Displays and operators of a syntax tree to expressions of the facts."""

from __future__ import annotations

import re
from typing import Literal

from tree_sitter import Node

from fastapi_lint.index.dispatch import EXPR, LIMIT, anything, expression, inner, last, parts, readers
from fastapi_lint.index.draft import Draft
from fastapi_lint.index.expressions.primary import items, pair
from fastapi_lint.index.facts import (
    Assign,
    Attr,
    Binary,
    Choice,
    Compare,
    Const,
    Display,
    Expr,
    Mapping,
    Star,
    Sub,
    Unary,
)
from fastapi_lint.index.grammar import (
    BINARY,
    BOOLEAN,
    COMMENT,
    DICT_SPLAT,
    LINE_CONTINUATION,
    NAMED,
    PAIR,
    SKIPPED,
    kinds,
)
from fastapi_lint.index.literals import UNKNOWN, decoded, negative

_LONG = 50
"""Operands in a row above which the whole is `Unknown`: results must not nest deeply."""
_BOOLEANS = frozenset({BOOLEAN})
_BINARIES = frozenset({BINARY}) | kinds("union_type")


def _list(d: Draft, node: Node, depth: int) -> Expr:
    return Display("list", items(d, node, depth + 1)) if depth < LIMIT else UNKNOWN


def _tuple(d: Draft, node: Node, depth: int) -> Expr:
    return Display("tuple", items(d, node, depth + 1)) if depth < LIMIT else UNKNOWN


def _set(d: Draft, node: Node, depth: int) -> Expr:
    return Display("set", items(d, node, depth + 1)) if depth < LIMIT else UNKNOWN


def _dictionary(d: Draft, node: Node, depth: int) -> Expr:
    if depth >= LIMIT:
        return UNKNOWN
    items: list[tuple[Expr | None, Expr]] = []
    for child in parts(node):
        if child.kind_id == PAIR:
            items.append(pair(d, child, depth + 1))
        elif child.kind_id == DICT_SPLAT:
            items.append((None, expression(d, last(child), depth + 1)))
        else:
            expression(d, child, depth + 1)
    return Mapping(tuple(items))


def _star(d: Draft, node: Node, depth: int) -> Expr:
    return Star(expression(d, last(node), depth + 1)) if depth < LIMIT else UNKNOWN


def _generic(d: Draft, node: Node, depth: int) -> Expr:
    """`X[a, b]` where the grammar expects a type."""
    if depth >= LIMIT:
        return UNKNOWN
    return Sub(expression(d, node.child(0), depth + 1), items(d, last(node), depth + 1))


def _member(d: Draft, node: Node, depth: int) -> Expr:
    if depth >= LIMIT:
        return UNKNOWN
    name = last(node)
    return Attr(expression(d, inner(node), depth + 1), decoded(d.text[name.start_byte : name.end_byte]))


def _left_spine(node: Node, same: frozenset[int]) -> list[Node]:
    """The nodes of left-nested operators, outermost first."""
    spine = []
    while node.kind_id in same and node.child_count > 2:
        spine.append(node)
        node = node.child(0)
    return spine


def _boolean(d: Draft, node: Node, depth: int) -> Expr:
    if depth >= LIMIT:
        return UNKNOWN
    spine = _left_spine(node, _BOOLEANS)
    if not spine:
        return anything(d, node, depth)
    options = [expression(d, spine[-1].child(0), depth + 1)]
    before: Literal["or", "and"] = _operator(d, spine[-1])
    changes = 0
    for link in reversed(spine):
        op = _operator(d, link)
        if op != before:
            changes += 1
            options = [Choice(tuple(options), None, before) if changes <= _LONG else UNKNOWN]
            before = op
        options.append(expression(d, last(link), depth + 1))
    return Choice(tuple(options), None, before)


def _operator(d: Draft, node: Node) -> Literal["or", "and"]:
    """Which word stands between the two sides of a boolean operator."""
    found = next((c for c in node.children[1:] if c.kind_id != COMMENT), node)
    return "or" if d.text.startswith("or", found.start_byte) else "and"


def _binary(d: Draft, node: Node, depth: int) -> Expr:
    if depth >= LIMIT:
        return UNKNOWN
    spine = _left_spine(node, _BINARIES)
    if not spine:
        return anything(d, node, depth)
    value = expression(d, spine[-1].child(0), depth + 1)
    for link in reversed(spine):
        operator = next((c for c in link.children[1:] if c.kind_id != COMMENT), link)
        right = expression(d, last(link), depth + 1)
        # Never made longer than it may be: freeing hundreds of thousands of nested structs overflows the C stack.
        value = Binary(d.slice(operator), value, right) if len(spine) <= _LONG else UNKNOWN
    return value


def _unary(d: Draft, node: Node, depth: int) -> Expr:
    if depth >= LIMIT:
        return UNKNOWN
    value = expression(d, last(node), depth + 1)
    sign = d.text[node.start_byte]
    if sign == "-" and (found := negative(value)) is not UNKNOWN:
        return found
    if sign == "+" and isinstance(value, Const) and isinstance(value.value, (int, float)):
        return value
    return Unary(sign, value)


def _not(d: Draft, node: Node, depth: int) -> Expr:
    return Unary("not", expression(d, last(node), depth + 1)) if depth < LIMIT else UNKNOWN


_SPACE = re.compile(r"[\s\\]+")


def _compare(d: Draft, node: Node, depth: int) -> Expr:
    if depth >= LIMIT:
        return UNKNOWN
    operators: list[str] = []
    operands: list[Expr] = []
    for child in node.children:
        found = child.kind_id
        if found not in SKIPPED:
            operands.append(EXPR[found](d, child, depth + 1))
        elif found not in (COMMENT, LINE_CONTINUATION):
            operators.append(_SPACE.sub(" ", d.text[child.start_byte : child.end_byte]))
    if len(operands) > _LONG or len(operands) != len(operators) + 1:  # the latter in broken code
        return UNKNOWN
    return Compare(tuple(operators), tuple(operands))


def _conditional(d: Draft, node: Node, depth: int) -> Expr:
    if depth >= LIMIT:
        return UNKNOWN
    first = node.child(0)
    if first is not None and first.kind_id == NAMED:  # the grammar takes `x := a if b else c` for `(x := a) if ...`
        target = expression(d, inner(first), depth + 1)
        values = [expression(d, last(first), depth + 1), *items(d, node, depth + 1, 1)]
        value = Choice((values[0], values[-1]), values[1] if len(values) == 3 else None)
        d.assigns.append(Assign(target, value, None, ":=", d.block, node.start_byte, node.end_byte))
        return value
    values = [EXPR[c.kind_id](d, c, depth + 1) for c in parts(node)]
    return Choice((values[0], values[-1]), values[1]) if len(values) == 3 else UNKNOWN


readers(
    {
        "list": _list,
        "list_pattern": _list,
        "tuple": _tuple,
        "tuple_pattern": _tuple,
        "pattern_list": _tuple,
        "expression_list": _tuple,
        "set": _set,
        "dictionary": _dictionary,
        "list_splat": _star,
        "dictionary_splat": _star,
        "list_splat_pattern": _star,
        "dictionary_splat_pattern": _star,
        "splat_type": _star,
        "generic_type": _generic,
        "member_type": _member,
        "union_type": _binary,
        "binary_operator": _binary,
        "boolean_operator": _boolean,
        "unary_operator": _unary,
        "not_operator": _not,
        "comparison_operator": _compare,
        "conditional_expression": _conditional,
    }
)
