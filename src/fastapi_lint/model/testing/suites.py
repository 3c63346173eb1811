"""Tests as pytest sees them: fixtures, the conftest files above a module, what is configured. Judges nothing."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_FIXTURES = frozenset({"pytest.fixture", "pytest_asyncio.fixture", "pytest.yield_fixture", "anyio.fixture"})
_AUTO = re.compile(r"""(?:asyncio|anyio)[_-]mode["']?(?:\s*[=:]\s*|\s+)["']?auto""")
_RUNNERS = {"pytest_operator": "pytest-operator", "alt_pytest_asyncio": "alt-pytest-asyncio"}
"""Plugins that run every async test without being told: the module and the package."""
_SETTINGS = ("pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


def conftests(project: Project, module: Module) -> Iterator[Module]:
    """The `conftest.py` files whose fixtures a test module may use, nearest first."""
    folder = posixpath.dirname(module.path)
    while True:
        path = posixpath.join(folder, "conftest.py")
        if (found := project.modules.at(path)) is not None and found is not module:
            yield found
        if not folder:
            return
        folder = posixpath.dirname(folder)


def fixture_call(project: Project, function: Function) -> tuple[str, f.Call | None] | None:
    """The decorator that makes a function a fixture: its name, and its call when it has arguments; None without one."""
    for decorator in function.facts.decorators:
        call = function.module.facts.calls[decorator.index] if isinstance(decorator, f.CallRef) else None
        shown = decorator if call is None else call.func
        name = project.name(shown, function.module, function.facts.outer, function.facts.first)
        if name in _FIXTURES:
            return name, call
    return None


def fixture_option(project: Project, function: Function, name: str) -> f.Expr | None:
    """An argument of the decorator of a fixture (`autouse`, `scope`); None when it is not given."""
    found = fixture_call(project, function)
    given = f.keyword(found[1], name) if found is not None and found[1] is not None else None
    return given.value if given is not None else None


def fixture(project: Project, module: Module, name: str) -> Function | None:
    """The fixture of a name as a test in a module gets it: its own, else that of the nearest conftest file."""
    for place in (module, *conftests(project, module)):
        for function in place.functions:
            if function.name == name and fixture_call(project, function) is not None:
                return function
    return None


def runs_coroutines(project: Project, module: Module) -> bool:
    """Whether a plugin runs every async test by itself: by the mode `auto` in the nearest settings, or always."""
    places = (module, *conftests(project, module))
    if any(entry.module.split(".")[0] in _RUNNERS for place in places for entry in place.facts.imports):
        return True
    if any(project.versions.for_path(module.path).declares(package) for package in _RUNNERS.values()):
        return True
    folder = posixpath.dirname(module.path)
    while True:
        for name in _SETTINGS:
            text = project.declared.get(posixpath.join(folder, name))
            if text is not None and _AUTO.search(text):
                return True
        if not folder:
            return False
        folder = posixpath.dirname(folder)
