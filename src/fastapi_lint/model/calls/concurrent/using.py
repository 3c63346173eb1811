"""How expressions use values: which they test, compare, print, take apart or drop, and how often names are read.

Reads one function.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.names.expressions import with_values
from fastapi_lint.model.names.modules import Binding
from fastapi_lint.model.names.scanning import without_comments
from fastapi_lint.model.names.symbols import Function
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.literals import quoted_between

How = Literal[
    "dropped", "iterated", "iterated-async", "entered", "entered-async", "attribute", "subscript", "operand",
    "unpacked", "raised", "truth", "negated", "none", "compared", "member", "text", "argument", "field", "unread",
]  # fmt: skip
_OF_COROUTINES = frozenset({"send", "throw", "close"})
_TWICE = re.compile(r"\bawait\s{0,20}\(\s{0,80}await\s{1,20}\Z")
_NOT_BOUND = r"(?!\s*(?::[^=\n()]{1,80})?=(?!=))"


@dataclass(frozen=True)
class ValueUse:
    """A name, call or attribute that is used as only a value can be, in a block of the function."""

    expr: f.Name | f.CallRef | f.Attr
    how: How
    detail: str
    where: Where


def only_value(found: list[Binding], name: str) -> f.Expr | None:
    """What a variable that is bound once, by a plain assignment, holds; also item by item (`a, b = f(), g()`)."""
    match found:
        case [Binding(entry=f.Assign(target=target, op="=", value=value))]:
            return next((one for each, one in with_values(target, value) if each == f.Name(name)), None)
    return None


def items_given(types: Inference, name: str, where: Where) -> Iterator[f.CallRef]:
    """The calls that make what a loop over a display or a comprehension goes through, for the variable of the loop."""
    found = types.find_bindings(name, where)
    loop = found[0].entry if len(found) == 1 else None
    if not isinstance(loop, f.Block) or loop.kind not in ("for", "comprehension") or loop.target != f.Name(name):
        return
    items = loop.test
    if isinstance(items, f.Name):
        items = only_value(types.find_bindings(items.id, (where[0], loop.parent, loop.start)), items.id)
    match items:
        case f.Display(items=those):
            for one in those:
                yield from calls_given_by(one)
        case f.Each(kind="list" | "set" | "generator", element=element):
            yield from calls_given_by(element)


def calls_given_by(expr: f.Expr | None) -> Iterator[f.CallRef]:
    """The calls of which a value may be the result: of `a or f()` and of `f() if x else None`, `f()`."""
    match expr:
        case f.CallRef():
            yield expr
        case f.Choice(options=options):
            for one in options:
                yield from calls_given_by(one)


def reads_of(function: Function, name: str) -> int:
    """How often the text of a function reads a name; where it is bound aside, and rather too many than too few."""
    module = function.module
    text = without_comments(_without_texts(function))
    word = rf"(?<![\w.]){re.escape(name)}\b"
    found = len(re.findall(word + _NOT_BOUND, text))
    for entry in module.assigns_in.get(function.index, ()):
        if isinstance(entry.target, f.Display) and name in (bound := list(target_names(entry.target))):
            written = module.source.slice(entry.start, entry.end)
            found -= bound.count(name) - bool(re.search(rf"[,*]\s*{re.escape(name)}\s*=(?!=)", written))
    targets = [b.target for b in module.blocks_in.get(function.index, ()) if b.target is not None]
    return found - sum(list(target_names(target)).count(name) for target in targets)


def _without_texts(function: Function) -> str:
    """The text of a function's body without what stands in its literals, those aside that are formatted."""
    module, at = function.module, function.facts.head_end
    parts = []
    for literal in quoted_between(module, at, function.facts.end):
        if not literal.formatted and literal.body_start >= at:
            parts.append(module.source.slice(at, literal.body_start))
            at = literal.body_end
    return "".join([*parts, module.source.slice(at, function.facts.end)])


def leaves(expr: f.Expr | None) -> Iterator[f.Expr]:
    """What a value is made of, through displays, comprehensions and conditions: calls, names and attributes."""
    match expr:
        case f.Name() | f.CallRef() | f.Attr():
            yield expr
        case f.Display(items=items) | f.Choice(options=items):
            for item in items:
                yield from leaves(item)
        case f.Mapping(items=pairs):
            for _, value in pairs:
                yield from leaves(value)
        case f.Each(element=value):
            yield from leaves(value)


def operands(expr: f.Expr | None, where: Where, *, truth: bool = False) -> Iterator[ValueUse]:
    """The parts of an expression that are used as values; with `truth`, the expression is asked for its own."""
    match expr:
        case f.Name() | f.CallRef():
            if truth:
                yield ValueUse(expr, "truth", "", where)
        case f.Unary(op="not", value=value):
            if isinstance(value, (f.Name, f.CallRef, f.Attr)):
                yield from used_as(value, "negated", "", where)
            yield from operands(value, where, truth=not isinstance(value, (f.Name, f.CallRef, f.Attr)))
        case f.Unary(value=value):
            yield from used_as(value, "operand", "", where)
            yield from operands(value, where)
        case f.Compare(operators=operators, operands=found):
            for index, one in enumerate(found):
                yield from used_as(one, _compared(operators, found, index), "", where)
                yield from operands(one, where)
        case f.Choice(options=options, test=None):
            for one in options[:-1]:
                yield from operands(one, where, truth=True)
            yield from operands(options[-1], where, truth=truth)
        case f.Choice(options=options, test=test):
            yield from operands(test, where, truth=True)
            for one in options:
                yield from operands(one, where, truth=truth)
        case f.Attr(value=value, attr=attr):
            if truth:
                yield ValueUse(expr, "truth", "", where)
            if attr not in _OF_COROUTINES and not attr.startswith(("cr_", "__")):
                yield from used_as(value, "attribute", attr, where)
            yield from operands(value, where)
        case f.Sub(value=value, items=items):
            yield from used_as(value, "subscript", "", where)
            for one in (value, *items):
                yield from operands(one, where)
        case f.Binary(left=left, right=right):
            for one in (left, right):
                yield from used_as(one, "operand", "", where)
                yield from operands(one, where)
        case f.Joined(parts=parts):
            for one in parts:
                yield from used_as(one, "text", "", where)
                yield from operands(one, where)
        case f.Display(items=items):
            for one in items:
                if isinstance(one, f.Star):
                    yield from used_as(one.value, "unpacked", "", where)
                yield from operands(one, where)
        case f.Mapping(items=pairs):
            for key, one in pairs:
                if key is None:
                    yield from used_as(one, "unpacked", "", where)
                yield from operands(key, where)
                yield from operands(one, where)
        case f.Each(element=value, block=block):
            yield from operands(value, (where[0], block, where[0].facts.blocks[block].start))
        case f.Star(value=value) | f.Await(value=value):
            yield from operands(value, where)


def dropped(expr: f.Expr, where: Where) -> Iterator[ValueUse]:
    """What goes with a statement that is an expression: `user.name`, `ready and f(x)`, `[f(x) for x in found]`."""
    match expr:
        case f.CallRef() | f.Attr():
            yield ValueUse(expr, "dropped", "", where)
        case f.Choice(options=(*_, last), test=None):
            yield from dropped(last, where)
        case f.Choice(options=items) | f.Display(items=items):
            for item in items:
                yield from dropped(item, where)
        case f.Each(element=element):
            yield from dropped(element, where)


def fields_given(call: f.Call) -> Iterator[tuple[str, f.Expr]]:
    """What a schema is made of: `Model(name=...)`, `Model(**{"name": ...})`, `Model.model_validate({"name": ...})`."""
    for arg in call.args:
        if isinstance(arg.value, f.Mapping) and arg.name in ("", "**"):
            yield from (
                (key.value, one)
                for key, one in arg.value.items
                if isinstance(key, f.Const) and isinstance(key.value, str)
            )
        else:
            yield arg.name, arg.value


def _compared(operators: tuple[str, ...], found: tuple[f.Expr, ...], index: int) -> How:
    others = [found[i] for i in (index - 1, index + 1) if 0 <= i < len(found)]
    around = [operators[i] for i in (index - 1, index) if 0 <= i < len(operators)]
    if any(one == f.Const(None) for one in others) and all(op in ("is", "is not", "==", "!=") for op in around):
        return "none"
    return "member" if any(op.endswith("in") for op in around) else "compared"


def run_over(block: f.Block) -> How:
    """How a loop or a `with` uses what it stands over."""
    if block.kind == "with":
        return "entered-async" if block.is_async else "entered"
    return "iterated-async" if block.is_async else "iterated"


def used_as(expr: f.Expr | None, how: How, detail: str, where: Where) -> Iterator[ValueUse]:
    """A name, a call or an attribute as it is used, also as what a condition gives; nothing for other expressions."""
    match expr:
        case f.Name() | f.CallRef() | f.Attr():
            yield ValueUse(expr, how, detail, where)
        case f.Choice(options=(*_, last), test=None):  # the others are asked for their truth, see `operands`
            yield from used_as(last, how, detail, where)
        case f.Choice(options=options) if how != "none":  # `(f() if x else None) is None` asks for `x`
            for one in options:
                yield from used_as(one, how, detail, where)


def is_awaited_again(function: Function, call: f.Call) -> bool:
    """Whether what an awaited call gives is awaited as well: at once, or by the name that it is given."""
    module = function.module
    if _TWICE.search(module.source.slice(function.facts.head_end, call.start)):
        return True
    named = [entry for entry in module.assigns_in.get(function.index, ()) if isinstance(entry.target, f.Name)]
    around = [entry for entry in named if entry.start <= call.start and call.end <= entry.end]
    if call.later:  # the first `await` of the name is that of the call
        coming = {f.Await(entry.target) for entry in around}
        around = [entry for entry in named if entry.value in coming and entry.start > call.end]
    names = {entry.target.id for entry in around if isinstance(entry.target, f.Name)}
    text = module.source.slice(max((entry.end for entry in around), default=call.end), function.facts.end)
    return any(re.search(rf"\bawait\s+\(?{re.escape(name)}\b|awaitable\({re.escape(name)}\)", text) for name in names)


def arguments_of(function: Function, call: f.Call) -> Iterator[tuple[f.Param, f.Arg]]:
    """The parameters of a function with what a call gives them; none behind an unpacked argument."""
    named = {param.name: param for param in function.params}
    positional = [named[name] for name in function.positional]
    for index, arg in enumerate(call.args):
        if arg.name in ("*", "**"):
            return
        if arg.name == "" and index < len(positional):
            yield positional[index], arg
        elif arg.name in named:
            yield named[arg.name], arg
