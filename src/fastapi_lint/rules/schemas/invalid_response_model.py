"""FAPI430: response models that are no models, and response classes that are no responses."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import ClassObject, External, FunctionObject, Route
from fastapi_lint.model.routing import RESPONSE
from fastapi_lint.model.types import is_none, options
from fastapi_lint.rule import Check, rule


@rule("FAPI430", severity=Severity.ERROR, since="0.2.0")
def invalid_response_model(route: Route, check: Check) -> Iterator[Finding]:
    """`response_model` is a Response class or a function, or `response_class` is no Response class.

    Why is this bad?
    A response model describes data. A Response class there, or in a union that is returned, raises `FastAPIError` at
    import. A schema as `response_class` answers every request with 500; None there is an assertion that fails when the
    OpenAPI document is made. A function as the model documents the parameters of that function, and data that is
    returned answers 500.

    Known limits
    Classes that cannot be resolved are left alone. `-> Response` by itself is right.

    References
    - [Response model: return a response directly](https://fastapi.tiangolo.com/tutorial/response-model/#return-a-response-directly)
    - [Custom responses](https://fastapi.tiangolo.com/advanced/custom-response/)
    """
    model = route.keyword("response_model")
    if model is not None:
        value = check.project.infer(model.value, *route.where)
        if _is_response(value, check):
            yield check.finding(
                model,
                "`response_model` is a Response class",
                why="it raises `FastAPIError` at import",
                instead="give it as `response_class`, or declare the data",
            )
        elif isinstance(value, FunctionObject) and value.function.name != "<lambda>":
            yield check.finding(
                model,
                f"`response_model` is the function `{value.function.name}`",
                why="the document shows its parameters, and returned data is answered with a 500",
                instead="give a schema",
                severity=Severity.WARNING,
            )
    elif route.handler is not None and not route.has_unpacked:
        if _reads_annotations(route, check):
            yield from _returned(route, check)
    given = route.keyword("response_class")
    if given is not None:
        value = check.project.infer(given.value, *route.where)
        if isinstance(value, ClassObject) and check.project.schemas.of(value.cls) is not None:
            yield check.finding(
                given,
                f"`response_class` is the schema `{value.cls.name}`",
                why="every request is answered with a 500",
                instead="give it as `response_model`",
            )
        elif given.value == f.Const(None) and not _is_hidden(route):
            yield check.finding(
                given,
                "`response_class` is None",
                why="the OpenAPI document, and `/docs` with it, answers 500, and so does this route if it returns data",
                instead="leave it out: a response that is returned needs none",
            )


def _is_hidden(route: Route) -> bool:
    """Whether a route stands in no document."""
    shown = route.given("include_in_schema")
    return shown is not None and shown[0] != f.Const(True)


def _is_response(value: object, check: Check) -> bool:
    match value:
        case External(name=name):
            return check.project.types.is_subclass(name, RESPONSE)
        case ClassObject(cls=cls):
            return check.project.types.is_subclass(cls, RESPONSE)
    return False


def _reads_annotations(route: Route, check: Check) -> bool:
    """Whether FastAPI makes a response model of the return annotation: it does from 0.89."""
    versions = check.project.versions.for_path(route.module.path)
    return versions.always_at_least("fastapi", "0.89", default=True) is True


def _returned(route: Route, check: Check) -> Iterator[Finding]:
    """A return annotation that is a union with a Response class."""
    handler = route.handler
    if handler is None or handler.facts.returns is None or len(handler.facts.decorators) > 1:
        return
    where = (handler.module, handler.facts.outer, handler.facts.start)
    members = list(options(check.project.types, handler.facts.returns, where))
    known = [check.project.types.annotation(option, place) for option, place in members if not _is_nothing(option)]
    if len(members) > 1 and any(check.project.types.is_instance(one, RESPONSE) for one in known):
        yield check.finding(
            route,
            f"`{handler.name}` returns a union with a Response class",
            why="FastAPI makes a response model of it, which raises `FastAPIError` at import",
            instead="set `response_model=None`, or the schema of the data",
        )


def _is_nothing(option: f.Expr) -> bool:
    return is_none(option) or option == f.Name("None")
