"""FAPI319: GET operations that read a body."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Instance, Parameter, Route
from fastapi_lint.rule import Check, rule

_BODY = frozenset({"fastapi.Body", "fastapi.Form", "fastapi.File"})
_COLLECTIONS = frozenset({"list", "set", "frozenset", "tuple", "dict", "typing.Sequence", "collections.abc.Sequence"})


@rule("FAPI319", severity=Severity.INFO, since="0.2.0")
def body_in_get(route: Route, check: Check) -> Iterator[Finding]:
    """A GET or HEAD operation takes a request body.

    Why is this bad?
    Many clients, proxies and caches drop the body of a GET. Most often it is not even meant: a schema, a dict or a list
    without `Query()` is read from the body, so that `?tag=a` is answered with 422.

    Known limits
    Schemas and collections behind `Query()` or `Depends()` are query parameters. Handlers that answer POST as well, and
    operations that are not in the schema, are left alone.

    References
    - [Query parameter models](https://fastapi.tiangolo.com/tutorial/query-param-models/)
    - [Query parameter list](https://fastapi.tiangolo.com/tutorial/query-params-str-validations/#query-parameter-list-multiple-values)
    """
    handler = route.handler
    if handler is None or not route.methods or not set(route.methods) <= {"GET", "HEAD"} or route.kind != "http":
        return
    if not route.takes_prefix or len(handler.facts.decorators) > 1:
        return
    hidden = route.keyword("include_in_schema")
    if hidden is not None and hidden.value != f.Const(True):
        return
    others = check.project.routes.by_handler.get(handler, ())
    if any(not set(other.methods) <= {"GET", "HEAD"} for other in others):
        return
    for parameter in check.project.dependencies.parameters(handler):
        if parameter.name in route.placeholders:
            continue
        is_explicit = parameter.marker in _BODY
        if is_explicit or _is_read_from_body(parameter, check):
            marker = parameter.marker.rsplit(".", 1)[-1]
            lost = "ignored" if parameter.fact.default is not None else "answered with 422"
            yield check.finding(
                parameter,
                f"`{parameter.name}` of `{handler.name}` is read from the body of a GET",
                why=f"`{marker}` is in the body, which many clients and proxies drop"
                if is_explicit
                else f"what is sent in the query is {lost}",
                instead="use POST, or query parameters" if is_explicit else _instead(parameter, check),
                module=handler.module,
                severity=None if is_explicit else Severity.WARNING,
            )


def _instead(parameter: Parameter, check: Check) -> str:
    """What makes a query parameter of it: there is none for a dict or a schema with one, nor for schemas in a schema;
    `Query()` takes schemas since 0.115."""
    cls = parameter.type.cls if isinstance(parameter.type, Instance) else None
    if cls == "dict":
        return "use POST, or a parameter for each key"
    if isinstance(cls, Class) and _is_nested(cls, check):
        return "use POST"
    versions = check.project.versions.for_path(parameter.function.module.path)
    if isinstance(cls, Class) and not versions.reaches("fastapi", "0.115"):
        return "write `Depends()` in its annotation"
    return "write `Query()` in its annotation"


def _is_nested(cls: Class, check: Check) -> bool:
    """Whether a schema has fields that a query cannot hold: dicts, and schemas."""
    schema = check.project.schemas.of(cls)
    types = [each for one in schema.fields for each in check.project.schemas.field_types(one)] if schema else []
    return any(
        isinstance(each, Instance)
        and (each.cls == "dict" or (isinstance(each.cls, Class) and check.project.schemas.of(each.cls) is not None))
        for each in types
    )


def _is_read_from_body(parameter: Parameter, check: Check) -> bool:
    """Whether FastAPI reads a parameter without a marker from the body, because of its type."""
    if parameter.marker or not isinstance(parameter.type, Instance):
        return False
    if parameter.fact.default is not None and not isinstance(parameter.fact.default, (f.Const, f.Display, f.Mapping)):
        return False
    cls = parameter.type.cls
    if isinstance(cls, Class):
        schema = check.project.schemas.of(cls)
        return schema is not None and schema.kind in ("pydantic", "sqlmodel", "sqlmodel-table")
    return cls in _COLLECTIONS
