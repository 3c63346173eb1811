"""Programs that load a `.env` file into the environment of their process, beside what settings classes read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class
from fastapi_lint.tracking.queries import gathered

if TYPE_CHECKING:
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
