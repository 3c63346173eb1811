"""Which dependencies know nothing of the scopes that `Security` demands. What is not known may look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.injection.parameters import Depends
from fastapi_lint.model.names.symbols import Class, ClassObject, External, Function, FunctionObject, Instance, Type

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


_SCOPES = ("fastapi.security.SecurityScopes",)


def ignores_scopes(project: Project, depends: Depends) -> bool:
    """Whether a dependency is known to know nothing of scopes; what it depends on is asked for itself."""
    match depends.target:
        case FunctionObject(function=function):
            return not _takes_scopes(project, function)
        case ClassObject(cls=cls):
            return _class_ignores(project, cls, "__init__")
        case Instance(cls=Class() as cls):
            return _class_ignores(project, cls, "__call__")
        case External(name=name) | Instance(cls=str(name)):
            return name.startswith("fastapi.security.")
    return False


def _class_ignores(project: Project, cls: Class, method: str) -> bool:
    order = project.types.mro(cls)
    if any(isinstance(base, str) and base != "object" and not base.startswith("fastapi.security.") for base in order):
        return False
    bodies = [
        base.methods[name]
        for base in order
        if isinstance(base, Class)
        for name in (method, "__init__")
        if name in base.methods
    ]
    return not any(_takes_scopes(project, function) for function in bodies)


def _takes_scopes(project: Project, function: Function) -> bool:
    """Whether a function may get at the scopes: by a parameter of its own, the request, or what collects everything."""
    if any(param.kind in ("args", "kwargs") for param in function.params) or function.facts.decorators:
        return True
    return any(
        _may_hold(project, parameter.type, parameter.fact.annotation)
        for parameter in project.dependencies.parameters(function)
    )


def _may_hold(project: Project, declared: Type, annotation: f.Expr | None) -> bool:
    requests = ("fastapi.Request", "fastapi.WebSocket", "fastapi.requests.HTTPConnection")
    if project.types.is_instance(declared, *_SCOPES, *requests):
        return True
    return declared is None and annotation is not None and "Scopes" in f.last_name(annotation)
