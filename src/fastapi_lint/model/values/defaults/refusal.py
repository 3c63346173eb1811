"""Whether the program may not start with the value that stands in its settings. Judges nothing."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Class, Function, Instance
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.literals import literals_between

_VALIDATORS = frozenset({
    "pydantic.field_validator", "pydantic.validator", "pydantic.model_validator", "pydantic.root_validator",
})  # fmt: skip


def may_be_refused(types: Inference, expr: f.Name | f.Attr, where: Where) -> bool:
    """Whether a validator of the class looks for the wildcard, and does not give it back."""
    owner = types.infer(expr.value, where) if isinstance(expr, f.Attr) else None
    if not isinstance(expr, f.Attr) or not isinstance(owner, Instance) or not isinstance(owner.cls, Class):
        return False
    bases = [base for base in types.mro(owner.cls) if isinstance(base, Class)]
    for method in (method for base in bases for method in base.methods.values()):
        if _VALIDATORS.intersection(types.decorators(method)):
            texts = {each.text for each in literals_between(method.module, method.facts.first, method.facts.end)}
            if "*" in texts and (expr.attr in texts or f".{expr.attr}".encode() in _code(method)):
                return not _gives_back(method)
    return False


def _gives_back(method: Function) -> bool:
    """Whether a validator refuses nothing and gives the wildcard back where it finds it: `["*"]` for the text `*`."""
    given = [part for leave in method.exits if leave.kind == "return" for part in walk(leave.value)]
    refuses = any(leave.kind == "raise" for leave in method.exits) or b"assert" in _code(method)
    return f.Const("*") in given and not refuses


def _code(method: Function) -> bytes:
    return bytes(method.module.text[method.facts.start : method.facts.end])
