"""What kind of schema or record a class is, by its bases and decorators. Reads no fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, Instance, Module
from fastapi_lint.model.types.inference.inference import Inference

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


Kind = Literal[
    "pydantic", "sqlmodel", "sqlmodel-table", "settings", "dataclass", "pydantic-dataclass", "typed-dict", "named-tuple"
]
VALIDATED: frozenset[Kind] = frozenset({"pydantic", "sqlmodel", "sqlmodel-table", "settings", "pydantic-dataclass"})
"""Kinds of classes of which Pydantic validates every instance; of the others those that FastAPI reads or sends."""

ROOTS: Mapping[str, Kind] = {
    "pydantic_settings.BaseSettings": "settings",
    "pydantic.BaseSettings": "settings",
    "pydantic.v1.BaseSettings": "settings",
    "sqlmodel.SQLModel": "sqlmodel",
    "pydantic.BaseModel": "pydantic",
    "pydantic.RootModel": "pydantic",
    "pydantic.generics.GenericModel": "pydantic",
    "pydantic.v1.BaseModel": "pydantic",
    "pydantic.v1.generics.GenericModel": "pydantic",
    "typing.TypedDict": "typed-dict",
    "typing.NamedTuple": "named-tuple",
}
"""External classes whose subclasses are schemas; the first that a class inherits from decides its kind."""

_PYDANTIC_DATACLASS = frozenset({"pydantic.dataclasses.dataclass", "pydantic.v1.dataclasses.dataclass"})


def kind_of(types: Inference, cls: Class) -> Kind | None:
    """What kind of schema a class is; None for another class."""
    names = [base for base in types.mro(cls) if type(base) is str]
    for root, kind in ROOTS.items() if names else ():
        if any(catalog.is_subclass(base, root) for base in names):
            if kind != "sqlmodel":
                return kind
            table = any(a.name == "table" and a.value == f.Const(True) for a in cls.facts.keywords)
            return "sqlmodel-table" if table else kind
    decorators = class_decorators(types, cls) if cls.facts.decorators else ()
    if not _PYDANTIC_DATACLASS.isdisjoint(decorators):
        return "pydantic-dataclass"
    return "dataclass" if "dataclasses.dataclass" in decorators else None


def record_kind(types: Inference, cls: Class) -> str | None:
    """As `kind_of`, and "attrs" or "struct" for classes of attrs and msgspec, whose fields have defaults as well."""
    if (kind := kind_of(types, cls)) is not None:
        return kind
    if any(name.startswith(("attrs.", "attr.")) for name in class_decorators(types, cls)):
        return "attrs"
    return "struct" if "msgspec.Struct" in types.mro(cls) else None


def class_decorators(types: Inference, cls: Class) -> tuple[str, ...]:
    """The dotted names of a class's decorators (of what is called, for calls); unknown ones are left out."""
    where = (cls.module, cls.facts.outer, cls.facts.start)
    calls = cls.module.facts.calls
    shown = (calls[one.index].func if isinstance(one, f.CallRef) else one for one in cls.facts.decorators)
    return tuple(name for one in shown if (name := types.name_of_type(types.infer(one, where))) is not None)


_OF_PYDANTIC = frozenset({"pydantic", "sqlmodel", "sqlmodel-table", "settings"})


def model_of_method(project: Project, module: Module, call: f.Call, func: f.Attr) -> Class | None:
    """The Pydantic 2 model of which a method is called that Pydantic itself has; None where it may be another one."""
    match project.infer(func.value, module, call.block, call.start):
        case Instance(cls=Class() as cls) | ClassObject(cls=cls):
            pass
        case _:
            return None
    schema = project.schemas.of(cls)
    if schema is None or schema.kind not in _OF_PYDANTIC or schema.is_v1 or schema.field(func.attr) is not None:
        return None
    order = project.types.mro(cls)
    if any(isinstance(base, Class) and (func.attr in base.methods or func.attr in base.assigns) for base in order):
        return None
    known = all(
        isinstance(base, Class)
        or base.startswith(("pydantic.", "sqlmodel.", "typing.", "abc."))
        or base in ("object", "pydantic_settings.BaseSettings", "beanie.Document")
        for base in order
    )
    return cls if known else None
