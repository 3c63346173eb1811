"""Where functions are named: called, handed over, kept in variables and displays. Resolves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module

KEEPS = frozenset({"append", "add", "insert", "extend", "setdefault", "update"})
"""Methods of lists, sets and dicts that keep what they are given."""


EVENTS = frozenset({"on_startup", "on_shutdown"})
"""The lists of an app, a router or a worker whose functions run at its start, or its end."""


class Mention(NamedTuple):
    """One place that names something. `expr` is what names it, `call` the call of it or the call that it is given to.

    kind: "call" it is called; "argument" it is given to a call as `arg`, alone or in a display; "value" it is kept or
    returned: then `holder` is the name of the variable or class attribute (also of one of the `EVENTS`), else "".
    """

    module: Module
    kind: Literal["call", "argument", "value"]
    expr: f.Expr
    block: int
    start: int
    call: f.Call | None = None
    arg: f.Arg | None = None
    holder: str = ""


def mentioned(module: Module) -> Iterator[tuple[str, Mention]]:
    """Every place of a module that may name a function, with the last identifier there; nothing of a test."""
    if module.is_test:
        return
    facts = module.facts
    for call in facts.calls:
        if name := f.last_name(call.func):
            yield name, Mention(module, "call", call.func, call.block, call.start, call)
        keeper = _keeper(facts, call)
        for arg in call.args:
            for expr in _named(arg.value):
                if keeper:
                    yield f.last_name(expr), Mention(module, "value", expr, call.block, call.start, holder=keeper)
                else:
                    yield f.last_name(expr), Mention(module, "argument", expr, call.block, call.start, call, arg)
    for assign in facts.assigns:
        if assign.value is not None:
            holder = assign.target.id if isinstance(assign.target, f.Name) else ""
            if isinstance(assign.target, f.Attr) and assign.target.attr in EVENTS:
                holder = assign.target.attr
            if isinstance(assign.target, f.Sub) and isinstance(assign.target.value, f.Name):
                holder = assign.target.value.id if facts.blocks[assign.block].function < 0 else ""
            for expr in _named(assign.value):
                yield f.last_name(expr), Mention(module, "value", expr, assign.block, assign.start, holder=holder)
    for entry in facts.exits:
        if entry.value is not None and entry.kind in ("return", "yield"):
            for expr in _named(entry.value):
                yield f.last_name(expr), Mention(module, "value", expr, entry.block, entry.start)
    for block in facts.blocks:
        if block.kind in ("for", "comprehension") and isinstance(block.test, f.Display):
            for expr in _named(block.test):
                yield f.last_name(expr), Mention(module, "value", expr, max(block.parent, 0), block.start, holder="for")


def _keeper(facts: f.Facts, call: f.Call) -> str:
    """The variable of the module into which a call at import puts what it is given (`HOOKS.append(f)`), else ""."""
    match call.func:
        case f.Attr(value=f.Name(id=name), attr=attr) if attr in KEEPS and facts.blocks[call.block].function < 0:
            return name
    return ""


def _named(expr: f.Expr | None) -> Iterator[f.Expr]:
    """The names that an expression is, or that a display or a choice is made of; not those in other expressions."""
    match expr:
        case f.Name() | f.Attr():
            yield expr
        case f.Display(items=items) | f.Choice(options=items):
            for item in items:
                yield from _named(item)
        case f.Mapping(items=pairs):
            for _, value in pairs:
                yield from _named(value)
        case f.Binary(op="+" | "|", left=left, right=right):
            yield from _named(left)
            yield from _named(right)
        case f.Star(value=value):
            yield from _named(value)
