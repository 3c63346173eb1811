"""Which methods run on an object: that a function makes and keeps to itself, or whose class has others than the one
above. Follows nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, Module
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.strands import Step
from fastapi_lint.model.types.inference.inference import Inference, Where


def called_on(module: Module, made: f.Call) -> frozenset[str] | None:
    """The names of the methods that are called on what a call makes; None where it may get into other hands."""
    function, name = module.enclosing(made.block), _kept_in(module, made)
    if function is None or name is None:
        return None
    used, methods = _names_in(function)
    return frozenset(methods[name.id]) if used[name.id] == len(methods[name.id]) else None


@lru_cache(maxsize=64)
def _names_in(function: Function) -> tuple[Counter[str], defaultdict[str, list[str]]]:
    """How often a function, with those inside it, uses each name, and which attributes it asks it for."""
    used, methods = Counter[str](), defaultdict[str, list[str]](list)
    for expr, _, _ in evaluated(function, nested=True):
        kind = type(expr)
        if kind is f.Const or kind is f.CallRef:  # as most are
            continue
        for part in walk(expr) if kind is not f.Name else (expr,):
            if type(part) is f.Name:
                used[part.id] += 1
            elif type(part) is f.Attr and type(part.value) is f.Name:
                methods[part.value.id].append(part.attr)
    return used, methods


def _kept_in(module: Module, made: f.Call) -> f.Name | None:
    """The variable that holds what a call makes."""
    function = module.enclosing(made.block)
    for entry in module.assigns_in.get(function.index, ()) if function is not None else ():
        if isinstance(entry.value, f.CallRef) and module.facts.calls[entry.value.index] is made:
            return entry.target if isinstance(entry.target, f.Name) else None
    return None


def calls_on(module: Module, made: f.Call) -> Iterator[f.Call]:
    """The calls of methods of what a call makes, where it keeps to one variable."""
    function, name = module.enclosing(made.block), _kept_in(module, made)
    if function is not None and name is not None:
        found = [call for call in function.calls if type(call.func) is f.Attr and call.func.value == name]
        if found and called_on(module, made) is not None:
            yield from found


class Maker(NamedTuple):
    """A call of a class, and the constructor that it runs."""

    init: Function
    call: f.Call
    args: tuple[f.Arg, ...]
    where: Where


def maker(expr: f.Expr, where: Where, asks: Asks) -> Maker | None:
    """The call that makes the object for which an expression stands, itself or by one variable."""
    module = where[0]
    if isinstance(expr, f.Name):
        found = asks.types.find_bindings(expr.id, where)
        entry = found[0].entry if len(found) == 1 else None
        if not isinstance(entry, f.Assign) or entry.target != expr or entry.value is None:
            return None
        expr = entry.value
    if not isinstance(expr, f.CallRef):
        return None
    call = module.facts.calls[expr.index]
    where = (module, call.block, call.start)
    made, args = asks.callee(call, where)
    init = asks.types.member(made.cls, "__init__", Instance(made.cls)) if isinstance(made, ClassObject) else None
    return Maker(init.function, call, args, where) if isinstance(init, FunctionObject) else None


def settings_of(method: Function, made: Maker, asks: Asks) -> list[tuple[f.Call, Where]] | None:
    """The calls of a method on the object that a call makes; None where others may call it, too."""
    module, types = made.where[0], asks.types
    target, _ = asks.callee(made.call, made.where)
    if not isinstance(target, ClassObject) or called_on(module, made.call) is None:
        return None
    lineage = [base for base in types.mro(target.cls) if isinstance(base, Class)]
    if method.cls not in lineage or method.name.startswith("__"):
        return None
    for base in lineage:
        for one in base.methods.values():
            itself = f.Attr(f.Name(one.params[0].name), method.name) if one.params else None
            if any(call.func == itself for call in one.calls):
                return None
    found = [(call, (module, call.block, call.start)) for call in calls_on(module, made.call)]
    return [(call, at) for call, at in found if f.last_name(call.func) == method.name]


def replacement(method: Function | None, cls: Class, types: Inference) -> Function | None:
    """The method that objects of a class have in the place of one of a class above; None when they have that one."""
    if method is None or method.cls not in types.mro(cls):
        return None
    found = types.member(cls, method.name, Instance(cls))
    return found.function if isinstance(found, FunctionObject) and found.function is not method else None


def own_methods(steps: Iterable[Step], asks: Asks) -> Iterator[Function]:
    """The methods that methods call on their own object (`self.place(name)`) at some steps of a text."""
    for step in steps:
        index = step.module.call_numbers.get((step.start, step.end))
        call = step.module.facts.calls[index] if index is not None else None
        if call is not None and isinstance(call.func, f.Attr) and isinstance(call.func.value, f.Name):
            around = step.module.enclosing(call.block)
            if around is not None and around.params and around.params[0].name == call.func.value.id:
                target, _ = asks.callee(call, (step.module, call.block, call.start))
                if isinstance(target, FunctionObject):
                    yield target.function
