"""Whether a function answers with a response object of its own, which then carries the status. Judges nothing."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Type
from fastapi_lint.model.types.inference.inference import Inference

RESPONSE = "fastapi.Response"


def is_response(value: Type, types: Inference) -> bool:
    """Whether a value is known to be a Starlette response."""
    return types.is_instance(value, RESPONSE)


def declares_response(function: Function, types: Inference) -> bool:
    """Whether the return annotation is a response class, or a union with one."""
    where = (function.module, function.facts.outer, function.start)
    return any(is_response(types.annotation(one, where), types) for one in _options(function.facts.returns))


def returns_response(function: Function, types: Inference) -> bool:
    """Whether the annotation, or one of the values returned, is a response."""
    if declares_response(function, types):
        return True
    for leaving in function.exits:
        if leaving.kind == "return" and leaving.value is not None:
            where = (function.module, leaving.block, leaving.start)
            values = leaving.value.options if isinstance(leaving.value, f.Choice) else (leaving.value,)
            if any(is_response(types.infer(value, where), types) for value in values):
                return True
    return False


def _options(annotation: f.Expr | None) -> tuple[f.Expr, ...]:
    match annotation:
        case None:
            return ()
        case f.Binary(op="|", left=left, right=right):
            return (*_options(left), *_options(right))
        case f.Sub(value=f.Name(id="Union" | "Optional") | f.Attr(attr="Union" | "Optional"), items=items):
            return tuple(one for item in items for one in _options(item))
    return (annotation,)
