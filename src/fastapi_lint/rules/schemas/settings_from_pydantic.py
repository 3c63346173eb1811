"""FAPI412: settings classes that Pydantic 2 cannot import, and defaults that read the environment by hand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.data import SchemaField, loads_env_file, names_env_file, variable_of
from fastapi_lint.rule import Check, rule

_READERS = frozenset({"os.getenv", "os.environ.get"})


@rule("FAPI412", severity=Severity.ERROR, fix=Safety.SAFE, since="0.2.0")
def settings_from_pydantic(module: Module, check: Check) -> Iterator[Finding]:
    """`BaseSettings` is imported from `pydantic`, or a settings class reads the environment itself.

    Why is this bad?
    With Pydantic 2 `from pydantic import BaseSettings` raises `PydanticImportError`: it moved to `pydantic_settings`. A
    default such as `os.getenv("APP_DEBUG")` of a field `debug` is read once, at import; the `.env` file does not set
    it, as that counts only for the names that the settings read, and a variable that is missing is hidden.

    Known limits
    Reading the environment in a default is reported as a warning, and as information where nothing is lost by it: the
    settings name no `.env` file, which could hold the variable, or read the very same variable for this field by
    themselves. The fix for the import is safe; there is none for a default. Imports
    in `try` or below an `if`, projects that allow Pydantic 1, and those that load the `.env` file into the environment
    themselves (`load_dotenv`), are left alone.

    References
    - [Pydantic: BaseSettings has moved](https://docs.pydantic.dev/latest/migration/#basesettings-has-moved-to-pydantic-settings)
    - [FastAPI: settings](https://fastapi.tiangolo.com/advanced/settings/)
    """
    if not module.mentions("BaseSettings", "environ", "getenv"):
        return
    if not check.project.versions.for_path(module.path).reaches("pydantic", "2"):
        return
    for entry in module.facts.imports:
        if (entry.module, entry.name, entry.level) == ("pydantic", "BaseSettings", 0) and entry.block == 0:
            yield check.finding(
                entry,
                "`BaseSettings` is imported from `pydantic`",
                why="with Pydantic 2 it raises `PydanticImportError`",
                instead="import it from `pydantic_settings`",
                fix=partial(_moved, module, entry),
            )
    if loads_env_file(check.project):
        return
    for cls in module.classes:
        schema = check.project.schemas.of(cls) if check.project.schemas.is_settings(cls) else None
        for one in schema.own_fields if schema is not None and not schema.is_v1 else ():
            if (name := _read(one, check)) is not None and schema is not None:
                known = variable_of(check.project, schema, one)
                is_lost = names_env_file(check.project, cls) and (known is None or not known.is_called(name))
                yield check.finding(
                    one,
                    f"the default of `{cls.name}.{one.name}` reads `{name}` itself",
                    why="it is read at import, and what the `.env` file says of it is not looked at"
                    if is_lost
                    else "the settings read their variables by themselves, and check them",
                    instead="declare the field, which reads its variable by name or `validation_alias`",
                    severity=Severity.WARNING if is_lost else Severity.INFO,
                )


def _read(one: SchemaField, check: Check) -> str | None:
    """The environment variable that the default of a field reads, as written."""
    for value in one.default.options if isinstance(one.default, f.Choice) else (one.default,):
        match value:
            case f.CallRef(index=index):
                call = one.module.facts.calls[index]
                if call.args and check.project.called_name(one.module, call) in _READERS:
                    return _shown(call.args[0].value)
            case f.Sub(value=f.Attr(attr="environ") as mapping, items=(key,)):
                if check.project.name(mapping, *one.where) == "os.environ":
                    return _shown(key)
    return None


def _shown(value: f.Expr) -> str:
    return str(value.value) if isinstance(value, f.Const) else "the environment"


def _moved(module: Module, entry: f.Import) -> Fix | None:
    """The import on a line of its own, for statements that import nothing else."""
    text = module.text
    line = text.rfind(b"\n", 0, entry.start) + 1
    before = text[line : entry.start]
    rest = text[entry.end :].split(b"\n", 1)[0].strip()
    if before.split() != [b"from", b"pydantic", b"import"] or (rest and not rest.startswith(b"#")):
        return None
    at = line + before.index(b"pydantic")
    return Fix("Import it from pydantic_settings", Safety.SAFE, (
        Edit(module.source.span(at, at + len(b"pydantic")), "pydantic_settings"),
    ))  # fmt: skip
