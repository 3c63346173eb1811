"""Small projects in memory, for tests of the model."""

from __future__ import annotations

from textwrap import dedent

from fastapi_lint.files.source import Source
from fastapi_lint.index.build import build
from fastapi_lint.model.names.symbols import Class, Function, Module
from fastapi_lint.model.project import Project


def project(**files: str) -> Project:
    """A project of modules by dotted name with `__` for the dots: `app__main="..."` is app/main.py."""
    modules = []
    for name, text in files.items():
        source = Source(f"{name.replace('__', '/')}.py", dedent(text).encode())
        modules.append(Module(source, build(source.utf8)))
    return Project(modules)


def cls(of: Project, name: str) -> Class:
    """The one class of that qualified name."""
    (found,) = (one for module in of.modules for one in module.classes if one.qualname == name)
    return found


def function(of: Project, name: str) -> Function:
    """The one function of that qualified name."""
    (found,) = (one for one in of.functions if one.qualname == name)
    return found
