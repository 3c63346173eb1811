"""Whether the OpenAPI document of an app is made at all: without it there are no operation ids. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Instance
from fastapi_lint.model.routing.routers import Router

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_MAKER = "get_openapi"


def has_document(app: Router, project: Project) -> bool:
    """Whether an app may have an OpenAPI document: FastAPI serves one, or the project makes it (`app.openapi()`)."""
    given = app.given("openapi_url")
    if given is None:
        return True
    return app.project.expansion.truth(*given) is not False or _is_made(app, project)


def _is_made(app: Router, project: Project) -> bool:
    """Whether the project asks the app for its document, or makes one of the routes of whatever app."""
    if any(entry.name == _MAKER for module in project.modules for entry in module.facts.imports):
        return True
    if project.modules.calls_by_name.get(_MAKER):
        return True
    for module, index in project.modules.calls_by_name.get("openapi", ()):
        call = module.facts.calls[index]
        if isinstance(call.func, f.Attr):
            asked = project.infer(call.func.value, module, call.block, call.start)
            origin = asked.origin if isinstance(asked, Instance) else None
            if origin is None or origin == app.origin:
                return True
    return False
