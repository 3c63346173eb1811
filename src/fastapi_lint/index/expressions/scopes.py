"""What has a scope of its own or binds inside an expression: comprehensions, lambdas, parameters, walrus, yield."""

from __future__ import annotations

from typing import Literal

from tree_sitter import Node

from fastapi_lint.index.dispatch import EXPR, LIMIT, expression, last, readers
from fastapi_lint.index.draft import PENDING_BLOCK, PENDING_FUNCTION, Draft
from fastapi_lint.index.expressions.primary import annotation, pair, used
from fastapi_lint.index.facts import (
    Assign,
    Block,
    Display,
    Each,
    Exit,
    Expr,
    Function,
    Lambda,
    Mapping,
    Param,
    Test,
    Yielded,
)
from fastapi_lint.index.grammar import (
    ASYNC,
    COLON,
    DICT_SPLAT_PATTERN,
    FOR_IN,
    FROM,
    GENERATOR,
    IDENTIFIER,
    IF_CLAUSE,
    IN,
    KEYWORD_START,
    LAMBDA_PARAMETERS,
    PAIR,
    POSITIONAL_END,
    SIMPLE_PARAMS,
    SKIPPED,
    SPLAT_PATTERN,
    TYPE,
    kind,
)
from fastapi_lint.index.literals import UNKNOWN

_YIELDED = Yielded()
_EACH: dict[int, Literal["list", "set", "dict", "generator"]] = {
    kind("list_comprehension"): "list",
    kind("set_comprehension"): "set",
    kind("dictionary_comprehension"): "dict",
    GENERATOR: "generator",
}


def _comprehension(d: Draft, node: Node, depth: int) -> Expr:
    if depth >= LIMIT:
        return UNKNOWN
    outer = d.block
    children = [c for c in node.children if c.kind_id not in SKIPPED]
    loops = [c for c in children if c.kind_id == FOR_IN]
    first = len(d.blocks)
    d.blocks.extend([PENDING_BLOCK] * len(loops))
    innermost = first + len(loops) - 1 if loops else outer
    element: Expr = UNKNOWN
    d.block = innermost
    current = outer
    for child in children:
        found = child.kind_id
        if found == FOR_IN:
            d.block = current
            target, source, is_async = _loop(d, child, depth + 1)
            parent = current
            current = first if current == outer else current + 1
            d.blocks[current] = Block(
                "comprehension", parent, d.function, d.cls, is_async, source, target, node.start_byte, node.end_byte
            )
            d.block = current
        elif found == PAIR:
            element = Mapping((pair(d, child, depth + 1),))
        elif current == outer:
            element = EXPR[found](d, child, depth + 1)
        elif found == IF_CLAUSE:
            test = last(child)
            value = EXPR[test.kind_id](d, test, depth + 1)
            d.tests.append(Test("filter", value, d.block, test.start_byte, test.end_byte))
        else:
            EXPR[found](d, child, depth + 1)
    d.block = outer
    return Each(_EACH[node.kind_id], element, innermost)


def _loop(d: Draft, node: Node, depth: int) -> tuple[Expr, Expr, bool]:
    """Target, iterable and whether it is async of a `for ... in ...` clause."""
    children = node.children
    target: Expr = UNKNOWN
    sources: list[Expr] = []
    after = False
    for child in children:
        found = child.kind_id
        if found == IN:
            after = True
        elif found not in SKIPPED:
            if after:
                sources.append(used(d, child, depth, "iter"))
            else:
                target = EXPR[found](d, child, depth)
    source = sources[0] if len(sources) == 1 else Display("tuple", tuple(sources))
    return target, source, children[0].kind_id == ASYNC


def _lambda(d: Draft, node: Node, depth: int) -> Expr:
    if depth >= LIMIT:
        return UNKNOWN
    index = len(d.functions)
    d.functions.append(PENDING_FUNCTION)
    params: tuple[Param, ...] = ()
    body: Node | None = None
    start, end = node.start_byte, node.end_byte
    head_end = end
    for child in node.children:
        found = child.kind_id
        if found == LAMBDA_PARAMETERS:
            params = parameters(d, child, depth + 1)
        elif found == COLON:
            head_end = child.end_byte
        elif found not in SKIPPED:
            body = child
    outer, function, cls, path = d.block, d.function, d.cls, d.path
    d.block, d.function, d.cls, d.path = len(d.blocks), index, -1, f"{path}<lambda>."
    d.blocks.append(
        Block("lambda", outer, index, -1, False, None, None, body.start_byte if body is not None else head_end, end)
    )
    block = d.block
    if body is not None:
        value = EXPR[body.kind_id](d, body, depth + 1)
        d.exits.append(Exit("return", value, None, block, body.start_byte, body.end_byte))
    d.block, d.function, d.cls, d.path = outer, function, cls, path
    d.functions[index] = Function(
        "<lambda>", f"{path}<lambda>", False, index in d.generators, params, None, (), cls, block, outer,
        start, start, head_end, end, start, start + len("lambda"),
    )  # fmt: skip
    return Lambda(index)


def parameters(d: Draft, node: Node, depth: int = 0) -> tuple[Param, ...]:
    """The parameters of a function or lambda, their annotations and defaults evaluated where it stands."""
    params: list[Param] = []
    kind_now: Literal["normal", "keyword-only"] = "normal"
    for child in node.children:
        found = child.kind_id
        if found in SKIPPED:
            continue
        start, end = child.start_byte, child.end_byte
        name = child
        annotated: Expr | None = None
        default: Expr | None = None
        if found in SIMPLE_PARAMS:
            name = child.child(0)
            for part in child.children[1:]:
                if part.kind_id == TYPE:
                    annotated = annotation(d, part, depth)
                elif part.kind_id not in SKIPPED:
                    default = EXPR[part.kind_id](d, part, depth)
            found = name.kind_id
        if found == IDENTIFIER:
            params.append(Param(d.slice(name), kind_now, annotated, default, start, end))
        elif found in SPLAT_PATTERN:
            params.append(Param(d.slice(last(name)), "args", annotated, default, start, end))
            kind_now = "keyword-only"
        elif found in DICT_SPLAT_PATTERN:
            params.append(Param(d.slice(last(name)), "kwargs", annotated, default, start, end))
        elif found == KEYWORD_START:
            kind_now = "keyword-only"
        elif found == POSITIONAL_END:
            params = [Param(p.name, "positional-only", p.annotation, p.default, p.start, p.end) for p in params]
        else:  # a tuple, as Python 2 had them, or broken
            d.errors.append((start, end))
    return tuple(params)


def _walrus(d: Draft, node: Node, depth: int) -> Expr:
    if depth >= LIMIT:
        return UNKNOWN
    target = expression(d, node.child(0), depth + 1)
    value = expression(d, last(node), depth + 1)
    d.assigns.append(Assign(target, value, None, ":=", d.block, node.start_byte, node.end_byte))
    return value


def yielding(d: Draft, node: Node, depth: int) -> Expr:
    """`yield`, `yield x` or `yield from x`."""
    d.generators.add(d.function)
    if depth >= LIMIT:
        return UNKNOWN
    value: Expr | None = None
    word: Literal["yield", "yield from"] = "yield"
    for child in node.children:
        if child.kind_id == FROM:
            word = "yield from"
        elif child.kind_id not in SKIPPED:
            value = expression(d, child, depth + 1)
    d.exits.append(Exit(word, value, None, d.block, node.start_byte, node.end_byte))
    return _YIELDED


readers(
    {
        "list_comprehension": _comprehension,
        "set_comprehension": _comprehension,
        "dictionary_comprehension": _comprehension,
        "generator_expression": _comprehension,
        "lambda": _lambda,
        "named_expression": _walrus,
        "yield": yielding,
    }
)
