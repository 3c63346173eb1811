"""FAPI409: configuration of models in the form of Pydantic 1."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import importing
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Module
from fastapi_lint.model.data import Schema, is_for_a_release
from fastapi_lint.model.names import attributes
from fastapi_lint.rule import Check, rule

_RENAMED = {
    "orm_mode": "from_attributes",
    "allow_population_by_field_name": "populate_by_name",
    "schema_extra": "json_schema_extra",
    "anystr_strip_whitespace": "str_strip_whitespace",
    "anystr_lower": "str_to_lower",
    "anystr_upper": "str_to_upper",
    "min_anystr_length": "str_min_length",
    "max_anystr_length": "str_max_length",
    "validate_all": "validate_default",
    "keep_untouched": "ignored_types",
}
_GONE = {
    "allow_mutation": "write `frozen=True` for `allow_mutation=False`",
    "fields": "write `Field(...)` at the fields",
    "underscore_attrs_are_private": "remove it: names with an underscore are private attributes now",
    "smart_union": "remove it: unions are smart now",
    "getter_dict": "use a validator with `mode='before'`",
    "copy_on_model_validation": "remove it: models are not copied, unless `revalidate_instances` says so",
    "post_init_call": "remove it",
    "error_msg_templates": "raise errors of your own in validators",
}
_SETTINGS = frozenset({"env_prefix", "env_file", "env_file_encoding", "env_nested_delimiter", "secrets_dir"})
"""Keys that only settings read."""
_CONFIGS = frozenset({"pydantic.ConfigDict", "pydantic_settings.SettingsConfigDict"})


@rule("FAPI409", fix=Safety.UNSAFE, since="0.2.0")
def pydantic_v1_config(module: Module, check: Check) -> Iterator[Finding]:
    """A model is configured in the form of Pydantic 1 in a project on Pydantic 2.

    Why is this bad?
    `class Config` is deprecated and will be removed. Keys of Pydantic 1 (`orm_mode`, `schema_extra`,
    `allow_population_by_field_name`) have no effect any more, in it or in `ConfigDict`: there is one warning at import,
    and the model does not do what was asked for.

    Fix safety
    Keys are renamed, and a plain `class Config` becomes `model_config = ConfigDict(...)`. The fix is unsafe because it
    switches on what was asked for and did not happen.

    Known limits
    Other classes with a `Config`, models of `pydantic.v1`, and projects that allow Pydantic 1 are left alone.
    A `class Config` with bases, methods or anything but plain assignments has no fix.

    References
    - [Pydantic: migration guide, changes to config](https://docs.pydantic.dev/latest/migration/#changes-to-config)
    """
    if not module.mentions("Config", "model_config"):
        return
    if not check.project.versions.for_path(module.path).reaches("pydantic", "2"):
        return
    for cls in module.classes:
        inner, own = cls.nested.get("Config"), cls.assigns.get("model_config")
        if inner is None and own is None:
            continue
        if is_for_a_release(check.project.values, module, cls.facts.outer, "pydantic"):
            continue
        schema = check.project.schemas.of(cls)
        if schema is None or schema.is_v1 or not _is_model(schema, check):
            continue
        if inner is not None and own is None:
            yield from _class(module, schema, inner, check)
        if own is not None and isinstance(own.value, f.CallRef):
            call = module.facts.calls[own.value.index]
            if check.project.called_name(module, call) in _CONFIGS:
                yield from _keywords(module, schema, call, check)


def _is_model(schema: Schema, check: Check) -> bool:
    roots = ("pydantic.BaseModel", "pydantic_settings.BaseSettings")
    return any(check.project.types.is_subclass(schema.cls, root) for root in roots)


def _class(module: Module, schema: Schema, inner: Class, check: Check) -> Iterator[Finding]:
    old = [name for name in inner.assigns if name in _RENAMED or name in _GONE]
    why = "it is deprecated, and will be removed"
    if old:
        names = ", ".join(f"`{name}`" for name in old[:3])
        why = f"{names} {'has' if len(old) == 1 else 'have'} no effect in Pydantic 2"
    is_settings = check.project.schemas.is_settings(schema.cls)
    config = "SettingsConfigDict" if is_settings else "ConfigDict"
    instead = f"write `model_config = {config}({_written(module, inner)})`"
    idle = [name for name in inner.assigns if name in _SETTINGS] if not is_settings else []
    if idle:
        why = f"{why}, and `{idle[0]}` does nothing for a model"
        instead = "inherit from `pydantic_settings.BaseSettings`, or take it away"
    yield check.finding(
        inner,
        f"`{schema.name}` is configured by a `class Config`",
        why=why,
        instead=instead,
        fix=None if idle or _is_named(schema.cls, check) else partial(_rewritten, module, inner, config),
    )


def _is_named(cls: Class, check: Check) -> bool:
    """Whether something may name the `Config` of a class, such as that of a class below it."""
    modules = {cls.module, *(each.module for each in check.project.types.subclasses(cls))}
    return any(
        isinstance(base, f.Attr) and base.attr == "Config"
        for module in modules
        for each in module.classes
        for base in each.facts.bases
    ) or any(True for module in modules for _ in attributes(module, "Config"))


def _keywords(module: Module, schema: Schema, call: f.Call, check: Check) -> Iterator[Finding]:
    for arg in call.args:
        if arg.name in _RENAMED:
            yield check.finding(
                arg,
                f"`{arg.name}` is no key of Pydantic 2's configuration",
                why=f"it has no effect on `{schema.name}`",
                instead=f"write `{_RENAMED[arg.name]}`",
                fix=partial(_renamed, module, call, arg),
            )
        elif arg.name in _GONE:
            yield check.finding(
                arg,
                f"`{arg.name}` is no key of Pydantic 2's configuration",
                why=f"it has no effect on `{schema.name}`",
                instead=_GONE[arg.name],
            )
        elif arg.name == "json_encoders":
            yield check.finding(
                arg,
                f"`json_encoders` of `{schema.name}` are kept for compatibility only",
                why="Pydantic may remove them, and they do not show in the schema",
                instead="write a `field_serializer`, or `PlainSerializer` at the type",
                severity=Severity.INFO,
            )


def _entries(module: Module, inner: Class) -> list[tuple[str, f.Assign]]:
    return [
        (entry.target.id, entry)
        for entry in module.facts.assigns
        if module.facts.blocks[entry.block].cls == inner.index and isinstance(entry.target, f.Name)
    ]


def _value(module: Module, entry: f.Assign) -> str:
    return module.source.slice(entry.start, entry.end).partition("=")[2].strip()


def _written(module: Module, inner: Class) -> str:
    """The new keys with their values, as far as they fit in a message."""
    shown = []
    for name, entry in _entries(module, inner):
        value = _value(module, entry)
        if name not in _GONE:
            is_short = len(value) <= 20 and "\n" not in value
            shown.append(f"{_RENAMED.get(name, name)}={value if is_short else '...'}")
    return ", ".join(shown[:2]) + (", ..." if len(shown) > 2 else "") if shown else "..."


def _renamed(module: Module, call: f.Call, arg: f.Arg) -> Fix | None:
    new = _RENAMED[arg.name]
    if module.facts.errors or any(each.name in (new, "**") for each in call.args):
        return None
    edit = Edit(module.source.span(arg.start, arg.start + len(arg.name)), new)
    return Fix(f"Write {new}", Safety.UNSAFE, (edit,))


def _rewritten(module: Module, inner: Class, config: str) -> Fix | None:
    """`model_config = ConfigDict(...)` in the place of a class with nothing but assignments on lines of their own."""
    if module.facts.errors or inner.facts.bases or inner.facts.decorators or inner.methods or inner.nested:
        return None
    entries = _entries(module, inner)
    given: dict[str, str] = {}
    for name, entry in entries:
        value = _value(module, entry)
        if entry.annotation is not None or entry.op != "=" or "\n" in value:
            return None
        if isinstance(entry.value, f.Display) and value[:1] not in ("(", "[", "{"):
            return None  # a tuple without parentheses would be more arguments
        if name == "allow_mutation" and value in ("True", "False"):
            name, value = "frozen", str(value == "False")
        elif name in ("smart_union", "underscore_attrs_are_private"):
            continue
        elif name in _GONE:
            return None
        given[_RENAMED.get(name, name)] = value
    head, _, body = module.source.slice(inner.facts.head_end, inner.facts.end).partition("\n")
    comment = head.strip()
    lines = [line for line in body.splitlines() if line.strip()]
    if not given or len(lines) != len(entries) or "#" in body or ";" in body or comment[:1] not in ("", "#"):
        return None
    source = module.excerpt(inner.facts.start)
    node = _node(source.tree, module, inner) if source is not None else None
    package = "pydantic_settings" if config == "SettingsConfigDict" else "pydantic"
    imported = importing(source, package, config, at=node) if source is not None and node is not None else None
    if imported is None:
        return None
    called, imports = imported
    text = f"model_config = {called}({', '.join(f'{name}={value}' for name, value in given.items())})"
    text += f"  {comment}" if comment else ""
    span = module.source.span(inner.facts.start, inner.facts.end)
    return Fix(f"Write model_config = {config}(...)", Safety.UNSAFE, (*imports, Edit(span, text)))


def _node(tree: cst.Module, module: Module, inner: Class) -> cst.CSTNode | None:
    """The outermost class around the configuration, above which an import has to stand."""
    outermost = min((each for each in module.classes if each.facts.start <= inner.facts.start < each.facts.end),
                    key=lambda each: each.facts.start)  # fmt: skip
    for statement in tree.body:
        if isinstance(statement, cst.ClassDef) and statement.name.value == outermost.name:
            return statement
    return None
