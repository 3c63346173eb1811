"""What kind of schema or record a class is, by its bases and decorators. Reads no fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, External, Instance, Module, Type
from fastapi_lint.model.types.alternatives import options
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.tracking.queries import gathered

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


_WITHOUT = frozenset({"dict", "list", "str", "bytes", "int", "float", "bool"})
"""Types that have none of Pydantic's methods, `copy` aside."""
_BASES = frozenset({"pydantic.BaseModel", "sqlmodel.SQLModel", "pydantic_settings.BaseSettings"})
_NAMED = frozenset({
    "dict", "json", "copy", "parse_obj", "parse_raw", "from_orm", "schema", "schema_json", "construct",
    "update_forward_refs",
})  # fmt: skip
_OF_PYDANTIC = frozenset({"pydantic", "sqlmodel", "sqlmodel-table", "settings"})


def model_of_method(project: Project, module: Module, call: f.Call, func: f.Attr) -> str | None:
    """The Pydantic 2 model of which a method is called that Pydantic itself has, by name; None where it may be another
    one."""
    where = (module, call.block, call.start)
    known = project.infer(func.value, *where)
    given = [known] if known is not None else list(_admitted(project, func, where))
    names = [_model(project, one, func.attr) for one in given]
    return names[0] if names and None not in names else None


def _admitted(project: Project, func: f.Attr, where: Where) -> Iterator[Type]:
    """What a parameter may be that is annotated with a union, of what has the method: a dict has no `dict`."""
    module = where[0]
    found = project.types.find_bindings(func.value.id, where) if isinstance(func.value, f.Name) else []
    param = found[0].entry if len(found) == 1 else None
    function = module.enclosing(found[0].block) if isinstance(param, f.Param) else None
    if not isinstance(param, f.Param) or function is None or func.attr == "copy":
        return
    for option, place in options(project.types, param.annotation, (module, function.facts.outer, param.start)):
        if not is_none(option):
            one = project.types.annotation(option, place) or project.types.at_least(option, place)
            if not isinstance(one, Instance) or one.cls not in _WITHOUT:
                yield one


def _model(project: Project, known: Type, method: str) -> str | None:
    match known:
        case Instance(cls=Class() as cls) | ClassObject(cls=cls):
            return cls.name if _is_of_pydantic(project, cls, method) else None
        case Instance(cls=str(name)) | External(name=name) if name in _BASES:
            # Any model of the project may come, with a method of its own by that name.
            return name.rpartition(".")[2] if method not in _own_methods(project) else None
    return None


def _is_of_pydantic(project: Project, cls: Class, method: str) -> bool:
    """Whether a method of a model is the one that Pydantic has."""
    schema = project.schemas.of(cls)
    if schema is None or schema.kind not in _OF_PYDANTIC or schema.is_v1 or schema.field(method) is not None:
        return False
    order = project.types.mro(cls)
    if any(isinstance(base, Class) and (method in base.methods or method in base.assigns) for base in order):
        return False
    return all(
        isinstance(base, Class)
        or base.startswith(("pydantic.", "sqlmodel.", "typing.", "abc."))
        or base in ("object", "pydantic_settings.BaseSettings", "beanie.Document")
        for base in order
    )


@gathered
def _own_methods(project: Project, module: Module) -> Iterator[str]:
    """The methods that a module's models have under names of Pydantic's."""
    if not module.is_test and module.mentions(*_NAMED):
        for cls in module.classes:
            names = [name for name in cls.methods if name in _NAMED]
            if names and kind_of(project.types, cls) in _OF_PYDANTIC:
                yield from names
