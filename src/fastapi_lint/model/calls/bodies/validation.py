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
from fastapi_lint.model.types.inference.inference import Inference, Where

_VALIDATORS = frozenset({
    "pydantic.field_validator", "pydantic.model_validator", "pydantic.validator", "pydantic.root_validator",
})  # fmt: skip
_FUNCTIONAL = frozenset({"AfterValidator", "BeforeValidator", "PlainValidator", "WrapValidator"})
_AFTERWARDS = "model_post_init"
_MAKERS = frozenset({
    "model_validate", "model_validate_json", "model_validate_strings", "parse_obj", "parse_raw", "from_orm", "validate",
})  # fmt: skip
"""Class methods of Pydantic's models that make an object of what they are given."""
_CONTAINERS = frozenset({
    "list", "set", "frozenset", "tuple", "dict", "List", "Set", "FrozenSet", "Tuple", "Dict", "Sequence", "Iterable",
    "Mapping",
})  # fmt: skip
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


def run_by(types: Inference, callee: Type, module: Module, call: f.Call) -> Iterator[Function]:
    """What Pydantic calls when a call validates: for an object of a schema, or for what an adapter is made of."""
    made = validated(types, callee, module, call)
    if made is not None:
        yield from validators(types, made)
    if made is not None and not isinstance(callee, ClassObject):  # of data: what is in there is made of data, too
        for inner in _fields_of(types, made, {made}):
            yield from validators(types, inner)
    match callee:
        case Method(cls="pydantic.TypeAdapter", name=name, owner=Instance(origin=Origin() as origin)):
            for arg in origin.facts.args[:1] if name in _ADAPTERS else ():
                yield from _in_metadata(types, arg.value, (origin.module, origin.facts.block, origin.facts.start))


def _class_in(value: Type, depth: int = 4) -> Class | None:
    """The class of the project that a type is, or that is the only one inside of a container."""
    if not isinstance(value, Instance) or depth == 0:
        return None
    if isinstance(value.cls, Class):
        return value.cls
    found = [inside for inside in (_class_in(one, depth - 1) for one in value.args) if inside is not None]
    return found[0] if len(found) == 1 else None


def _fields_of(types: Inference, cls: Class, seen: set[Class]) -> Iterator[Class]:
    """The schemas that are fields of a schema, and those that are fields of these."""
    for base in types.mro(cls):
        for entry in base.assigns.values() if isinstance(base, Class) else ():
            where = (base.module, entry.block, entry.start) if isinstance(base, Class) else None
            inner = _class_in(types.annotation(entry.annotation, where)) if where and entry.annotation else None
            if inner is not None and inner not in seen and types.is_subclass(inner, "pydantic.BaseModel"):
                seen.add(inner)
                yield inner
                yield from _fields_of(types, inner, seen)


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
                    yield from _in_metadata(types, entry.annotation, (base.module, entry.block, entry.start))
            seen.update(base.methods)
            seen.update(base.assigns)


def _in_metadata(types: Inference, annotation: f.Expr | None, where: Where) -> Iterator[Function]:
    """The functions that validate what an annotation, or one inside of it (`list[Checked]`), says."""
    for module, expr, place in types.metadata(annotation, where):
        call = module.facts.calls[expr.index] if isinstance(expr, f.CallRef) else None
        if call is None or not call.args or f.last_name(call.func) not in _FUNCTIONAL:
            continue
        name = types.name_of_type(types.callee(module, call)) or ""
        given = types.infer(call.args[0].value, place) if name.startswith("pydantic.") else None
        if isinstance(given, FunctionObject):
            yield given.function
    if isinstance(annotation, f.Sub) and f.last_name(annotation.value) in _CONTAINERS:
        for item in annotation.items:
            yield from _in_metadata(types, item, where)
