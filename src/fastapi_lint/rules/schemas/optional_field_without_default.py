"""FAPI413: fields of update schemas that admit None and are required all the same. Leaves other schemas alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Span
from fastapi_lint.index import facts as f
from fastapi_lint.model import Project
from fastapi_lint.model.data import Schema, SchemaField, Use, body_parameters, response_schemas
from fastapi_lint.model.routing import Route
from fastapi_lint.model.types import options
from fastapi_lint.rule import Check, rule

_PARTIAL = frozenset({"PATCH", "PUT"})
_KINDS = frozenset({"pydantic", "sqlmodel"})
_NAMED = re.compile(
    r"(?:Update|Patch)(?:Request|Schema|In|Input|Payload|Body|DTO|Dto|Model|Form|Params|Data|Base|Req)?\Z"
    r"|\A(?:Update|Patch)(?=[A-Z])"
)

_NAME = "its name says that it carries changes"


@rule("FAPI413", fix=Safety.UNSAFE)
def optional_field_without_default(project: Project, check: Check) -> Iterator[Finding]:
    """An optional field of an update schema is required, as it has no default.

    Why is this bad?
    In Pydantic 2, `str | None` says which values a field takes, not that it may be left out: without a default it is
    required. A client that sends only what it wants to change gets a 422, and so do clients that worked with Pydantic
    1, where `Optional` alone implied `None`.

    Fix safety
    The field gets the default `None`. The fix is unsafe because the field is then no longer required in the OpenAPI
    document, and code that writes every field of the schema back, without `exclude_unset`, stores None where nothing
    was sent.

    Known limits
    Looks at schemas that a PATCH or PUT handler reads, and at the own fields of schemas that are named like one
    (`ItemUpdate`, `PatchItem`) and not only sent. What seems to be sent as a whole is spared: nested schemas, schemas
    of which most other fields must have a value, and without such a name those with a single field or, in a PUT, with
    defaults for other optional fields. Silent where Pydantic 1 may be installed, and where `...` says that the field
    is required.

    References
    - [Pydantic: required fields](https://docs.pydantic.dev/latest/concepts/models/#required-fields)
    - [Pydantic: migration guide](https://docs.pydantic.dev/latest/migration/#required-optional-and-nullable-fields)
    - [Body: partial updates](https://fastapi.tiangolo.com/tutorial/body-updates/#partial-updates-with-patch)
    """
    routes = [route for route in project.routes.all if not route.module.is_test]
    changing = [route for route in routes if _PARTIAL.intersection(route.methods)]
    readers = _read_directly(changing, project)
    named = [
        schema for cls in project.schemas.classes if _NAMED.search(cls.name) and (schema := project.schemas.of(cls))
    ]
    every: dict[Schema, list[Route]] | None = None
    sent: dict[Schema, tuple[Use, ...]] | None = None
    reported: set[SchemaField] = set()
    for schema in sorted({*readers, *filter(None, named)}, key=lambda one: (one.module.path, one.cls.index)):
        required = [each for each in schema.fields if _is_required(each, project)]
        if not required or schema.kind not in _KINDS or schema.is_v1 or schema.module.is_test:
            continue
        reason = _reason(schema, readers.get(schema, ()))
        if not reason and _NAMED.search(schema.name) and not _needed(schema):
            every = _read_directly(routes, project) if every is None else every
            if schema not in every and sent is None:
                sent = response_schemas(project.schemas, routes)
            reason = _NAME if schema in every or schema not in (sent or {}) else ""
        for one in required if reason else ():
            is_own = one.owner is schema.cls
            if one in reported or (reason is _NAME and not is_own):
                continue
            if not _is_version_2(one, project):
                continue
            reported.add(one)
            inherited = "" if is_own else f" (inherited by `{schema.name}`)"
            yield check.finding(
                (one.start, one.end),
                f"`{one.name}` of `{one.owner.name}`{inherited} may be None and must be sent all the same: {reason},"
                " and in Pydantic 2 a field without default is required; add `= None`",
                module=one.module,
                fix=_fix(one),
            )


def _read_directly(routes: Iterable[Route], project: Project) -> dict[Schema, list[Route]]:
    """The schemas that handlers read as their bodies, not those inside of these, with the routes."""
    found: dict[Schema, list[Route]] = {}
    for route in routes:
        if route.handler is not None:
            for _, types in body_parameters(project.schemas, route.handler, project.dependencies.parameters):
                for schema, trail in (each for one in types for each in project.schemas.closure(one)):
                    if not trail:
                        found.setdefault(schema, []).append(route)
    return found


def _reason(schema: Schema, readers: Sequence[Route]) -> str:
    """Why a schema is one for updates, as far as those who read it tell; empty when it is not."""
    is_named = _NAMED.search(schema.name) is not None
    needed = _needed(schema)
    for route in readers:
        method = next((method for method in route.methods if method in _PARTIAL), None)
        if method and 2 * needed < len(schema.fields) and (is_named or _is_likely(schema, method)):
            return f"`{route.name}` reads it from a {method} body"
    return _NAME if is_named and readers and not needed else ""


def _is_likely(schema: Schema, method: str) -> bool:
    """Whether a schema that is not named for updates may have optional fields by mistake: a single field is always
    sent, and who replaces a whole value (PUT) and gives other optional fields a default knows the difference."""
    if len(schema.fields) < 2:
        return False
    return method == "PATCH" or not any(one.optional and one.has_default for one in schema.fields)


def _needed(schema: Schema) -> int:
    """How many fields, identifiers aside, must have a value: with many of them it is a whole value, and null says
    something."""
    needed = [one for one in schema.fields if not one.optional and not one.has_default]
    return sum(not one.name.lower().endswith(("id", "uuid")) for one in needed)


def _is_required(one: SchemaField, project: Project) -> bool:
    """Whether a field admits None beside other values, has no default, and does not say by `...` that this is meant."""
    is_given = _is_ellipsis(one.default) or not one.keywords.keys().isdisjoint(("default", "*"))
    if not one.optional or one.has_default or is_given:
        return False
    return len(list(options(project.types, one.annotation, one.where))) > 1


def _is_ellipsis(expr: f.Expr | None) -> bool:
    return isinstance(expr, f.Raw) and expr.kind == "ellipsis"


def _is_version_2(one: SchemaField, project: Project) -> bool:
    versions = project.versions.for_path(one.module.path)
    return versions.always_at_least("pydantic", "2", default=True) is True


def _fix(one: SchemaField) -> Fix | None:
    """`= None` behind the annotation, or `default=None` in the call behind `=`."""
    source = one.module.source
    if one.default is None:
        end = source.span(one.start, one.end)
        at = Span(end.end_line, end.end_column, end.end_line, end.end_column)
        return Fix("Add the default None", Safety.UNSAFE, (Edit(at, " = None"),))
    call = one.field_call
    if not isinstance(one.default, f.CallRef) or call is None or one.field_module is not one.module:
        return None
    if one.module.facts.calls[one.default.index] is not call:
        return None
    start = call.args[0].start if call.args else call.end - 1
    content = "default=None, " if call.args else "default=None"
    return Fix("Add the default None", Safety.UNSAFE, (Edit(source.span(start, start), content),))
