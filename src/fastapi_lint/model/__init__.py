"""Facts in, Project out: names, types, calls, effects, routes, dependencies, schemas. Reports nothing, reads no file.

What rules use is importable from here; the modules inside import each other from left to right: symbols, names, types,
values, effects, expansion, routes, dependencies, schemas, database, project.
"""

from __future__ import annotations

from fastapi_lint.model.injection.dependencies import Depends, Parameter
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Coroutine,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Type,
)
from fastapi_lint.model.project import Project
from fastapi_lint.model.routing.routes import Address, App, Route, Router

__all__ = [
    "Address",
    "App",
    "Class",
    "ClassObject",
    "Coroutine",
    "Depends",
    "External",
    "Function",
    "FunctionObject",
    "Instance",
    "Method",
    "Module",
    "Parameter",
    "Project",
    "Route",
    "Router",
    "Type",
]
