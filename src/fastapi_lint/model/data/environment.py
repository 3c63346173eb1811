"""Programs that load a `.env` file into the environment of their process, beside what settings classes read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_LOADERS = frozenset({
    "dotenv.load_dotenv", "dotenv.main.load_dotenv", "environs.Env.read_env", "environ.Env.read_env",
})  # fmt: skip
_WORDS = ("load_dotenv", "read_env")


def loads_env_file(project: Project) -> bool:
    """Whether the project loads a `.env` file itself, anywhere: which of its modules run later is not known."""
    for module in project.modules:
        if module.mentions(*_WORDS) and not module.is_test:
            for call in module.facts.calls:
                if project.called_name(module, call) in _LOADERS:
                    return True
    return False
