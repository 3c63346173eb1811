"""Which methods run on an object that a function makes and keeps to itself. Follows nothing else."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Module


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
