"""Control structure of a syntax tree to blocks of a draft: if, match, for, while, try, with."""

from __future__ import annotations

import re
from typing import Literal

from tree_sitter import Node

from fastapi_lint.index.dispatch import EXPR, expression, inner, last, takers
from fastapi_lint.index.draft import PENDING_BLOCK, Draft
from fastapi_lint.index.expressions.primary import used
from fastapi_lint.index.facts import Attr, Block, Display, Expr, Name
from fastapi_lint.index.grammar import (
    AS_PATTERN,
    AS_TARGET,
    ASYNC,
    BLOCKS,
    CASE,
    CLASS_PATTERN,
    COLON,
    DOTTED,
    ELIF,
    ELSE,
    ERROR,
    EXCEPT,
    FINALLY,
    IDENTIFIER,
    IF_CLAUSE,
    IN,
    KEYWORD_PATTERN,
    NOT,
    PAREN,
    SKIPPED,
    SPLAT_PATTERNS,
    WITH_CLAUSE,
    WITH_ITEM,
)
from fastapi_lint.index.statements.simple import broken, lines, nested

Kind = Literal["if", "else", "case", "body", "except", "finally", "for", "while", "with", "choice", "try"]
_MAIN = re.compile(r"""\b__name__\s*==\s*["']__main__["']|["']__main__["']\s*==\s*__name__\b""")
_UNLESS = re.compile(r"not\s+(?:\w+\.)?TYPE_CHECKING")


def _open(
    d: Draft, what: Kind, start: int, end: int, test: Expr | None = None, target: Expr | None = None,
    is_async: bool = False,
) -> int:  # fmt: skip
    """A new block inside the current one."""
    d.blocks.append(Block(what, d.block, d.function, d.cls, is_async, test, target, start, end))
    return len(d.blocks) - 1


def _fill(d: Draft, index: int, what: Kind, node: Node, test: Expr | None, target: Expr | None, is_async: bool) -> None:
    """Gives a reserved block its content; it lies in the current block."""
    d.blocks[index] = Block(
        what, d.block, d.function, d.cls, is_async, test, target, node.start_byte, node.end_byte
    )  # fmt: skip


def _reserve(d: Draft) -> int:
    d.blocks.append(PENDING_BLOCK)
    return len(d.blocks) - 1


def _clause(d: Draft, what: Kind, node: Node, depth: int) -> None:
    """An else, finally or try body: head and suite."""
    d_block = d.block
    d.block = _open(d, what, node.start_byte, node.end_byte)
    for child in node.children:
        if child.kind_id == COLON:
            lines(d, node.start_byte, child.end_byte)
        elif child.kind_id in BLOCKS:
            nested(d, child, depth)
    d.block = d_block


def _type_checking(value: Expr) -> bool:
    name = value.id if isinstance(value, Name) else value.attr if isinstance(value, Attr) else ""
    return name == "TYPE_CHECKING"


def _if(d: Draft, node: Node, depth: int) -> None:
    outer = d.block
    choice = _open(d, "choice", node.start_byte, node.end_byte)
    dead_else = _branch(d, node, depth, choice, outer)
    for child in node.children:
        found = child.kind_id
        if found == ELIF:
            dead_else = _branch(d, child, depth, choice, choice) or dead_else
        elif found == ELSE:
            d.block = choice
            if dead_else:
                d.dead.append(len(d.blocks))
            _clause(d, "else", child, depth)
        elif found == ERROR:
            d.block = choice
            broken(d, child, depth)
    d.block = outer


def _branch(d: Draft, node: Node, depth: int, choice: int, outer: int) -> bool:
    """An if or elif with its suite; whether the else branch is dead."""
    index = _reserve(d)
    test: Expr | None = None
    body: Node | None = None
    start, end = node.start_byte, node.end_byte
    never = False
    d.block = outer
    for child in node.children:
        found = child.kind_id
        if found in BLOCKS:
            body = child
            break
        if found == COLON:
            lines(d, start, child.end_byte)
        elif found not in SKIPPED and test is None:
            test = EXPR[found](d, child, 0)
            if found == NOT:
                never = _UNLESS.fullmatch(d.text, child.start_byte, child.end_byte) is not None
            elif outer == 0 and not d.main_guard and _MAIN.search(d.text, child.start_byte, child.end_byte):
                d.main_guard = True
    if body is not None:
        end = body.end_byte
    d.blocks[index] = Block("if", choice, d.function, d.cls, False, test, None, start, end)
    if test is not None and _type_checking(test):
        d.dead.append(index)
    d.block = index
    nested(d, body, depth)
    d.block = outer
    return never


def _for(d: Draft, node: Node, depth: int) -> None:
    outer = d.block
    index = _reserve(d)
    target: Expr | None = None
    sources: list[Expr] = []
    after = False
    children = node.children
    is_async = children[0].kind_id == ASYNC
    for child in children:
        found = child.kind_id
        if found == IN:
            after = True
        elif found == COLON:
            lines(d, node.start_byte, child.end_byte)
        elif found in BLOCKS:
            source = sources[0] if len(sources) == 1 else Display("tuple", tuple(sources))
            d.block = outer
            d.blocks[index] = Block(
                "for", outer, d.function, d.cls, is_async, source, target, node.start_byte, child.end_byte
            )
            d.block = index
            nested(d, child, depth)
            d.block = outer
        elif found == ELSE:
            _clause(d, "else", child, depth)
        elif found not in SKIPPED:
            if after:
                sources.append(used(d, child, 0, "iter"))
            else:
                target = EXPR[found](d, child, 0)
    if d.blocks[index] is PENDING_BLOCK:
        _fill(d, index, "for", node, sources[0] if sources else None, target, is_async)


def _while(d: Draft, node: Node, depth: int) -> None:
    outer = d.block
    index = _reserve(d)
    test: Expr | None = None
    body: Node | None = None
    for child in node.children:
        found = child.kind_id
        if found in BLOCKS:
            body = child
        elif found == COLON:
            lines(d, node.start_byte, child.end_byte)
        elif found == ELSE:
            continue
        elif found not in SKIPPED:
            d.block = index
            test = EXPR[found](d, child, 0)
            d.block = outer
    end = node.end_byte if body is None else body.end_byte
    d.blocks[index] = Block("while", outer, d.function, d.cls, False, test, None, node.start_byte, end)
    d.block = index
    nested(d, body, depth)
    d.block = outer
    for child in node.children:
        if child.kind_id == ELSE:
            _clause(d, "else", child, depth)


def _try(d: Draft, node: Node, depth: int) -> None:
    outer = d.block
    index = _open(d, "try", node.start_byte, node.end_byte)
    d.block = index
    for child in node.children:
        found = child.kind_id
        if found in BLOCKS:
            d.block = _open(d, "body", child.start_byte, child.end_byte)
            nested(d, child, depth)
            d.block = index
        elif found == EXCEPT:
            _except(d, child, depth)
        elif found == ELSE:
            _clause(d, "else", child, depth)
        elif found == FINALLY:
            _clause(d, "finally", child, depth)
        elif found == ERROR:
            broken(d, child, depth)
    d.block = outer


def _except(d: Draft, node: Node, depth: int) -> None:
    outer = d.block
    index = _reserve(d)
    types: list[Expr] = []
    target: Expr | None = None
    body: Node | None = None
    for child in node.children:
        found = child.kind_id
        if found in BLOCKS:
            body = child
        elif found == COLON:
            lines(d, node.start_byte, child.end_byte)
        elif found in AS_PATTERN:
            value, target = _as(d, child, "value")
            types.append(value)
        elif found not in SKIPPED:
            types.append(EXPR[found](d, child, 0))
    test = None if not types else types[0] if len(types) == 1 else Display("tuple", tuple(types))
    _fill(d, index, "except", node, test, target, False)
    d.block = index
    nested(d, body, depth)
    d.block = outer


def _as(d: Draft, node: Node, use: Literal["with", "value"]) -> tuple[Expr, Expr | None]:
    """Value and target of `value as target`."""
    value = used(d, inner(node), 0, use)
    target = next((c for c in node.children if c.kind_id in AS_TARGET), None)
    return value, None if target is None else expression(d, target)


def _with(d: Draft, node: Node, depth: int) -> None:
    outer = d.block
    children = node.children
    is_async = children[0].kind_id == ASYNC
    for child in children:
        found = child.kind_id
        if found == WITH_CLAUSE:
            for item in child.children:
                if item.kind_id == WITH_ITEM:
                    index = _reserve(d)
                    test, target = _context(d, inner(item))
                    _fill(d, index, "with", node, test, target, is_async)
                    d.block = index
        elif found == COLON:
            lines(d, node.start_byte, child.end_byte)
        elif found in BLOCKS:
            nested(d, child, depth)
        elif found == ERROR:
            broken(d, child, depth)
    d.block = outer


def _context(d: Draft, node: Node) -> tuple[Expr, Expr | None]:
    bare = node
    while bare.kind_id == PAREN:
        bare = inner(bare)
    if bare.kind_id in AS_PATTERN:
        return _as(d, bare, "with")
    return used(d, node, 0, "with"), None


def _match(d: Draft, node: Node, depth: int) -> None:
    outer = d.block
    index = _open(d, "choice", node.start_byte, node.end_byte)
    subject: list[Expr] = []
    for child in node.children:
        found = child.kind_id
        if found == COLON:
            lines(d, node.start_byte, child.end_byte)
        elif found in BLOCKS:
            d.block = index
            for case in child.children:
                if case.kind_id == CASE:
                    _case(d, case, depth)
                elif case.kind_id == ERROR:
                    broken(d, case, depth)
            d.block = outer
        elif found not in SKIPPED:
            subject.append(EXPR[found](d, child, 0))
    test = subject[0] if len(subject) == 1 else Display("tuple", tuple(subject))
    _fill(d, index, "choice", node, test, None, False)


def _case(d: Draft, node: Node, depth: int) -> None:
    outer = d.block
    names: list[Expr] = []
    guard: Node | None = None
    body: Node | None = None
    for child in node.children:
        found = child.kind_id
        if found == IF_CLAUSE:
            guard = child
        elif found == COLON:
            lines(d, node.start_byte, child.end_byte)
        elif found in BLOCKS:
            body = child
        elif found not in SKIPPED:
            names.extend(_captures(d, child))
    target = Display("tuple", tuple(names)) if names else None
    index = d.block = _open(d, "case", node.start_byte, node.end_byte, None, target)
    if guard is not None:
        test = expression(d, last(guard))
        d.blocks[index] = Block("case", outer, d.function, d.cls, False, test, target, node.start_byte, node.end_byte)
    nested(d, body, depth)
    d.block = outer


def _captures(d: Draft, pattern: Node) -> list[Expr]:
    """The names that a pattern binds."""
    names: list[tuple[int, str]] = []
    stack = [pattern]
    while stack:
        node = stack.pop()
        found = node.kind_id
        children = node.children
        if found == DOTTED:
            if len(children) == 1:
                names.append((node.start_byte, d.slice(node)))
            continue
        if found in SPLAT_PATTERNS or found in AS_PATTERN:
            name = last(node)
            if name.kind_id == IDENTIFIER:
                names.append((name.start_byte, d.slice(name)))
        elif found in (CLASS_PATTERN, KEYWORD_PATTERN):
            children = children[1:]
        stack.extend(children)
    return [Name(name) for _, name in sorted(names)]


takers(
    {
        "if_statement": _if,
        "for_statement": _for,
        "while_statement": _while,
        "try_statement": _try,
        "with_statement": _with,
        "match_statement": _match,
    }
)
