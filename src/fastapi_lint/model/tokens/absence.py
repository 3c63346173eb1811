"""Values that may be None because a security scheme does not refuse by itself, and where they are used unasked.

A use counts as asked for when any condition before it, or around it, mentions the value itself. Judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.calls.bodies.binding import filled
from fastapi_lint.model.injection.authentication import is_lenient
from fastapi_lint.model.injection.dependencies import Dependencies
from fastapi_lint.model.injection.parameters import Parameter
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Function, FunctionObject, Instance, Module
from fastapi_lint.model.types.alternatives import admits_none
from fastapi_lint.model.types.inference.inference import DEPENDS, Inference
from fastapi_lint.model.values.constants import Values
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.model.values.expansion import Expansion

_BROAD = frozenset({"Exception", "BaseException", "AttributeError", "TypeError"})
_DEPTH = 2


class Use(NamedTuple):
    """A use of a value that may be None: where, and how it is written (`credentials.credentials`)."""

    start: int
    end: int
    shown: str


def may_be_none(function: Function, dependencies: Dependencies, values: Values) -> Iterator[Parameter]:
    """The parameters that a scheme with `auto_error=False` fills."""
    if not function.params:
        return
    for parameter in dependencies.parameters(function):
        if parameter.marker not in DEPENDS:
            continue
        where = (function.module, function.facts.outer, parameter.start)
        target = dependencies.types.dependency_of(parameter.fact, where)
        if isinstance(target, Instance) and is_lenient(target, dependencies.types, values):
            yield parameter


def unasked(function: Function, name: str, types: Inference, depth: int = _DEPTH) -> Use | None:
    """The first use of a parameter that fails when it is None, with nothing before or around it that asks for it."""
    asked = _first_question(function, name)
    found = [one for one in _uses(function, name, types, depth) if asked < 0 or one.start < asked]
    return min(found, default=None)


def _uses(function: Function, name: str, types: Inference, depth: int) -> Iterator[Use]:
    module = function.module
    value = f.Name(name)
    asking = [expr for expr, _, _ in evaluated(function) if _asks_inside(expr, name)]
    asked = {part.index for expr in asking for part in walk(expr) if isinstance(part, f.CallRef)}
    spans = [(module.facts.calls[index].start, module.facts.calls[index].end) for index in asked]
    for expr, block, at in evaluated(function):
        if _asks_inside(expr, name) or any(start <= at < end for start, end in spans):
            continue  # `x and x.y`, `x and x.y()`
        for part in walk(expr):
            if isinstance(part, (f.Attr, f.Sub)) and part.value == value and not _is_tried(module, block, types):
                yield _placed(module, name, at, function.facts.end)
    for call in function.calls:
        if depth <= 0 or not any(arg.value == value for arg in call.args) or _is_tried(module, call.block, types):
            continue
        if module.call_numbers[call.start, call.end] in asked:
            continue
        callee = types.callee(module, call)
        if not isinstance(callee, FunctionObject) or callee.function.is_generator:
            continue
        shift = filled(types, callee)
        given = Expansion.given(callee.function, call, (module, call.block, call.start), NOWHERE, shift)
        for param in callee.function.params:
            if param.name in given and given[param.name][0] == value:
                place = (callee.function.module, callee.function.facts.outer, param.start)
                takes_none = param.annotation is not None and admits_none(types, param.annotation, place)
                if not takes_none and unasked(callee.function, param.name, types, depth - 1) is not None:
                    yield Use(call.start, call.end, f"{f.last_name(call.func)}({name})")


def _placed(module: Module, name: str, at: int, end: int) -> Use:
    """Where a value is read from: the first place behind the start of its statement."""
    found = re.compile(rb"\b" + re.escape(name.encode()) + rb"\s*(?:\.\s*\w+|\[)").search(module.text, at, end)
    if found is None:
        return Use(at, at + 1, name)
    return Use(found.start(), found.end(), found[0].decode("utf-8", "replace").rstrip("["))


def _first_question(function: Function, name: str) -> int:
    """Where a function first looks whether a value is there, or hands it to something that may; -1 for nowhere."""
    module = function.module
    places = []
    for block in module.blocks_in.get(function.index, ()):
        if block.test is not None and block.kind in ("if", "while", "choice", "case", "with", "for"):
            if _mentions(block.test, name):
                places.append(block.start)
    for test in module.facts.tests:
        if module.facts.blocks[test.block].function == function.index and _mentions(test.value, name):
            places.append(test.start)
    for call in function.calls:
        if any(_mentions(arg.value, name) for arg in call.args):
            # What is handed on may be refused there; a use that comes later is then no longer unasked.
            places.append(call.end)
    for entry in module.assigns_in.get(function.index, ()):
        is_new = name in target_names(entry.target)
        if is_new or (entry.value is not None and (_asks_inside(entry.value, name) or entry.value == f.Name(name))):
            places.append(entry.end)
        if isinstance(entry.value, (f.Compare, f.Unary)) and _mentions(entry.value, name):
            places.append(entry.start)
    return min(places, default=-1)


def _mentions(expr: f.Expr, name: str) -> bool:
    """Whether an expression has a value itself in it, not just something that is read from it."""
    pending = [expr]
    while pending:
        one = pending.pop()
        match one:
            case f.Name(id=found) if found == name:
                return True
            case f.Attr() | f.Sub():
                continue
            case f.Unary(value=value) | f.Await(value=value) | f.Star(value=value):
                pending.append(value)
            case f.Compare(operands=items) | f.Display(items=items) | f.Joined(parts=items):
                pending += items
            case f.Choice(options=options, test=test):
                pending += [*options, *([test] if test is not None else [])]
            case f.Binary(left=left, right=right):
                pending += [left, right]
            case f.Mapping(items=pairs):
                pending += [each for pair in pairs for each in pair if each is not None]
    return False


def _asks_inside(expr: f.Expr, name: str) -> bool:
    """Whether an expression itself asks whether a value is there: `x and x.y`, `x.y if x else None`."""
    for part in walk(expr):
        if isinstance(part, f.Choice):
            asking = part.options[:-1] if part.test is None else (part.test,)
            if any(_mentions(one, name) for one in asking):
                return True
    return False


def _is_tried(module: Module, index: int, types: Inference) -> bool:
    """Whether a place stands in a `try` that takes the error of None, or what is not known."""
    blocks = module.facts.blocks
    while index >= 0 and blocks[index].kind not in ("function", "lambda", "class", "module"):
        parent = blocks[index].parent
        if blocks[index].kind == "body":
            for other in (blocks[number] for number in module.clauses_of(parent)):
                tests = other.test.items if isinstance(other.test, f.Display) else (other.test,)
                where = (module, parent, other.start)
                names = [types.name_of_type(types.infer(one, where)) for one in tests if one is not None]
                if other.test is None or any(name is None or name in _BROAD for name in names):
                    return True
        index = parent
    return False
