"""Handlers that no request comes to, as all of their routes are on routers that no app includes. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastapi_lint.model.names.symbols import Function, Module
from fastapi_lint.model.routing.routers import RouterKey
from fastapi_lint.model.routing.serving.left_out import left_out
from fastapi_lint.tracking.queries import query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


@query
def idle_handlers(project: Project) -> Mapping[Function, str]:
    """The handlers that answer no request, each with the variable of the router that no app includes."""
    routes = project.routes
    names: dict[RouterKey, str] = {router.origin: router.variable for router in left_out(project)}
    parents: dict[RouterKey, set[RouterKey]] = {}
    for inclusion in routes.inclusions if names else ():
        parents.setdefault(inclusion.child, set()).add(inclusion.parent)
    grows = bool(names)
    while grows:  # routers that only such routers include
        grows = False
        for child, found in parents.items():
            if child not in names and found <= names.keys():
                names[child] = names[next(iter(found))]
                grows = True
    return {
        handler: names[next(iter(found)).key]
        for handler, found in routes.by_handler.items()
        if names and found and all(route.key in names for route in found)
    }


def idle_router(project: Project, module: Module, at: int) -> str | None:
    """The router that no app includes, where a place lies in a handler of its routes; None elsewhere."""
    for function in module.functions:
        if function.facts.first <= at < function.facts.end and function in project.routes.by_handler:
            if (router := idle_handlers(project).get(function)) is not None:
                return router
    return None
