"""Which modules belong to one program: those that import each other, however far. Services that share nothing do not.

A name or a shape says something about a project as a whole only within one program: `app.state.cache` of one service is
not that of the next, and a class does not implement the Protocol of a program that never loads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from fastapi_lint.model.names.modules import Modules
from fastapi_lint.model.names.reach import imported_by, imports_of
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.tracking import collected

V = TypeVar("V")


class Programs:
    """Answers "are these of one program", from the imports of all modules. Tests join nothing."""

    TABLES = "modules.tables"

    def __init__(self, modules: Modules) -> None:
        self.modules = modules

    @collected("types.programs.of", extract=imports_of)
    def of(self) -> Mapping[str, str]:
        """The paths of all modules, each with the first path of its program."""
        above: dict[str, str] = {module.path: module.path for module in self.modules.by_path.values()}

        def first(path: str) -> str:
            while above[path] != path:
                above[path] = above[above[path]]
                path = above[path]
            return path

        for module in self.modules.by_path.values():
            for other in () if module.is_test else imported_by(module, self.modules):
                one, two = sorted((first(module.path), first(other.path)))
                above[two] = one
        return {path: first(path) for path in above}

    def near(self, reader: Module, found: Iterable[tuple[Module, V]]) -> list[tuple[Module, V]]:
        """Of what was found in modules, that which can be of the reader's program.

        Modules below one package belong together without being asked: something may load them by name.
        """
        given = list(found)
        root = self.modules.package_root(reader)
        if all(self.modules.package_root(module) == root for module, _ in given):
            return given
        own = self.of[reader.path]
        return [
            (module, one)
            for module, one in given
            if self.of[module.path] == own or (self.modules.package_root(module) == root and root != ())
        ]
