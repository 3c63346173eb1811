"""FAPI422: schemas that are filled from ORM objects and read dictionaries only."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import with_argument
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Instance, Module
from fastapi_lint.model.data import Schema
from fastapi_lint.rule import Check, rule


@rule("FAPI422", severity=Severity.ERROR, fix=Safety.SAFE, since="0.2.0")
def validate_without_from_attributes(module: Module, check: Check) -> Iterator[Finding]:
    """`model_validate` gets an ORM object, and nothing says that attributes are to be read.

    Why is this bad?
    Pydantic reads dictionaries and instances of the same class. Of any other object it reads attributes only where the
    schema's configuration or the call says `from_attributes=True`; else every such call raises a ValidationError.

    Known limits
    The object has to be known as one of a mapped class. Schemas with a validator in front are left alone: it may read
    the attributes. A nested schema without the setting is not looked for.

    References
    - [Pydantic: arbitrary class instances](https://docs.pydantic.dev/latest/concepts/models/#arbitrary-class-instances)
    """
    if not module.mentions("model_validate"):
        return
    for call in module.facts.calls:
        if not isinstance(call.func, f.Attr) or call.func.attr != "model_validate" or not call.args:
            continue
        given = call.args[0]
        if given.name not in ("", "obj") or any(arg.name in ("from_attributes", "**", "*") for arg in call.args):
            continue
        owner = check.project.infer(call.func.value, module, call.block, call.start)
        schema = check.project.schemas.of(owner.cls) if isinstance(owner, ClassObject) else None
        value = check.project.infer(given.value, module, call.block, call.start)
        if schema is None or schema.is_v1 or not isinstance(value, Instance) or not isinstance(value.cls, Class):
            continue
        if not check.project.orm.is_orm(value.cls) or check.project.types.is_subclass(value.cls, schema.cls):
            continue
        if not _reads_attributes(schema, check):
            yield check.finding(
                call,
                f"`{module.source.slice(call.start, call.name_end)}` gets a record and reads no attributes",
                why=f"it raises a ValidationError for an object of `{value.cls.name}`",
                instead="pass `from_attributes=True`, or set it in `model_config`",
                related=[check.related(schema.cls, "this schema", module=schema.module)],
                fix=partial(_fix, module, call),
            )


def _reads_attributes(schema: Schema, check: Check) -> bool:
    """Whether a schema reads attributes, as those of SQLModel do, or a validator in front of it may."""
    if not schema.complete or schema.kind in ("sqlmodel", "sqlmodel-table"):
        return True
    if "from_attributes" in schema.config or "orm_mode" in schema.config:
        return True
    names = {"pydantic.model_validator", "pydantic.root_validator"}
    return any(
        not names.isdisjoint(check.project.types.decorators(method)) or name == "model_validate"
        for base in check.project.types.mro(schema.cls)
        if isinstance(base, Class)
        for name, method in base.methods.items()
    )


def _fix(module: Module, call: f.Call) -> Fix | None:
    found = call_node(module, call)
    if found is None:
        return None
    return Fix("Read attributes", Safety.SAFE, tuple(with_argument(*found, "from_attributes=True")))
