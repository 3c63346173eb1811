"""Which modules stand beside an application, as the folders around them say: tests, documentation, scripts, examples.

A folder is no more than a name: what the application imports from outside of it is a part of it. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from fastapi_lint.model.names.reach import imported_by
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.tracking.queries import gathered, query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_FOR_TESTS = frozenset({
    "test", "tests", "testing", "e2e", "mock", "mocks", "fixture", "fixtures", "docs", "doc", "conftest",
})  # fmt: skip
_FOLDERS = _FOR_TESTS | {
    "alembic", "migrations", "migration", "versions", "scripts", "script", "seeds", "seed", "examples", "example",
    "docs_src", "notebooks", "benchmarks", "tools", "bin", "samples", "templates", "template", "cookbook",
}  # fmt: skip


def is_for_tests(project: Project, module: Module) -> bool:
    """Whether a module is test code, or its file or a folder around it is called for that, and no part of the
    application imports it: `mocks/`, `docs/conf.py`.

    The whole name has to say so: `google_docs.py` and `mock_gateway.py` are programs.
    """
    if module.is_test or module.is_application:
        return module.is_test
    *folders, stem = module.path.lower().removesuffix(".py").split("/")
    is_said = not _FOR_TESTS.isdisjoint(folders) or (stem in _FOR_TESTS and not module.offers_routes)
    return is_said and module.path not in _imported(project)


def stands_aside(project: Project, module: Module, names: Collection[str]) -> bool:
    """Whether a folder around a module, or its file, has one of some names, and no part of the application imports what
    lies in its folder."""
    if not any(part in names for part in module.parts):
        return False
    folder = module.path.rpartition("/")[0]
    return all(path.rpartition("/")[0] != folder for path in _imported(project))


@query
def _imported(project: Project) -> frozenset[str]:
    """The modules in such folders that the application imports, and those that these import."""
    found = set(_imported_by_application(project))
    todo = [module for path in sorted(found) if (module := project.modules.at(path)) is not None]
    while todo:
        for each in imported_by(todo.pop(), project.modules):
            if not _FOLDERS.isdisjoint(each.parts) and not each.is_test and each.path not in found:
                found.add(each.path)
                todo.append(each)
    return frozenset(found)


@gathered
def _imported_by_application(project: Project, module: Module) -> Iterator[str]:
    """What a module of the application imports of modules in such folders, when it lies in none itself."""
    if module.is_test or not (_FOLDERS.isdisjoint(module.parts) or module.is_application):
        return
    if not any(_names_a_folder(entry.module, entry.name) for entry in module.facts.imports):
        return
    if project.effects.serving.is_served(module):
        found = imported_by(module, project.modules)
        yield from sorted({each.path for each in found if not _FOLDERS.isdisjoint(each.parts)})


def _names_a_folder(module: str, name: str) -> bool:
    return name in _FOLDERS or not _FOLDERS.isdisjoint(module.split("."))
