"""Which methods of a schema run when an object of it is made: Pydantic's validators. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Origin,
    Type,
)
from fastapi_lint.model.types.inference.inference import Inference

_VALIDATORS = frozenset({
    "pydantic.field_validator", "pydantic.model_validator", "pydantic.validator", "pydantic.root_validator",
})  # fmt: skip
_FUNCTIONAL = frozenset({"AfterValidator", "BeforeValidator", "PlainValidator", "WrapValidator"})
_AFTERWARDS = "model_post_init"
_MAKERS = frozenset({
    "model_validate", "model_validate_json", "model_validate_strings", "parse_obj", "parse_raw", "from_orm", "validate",
})  # fmt: skip
"""Class methods of Pydantic's models that make an object of what they are given."""
_ADAPTERS = frozenset({"validate_python", "validate_json", "validate_strings"})


def validated(types: Inference, callee: Type, module: Module, call: f.Call) -> Class | None:
    """The class of which a call makes an object with validation: `Model(...)`, `Model.model_validate(...)`, or
    `TypeAdapter(list[Model]).validate_python(...)`."""
    match callee:
        case ClassObject(cls=cls):
            return cls
        case External(name=name) if isinstance(call.func, f.Attr) and call.func.attr in _MAKERS:
            if name.rpartition(".")[0] in ("pydantic.BaseModel", "sqlmodel.SQLModel"):
                made = types.infer(call.func.value, (module, call.block, call.start))
                return made.cls if isinstance(made, ClassObject) else None
        case Method(cls="pydantic.TypeAdapter", name=name, owner=Instance(origin=Origin() as origin)):
            adapted = origin.facts.args[:1] if name in _ADAPTERS else ()
            place = (origin.module, origin.facts.block, origin.facts.start)
            return next((_class_in(types.annotation(arg.value, place)) for arg in adapted), None)
    return None


def _class_in(value: Type, depth: int = 4) -> Class | None:
    """The class of the project that a type is, or that is the only one inside of a container."""
    if not isinstance(value, Instance) or depth == 0:
        return None
    if isinstance(value.cls, Class):
        return value.cls
    found = [inside for inside in (_class_in(one, depth - 1) for one in value.args) if inside is not None]
    return found[0] if len(found) == 1 else None


def validators(types: Inference, cls: Class) -> Iterator[Function]:
    """What Pydantic calls when it validates an object of a schema: methods of the schema and its bases, overridden ones
    left out, and functions in the annotations of fields (`Annotated[str, AfterValidator(check)]`)."""
    seen: set[str] = set()
    for base in types.mro(cls):
        if isinstance(base, Class):
            for name, method in base.methods.items():
                is_validator = method.facts.decorators and not _VALIDATORS.isdisjoint(types.decorators(method))
                runs = is_validator or (name == _AFTERWARDS and types.is_subclass(cls, "pydantic.BaseModel"))
                if name not in seen and runs:
                    yield method
            for name, entry in base.assigns.items():
                if name not in seen and entry.annotation is not None:
                    yield from _in_metadata(types, base, entry)
            seen.update(base.methods)
            seen.update(base.assigns)


def _in_metadata(types: Inference, cls: Class, entry: f.Assign) -> Iterator[Function]:
    for module, expr, where in types.metadata(entry.annotation, (cls.module, entry.block, entry.start)):
        call = module.facts.calls[expr.index] if isinstance(expr, f.CallRef) else None
        if call is None or not call.args or f.last_name(call.func) not in _FUNCTIONAL:
            continue
        name = types.name_of_type(types.callee(module, call)) or ""
        given = types.infer(call.args[0].value, where) if name.startswith("pydantic.") else None
        if isinstance(given, FunctionObject):
            yield given.function
