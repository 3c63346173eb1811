"""Which function of the project runs when something is called. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Type, without_partials
from fastapi_lint.model.types.inference.inference import Inference


def function_of(types: Inference, value: Type) -> Function | None:
    """The function itself, what a `partial` is of, the `__call__` of an object; None when it is not known."""
    value = without_partials(value)
    if isinstance(value, Instance) and isinstance(value.cls, Class):
        value = types.member(value.cls, "__call__", value)
    return value.function if isinstance(value, FunctionObject) else None
