"""FAPI346: parameters of which FastAPI does not know what they are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import importing
from fastapi_lint.fixing.edits.calls import node_at
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Parameter, Route
from fastapi_lint.rule import Check, rule

_MEANT = {
    "request": "Request",
    "websocket": "WebSocket",
    "response": "Response",
    "background_tasks": "BackgroundTasks",
}


@rule("FAPI346", fix=Safety.UNSAFE, since="0.2.0")
def unannotated_parameter(function: Function, check: Check) -> Iterator[Finding]:
    """A parameter of an endpoint or dependency has no annotation.

    Why is this bad?
    FastAPI decides by the type what a parameter is. Without one it is read from the path or the query, as whatever text
    is sent: it is not validated, and its schema in the OpenAPI document says nothing. A bare `request` is taken for a
    required query parameter, so that every request is answered with 422.

    Fix safety
    `request`, `websocket`, `response` and `background_tasks` get the type that they are named for. The fix is unsafe
    because the endpoint starts to work.

    Known limits
    Functions below another decorator are left alone, and so are those whose parameters have a marker (FAPI201).

    References
    - [Path parameters with types](https://fastapi.tiangolo.com/tutorial/path-params/#path-parameters-with-types)
    - [Using the request directly](https://fastapi.tiangolo.com/advanced/using-request-directly/)
    """
    bare = [param for param in function.params if param.annotation is None and param.kind in ("normal", "keyword-only")]
    if not bare or function.name == "<lambda>" or function.module.is_test:
        return
    routes = check.project.routes.by_handler.get(function, [])
    if not routes and not check.project.dependencies.injected.get(function):
        return
    if len(function.facts.decorators) > (1 if routes else 0) or not all(route.takes_prefix for route in routes):
        return
    untyped = []
    for parameter in check.project.dependencies.parameters(function):
        if parameter.fact not in bare or parameter.marker:
            continue
        if parameter.name in _MEANT and parameter.fact.default is None:
            yield _mistaken(parameter, check)
        elif parameter.fact.default is None or isinstance(parameter.fact.default, f.Const):
            untyped.append(parameter)
    if untyped:
        names = ", ".join(f"`{parameter.name}`" for parameter in untyped)
        yield check.finding(
            untyped[0],
            f"{names} of `{function.name}` {'has no type' if len(untyped) == 1 else 'have no types'}",
            why="whatever text is sent gets through"
            if routes and all(_is_hidden(route) for route in routes)
            else "it is not validated, and the OpenAPI document does not say what to send",
            instead="annotate it",
            severity=Severity.INFO,
        )


def _is_hidden(route: Route) -> bool:
    """Whether a route is left out of the OpenAPI document."""
    given = route.keyword("include_in_schema")
    return given is not None and given.value == f.Const(False)


def _mistaken(parameter: Parameter, check: Check) -> Finding:
    name, meant = parameter.name, _MEANT[parameter.name]
    return check.finding(
        parameter,
        f"`{name}` of `{parameter.function.name}` is a required query parameter",
        why="without a type FastAPI does not pass the object, and answers every request with 422",
        instead=f"write `{name}: {meant}`",
        severity=Severity.ERROR,
        fix=partial(_fix, parameter, meant),
    )


def _fix(parameter: Parameter, meant: str) -> Fix | None:
    module = parameter.function.module
    source = module.excerpt(parameter.start)
    if source is None or module.facts.errors:
        return None
    given = importing(source, "fastapi", meant, at=node_at(source, parameter.start))
    if given is None:
        return None
    name, imports = given
    place = module.source.span(parameter.end, parameter.end)
    return Fix(f"Annotate it with {meant}", Safety.UNSAFE, (*imports, Edit(place, f": {name}")))
