"""What a marker in the default of a parameter says: its default, its target, how its type is read. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.injection.dependencies import MARKERS, Parameter
from fastapi_lint.model.names.symbols import External
from fastapi_lint.model.types.inference.inference import DEPENDS, Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_REQUIRED = frozenset({"Ellipsis", "Required", "Undefined", "PydanticUndefined"})
_CLASSES = frozenset({
    "BaseModel", "EmailStr", "NameEmail", "AnyUrl", "SecretStr", "SecretBytes", "IPvAnyAddress", "Json", "ByteSize",
})  # fmt: skip
"""Names of pydantic that are classes in every version; others (PositiveInt, HttpUrl) are or were Annotated."""


def default_of(parameter: Parameter) -> f.Arg | None:
    """The argument of Query and its kin that is the default of the parameter."""
    args = parameter.marker_call.args if parameter.marker in MARKERS and parameter.marker_call is not None else ()
    return next((arg for i, arg in enumerate(args) if arg.name == "default" or (i == 0 and arg.name == "")), None)


def target_of(parameter: Parameter) -> f.Expr | None:
    """What Depends or Security is given to call; None when it goes by the type, and for other markers."""
    args = parameter.marker_call.args if parameter.marker in DEPENDS and parameter.marker_call is not None else ()
    return next((arg.value for arg in args if arg.name in ("", "dependency")), None)


def means_required(project: Project, value: f.Expr, where: Where) -> bool:
    """Whether a default says that there is none: `...`, or a name for it."""
    if isinstance(value, f.Raw):
        return value.kind == "ellipsis"
    if not isinstance(value, (f.Name, f.Attr)):
        return False
    if (value.id if isinstance(value, f.Name) else value.attr) in _REQUIRED:
        return True
    found = project.values.definitions(value, where)
    return any(isinstance(expr, f.Raw) and expr.kind == "ellipsis" for expr, _ in found)


def is_marked_twice(project: Project, parameter: Parameter) -> bool:
    """Whether a parameter whose default is a marker has another one in `Annotated`: FastAPI refuses that."""
    where = (parameter.function.module, parameter.function.facts.outer, parameter.start)
    for holder, expr, place in project.types.metadata(parameter.fact.annotation, where):
        for each in (expr, *(value for value, _ in project.values.definitions(expr, place))):
            if isinstance(each, f.CallRef):
                name = project.called_name(holder, holder.facts.calls[each.index])
                if name in DEPENDS or name in MARKERS:
                    return True
    return False


def is_read_alike(project: Project, parameter: Parameter) -> bool:
    """Whether FastAPI reads the declared type in the same way with the marker beside it in Annotated.

    Measured with FastAPI 0.165: as long as a marker is the default, `Field(...)` and validators of an Annotated type,
    those of aliases included, are passed over, and an alias of a `type` statement is looked into; in Annotated it is
    the other way round. Two markers for one parameter are refused.
    """
    module, fact, marker = parameter.function.module, parameter.fact, parameter.marker
    if fact.annotation is None:
        return True
    where = (module, parameter.function.facts.outer, parameter.start)
    versions = project.versions.for_path(module.path)
    several = marker in DEPENDS and versions.always_at_least("fastapi", "0.105.0", default=True)
    is_union = isinstance(fact.annotation, f.Binary)  # what is inside a union was and is looked into
    for holder, expr, place in project.types.metadata(fact.annotation, where):
        for each in (expr, *(value for value, _ in project.values.definitions(expr, place))):
            if isinstance(each, f.CallRef):
                name = project.called_name(holder, holder.facts.calls[each.index])
                if name is None or name in DEPENDS or name in MARKERS:
                    return False
        if not several and not is_union and not isinstance(expr, f.Const):
            return False
    return target_of(parameter) is not None or _is_plain(project, fact.annotation, where)


def _is_plain(project: Project, annotation: f.Expr, where: Where) -> bool:
    """Whether a type is neither a `type` alias nor one that may hide an Annotated."""
    if isinstance(annotation, f.CallRef):
        return False
    if not isinstance(annotation, (f.Name, f.Attr)):
        return True
    if (alias := project.types.alias(annotation, where)) is not None:
        target, place = alias
        ops = [entry.op for entry in place[0].facts.assigns if entry.start == place[2]]
        return "type" not in ops and not isinstance(target, f.CallRef)
    value = project.types.infer(annotation, where)
    if isinstance(value, External) and value.name.startswith("pydantic."):
        return value.name.rsplit(".", 1)[-1] in _CLASSES
    return True
