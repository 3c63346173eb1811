"""Functions that tell failure by what they give, and callers that raise then. Reads facts of one function at a time."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Function

_NOTHING = f.Const(None)


def tells_failure(leave: f.Exit) -> bool:
    """Whether a `return` gives nothing, alone or first in a tuple whose rest says why: `return None, "is taken"`."""
    value = leave.value
    if isinstance(value, f.Display) and value.kind == "tuple" and len(value.items) > 1:
        return value.items[0] == _NOTHING
    return leave.kind == "return" and (value is None or value == _NOTHING)


def raises_on_failure(function: Function, call: f.Call) -> bool:
    """Whether a function raises when a call in it has told failure: `if item is None: raise`, `if error: raise`."""
    module = function.module
    given = f.CallRef(module.call_numbers[call.start, call.end])
    for entry in module.assigns_in.get(function.index, ()):
        value = entry.value.value if isinstance(entry.value, f.Await) else entry.value
        if value != given:
            continue
        parts = entry.target.items if isinstance(entry.target, f.Display) else (entry.target,)
        raising = {leave.block for leave in function.exits if leave.kind == "raise" and leave.start > call.end}
        blocks = [module.facts.blocks[index] for index in raising]
        return any(block.kind == "if" and _means_failure(block.test, parts) for block in blocks)
    return False


def hands_on(function: Function, call: f.Call) -> bool:
    """Whether a function returns what a call in it gives, so that it tells the same failures."""
    given = f.CallRef(function.module.call_numbers[call.start, call.end])
    values = [leave.value for leave in function.exits if leave.kind == "return"]
    return any((value.value if isinstance(value, f.Await) else value) == given for value in values)


def _means_failure(test: f.Expr | None, parts: tuple[f.Expr, ...]) -> bool:
    """Whether a condition holds where nothing was given: of the first part, or by the rest, which say why."""
    if len(parts) > 1 and any(part in parts[1:] for part in walk(test)):
        return not isinstance(test, f.Unary)
    match test:
        case f.Unary(op="not", value=value):
            return value == parts[0]
        case f.Compare(operands=(value, other), operators=("is" | "==",)):
            return value == parts[0] and other == _NOTHING
    return False
