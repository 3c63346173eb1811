"""FAPI413: fields of update schemas that admit None and are required all the same. Leaves other schemas alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Span
from fastapi_lint.index import facts as f
from fastapi_lint.model import Project
from fastapi_lint.model.data import Schema, SchemaField, Use
from fastapi_lint.model.types import options
from fastapi_lint.rule import Check, rule

_PARTIAL = frozenset({"PATCH", "PUT"})
_SPARED = frozenset({"settings", "sqlmodel-table", "named-tuple"})
_NAMED = re.compile(
    r"(?:Update|Patch)(?:Request|Schema|In|Input|Payload|Body|DTO|Dto|Model|Form|Params|Data|Base|Req)?\Z"
    r"|\A(?:Update|Patch)(?=[A-Z])"
)
_SETS_A_VALUE = re.compile(r"\}/[^{}/]+/?\Z")
"""The end of a path that names what is set of a thing: `/members/{id}/role`."""
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
    Looks at models, dataclasses and typed dicts that a PATCH or PUT handler reads, and at the own fields of those that
    are named like one (`ItemUpdate`, `PatchItem`), handed to something that makes routes, such as the router of a
    library, and never built by the project itself. What seems to be sent as a whole is spared: nested schemas, forms,
    what the handler writes out without `exclude_unset`, what a POST reads as well, schemas of which most other fields
    must have a value, the only field of a route that sets just this (`PUT /members/{id}/role`), and without a name for
    changes those with a single field or, in a PUT, with defaults for other optional fields. Silent where Pydantic 1 may
    be installed, and where `...` says that the field is required.

    References
    - [Pydantic: required fields](https://docs.pydantic.dev/latest/concepts/models/#required-fields)
    - [Pydantic: migration guide](https://docs.pydantic.dev/latest/migration/#required-optional-and-nullable-fields)
    - [Body: partial updates](https://fastapi.tiangolo.com/tutorial/body-updates/#partial-updates-with-patch)
    """
    uses = {project.schemas.of(cls): found for cls, found in project.exchange.received.items()}
    named = {project.schemas.of(cls): () for cls in project.schemas.classes if _NAMED.search(cls.name)}
    reported: set[SchemaField] = set()
    for schema, found in sorted({**named, **uses}.items(), key=_by_place):
        if schema is None or schema.kind in _SPARED or schema.is_v1 or schema.module.is_test:
            continue
        required = [each for each in schema.fields if _is_required(each, project)]
        reason = _reason(schema, [use for use in found if use.is_body], project) if required else ""
        for one in required if reason else ():
            is_own = one.owner is schema.cls
            if one in reported or (reason is _NAME and not is_own) or not _is_version_2(one, project):
                continue
            reported.add(one)
            inherited = "" if is_own else f" (inherited by `{schema.name}`)"
            yield check.finding(
                one,
                f"`{one.name}` of `{one.owner.name}`{inherited} may be None and must be sent all the same",
                why=f"{reason}, and in Pydantic 2 a field without default is required",
                instead="make it `NotRequired`" if schema.kind == "typed-dict" else "add `= None`",
                module=one.module,
                fix=_fix(one, schema),
            )


def _by_place(item: tuple[Schema | None, object]) -> tuple[str, int]:
    return (item[0].module.path, item[0].cls.index) if item[0] is not None else ("", -1)


def _reason(schema: Schema, bodies: Sequence[Use], project: Project) -> str:
    """Why a schema is one for updates, as far as those who read it tell; empty when it is not."""
    is_named = _NAMED.search(schema.name) is not None
    needed = _needed(schema)
    if not bodies:
        return _NAME if is_named and not needed and project.exchange.is_handed_on(schema.cls) else ""
    if not is_named and any("POST" in use.route.methods for use in bodies):
        return ""
    changing = [use for use in bodies if not _is_whole(use)]
    for use in changing:
        method = next((method for method in use.route.methods if method in _PARTIAL), None)
        if method and 2 * needed < len(schema.fields) and (is_named or _is_likely(schema, method)):
            return f"`{use.route.name}` reads it from a {method} body"
    is_for_changes = is_named and bool(changing) and not needed and not all(_inserts(use, project) for use in changing)
    return _NAME if is_for_changes else ""


def _inserts(use: Use, project: Project) -> bool:
    """Whether a route makes a new row each time: what it reads carries no changes, whatever it is called."""
    handler = use.route.handler
    trail = project.inserts.insertion(handler) if handler is not None else None
    return handler is not None and trail is not None and project.inserts.is_sure(handler, trail)


def _is_whole(use: Use) -> bool:
    """Whether a route takes a schema as one value: a form, all fields written out, or the only one that it sets."""
    if use.is_written_whole or (use.parameter is not None and use.parameter.marker == "fastapi.Form"):
        return True
    values = [one for one in use.schema.fields if not one.has_default or one.optional]
    return len(values) < 2 and all(_SETS_A_VALUE.search(path) for path in use.route.paths)


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


def _fix(one: SchemaField, schema: Schema) -> Fix | None:
    """`= None` behind the annotation, or `default=None` in the call; none where the order of fields counts."""
    if schema.kind == "typed-dict" or schema.kind.endswith("dataclass"):
        return None
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
