"""FAPI339: JSON bodies beside files or form fields."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, FunctionObject, Instance, Parameter, Route, Type
from fastapi_lint.model.names import ClassObject
from fastapi_lint.model.types import is_none, options
from fastapi_lint.rule import Check, rule

_FORM = frozenset({"fastapi.Form", "fastapi.File"})
_OBJECTS = frozenset({"dict", "typing.Mapping", "collections.abc.Mapping", "collections.OrderedDict"})
_LISTS = frozenset({"list", "tuple", "set", "frozenset", "typing.Sequence", "collections.abc.Sequence"})


@rule("FAPI339", severity=Severity.ERROR, since="0.2.0")
def file_with_json_body(route: Route, check: Check) -> Iterator[Finding]:
    """An endpoint takes a file or form field and a JSON body, itself or by its dependencies.

    Why is this bad?
    A multipart request has form fields, no JSON. FastAPI reads the schema or dict from a field of its name, which holds
    text, and answers every request with 422.

    Known limits
    Scalars with `Body()`, `Json[...]`, schemas behind `Form()` or `Depends()`, and schemas with a validator that sees
    the text first (`mode="before"`) work.

    References
    - [Request forms and files](https://fastapi.tiangolo.com/tutorial/request-forms-and-files/)
    - [Form models](https://fastapi.tiangolo.com/tutorial/request-form-models/)
    """
    if route.handler is None or (route.handler.module is not route.module and not route.handler.params):
        return
    taken = list(_taken(route, route.handler, check))
    form = next((each for each in taken if _is_form(each, check)), None)
    if form is None:
        return
    for each in taken:
        if each.marker not in ("", "fastapi.Body") or (shown := _shown(each, check)) is None:
            continue
        is_own = each.function is route.handler
        yield check.finding(
            each if is_own else route,
            f"`{each.name}`{'' if is_own else f' of `{_called(each.function)}`'} is read as JSON beside the form field "
            f"`{form.name}`",
            why="a multipart request has no JSON body, so that every request is answered with 422",
            instead=f"take {shown} with `Form()`, or as a text that the endpoint parses",
            module=route.handler.module if is_own else route.module,
            related=[check.related(form, "this makes it a multipart request", module=form.function.module)],
        )


def _taken(route: Route, handler: Function, check: Check) -> Iterator[Parameter]:
    """The parameters of an endpoint and of all that it depends on: FastAPI reads one body for all of them."""
    dependencies = check.project.dependencies
    yield from dependencies.parameters(handler)
    seen = {handler}
    for own in dependencies.of_handler(route):
        for one in dependencies.closure(own):
            function = _run(one.target, check)
            if function is not None and function not in seen:
                seen.add(function)
                yield from dependencies.parameters(function)


def _run(target: Type, check: Check) -> Function | None:
    """The function of the project that FastAPI calls for a dependency."""
    types = check.project.types
    match target:
        case FunctionObject(function=function):
            return function
        case ClassObject(cls=cls):
            found = types.member(cls, "__init__", Instance(cls))
        case Instance(cls=Class() as cls):
            found = types.member(cls, "__call__", target)
        case _:
            return None
    return found.function if isinstance(found, FunctionObject) else None


def _called(function: Function) -> str:
    return function.cls.name if function.cls is not None and function.name.startswith("__") else function.name


def _is_form(parameter: Parameter, check: Check) -> bool:
    if parameter.marker in _FORM:
        return True
    found = parameter.type
    if isinstance(found, Instance) and found.cls in _LISTS and found.args:
        found = found.args[0]
    return not parameter.marker and check.project.types.is_instance(found, "fastapi.UploadFile")


def _shown(parameter: Parameter, check: Check) -> str | None:
    """What of a parameter only JSON can carry: its type, or each of the types that it may have."""
    types = check.project.types
    where = (parameter.function.module, parameter.function.facts.outer, parameter.start)
    found = [
        _json(types.annotation(option, place), check)
        for option, place in options(types, parameter.fact.annotation, where)
        if not is_none(option) and option != f.Name("None")
    ]
    return (found[0] if len(found) == 1 else "it") if found and all(found) else _json(parameter.type, check)


def _json(found: Type, check: Check) -> str | None:
    """What a parameter holds that only JSON can carry, for messages; None for everything else."""
    if not isinstance(found, Instance):
        return None
    if isinstance(found.cls, str):
        if found.cls in _OBJECTS:
            return "it"
        return _json(found.args[0], check) if found.cls in _LISTS and found.args else None
    schema = check.project.schemas.of(found.cls)
    if schema is None or _reads_text(found.cls, check):
        return None
    return f"`{found.cls.name}`"


def _reads_text(cls: Class, check: Check) -> bool:
    """Whether a validator of a schema sees what is sent before its fields are read."""
    names = {"pydantic.model_validator", "pydantic.root_validator", "pydantic.v1.root_validator"}
    return any(
        not names.isdisjoint(check.project.types.decorators(method)) or name == "__get_validators__"
        for base in check.project.types.mro(cls)
        if isinstance(base, Class)
        for name, method in base.methods.items()
    )
