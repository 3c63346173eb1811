"""FAPI411: arguments of `Field` that Pydantic 2 no longer has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits.calls import value_text
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Module
from fastapi_lint.model.data import LIMITS, Schema, SchemaField, Variable, is_for_a_release, variable_of
from fastapi_lint.model.names import is_conditional_import
from fastapi_lint.rule import Check, rule

_FIELDS = frozenset({"pydantic.Field", "pydantic.fields.Field"})
_RAISING = {"regex": "pattern", "const": "a `Literal` annotation", "unique_items": "a `set` annotation"}
_RENAMED = {"regex": "pattern"} | LIMITS
_STILL_CHECKED = frozenset({"regex", "min_items", "max_items"})
_OF_TABLES = frozenset({
    "primary_key", "foreign_key", "ondelete", "unique", "nullable", "index", "sa_type", "sa_column", "sa_column_args",
    "sa_column_kwargs",
})  # fmt: skip
"""Arguments of SQLModel's `Field`, which describe a column."""
_KNOWN = frozenset({
    "", "*", "**", "default", "default_factory", "alias", "alias_priority", "validation_alias", "serialization_alias",
    "title", "field_title_generator", "description", "examples", "exclude", "exclude_if", "discriminator", "deprecated",
    "json_schema_extra", "frozen", "validate_default", "repr", "init", "init_var", "kw_only", "pattern", "strict",
    "coerce_numbers_to_str", "gt", "ge", "lt", "le", "multiple_of", "allow_inf_nan", "max_digits", "decimal_places",
    "min_length", "max_length", "union_mode", "fail_fast", "include",
})  # fmt: skip
"""What `pydantic.Field` takes since 2.0; every other keyword goes into the JSON schema with a warning."""


@rule("FAPI411", fix=Safety.UNSAFE, since="0.2.0")
def pydantic_v1_field_argument(module: Module, check: Check) -> Iterator[Finding]:
    """`Field` is given an argument of Pydantic 1 in a project on Pydantic 2.

    Why is this bad?
    `regex`, `const` and `unique_items` raise at import. `min_items`, `max_items`, `allow_mutation` and extra keywords
    are deprecated; of the last two, nothing is checked any more. `env` in a settings class is ignored without a word,
    so that the setting never reads its variable, unless that is the one it reads by its name.

    Fix safety
    `regex` to `pattern` and `min_items`/`max_items` to `min_length`/`max_length` are safe and applied by `--fix`.
    `allow_mutation=False` to `frozen=True`, `env` to `validation_alias` and `lte` to `le` are unsafe: they switch on
    what was asked for and did not happen. `const`, `unique_items` and other extra keywords have no fix; `env` has none
    where a call gives the setting by the name of its field, which an alias would refuse.

    Known limits
    Imports from `pydantic.v1`, imports that depend on the version, and projects that allow Pydantic 1 are left alone.

    References
    - [Pydantic: migration guide, changes to Field](https://docs.pydantic.dev/latest/migration/#changes-to-pydanticfield)
    - [Pydantic: environment variable names](https://docs.pydantic.dev/latest/concepts/pydantic_settings/#environment-variable-names)
    """
    if not module.mentions("Field") or not check.project.versions.for_path(module.path).reaches("pydantic", "2"):
        return
    for call in module.facts.calls:
        suspects = [arg for arg in call.args if arg.name not in _KNOWN]
        if not suspects or check.project.called_name(module, call) not in _FIELDS:
            continue
        if is_conditional_import(module, call.func):
            continue
        if is_for_a_release(check.project.values, module, call.block, "pydantic"):
            continue
        cls = _class_around(module, call)
        is_setting = cls is not None and check.project.schemas.is_settings(cls)
        one = _field(cls, call, check) if cls is not None and is_setting else None
        variable = variable_of(check.project, one[0], one[1]) if one is not None else None
        for arg in suspects:
            title, why, instead, severity = _said(arg, variable, is_setting=is_setting)
            yield check.finding(
                arg,
                title,
                why=why,
                instead=instead,
                severity=severity,
                fix=None
                if severity is Severity.INFO or (arg.name == "env" and one is not None and _is_given(*one, check))
                else partial(_fix, module, call, arg, is_setting),
            )


def _class_around(module: Module, call: f.Call) -> Class | None:
    index = module.facts.blocks[call.block].cls
    return module.classes[index] if index >= 0 else None


def _field(cls: Class, call: f.Call, check: Check) -> tuple[Schema, SchemaField] | None:
    """The field of a settings class that a call of `Field` declares."""
    schema = check.project.schemas.of(cls)
    one = next((each for each in schema.own_fields if each.field_call == call), None) if schema is not None else None
    return (schema, one) if schema is not None and one is not None else None


def _is_given(schema: Schema, one: SchemaField, check: Check) -> bool:
    """Whether a call gives the field by its name, as tests do: with an alias, it would be refused."""
    made = check.project.callers.makings(schema.cls)
    return any(arg.name in (one.name, "**") for module, index in made for arg in module.facts.calls[index].args)


def _is_read_anyway(variable: Variable | None, value: f.Expr) -> bool:
    return variable is not None and isinstance(value, f.Const) and variable.is_called(value.value)


def _said(arg: f.Arg, variable: Variable | None, *, is_setting: bool) -> tuple[str, str, str, Severity | None]:
    title = f"`{arg.name}` is no argument of Pydantic 2's `Field`"
    if arg.name in _RAISING:
        return title, "it raises at import", f"write {_code(_RAISING[arg.name])}", Severity.ERROR
    if arg.name == "env" and is_setting and _is_read_anyway(variable, arg.value):
        return (
            title,
            "it is deprecated, and the field is read from this variable by its name",
            "remove it",
            Severity.INFO,
        )
    if arg.name == "env" and is_setting:
        why = "it is ignored without a word, and the setting never reads its variable"
        return title, why, "write `validation_alias`", Severity.ERROR
    if arg.name in _RENAMED:
        why = "it is deprecated" if arg.name in _STILL_CHECKED else "nothing is checked"
        return title, why, f"write `{_RENAMED[arg.name]}`", None
    if arg.name in _OF_TABLES:
        why = "it makes no column: it only goes into the JSON schema, with a warning"
        return title, why, "remove it, or take `Field` from sqlmodel, in a table", None
    if arg.name == "allow_mutation":
        return title, "it is deprecated and protects nothing", "write `frozen=True`", None
    return title, "it only goes into the JSON schema, with a warning", "write `json_schema_extra={...}`", None


def _code(words: str) -> str:
    return f"`{words}`" if " " not in words else words


def _fix(module: Module, call: f.Call, arg: f.Arg, is_setting: bool) -> Fix | None:
    names = {each.name for each in call.args}
    if module.facts.errors or "**" in names:
        return None
    span = module.source.span(arg.start, arg.end)
    if (new := _RENAMED.get(arg.name)) is not None and new not in names:
        renamed = Edit(module.source.span(arg.start, arg.start + len(arg.name)), new)
        return Fix(f"Write {new}", Safety.SAFE if arg.name in _STILL_CHECKED else Safety.UNSAFE, (renamed,))
    if arg.name == "allow_mutation" and arg.value == f.Const(False) and "frozen" not in names:
        return Fix("Write frozen=True", Safety.UNSAFE, (Edit(span, "frozen=True"),))
    if (
        arg.name == "env"
        and is_setting
        and isinstance(arg.value, f.Const)
        and not names & {"alias", "validation_alias"}
    ):
        text = value_text(module, arg)
        return Fix("Write validation_alias", Safety.UNSAFE, (Edit(span, f"validation_alias={text}"),))
    return None
