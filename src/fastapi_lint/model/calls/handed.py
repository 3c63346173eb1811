"""Which object or function comes in at a parameter, up a chain of calls: what is given, not what is annotated."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.steps import Step
from fastapi_lint.model.calls.ways.branches import Branches, Settings
from fastapi_lint.model.calls.ways.constants import UNKNOWN, Kind, Kinds, Value, field_of, function_value
from fastapi_lint.model.calls.ways.objects import own_name
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Function,
    FunctionObject,
    Instance,
    Module,
    OneOf,
    Origin,
    Type,
)
from fastapi_lint.model.types.inference.inference import Inference, is_none
from fastapi_lint.model.types.inference.questions import is_one_object

_ASYNCHRONOUS = re.compile(r"(?:^|\.)(?:asyncio|aio)|\bAsync")
_ROOTS = frozenset({"object", "abc.ABC", "typing.Generic"})


def is_another(types: Inference, steps: Sequence[Step], caller: Function) -> bool:
    """Whether the last step works with a parameter, or an attribute of its object, that is of quite another class.

    A parameter that is annotated as a session may be given an asynchronous one, which a branch of the function knows.
    """
    last = steps[-1]
    held = _receiver(last.module, last.call.func) if last.call is not None else None
    if len(steps) < 2 or last.call is None or held is None:
        return False
    declared = types.infer(held, (last.module, last.call.block, last.call.start))
    if not isinstance(declared, Instance):
        return False
    before = steps[:-1]
    if isinstance(held, f.Name):
        given = _given(types, before, caller, held)
    elif held.value == f.Name("self"):
        given = _made_with(types, before, held.attr)
    else:
        return False
    if not isinstance(given, Instance) or not _is_known(types, given.cls):
        return False
    return not types.is_subclass(given.cls, declared.cls) and not types.is_subclass(declared.cls, given.cls)


def _is_known(types: Inference, cls: Class | str) -> bool:
    """Whether it is known of a class what it inherits from; of those of libraries, the asynchronous ones are."""
    if isinstance(cls, str):
        return _ASYNCHRONOUS.search(cls) is not None
    return all(isinstance(base, Class) or base in _ROOTS for base in types.mro(cls))


def _receiver(module: Module, func: f.Expr) -> f.Name | f.Attr | None:
    """What a chain of calls begins with: `db` of `db.query(...).filter(...).first`, `self.db` of `self.db.flush`."""
    while isinstance(func, f.Attr):
        match func.value:
            case f.Name() | f.Attr(value=f.Name()):
                return func.value
            case f.CallRef(index=index):
                func = module.facts.calls[index].func
            case _:
                return None
    return None


def _given(types: Inference, steps: Sequence[Step], caller: Function, name: f.Name) -> Type:
    """What becomes the variable of the innermost function of a chain, as it is known where it is given."""
    functions = [caller, *(step.function for step in steps)]
    expr: f.Expr = name
    for index in range(len(steps) - 1, -1, -1):
        holder, call = functions[index + 1], steps[index].call
        param = _parameter(types, holder, expr) if holder is not None else None
        if holder is None or param is None or call is None:
            return None
        given = next((value for each, value in bound(holder, call) if each == param), None)
        if given is None:
            return None
        expr = given
    first = steps[0]
    return types.infer(expr, (first.module, first.block, first.start))


def _made_with(types: Inference, steps: Sequence[Step], attr: str) -> Type:
    """What the object whose method runs last was given for an attribute, where it was made in sight."""
    for step in reversed(steps):
        if step.call is None or step.function is None or step.function.cls is None:
            return None
        func = step.call.func
        if isinstance(func, f.Attr) and func.value == f.Name("self"):
            continue  # the same object
        match types.callee(step.module, step.call):
            case FunctionObject(owner=Instance(cls=Class() as cls, origin=Origin(module=home, facts=made))):
                return _constructed(types, cls, attr, home, made)
        return None
    return None


def _constructed(types: Inference, cls: Class, attr: str, home: Module, made: f.Call) -> Type:
    """What a constructor is given for the parameter that it puts into an attribute, which nothing else sets."""
    init = types.member(cls, "__init__", Instance(cls))
    match types.self_assigns(cls).get(attr):
        case [(f.Assign(op="=", value=f.Name() as value), function)] if isinstance(init, FunctionObject):
            if function is not init.function or not isinstance(types.callee(home, made), ClassObject):
                return None
            param = _parameter(types, function, value)
            given = next((expr for each, expr in bound(function, made) if each == param), None)
            return types.infer(given, (home, made.block, made.start)) if given is not None else None
    return None


def _parameter(types: Inference, function: Function, expr: f.Expr) -> str | None:
    """The parameter that a name is, itself or by a variable that holds it or nothing."""
    if not isinstance(expr, f.Name):
        return None
    names = {param.name for param in function.params}
    if expr.id in names and not function.rebinds(expr.id):
        return expr.id
    found = types.find_bindings(expr.id, (function.module, function.facts.block, function.facts.end))
    values = [each.entry.value for each in found if isinstance(each.entry, f.Assign)]
    kept = {value.id for value in values if isinstance(value, f.Name)}
    others = [value for value in values if not isinstance(value, f.Name) and not is_none(value)]
    return kept.pop() if len(values) == len(found) and not others and len(kept) == 1 and kept <= names else None


def runs_another(branches: Branches, function: Function, settings: Settings, call: f.Call, target: Function) -> bool:
    """Whether a call of what a function, or the constructor of its object, was given runs another function than
    `target`: it is given several, and which one here is known to be another, or not known."""
    known = dict(settings)
    where = (function.module, call.block, call.start)
    value: Value
    match call.func:
        case f.Attr(value=f.Name(id=name) as holder) if any(param.name == name for param in function.params) and (
            name != own_name(function)
        ):
            return is_one_object(branches.types.infer(holder, where)) and not _may_be(
                branches, known.get(name, UNKNOWN), target
            )
        case f.Attr(value=f.Attr(value=f.Name(id=owner), attr=attr) as holder) if owner == own_name(function):
            if not _is_given_to_constructor(branches.types, function, attr):
                return False
            return is_one_object(branches.types.infer(holder, where)) and not _may_be(
                branches, field_of(known.get(owner, UNKNOWN), attr), target
            )
        case f.Name(id=name) if any(param.name == name for param in function.params):
            value = {**branches.defaults(function), **known}.get(name, UNKNOWN)
        case f.Attr(value=f.Name(id=owner), attr=attr) if owner == own_name(function):
            if not _is_given_to_constructor(branches.types, function, attr):
                return False
            value = field_of(known.get(owner, UNKNOWN), attr)
        case f.Name(id=name) if any(
            isinstance(each.entry, f.Param) for each in branches.types.find_bindings(name, where)
        ):
            value = UNKNOWN  # what the function around was given
        case _:
            return False
    return isinstance(branches.types.infer(call.func, where), OneOf) and value != function_value(target)


def _may_be(branches: Branches, value: Value, target: Function) -> bool:
    """Whether the object that was handed in may have a method; not when nothing is known of it."""
    made = field_of(value, "") if isinstance(value, tuple) else value
    options = made.options if isinstance(made, Kinds) else (made,) if isinstance(made, Kind) else ()
    if target.cls is None or not options:
        return False
    own = branches.constants.kind(target.cls)
    return any(own.name in one.bases or (not one.exact and one.name in own.bases) for one in options)


def _is_given_to_constructor(types: Inference, function: Function, attr: str) -> bool:
    """Whether an attribute of an object is what its constructor was given, or a field of a record."""
    cls = function.cls
    if cls is not None and "__init__" not in cls.methods and (entry := cls.assigns.get(attr)) is not None:
        return entry.annotation is not None
    stored = types.nearest_assigns(function.cls, attr) if function.cls is not None else []
    return bool(stored) and all(
        isinstance(entry.value, f.Name) and any(param.name == entry.value.id for param in method.params)
        for entry, method in stored
    )
