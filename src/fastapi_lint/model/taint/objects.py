"""Which methods run on an object: that a function makes and keeps to itself, or whose class has others than the one
above. Follows nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Module
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.strands import Step
from fastapi_lint.model.types.inference.inference import Inference


def called_on(module: Module, made: f.Call) -> frozenset[str] | None:
    """The names of the methods that are called on what a call makes; None where it may get into other hands."""
    function = module.enclosing(made.block)
    if function is None:
        return None
    name = next(
        (
            entry.target
            for entry in module.assigns_in.get(function.index, ())
            if isinstance(entry.value, f.CallRef) and module.facts.calls[entry.value.index] is made
        ),
        None,
    )
    if not isinstance(name, f.Name):
        return None
    methods, others = [], 0
    for expr, _, _ in evaluated(function, nested=True):
        for part in walk(expr):
            others += part == name
            if isinstance(part, f.Attr) and part.value == name:
                methods.append(part.attr)
    return frozenset(methods) if len(methods) == others else None


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
