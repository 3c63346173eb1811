"""How code looks at the entries of a dict: what it reads, compares and hands on. Resolves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Module


class Read(NamedTuple):
    """One entry that is read from something: `base["key"]`, `base.get("key")`."""

    base: f.Expr
    key: str


def read_of(expr: f.Expr, module: Module) -> Read | None:
    """The entry that an expression reads, if it does."""
    match expr:
        case f.Sub(value=base, items=(f.Const(value=str(key)),)):
            return Read(base, key)
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            if isinstance(call.func, f.Attr) and call.func.attr in ("get", "pop") and call.args:
                first = call.args[0].value
                if isinstance(first, f.Const) and isinstance(first.value, str):
                    return Read(call.func.value, first.value)
    return None


def are_same(one: f.Expr, other: f.Expr, module: Module) -> bool:
    """Whether two expressions of a function are written alike, or read the same entry."""
    if one == other:
        return True
    read = read_of(one, module)
    return read is not None and read == read_of(other, module)


class Held(NamedTuple):
    """Something that a function evaluates: the expression, its block and place, and what it is for."""

    expr: f.Expr
    block: int
    start: int
    kind: str
    """call: an argument, callee: what is called, return, yield, raise, assign, test."""


def evaluated(function: Function) -> Iterator[Held]:
    """What a function evaluates, in no order: each expression as a whole, those inside it are not told apart."""
    module = function.module
    for call in function.calls:
        yield Held(call.func, call.block, call.start, "callee")
        for arg in call.args:
            yield Held(arg.value, call.block, arg.start, "call")
    for exit_ in function.exits:
        if exit_.value is not None:
            yield Held(exit_.value, exit_.block, exit_.start, exit_.kind)
    for assign in module.assigns_in.get(function.index, ()):
        if assign.value is not None:
            yield Held(assign.value, assign.block, assign.start, "assign")
    for test, block, start in tests_of(function):
        yield Held(test, block, start, "test")
    for index, around in enumerate(module.facts.blocks):
        if around.function == function.index and around.test is not None and around.kind in ("for", "with"):
            yield Held(around.test, index, around.start, "call")


def tests_of(function: Function) -> Iterator[tuple[f.Expr, int, int]]:
    """What a function asks for its truth, with block and place: of branches, loops, `match`, assertions and choices."""
    module = function.module
    for index, block in enumerate(module.facts.blocks):
        if block.function == function.index and block.test is not None:
            if block.kind in ("if", "while", "choice", "case"):
                yield block.test, index, block.start
    for test in module.facts.tests:
        if module.facts.blocks[test.block].function == function.index:
            yield test.value, test.block, test.start
    for entry in (*module.assigns_in.get(function.index, ()), *function.exits):
        if isinstance(entry.value, f.Choice) and entry.value.test is not None:
            yield entry.value.test, entry.block, entry.start


def parts_of(expr: f.Expr, depth: int = 12) -> Iterator[tuple[f.Expr, f.Expr | None]]:
    """An expression and those inside it, each with the one directly around it; calls answer for themselves."""
    pending: list[tuple[f.Expr, f.Expr | None, int]] = [(expr, None, depth)]
    while pending:
        one, around, left = pending.pop()
        yield one, around
        if left > 0:
            pending += [(inner, one, left - 1) for inner in _inside(one)]


def _inside(expr: f.Expr) -> tuple[f.Expr, ...]:
    match expr:
        case f.Attr(value=value) | f.Await(value=value) | f.Unary(value=value) | f.Star(value=value):
            return (value,)
        case f.Sub(value=value, items=items):
            return (value, *items)
        case f.Display(items=items) | f.Joined(parts=items) | f.Compare(operands=items):
            return items
        case f.Choice(options=options, test=test):
            return options if test is None else (*options, test)
        case f.Binary(left=left, right=right):
            return left, right
        case f.Mapping(items=items):
            return tuple(each for key, value in items for each in (key, value) if each is not None)
        case f.Each(element=element):
            return (element,)
    return ()


def compares(test: f.Expr, value: f.Expr, module: Module) -> bool:
    """Whether a condition compares a value with others, or is a `match` on it."""
    match test:
        case f.Compare(operands=operands):
            return any(are_same(value, each, module) for each in operands)
        case f.Unary(value=inner):
            return compares(inner, value, module)
        case f.Choice(options=options):
            return any(compares(each, value, module) for each in options)
    return False


def matches(function: Function, value: f.Expr) -> bool:
    """Whether a `match` looks at a value."""
    blocks = function.module.facts.blocks
    return any(
        block.kind == "choice" and block.test is not None and are_same(block.test, value, function.module)
        for block in blocks
        if block.function == function.index
    )
