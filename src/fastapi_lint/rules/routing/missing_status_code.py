from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Fix, Safety, Severity
from fastapi_lint.model import Route
from fastapi_lint.rule import Check, rule

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_RESPONSE = "starlette.responses.Response"


@rule(
    "FAPI301",
    preset="strict",
    severity=Severity.INFO,
    fix=Safety.UNSAFE,
    options={"methods": _METHODS},
)
def missing_status_code(route: Route, check: Check) -> Iterator[Finding]:
    """A path operation does not state the status code of its success.

    Why is this bad?
    Without `status_code` every operation answers 200, whatever it did. A stated code is part of the contract: readers
    see what the operation promises, and the OpenAPI document says the same on purpose instead of by default.

    The option `methods` names the HTTP methods that must state it.

    Fix safety
    The fix states the default, 200, which changes nothing; it is unsafe because another code is often meant: 201 for
    what creates, 202 for what starts work, 204 for what has nothing to say.

    Known limits
    Handlers that return a response object by annotation are left alone, since the object carries the status.

    References
    - [FastAPI: response status code](https://fastapi.tiangolo.com/tutorial/response-status-code/)
    """
    if route.kind != "http" or route.handler is None or route.has_unpacked or route.module.is_test:
        return
    missing = [method for method in route.methods if method in check.names("methods")]
    if not missing or route.keyword("status_code") is not None or _answers_itself(route, check):
        return
    yield check.finding(
        route,
        f"`{route.name}` does not say with which status it succeeds: it answers 200 by default; state `status_code=`",
        fix=_fix(route, check),
    )


def _answers_itself(route: Route, check: Check) -> bool:
    """Whether the status comes with the response: a Response annotation, or a class of redirects."""
    types, handler = check.project.types, route.handler
    if handler is None:
        return True
    where = (handler.module, handler.facts.outer, handler.start)
    if handler.facts.returns is not None and types.is_instance(types.annotation(handler.facts.returns, where), _RESPONSE):
        return True
    given = route.keyword("response_class")
    name = types.name_of_type(types.infer(given.value, route.where)) if given else None
    return name is not None and "Redirect" in name


def _fix(route: Route, check: Check) -> Fix | None:
    if not route.by_decorator or not route.call.args:
        return None
    from fastapi_lint.edits import add_argument, importing
    from fastapi_lint.edits.calls import call_at

    node = call_at(route.module.source, route.call.start, route.call.end)
    if node is None:
        return None
    found = importing(route.module.source, "fastapi", "status", at=node)
    if found is None:
        return None
    name, edits = found
    edit = add_argument(route.module.source, node, f"status_code={name}.HTTP_200_OK")
    return Fix("State the default status", Safety.UNSAFE, (*edits, edit))
