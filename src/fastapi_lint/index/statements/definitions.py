"""Functions and classes of a syntax tree to entries of a draft."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from fastapi_lint.index.dispatch import EXPR, inner, last, takers
from fastapi_lint.index.draft import PENDING_FUNCTION, Draft
from fastapi_lint.index.expressions.primary import arguments
from fastapi_lint.index.expressions.scopes import parameters
from fastapi_lint.index.facts import Arg, Block, Class, Expr, Function, Param, Star
from fastapi_lint.index.grammar import (
    ARGUMENTS,
    ASYNC,
    BLOCKS,
    CLASS,
    COLON,
    DECORATOR,
    ERROR,
    FUNCTION,
    IDENTIFIER,
    PARAMETERS,
    TYPE,
    TYPE_PARAMETER,
)
from fastapi_lint.index.statements.simple import broken, lines, nested


def _decorated(d: Draft, node: Node, depth: int) -> None:
    decorators: list[Expr] = []
    first = node.start_byte
    for child in node.children:
        found = child.kind_id
        if found == DECORATOR:
            lines(d, child.start_byte, child.end_byte)
            value = inner(child)
            decorators.append(EXPR[value.kind_id](d, value, 0))
        elif found == FUNCTION:
            _function(d, child, depth, tuple(decorators), first)
        elif found == CLASS:
            _class(d, child, depth, tuple(decorators), first)
        elif found == ERROR:
            broken(d, child, depth)


def _end(d: Draft, node: Node) -> int:
    """The end of a definition without the comments that the grammar counts to it."""
    end = node.end_byte
    if "#" in d.text[d.text.rfind("\n", node.start_byte, end) + 1 : end]:
        while node.child_count:
            node = last(node)
        return node.end_byte
    return end


def _function(d: Draft, node: Node, depth: int, decorators: tuple[Expr, ...] = (), first: int = -1) -> None:
    start, end = node.start_byte, _end(d, node)
    index = len(d.functions)
    d.functions.append(PENDING_FUNCTION)
    params: tuple[Param, ...] = ()
    returns: Expr | None = None
    body: Node | None = None
    name, name_start, name_end, head_end = "", start, start, end
    variables: tuple[tuple[str, Expr | None], ...] = ()
    children = node.children
    for child in children:
        found = child.kind_id
        if found == IDENTIFIER:
            name, name_start, name_end = d.slice(child), child.start_byte, child.end_byte
        elif found == TYPE_PARAMETER:
            variables = tuple(_variables(d, child))
        elif found == PARAMETERS:
            params = parameters(d, child)
        elif found == TYPE:
            returns = EXPR[TYPE](d, child, 0)
        elif found == COLON:
            head_end = child.end_byte
        elif found in BLOCKS:
            body = child
    lines(d, start, head_end)
    path = d.path + name
    outer, function, cls, prefix = d.block, d.function, d.cls, d.path
    block = len(d.blocks)
    d.blocks.append(
        Block(
            "function", outer, index, -1, False, None, None, head_end if body is None else body.start_byte, end
        )
    )  # fmt: skip
    d.block, d.function, d.cls, d.path = block, index, -1, path + "."
    nested(d, body, depth)
    d.block, d.function, d.cls, d.path = outer, function, cls, prefix
    d.functions[index] = Function(
        name, path, children[0].kind_id == ASYNC, index in d.generators, params, returns, decorators, cls, block,
        outer, first if first >= 0 else start, start, head_end, end, name_start, name_end, variables,
    )  # fmt: skip


def _class(d: Draft, node: Node, depth: int, decorators: tuple[Expr, ...] = (), first: int = -1) -> None:
    start, end = node.start_byte, _end(d, node)
    index = len(d.classes)
    head: tuple[Arg, ...] = ()
    body: Node | None = None
    name, name_start, name_end, head_end = "", start, start, end
    variables: tuple[tuple[str, Expr | None], ...] = ()
    for child in node.children:
        found = child.kind_id
        if found == IDENTIFIER:
            name, name_start, name_end = d.slice(child), child.start_byte, child.end_byte
        elif found == TYPE_PARAMETER:
            variables = tuple(_variables(d, child))
        elif found == ARGUMENTS:
            head = arguments(d, child)
        elif found == COLON:
            head_end = child.end_byte
        elif found in BLOCKS:
            body = child
    lines(d, start, head_end)
    bases = tuple(Star(arg.value) if arg.name else arg.value for arg in head if arg.name in ("", "*"))
    keywords = tuple(arg for arg in head if arg.name not in ("", "*"))
    path = d.path + name
    outer, cls, prefix = d.block, d.cls, d.path
    block = len(d.blocks)
    d.blocks.append(
        Block(
            "class", outer, d.function, index, False, None, None, head_end if body is None else body.start_byte, end
        )
    )  # fmt: skip
    d.classes.append(
        Class(
            name, path, bases, keywords, decorators, block, outer, first if first >= 0 else start, start, head_end, end,
            name_start, name_end, variables,
        )
    )  # fmt: skip
    d.block, d.cls, d.path = block, index, path + "."
    nested(d, body, depth)
    d.block, d.cls, d.path = outer, cls, prefix


def _variables(d: Draft, node: Node) -> Iterator[tuple[str, Expr | None]]:
    """The type parameters of a definition with their bounds; those that stand for several types have none."""
    for child in node.children:
        if child.kind_id == TYPE:
            named = inner(child)
            whole = [part for part in named.children if part.kind_id == TYPE]
            if len(whole) == 2:
                yield d.slice(whole[0]), EXPR[TYPE](d, whole[1], 0)
            else:
                yield d.slice(named).lstrip("* "), None


takers(
    {
        "decorated_definition": _decorated,
        "function_definition": _function,
        "class_definition": _class,
    }
)
