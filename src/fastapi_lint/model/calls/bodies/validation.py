"""Which methods of a schema run when an object of it is made: Pydantic's validators. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, External, Function, Module, Type
from fastapi_lint.model.types.inference.inference import Inference

_VALIDATORS = frozenset({
    "pydantic.field_validator", "pydantic.model_validator", "pydantic.validator", "pydantic.root_validator",
})  # fmt: skip
_MAKERS = frozenset({
    "model_validate", "model_validate_json", "model_validate_strings", "parse_obj", "parse_raw", "from_orm", "validate",
})  # fmt: skip
"""Class methods of Pydantic's models that make an object of what they are given."""


def validated(types: Inference, callee: Type, module: Module, call: f.Call) -> Class | None:
    """The class of which a call makes an object with validation: `Model(...)`, `Model.model_validate(...)`."""
    match callee:
        case ClassObject(cls=cls):
            return cls
        case External(name=name) if isinstance(call.func, f.Attr) and call.func.attr in _MAKERS:
            if name.rpartition(".")[0] in ("pydantic.BaseModel", "sqlmodel.SQLModel"):
                made = types.infer(call.func.value, (module, call.block, call.start))
                return made.cls if isinstance(made, ClassObject) else None
    return None


def validators(types: Inference, cls: Class) -> Iterator[Function]:
    """The methods of a schema and its bases that Pydantic calls when it validates; overridden ones left out."""
    seen: set[str] = set()
    for base in types.mro(cls):
        if isinstance(base, Class):
            for name, method in base.methods.items():
                if (
                    name not in seen
                    and method.facts.decorators
                    and not _VALIDATORS.isdisjoint(types.decorators(method))
                ):
                    yield method
            seen.update(base.methods)
