"""What settings classes read: variables by name, and `.env` files, which programs may load as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class
from fastapi_lint.tracking.queries import gathered

if TYPE_CHECKING:
    from fastapi_lint.model.data.schemas import Schema, SchemaField
    from fastapi_lint.model.names.symbols import Module
    from fastapi_lint.model.project import Project

_LOADERS = frozenset({
    "dotenv.load_dotenv", "dotenv.main.load_dotenv", "environs.Env.read_env", "environ.Env.read_env",
})  # fmt: skip
_WORDS = ("load_dotenv", "read_env")


def loads_env_file(project: Project) -> bool:
    """Whether the project loads a `.env` file itself, anywhere: which of its modules run later is not known."""
    return bool(_loading(project))


@gathered
def _loading(project: Project, module: Module) -> Iterator[str]:
    """A module that does."""
    if module.mentions(*_WORDS) and not module.is_test:
        if any(project.called_name(module, call) in _LOADERS for call in module.facts.calls):
            yield module.path


class Variable(NamedTuple):
    """A variable of the environment, and whether the case of its letters counts."""

    name: str
    is_exact: bool

    def is_called(self, name: object) -> bool:
        """Whether a name is that of the variable."""
        return isinstance(name, str) and (
            name == self.name or (not self.is_exact and name.lower() == self.name.lower())
        )


def variable_of(project: Project, schema: Schema, one: SchemaField) -> Variable | None:
    """What a field of a settings class is read from by its name; None when it has an alias, or that is not known."""
    if one.alias is not None or {"alias", "validation_alias"} & one.keywords.keys():
        return None
    prefix = project.schemas.option(schema, "env_prefix")
    if "env_prefix" in schema.config and not isinstance(prefix, str):
        return None
    return Variable(f"{prefix or ''}{one.name}", project.schemas.option(schema, "case_sensitive") is True)


def names_env_file(project: Project, cls: Class) -> bool:
    """Whether settings are told of a `.env` file, in their class or a base of it; also when that is not known."""
    for base in project.types.mro(cls):
        if not isinstance(base, Class):
            continue
        config, own = base.nested.get("Config"), base.assigns.get("model_config")
        if config is not None and (config.facts.bases or "env_file" in config.assigns):
            return True
        match own.value if own is not None else None:
            case None:
                continue
            case f.CallRef(index=index):
                if {arg.name for arg in base.module.facts.calls[index].args} & {"env_file", "*", "**", ""}:
                    return True
            case f.Mapping(items=items):
                if any(key == f.Const("env_file") or not isinstance(key, f.Const) for key, _ in items):
                    return True
            case _:
                return True
    return False
