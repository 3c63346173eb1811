"""Modules that are several others of the project once more, one behind the other: a script has copied them. Judges
nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.model.names.symbols import Function, Module
from fastapi_lint.tracking import memoized

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_FEWEST = 4
_MOST_OTHERS = 0.25


class Repeated:
    """Answers about one module after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project

    @memoized
    def repeats(self, module: Module) -> bool:
        """Whether nearly all functions of a module that nobody imports stand in others too, and not all in one."""
        own = {function.name: _text(function) for function in module.functions if _is_outer(function)}
        if len(own) < _FEWEST or self._is_imported(module):
            return False
        found: dict[str, Module] = {}
        for other in self.project.modules:
            if other is module or other.is_test or not other.mentions(*own):
                continue
            for function in other.functions:
                if _is_outer(function) and own.get(function.name) == _text(function):
                    found.setdefault(function.name, other)
        return len(found) >= len(own) * (1 - _MOST_OTHERS) and len(set(found.values())) > 1

    def _is_imported(self, module: Module) -> bool:
        modules = self.project.modules
        return any(
            modules.imported_from(other, entry) is module or entry.name == module.parts[-1]
            for other in modules
            if other is not module and module.parts and other.mentions(module.parts[-1])
            for entry in other.facts.imports
        )


def _is_outer(function: Function) -> bool:
    return function.facts.outer == 0 and function.name != "<lambda>"


def _text(function: Function) -> bytes:
    return function.module.text[function.facts.start : function.facts.end]
