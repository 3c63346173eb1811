"""Which object comes in at a parameter, up a chain of calls. Looks at what is given, not at what is annotated."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.execution import Step
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.names.symbols import Function, Instance, Type
from fastapi_lint.model.types.inference.inference import Inference, is_none


def is_another(types: Inference, steps: Sequence[Step], caller: Function) -> bool:
    """Whether the last step calls a method of a parameter that is given an object of quite another class.

    A parameter that is annotated as a session may be given an asynchronous one, which a branch of the function knows.
    """
    last = steps[-1]
    if len(steps) < 2 or last.call is None or not isinstance(last.call.func, f.Attr):
        return False
    name = last.call.func.value
    declared = types.infer(name, (last.module, last.call.block, last.call.start))
    if not isinstance(name, f.Name) or not isinstance(declared, Instance):
        return False
    given = _given(types, steps[:-1], caller, name)
    if not isinstance(given, Instance):
        return False
    return not types.is_subclass(given.cls, declared.cls) and not types.is_subclass(declared.cls, given.cls)


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
