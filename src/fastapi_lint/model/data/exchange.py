"""Which schemas routes read from their requests and give in their responses, however deep. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.data.schemas import Schema, SchemaField, Schemas
from fastapi_lint.model.injection.dependencies import Dependencies, Parameter
from fastapi_lint.model.names.symbols import ClassObject, External, Function, FunctionObject, Type
from fastapi_lint.model.routing.routes import Route
from fastapi_lint.model.types.alternatives import admitted

_BODY = frozenset({"", "fastapi.Body", "fastapi.Form", "fastapi.File"})


@dataclass(frozen=True, eq=False)
class Use:
    """How a route uses a schema: directly (empty `trail`) or through the fields of others, outermost first.

    `parameter` is the body parameter of a request, in the handler or one of its dependencies; None for a response.
    """

    route: Route
    schema: Schema
    trail: tuple[SchemaField, ...]
    parameter: Parameter | None = None


def response_types(schemas: Schemas, route: Route) -> list[Type]:
    """What a route declares to return, one type for each alternative: `response_model`, else the return annotation.

    Response classes are among them; nothing for `response_model=None`, and for what is not declared or not known.
    """
    given = route.keyword("response_model")
    if given is not None:
        expr, where, environment = given.value, route.where, route.environment
        while isinstance(expr, f.Name) and expr.id in environment:  # registered in a loop or by a function
            expr, where, environment = environment[expr.id]
        return list(admitted(schemas.types, expr, where))
    if route.handler is None:
        return []
    facts = route.handler.facts
    return list(admitted(schemas.types, facts.returns, (route.handler.module, facts.outer, facts.start)))


def response_schemas(schemas: Schemas, routes: Iterable[Route]) -> dict[Schema, tuple[Use, ...]]:
    """The schemas that routes declare to return, with every such use. `responses=` is documentation and not read."""
    return _uses(
        Use(route, schema, trail)
        for route in routes
        for declared in response_types(schemas, route)
        for schema, trail in schemas.closure(declared)
    )


def body_parameters(
    schemas: Schemas, function: Function, parameters: Callable[[Function], tuple[Parameter, ...]]
) -> Iterator[tuple[Parameter, tuple[Type, ...]]]:
    """The parameters of a callable that FastAPI reads from the body because of their schema, with their types.

    These have no marker, or Body, Form or File; schemas behind Query, Header, Cookie and Depends are no body.
    `parameters` is `Dependencies.parameters`.
    """
    for parameter in parameters(function):
        if parameter.marker in _BODY and not _may_be_injected(schemas, parameter):
            where = (function.module, function.facts.outer, parameter.start)
            found = admitted(schemas.types, parameter.fact.annotation, where)
            if any(schemas.closure(one) for one in found):
                yield parameter, found


def _may_be_injected(schemas: Schemas, parameter: Parameter) -> bool:
    """Whether a function of the project makes the default or metadata of a parameter: it may well return a Depends."""
    function, fact = parameter.function, parameter.fact
    where = (function.module, function.facts.outer, fact.start)
    found = [
        (where[0], fact.default),
        *((module, expr) for module, expr, _ in schemas.types.metadata(fact.annotation, where)),
    ]
    made = [schemas.types.callee(m, m.facts.calls[e.index]) for m, e in found if isinstance(e, f.CallRef)]
    return not parameter.marker and any(not isinstance(one, (External, ClassObject)) for one in made)


def request_schemas(
    schemas: Schemas, routes: Iterable[Route], dependencies: Dependencies
) -> dict[Schema, tuple[Use, ...]]:
    """The schemas that routes read from their bodies, with every such use: in handlers and in what these depend on."""

    def uses() -> Iterator[Use]:
        for route in routes:
            for function in _injected(route, dependencies):
                for parameter, found in body_parameters(schemas, function, dependencies.parameters):
                    for one in found:
                        for schema, trail in schemas.closure(one):
                            yield Use(route, schema, trail, parameter)

    return _uses(uses())


def _injected(route: Route, dependencies: Dependencies) -> Iterator[Function]:
    """The handler of a route and the functions it depends on, each once."""
    if route.handler is None:
        return
    seen = {route.handler: None}
    for outer in dependencies.of_handler(route):
        for one in dependencies.closure(outer):
            if isinstance(one.target, FunctionObject):
                seen[one.target.function] = None
    yield from seen


def _uses(found: Iterable[Use]) -> dict[Schema, tuple[Use, ...]]:
    table: dict[Schema, list[Use]] = {}
    for use in found:
        table.setdefault(use.schema, []).append(use)
    return {schema: tuple(uses) for schema, uses in table.items()}
