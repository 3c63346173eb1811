"""FAPI410: methods of models by their names in Pydantic 1."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Instance, Module
from fastapi_lint.model.data import is_for_a_release, model_of_method
from fastapi_lint.model.names import ClassObject
from fastapi_lint.rule import Check, rule

_NEW = {
    "dict": "model_dump",
    "json": "model_dump_json",
    "copy": "model_copy",
    "parse_obj": "model_validate",
    "parse_raw": "model_validate_json",
    "from_orm": "model_validate",
    "schema": "model_json_schema",
    "schema_json": "model_json_schema",
    "construct": "model_construct",
    "update_forward_refs": "model_rebuild",
}
_SAME_ARGUMENTS: dict[str, frozenset[str]] = {
    "dict": frozenset({"include", "exclude", "by_alias", "exclude_unset", "exclude_defaults", "exclude_none"}),
    "json": frozenset({
        "include", "exclude", "by_alias", "exclude_unset", "exclude_defaults", "exclude_none", "indent",
    }),
    "copy": frozenset({"update", "deep"}),
    "parse_obj": frozenset({""}),
    "parse_raw": frozenset({""}),
    "schema": frozenset({"by_alias", "ref_template"}),
    "construct": frozenset(),
    "update_forward_refs": frozenset(),
}  # fmt: skip
"""The arguments with which a call only needs another name; `construct` takes any."""


@rule("FAPI410", fix=Safety.UNSAFE, since="0.2.0")
def pydantic_v1_method(module: Module, check: Check) -> Iterator[Finding]:
    """A Pydantic 2 model is used through a method's name of Pydantic 1.

    Why is this bad?
    `dict`, `json`, `copy`, `parse_obj` and their kin are deprecated since Pydantic 2.0, warn at every call, and go with
    version 3.

    Fix safety
    The call gets the new name. The fix is unsafe because an object of a subclass may define the old name itself. There
    is none where a subclass is seen to do so, nor where more than the name changes: `from_orm`, `copy(include=...)`,
    `json()` with arguments of `json.dumps`.

    Known limits
    The receiver has to be known as a model or its class, or as any model (`data: BaseModel`) where no class of the
    project defines such a method. Models of `pydantic.v1`, classes that define one themselves, and projects that allow
    Pydantic 1 are left alone.

    References
    - [Pydantic: migration guide, changes to BaseModel](https://docs.pydantic.dev/latest/migration/#changes-to-pydanticbasemodel)
    """
    if not check.project.versions.for_path(module.path).reaches("pydantic", "2"):
        return
    for call in module.calls_named(_NEW):
        if not isinstance(call.func, f.Attr):
            continue
        model = model_of_method(check.project, module, call, call.func)
        if model is None or is_for_a_release(check.project.values, module, call.block, "pydantic"):
            continue
        old, new = call.func.attr, _NEW[call.func.attr]
        yield check.finding(
            (call.name_start, call.name_end),
            f"`{model}.{old}` is Pydantic 1's name",
            why="it is deprecated and goes with Pydantic 3",
            instead=f"call `{new}`{_more(old)}",
            fix=partial(_fix, module, call, old, new) if not _is_own_below(module, call, call.func, check) else None,
        )


def _is_own_below(module: Module, call: f.Call, func: f.Attr, check: Check) -> bool:
    """Whether a class below that of the object defines the old name itself, and the object may be one of it."""
    match check.project.infer(func.value, module, call.block, call.start):
        case Instance(cls=Class() as cls, origin=None) | ClassObject(cls=cls):
            return any(func.attr in heir.methods for heir in check.project.types.subclasses(cls))
    return False


def _more(old: str) -> str:
    if old == "from_orm":
        return " with `from_attributes=True`"
    return " and dump it with `json.dumps`" if old == "schema_json" else ""


def _fix(module: Module, call: f.Call, old: str, new: str) -> Fix | None:
    allowed = _SAME_ARGUMENTS.get(old)
    if allowed is None or (old != "construct" and any(arg.name not in allowed for arg in call.args)):
        return None
    if module.source.slice(call.name_start, call.name_end) != old:
        return None  # the method stands in parentheses
    return Fix(f"Call {new}", Safety.UNSAFE, (Edit(module.source.span(call.name_start, call.name_end), new),))
