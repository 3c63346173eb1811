"""What a function opens that must be closed, and who closes it: itself, who gets it, a generator run by hand.

Looks at one function; what is kept or handed on is somebody else's. Judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.catalog.resources import Resource, closable
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Type,
)
from fastapi_lint.model.types.inference.inference import Inference

_CLOSING = frozenset({"close", "aclose", "remove", "__exit__", "__aexit__", "release", "disconnect"})
_CONTEXT = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})


@dataclass(frozen=True)
class Opened:
    """A local variable that holds what the function has opened."""

    name: str
    resource: Resource
    entry: f.Assign


def opened(types: Inference, function: Function) -> Iterator[Opened]:
    """The local variables that hold what the function itself has opened, each assigned once."""
    module = function.module
    entries = module.assigns_in.get(function.index, [])
    kept = {name for name, _ in module.facts.globals}
    for entry in entries:
        if not isinstance(entry.target, f.Name) or entry.target.id in kept or entry.op not in ("=", ":="):
            continue
        if sum(isinstance(e.target, f.Name) and e.target.id == entry.target.id for e in entries) > 1:
            continue
        value = entry.value.value if isinstance(entry.value, f.Await) else entry.value
        if isinstance(value, f.CallRef) and (found := resource_of(types, function, value)) is not None:
            yield Opened(entry.target.id, found, entry)


def resource_of(types: Inference, function: Function, value: f.CallRef) -> Resource | None:
    """What a call opens that must be closed; None for anything else, and for what a function of the project gives: it
    may keep it."""
    module = function.module
    call = module.facts.calls[value.index]
    callee = types.callee(module, call)
    if isinstance(callee, (FunctionObject, ClassObject)) or callee is None:
        return None
    if isinstance(callee, Instance) and isinstance(callee.cls, Class):
        return None
    made: Type = types.call_type(module, value.index)
    made = getattr(made, "result", made)
    if not isinstance(made, Instance) or not isinstance(made.cls, str):
        return None
    opens = isinstance(callee, External) or (isinstance(callee, Instance) and str(callee.cls).endswith("sessionmaker"))
    if isinstance(callee, Method):
        opens = callee.name == "connect" and types.is_subclass(callee.cls, "sqlalchemy.Engine")
    if not opens or (isinstance(callee, External) and _is_borrowed(callee.name)):
        return None
    return next((found for name, found in closable().items() if types.is_subclass(made.cls, name)), None)


def _is_borrowed(name: str) -> bool:
    """Whether a library function gives an object that somebody else owns."""
    last = name.rsplit(".", 1)[-1]
    return not (last[:1].isupper() or last in ("connect", "create_connection"))


def run_by_hand(types: Inference, function: Function) -> Iterator[tuple[f.Call, Function]]:
    """The calls of `next` and `anext` by which a function runs a generator of the project that cleans up behind its
    `yield`, and does not keep it: the generator is closed at once, or some time later, while its value is in use."""
    module = function.module
    for call in function.calls:
        callee = types.callee(module, call)
        first: f.Expr | None = None
        if isinstance(callee, External) and callee.name in ("next", "anext"):
            first = call.args[0].value if call.args else None
        elif isinstance(call.func, f.Attr) and call.func.attr in ("__next__", "__anext__"):
            first = call.func.value
        if first is None or call.use == "with":
            continue
        first = _kept(first, call, function) if isinstance(first, f.Name) else first
        made = types.callee(module, module.facts.calls[first.index]) if isinstance(first, f.CallRef) else None
        generator = made.function if isinstance(made, FunctionObject) else None
        if generator is None or not generator.is_generator or _CONTEXT.intersection(types.decorators(generator)):
            continue
        if any(leave.kind == "yield" and is_protected(leave, generator) for leave in generator.exits):
            yield call, generator


def _kept(variable: f.Name, call: f.Call, function: Function) -> f.Expr | None:
    """What a variable holds that is used for one `next` only, whose result outlives the function."""
    module = function.module
    entries = [entry for entry in module.assigns_in.get(function.index, ()) if entry.target == variable]
    text = module.text[function.facts.start : function.facts.end]
    if len(entries) != 1 or len(re.findall(rb"\b" + re.escape(variable.id.encode()) + rb"\b", text)) != 2:
        return None
    calls = module.facts.calls
    leaving = [leave.value for leave in function.exits if leave.kind == "return"]
    leaving += [e.value for e in module.assigns_in.get(function.index, ()) if isinstance(e.target, f.Attr)]
    values = [value.value if isinstance(value, f.Await) else value for value in leaving]
    outlives = any(isinstance(value, f.CallRef) and calls[value.index] is call for value in values)
    return entries[0].value if outlives else None


def closes(call: f.Call, name: str) -> bool:
    """Whether a call closes what a variable holds."""
    match call.func:
        case f.Attr(value=f.Name(id=owner), attr=attr):
            return owner == name and attr in _CLOSING
    return False


def is_closed_in(function: Function, name: str) -> bool:
    """Whether a function closes or enters what one of its parameters holds."""
    if any(closes(call, name) for call in function.calls):
        return True
    blocks = function.module.blocks_in.get(function.index, ())
    return any(block.kind == "with" and _mentions(block.test, name) for block in blocks)


def is_handed_on(function: Function, one: Opened) -> bool:
    """Whether something else may close it: it is given away, stored, or entered."""
    module = function.module
    for call in function.calls:
        if any(_mentions(arg.value, one.name) for arg in call.args):
            return True
    for entry in module.assigns_in.get(function.index, ()):
        if entry is not one.entry and _mentions(entry.value, one.name):
            return True
    return any(
        block.kind in ("with", "for") and _mentions(block.test, one.name)
        for block in module.blocks_in.get(function.index, ())
    )


def _mentions(expr: f.Expr | None, name: str) -> bool:
    """Whether an expression is what a variable holds, or holds it in turn."""
    match expr:
        case f.Attr() | f.Sub() | f.Binary() | f.Compare() | f.Unary():
            return False
    return any(part == f.Name(name) for part in walk(expr) if not isinstance(part, f.Attr))


def is_protected(entry: f.Exit, function: Function) -> bool:
    """Whether a yield is inside a `with`, a `try` with `finally`, or a handler that may clean up."""
    module = function.module
    for block in module.block_chain(entry.block):
        if block.kind in ("with", "except", "finally", "for", "while"):
            return True
        if block.kind != "body":
            continue
        inside = module.facts.blocks[block.parent]
        for other in module.blocks_in.get(function.index, ()):
            if other.parent != block.parent or other.start < inside.start:
                continue
            calls = [call for call in function.calls if other.start <= call.start < other.end]
            if other.kind == "finally" or (
                other.kind == "except"
                and any(isinstance(call.func, f.Attr) and call.func.attr in _CLOSING for call in calls)
            ):
                return True
    return False
