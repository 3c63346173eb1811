"""Simple statements of a syntax tree to entries of a draft, imports apart; and what all statements share."""

from __future__ import annotations

from collections.abc import Iterable

from tree_sitter import Node

from fastapi_lint.index.dispatch import DEPTH, EXPR, LIMIT, STMT, expression, last, parts, takers
from fastapi_lint.index.draft import Draft
from fastapi_lint.index.expressions.primary import call, used
from fastapi_lint.index.facts import Assign, Await, CallRef, Display, Exit, Expr, Sub, Test, Yielded
from fastapi_lint.index.grammar import (
    ASSIGNMENT,
    AUGMENTED,
    AWAIT,
    BLOCKS,
    CALL,
    COMMENT,
    ERROR,
    EXPRESSION_LISTS,
    FROM,
    IDENTIFIER,
    PAREN,
    SKIPPED,
    STRING,
    TYPE,
)
from fastapi_lint.index.literals import UNKNOWN


def suite(d: Draft, statements: Iterable[Node], depth: int) -> None:
    """Statements one after the other; the children of a block or of the module."""
    if depth > DEPTH:
        return
    text = d.text
    indent = "" if depth else "\n"
    for child in statements:
        handler = STMT.get(child.kind_id)
        if handler is not None:
            start = child.start_byte
            if not indent or not text.startswith(indent, start - len(indent)):
                indent = _indentation(d, start, indent)
            handler(d, child, depth)


def _indentation(d: Draft, start: int, expected: str) -> str:
    """The newline and indentation that the statements of a suite begin with; notes one that begins otherwise.

    The grammar takes any dedent for the end of a block, and Python only one that an outer block has.
    """
    text = d.text
    earliest = max(0, start - 200)  # a longer line is not looked through for each of its statements
    line = text.rfind("\n", earliest, start) + 1 or earliest
    before = text[line:start]
    if before.strip(" \t\f") or (line == earliest and line > 0):  # not the first on its line
        return expected
    found = "\n" + before[before.rfind("\f") + 1 :]
    if expected and found != expected:
        d.errors.append((start, start + 1))
    return expected or found


def nested(d: Draft, node: Node | None, depth: int) -> None:
    if node is not None:
        suite(d, node.children, depth + 1)


def lines(d: Draft, start: int, end: int) -> None:
    """Notes a statement or head that stands on more than one line."""
    if d.text.find("\n", start, end) >= 0:
        d.statements.append((start, end))


def _plain(d: Draft, node: Node, depth: int) -> None:
    """A statement that only evaluates expressions."""
    lines(d, node.start_byte, node.end_byte)
    for child in node.children:
        if child.child_count:
            EXPR[child.kind_id](d, child, 0)


def _assert(d: Draft, node: Node, depth: int) -> None:
    """An assertion: what it asserts is a test, its message is only evaluated."""
    lines(d, node.start_byte, node.end_byte)
    for index, child in enumerate(parts(node)):
        value = EXPR[child.kind_id](d, child, 0)
        if index == 0:
            d.tests.append(Test("assert", value, d.block, child.start_byte, child.end_byte))


def _python2(d: Draft, node: Node, depth: int) -> None:
    d.errors.append((node.start_byte, node.end_byte))
    _plain(d, node, depth)


def _expression_statement(d: Draft, node: Node, depth: int) -> None:
    start = node.start_byte
    end = node.end_byte
    if d.text.find("\n", start, end) >= 0:
        d.statements.append((start, end))
    if node.child_count != 1:
        for child in node.children:
            EXPR[child.kind_id](d, child, 0)
        return
    child = node.child(0)
    found = child.kind_id
    if found == CALL:
        call(d, child, 0, "statement")
    elif found == ASSIGNMENT:
        _assignment(d, child)
    elif found in (AWAIT, PAREN):
        value = used(d, child, 0, "statement")
        if not isinstance(value.value if isinstance(value, Await) else value, CallRef):
            d.tests.append(Test("statement", value, d.block, start, end))
    elif found == AUGMENTED:
        _augmented(d, child)
    elif found != STRING or d.text[start] not in "\"'":
        value = EXPR[found](d, child, 0)
        if value is not UNKNOWN and not isinstance(value, Yielded):
            d.tests.append(Test("statement", value, d.block, start, end))


def _assignment(d: Draft, node: Node) -> None:
    start, end = node.start_byte, node.end_byte
    targets: list[Expr] = []
    annotation: Expr | None = None
    value: Expr | None = None
    while True:
        first, *others = [c for c in node.children if c.kind_id not in SKIPPED] or [node]
        targets.append(EXPR[first.kind_id](d, first, 0) if first is not node else UNKNOWN)
        following = None
        for other in others:
            found = other.kind_id
            if found == TYPE:
                annotation = EXPR[TYPE](d, other, 0)
            elif found == ASSIGNMENT:
                following = other
            elif found == AUGMENTED:
                _augmented(d, other)
            else:
                value = EXPR[found](d, other, 0)
        if following is None:
            break
        node = following
    for target in targets:
        d.assigns.append(Assign(target, value, annotation, "=", d.block, start, end))


def _augmented(d: Draft, node: Node) -> None:
    target = expression(d, node.child(0))
    value_node = last(node)
    value = UNKNOWN if value_node.kind_id in (ASSIGNMENT, AUGMENTED) else expression(d, value_node)
    operator = next((c for c in node.children[1:] if c.kind_id != COMMENT), node)
    d.assigns.append(Assign(target, value, None, d.slice(operator), d.block, node.start_byte, node.end_byte))


def _type_alias(d: Draft, node: Node, depth: int) -> None:
    start, end = node.start_byte, node.end_byte
    lines(d, start, end)
    sides = list(parts(node))
    if len(sides) < 2:
        return
    target = expression(d, sides[0])
    if isinstance(target, Sub):
        target = target.value
    d.assigns.append(Assign(target, expression(d, sides[-1]), None, "type", d.block, start, end))


def _return(d: Draft, node: Node, depth: int) -> None:
    start, end = node.start_byte, node.end_byte
    if d.text.find("\n", start, end) >= 0:
        d.statements.append((start, end))
    value = None
    if node.child_count > 1:
        child = last(node)
        value = EXPR[child.kind_id](d, child, 0)
    d.exits.append(Exit("return", value, None, d.block, start, end))


def _raise(d: Draft, node: Node, depth: int) -> None:
    start, end = node.start_byte, node.end_byte
    lines(d, start, end)
    value: Expr | None = None
    cause: Expr | None = None
    after = False
    for child in node.children:
        found = child.kind_id
        if found == FROM:
            after = True
        elif found not in SKIPPED:
            if found in EXPRESSION_LISTS and d.text[child.start_byte] != "(":  # raise Type, value: Python 2
                d.errors.append((start, end))
            if after:
                cause = EXPR[found](d, child, 0)
            else:
                value = EXPR[found](d, child, 0)
    d.exits.append(Exit("raise", value, cause, d.block, start, end))


def _delete(d: Draft, node: Node, depth: int) -> None:
    start, end = node.start_byte, node.end_byte
    lines(d, start, end)
    targets: list[Expr] = []
    for child in parts(node):
        value = expression(d, child)
        targets.extend(value.items if isinstance(value, Display) else [value])
    d.exits.extend(Exit("del", target, None, d.block, start, end) for target in targets)


def _global(d: Draft, node: Node, depth: int) -> None:
    lines(d, node.start_byte, node.end_byte)
    d.globals.extend((d.slice(child), d.block) for child in node.children if child.kind_id == IDENTIFIER)


def broken(d: Draft, node: Node, depth: int) -> None:
    """What the parser could not place: the statements and expressions it saw inside."""
    for child in node.children:
        handler = STMT.get(child.kind_id)
        if handler is not None:
            if depth < DEPTH:
                handler(d, child, depth + 1)
        elif child.kind_id in BLOCKS:
            nested(d, child, depth)
        elif child.child_count:
            EXPR[child.kind_id](d, child, 0)


def _broken_expression(d: Draft, node: Node, depth: int) -> Expr:
    if depth < LIMIT:
        for child in node.children:
            if child.child_count:
                handler = STMT.get(child.kind_id)
                if handler is None:
                    EXPR[child.kind_id](d, child, depth + 1)
                elif depth < 10:  # both limits could not be held at once further down
                    handler(d, child, DEPTH - 10)
    return UNKNOWN


takers(
    {
        "expression_statement": _expression_statement,
        "return_statement": _return,
        "raise_statement": _raise,
        "delete_statement": _delete,
        "assert_statement": _assert,
        "global_statement": _global,
        "nonlocal_statement": _plain,
        "print_statement": _python2,
        "exec_statement": _python2,
        "type_alias_statement": _type_alias,
    }
)
STMT[ERROR] = broken
EXPR[ERROR] = _broken_expression
