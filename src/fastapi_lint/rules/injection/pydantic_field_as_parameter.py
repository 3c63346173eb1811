"""FAPI204: Pydantic's Field as the default of a parameter."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import importing
from fastapi_lint.fixing.edits.calls import node_at
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, Instance
from fastapi_lint.rule import Check, rule

_FIELDS = frozenset({"pydantic.Field", "pydantic.fields.Field", "sqlmodel.Field"})
_TRANSPARENT = frozenset({
    "staticmethod", "classmethod", "builtins.staticmethod", "builtins.classmethod",
    "contextlib.contextmanager", "contextlib.asynccontextmanager", "functools.lru_cache", "functools.cache",
})  # fmt: skip
"""Decorators that fill in no parameter."""
_SHARED = frozenset({
    "", "default", "default_factory", "alias", "title", "description", "examples", "gt", "ge", "lt", "le",
    "multiple_of", "min_length", "max_length", "pattern", "strict", "deprecated", "json_schema_extra",
    "allow_inf_nan", "max_digits", "decimal_places", "alias_priority", "validation_alias", "serialization_alias",
})  # fmt: skip
"""Arguments that FastAPI's markers have, too."""


@rule("FAPI204", severity=Severity.ERROR, fix=Safety.UNSAFE, since="0.2.0")
def pydantic_field_as_parameter(function: Function, check: Check) -> Iterator[Finding]:
    """A parameter has Pydantic's `Field(...)` as its default.

    Why is this bad?
    `Field` declares fields of models. As the default of a parameter of an endpoint or a dependency it makes FastAPI
    fail at import ("non-body parameters must be in path, query, header or cookie"). In any other function it is a
    default like others: whoever leaves the argument out gets a `FieldInfo` object.

    Fix safety
    `Field` becomes `Path`, `Body` or `Query`, by the path and the type. A person has to say whether the value was not
    to come from a header or a form.

    Known limits
    Functions that FastAPI does not call are reported where the project calls them without the argument, and no
    decorator may fill it in. `Field` inside `Annotated` is right: it validates.

    References
    - [FastAPI: query parameters and string validations](https://fastapi.tiangolo.com/tutorial/query-params-str-validations/)
    - [Pydantic: fields](https://docs.pydantic.dev/latest/concepts/fields/)
    """
    module = function.module
    if not module.mentions("Field") or module.is_test:
        return
    for index, param in enumerate(function.params):
        if not isinstance(param.default, f.CallRef):
            continue
        made = module.facts.calls[param.default.index]
        if check.project.called_name(module, made) not in _FIELDS:
            continue
        title = f"`{param.name}` of `{function.name}` has Pydantic's `Field` as its default"
        if function in check.project.routes.by_handler or function in check.project.dependencies.injected:
            marker = _marker(function, param, check)
            yield check.finding(
                param,
                title,
                why="FastAPI takes it for no marker, and fails at import",
                instead=f"write `{marker}(...)`, or put the `Field` into `Annotated`",
                fix=partial(_fix, function, made, marker),
            )
        elif _is_left_out(function, param.name, index, check):
            yield check.finding(
                param,
                title,
                why="whoever leaves it out gets a `FieldInfo` object in place of the value",
                instead="write a plain default",
                severity=Severity.WARNING,
            )


def _marker(function: Function, param: f.Param, check: Check) -> str:
    """What of FastAPI is meant: by the paths, then by the type."""
    routes = check.project.routes.by_handler.get(function, [])
    if any(param.name in route.placeholders for route in routes):
        return "Path"
    parameters = check.project.dependencies.parameters(function)
    found = next((each.type for each in parameters if each.name == param.name), None)
    is_model = isinstance(found, Instance) and isinstance(found.cls, Class) and check.project.schemas.of(found.cls)
    return "Body" if is_model else "Query"


def _is_left_out(function: Function, name: str, index: int, check: Check) -> bool:
    """Whether the project calls a function without one of its parameters, and nothing in between may fill it in."""
    if not _TRANSPARENT.issuperset(check.project.types.decorators(function)):
        return False
    return any(
        use.is_complete and not use.is_unpacked and not use.module.is_test and not use.passes(name, index)
        for use in check.project.callers.uses(function)
    )


def _fix(function: Function, made: f.Call, marker: str) -> Fix | None:
    module = function.module
    given = {arg.name for arg in made.args}
    if not given <= _SHARED or module.facts.errors:
        return None
    if marker == "Path" and (given & {"default", "default_factory"} or (made.args and not _is_required(made.args[0]))):
        return None
    source = module.excerpt(made.start)
    found = importing(source, "fastapi", marker, at=node_at(source, made.start)) if source is not None else None
    if found is None:
        return None
    name, imports = found
    place = module.source.span(made.start, made.name_end)
    return Fix(f"Write {marker}", Safety.UNSAFE, (*imports, Edit(place, name)))


def _is_required(arg: f.Arg) -> bool:
    return arg.name != "" or arg.value == f.Raw("ellipsis")
