"""What has to hold for a call to run: tests inside of its expression (`f(x) if test else g(x)`, `test and f(x)`), and
what those around it say of a variable.

Judges nothing, resolves nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import lru_cache

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.constants import KNOWN_AS, PRESENT, UNKNOWN, Value, field_of
from fastapi_lint.model.names.expressions import parts, targets, walk
from fastapi_lint.model.names.symbols import Function, Module

_Context = tuple[f.Expr, ...]
_PLAIN = frozenset({f.Name, f.Const, f.Raw, f.Lambda, f.Unknown})
"""Expressions in which there is no call; most are of these kinds."""
_DEEPEST = 20
_OPERATORS: dict[str, type[ast.cmpop]] = {
    "==": ast.Eq, "!=": ast.NotEq, "<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE, "is": ast.Is,
    "is not": ast.IsNot, "in": ast.In, "not in": ast.NotIn,
}  # fmt: skip


@lru_cache(maxsize=512)
def conditions(module: Module) -> Mapping[int, f.Expr]:
    """By where a call starts: a test that is true whenever it runs. Calls that always run have none."""
    search = _Search(module)
    facts = module.facts
    for entry in facts.assigns:
        search.visit(entry.value, ())
    for leave in facts.exits:
        search.visit(leave.value, ())
    for test in facts.tests:
        search.visit(test.value, ())
    for block in facts.blocks:
        search.visit(block.test, ())
    for index in sorted(range(len(facts.calls)), key=lambda one: (facts.calls[one].start, -facts.calls[one].end)):
        search.visit(f.CallRef(index), ())
    found: dict[int, _Context] = {}
    for index, context in search.contexts.items():
        start = facts.calls[index].start
        found[start] = context if start not in found else min(found[start], context, key=len)
    return {
        start: context[0] if len(context) == 1 else f.Choice(context, op="and")
        for start, context in found.items()
        if context
    }


def as_tree(expr: f.Expr, calls: Sequence[f.Call], depth: int = 0) -> ast.expr | None:
    """A test as Python's own tree has it, as far as constants can decide it: names, comparisons, `not`, `and`, `or`,
    and calls with arguments by position (`isinstance`).

    What cannot be written so is an ellipsis, which is no constant that is known.
    """
    if depth > _DEEPEST:
        return None

    def known(each: f.Expr) -> ast.expr:
        return as_tree(each, calls, depth + 1) or ast.Constant(...)

    match expr:
        case f.Const(value=value):
            return ast.Constant(value)
        case f.Name(id=name):
            return ast.Name(name)
        case f.Attr(value=owner, attr=attr):
            inner = as_tree(owner, calls, depth + 1)
            return None if inner is None else ast.Attribute(inner, attr)
        case f.Unary(op="not", value=operand):
            return ast.UnaryOp(ast.Not(), known(operand))
        case f.Binary(op="|", left=left, right=right):
            return ast.BinOp(known(left), ast.BitOr(), known(right))
        case f.Display(items=items):
            return ast.Tuple([known(item) for item in items])
        case f.Compare(operators=(operator,), operands=(left, right)) if operator in _OPERATORS:
            return ast.Compare(known(left), [_OPERATORS[operator]()], [known(right)])
        case f.Choice(options=options, test=None, op=op):
            return ast.BoolOp(ast.And() if op == "and" else ast.Or(), [known(each) for each in options])
        case f.CallRef(index=index) if not any(arg.name for arg in calls[index].args):
            func = as_tree(calls[index].func, calls, depth + 1)
            return None if func is None else ast.Call(func, [known(arg.value) for arg in calls[index].args], [])
    return None


def names_in(test: f.Expr, module: Module) -> set[str]:
    """The names in a test, and in what its calls are given."""
    found = set()
    for part in walk(test):
        if isinstance(part, f.CallRef):
            given = (arg.value for arg in module.facts.calls[part.index].args)
            found |= {inner.id for value in given for inner in walk(value) if isinstance(inner, f.Name)}
        elif isinstance(part, f.Name):
            found.add(part.id)
    return found


class _Search:
    """Goes through expressions, each call once: with the first context in which it is met."""

    def __init__(self, module: Module) -> None:
        self.calls = module.facts.calls
        self.contexts: dict[int, _Context] = {}

    def visit(self, expr: f.Expr | None, context: _Context) -> None:
        if expr is None or type(expr) in _PLAIN:
            return
        match expr:
            case f.CallRef(index=index):
                if index in self.contexts:
                    return
                self.contexts[index] = context
                call = self.calls[index]
                self.visit(call.func, context)
                for arg in call.args:
                    self.visit(arg.value, context)
            case f.Choice(options=options, test=test) if test is not None:
                self.visit(test, context)
                for number, option in enumerate(options):
                    self.visit(option, (*context, test if number == 0 else f.Unary("not", test)))
            case f.Choice(options=options, op=op):
                before = context
                for option in options:
                    self.visit(option, before)
                    before = (*before, option if op == "and" else f.Unary("not", option))
            case _:
                for part in parts(expr):
                    self.visit(part, context)


def said_of(name: f.Name, caller: Function, call: f.Call) -> Value:
    """What the conditions around a call, and the ways out before it, say of a variable of the function around: a
    constant, or whether it counts as true."""
    module = caller.module
    blocks = module.facts.blocks
    held: list[tuple[f.Expr, bool, int]] = []
    inside = module.blocks_around(call.block)
    for index in inside:
        block = blocks[index]
        if block.kind == "if" and block.test is not None:
            held.append((block.test, True, block.start))
        if block.kind in ("if", "else") and block.parent >= 0 and blocks[block.parent].kind == "choice":
            for other in module.children.get(block.parent, ()):
                each = blocks[other]
                if each.kind == "if" and each.test is not None and each.start < block.start:
                    held.append((each.test, False, each.start))
    for leave in caller.exits:
        block = blocks[leave.block]
        if leave.kind in ("return", "raise") and leave.end <= call.start and block.kind == "if":
            if block.test is not None and leave.block not in inside and blocks[block.parent].parent in inside:
                if sum(blocks[other].kind == "if" for other in module.children.get(block.parent, ())) == 1:
                    held.append((block.test, False, block.start))
    bound: list[int] | None = None
    for test, holds, start in held:
        if (value := _implied(test, name, holds=holds)) is not UNKNOWN:
            bound = _bound_at(name, caller, call) if bound is None else bound
            if all(at < start for at in bound):
                return value
    return UNKNOWN


def _bound_at(name: f.Name, caller: Function, call: f.Call) -> list[int]:
    """Where a variable is bound before a call, or in a loop around it, in which that comes before the next round."""
    blocks = caller.module.facts.blocks
    around = [blocks[index] for index in caller.module.blocks_around(call.block)]
    until = max([call.start, *(each.end for each in around if each.kind in ("for", "while"))])
    found = [
        entry.start
        for entry in caller.module.assigns_in.get(caller.index, ())
        if entry.start < until and name in targets(entry.target)
    ]
    own = (blocks[index] for index in caller.module.block_numbers_in.get(caller.index, ()))
    others = (each for each in own if each.target is not None)
    return found + [each.start for each in others if each.start < until and name in walk(each.target)]


def _implied(test: f.Expr, name: f.Name, *, holds: bool) -> Value:
    """What follows for a variable when a test is true, or is not."""
    match test:
        case f.Name():
            return KNOWN_AS[holds] if test == name else UNKNOWN
        case f.Unary(op="not", value=value):
            return _implied(value, name, holds=not holds)
        case f.Choice(options=options, op="and" | "or" as op) if (op == "and") is holds:
            found = [_implied(option, name, holds=holds) for option in options]
            return next((value for value in found if value is not UNKNOWN), UNKNOWN)
        case f.Compare(operators=("is" | "is not" as operator,), operands=(value, f.Const(value=None))) if (
            value == name
        ):
            return None if (operator == "is") is holds else PRESENT
        case f.Compare(operators=("==",), operands=(value, f.Const(value=constant))) if value == name and holds:
            return constant
    return UNKNOWN


def is_given_empty(function: Function, held: f.Name | f.Attr, values: Mapping[str, Value]) -> bool:
    """Whether a parameter, or a field of one, is empty: nobody in the function fills it."""
    name = held.value if isinstance(held, f.Attr) else held
    if not isinstance(name, f.Name) or all(param.name != name.id for param in function.params):
        return False
    value = values.get(name.id, UNKNOWN)
    if (field_of(value, held.attr) if isinstance(held, f.Attr) else value) not in ((), ""):
        return False
    return not any(isinstance(call.func, f.Attr) and call.func.value == held for call in function.calls)
