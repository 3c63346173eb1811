"""FAPI301: operations that leave their success status to the default."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import importing, with_argument
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module, Project, Route
from fastapi_lint.model.routing import declares_response, returns_response, takes
from fastapi_lint.rule import Check, rule


@rule(
    "FAPI301",
    preset="strict",
    severity=Severity.INFO,
    fix=Safety.UNSAFE,
    options={"methods": ("GET", "POST", "PUT", "PATCH", "DELETE")},
)
def missing_status_code(project: Project, check: Check) -> Iterator[Finding]:
    """A path operation does not state the status code of its success.

    Why is this bad?
    Without `status_code` every operation answers 200, whatever it did. A stated code is part of the contract: readers
    see what the operation promises, and the OpenAPI document says it on purpose instead of by default.

    The option `methods` names the HTTP methods that must state it.

    Fix safety
    The fix states the default, 200, which changes nothing at run time. It is unsafe because another code is often
    meant: 201 for what creates, 202 for what starts work, 204 for what has nothing to say. There is none for a POST
    that is seen to insert a row: what it answers is FAPI302's.

    Known limits
    Handlers that return a response object by annotation are left alone, since the object carries the status. So are
    those that return one and are not in the OpenAPI document, redirects, websockets, and registrations with unpacked
    keyword arguments.

    References
    - [FastAPI: response status code](https://fastapi.tiangolo.com/tutorial/response-status-code/)
    """
    names: dict[Module, tuple[str, tuple[Edit, ...]] | None] = {}
    for route in project.routes.all:
        missing = [method for method in route.methods if method in check.names("methods")]
        if missing and not _is_stated(route, project):
            yield check.finding(
                route,
                f"`{route.name}` ({', '.join(missing)}) leaves its success status to the default",
                why="readers cannot tell whether 200 is meant",
                instead="state `status_code=`",
                module=route.module,
                fix=partial(_fix, route, names, project),
            )


def _is_stated(route: Route, project: Project) -> bool:
    """Whether the status is given, comes with the response, or does not matter here."""
    handler = route.handler
    if route.kind != "http" or handler is None or route.has_unpacked or route.module.is_test:
        return True
    if route.keyword("status_code") is not None or declares_response(handler, project.types):
        return True
    hidden = route.keyword("include_in_schema")
    if hidden is not None and hidden.value == f.Const(False) and returns_response(handler, project.types):
        return True  # neither the document nor the answer would take the code from the decorator
    given = route.keyword("response_class")
    return given is not None and "Redirect" in (project.name(given.value, *route.where) or "")


def _fix(route: Route, names: dict[Module, tuple[str, tuple[Edit, ...]] | None], project: Project) -> Fix | None:
    module = route.module
    if "POST" in route.methods and route.handler is not None and project.inserts.insertion(route.handler) is not None:
        return None  # FAPI302 may ask for 201
    opened = call_node(module, route.call) if route.call.args and takes(route, "status_code") else None
    if opened is None:
        return None
    source, node = opened
    if route.call.block:
        found = importing(source, "fastapi", "status", at=node)
    else:
        if module not in names:  # what holds for the first route of a module holds for those below
            names[module] = importing(source, "fastapi", "status", at=node)
        found = names[module]
    if found is None:
        return None
    name, edits = found
    made = with_argument(source, node, f"status_code={name}.HTTP_200_OK")
    return Fix("State the default status", Safety.UNSAFE, (*edits, *made))
