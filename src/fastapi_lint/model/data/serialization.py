"""What happens to a field on its way into an answer: left out by the route, rewritten by its class. Judges nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Literal

from fastapi_lint.index import facts as f
from fastapi_lint.model.data.schemas import Schema, SchemaField
from fastapi_lint.model.names.scanning import without_comments
from fastapi_lint.model.names.symbols import Class, Function
from fastapi_lint.model.routing.routes import Route
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.model.values.constants import Values

_MASKS = re.compile(r"mask|redact|hide|\*{3}|return None|obfuscat")


_OF_FIELDS = frozenset({"pydantic.field_serializer", "pydantic.field_validator", "pydantic.validator"})


def is_left_out(route: Route, names: Collection[str], values: Values) -> bool:
    """Whether `response_model_exclude` names one of these fields (an inner one and those around it), or
    `response_model_include` names none of them; also when what they name is not known."""
    excluded, included = route.keyword("response_model_exclude"), route.keyword("response_model_include")
    if excluded is not None and ((found := _texts(excluded, route, values)) is None or not found.isdisjoint(names)):
        return True
    return included is not None and ((kept := _texts(included, route, values)) is None or kept.isdisjoint(names))


def _texts(arg: f.Arg, route: Route, values: Values) -> frozenset[str] | None:
    """The texts in a set or dict display, also behind a name; None when they are not known."""
    expr = arg.value
    if isinstance(expr, (f.Name, f.Attr)):
        found = list(values.definitions(expr, route.where))
        if len(found) != 1:
            return None
        expr = found[0][0]
    return frozenset(_strings(expr)) if isinstance(expr, (f.Display, f.Mapping)) else None


def _strings(expr: f.Expr | None) -> Iterator[str]:
    match expr:
        case f.Const(value=str(text)):
            yield text
        case f.Display(items=items):
            for item in items:
                yield from _strings(item)
        case f.Mapping(items=pairs):
            for key, value in pairs:
                yield from _strings(key)
                yield from _strings(value)


def serialized(one: SchemaField, schema: Schema, types: Inference) -> Literal["rewritten", "revealed", ""]:
    """What a serializer or validator of the class does to a field; "revealed" is a SecretStr that is shown."""
    for cls in types.mro(schema.cls):
        if isinstance(cls, Class) and cls.module.mentions("serializer", "validator"):
            for method in cls.methods.values():
                if found := _by_method(method, one, types):
                    return found
    return ""


def _by_method(method: Function, one: SchemaField, types: Inference) -> Literal["rewritten", "revealed", ""]:
    module, facts = method.module, method.facts
    for decorator in facts.decorators:
        call = module.facts.calls[decorator.index] if isinstance(decorator, f.CallRef) else None
        expr = call.func if call is not None else decorator
        name = types.name_of_type(types.infer(expr, (module, facts.outer, facts.start)))
        named = {arg.value.value for arg in call.args if isinstance(arg.value, f.Const)} if call is not None else set()
        text = without_comments(module.source.slice(facts.start, facts.end))
        if name in _OF_FIELDS and _gives_it_as_it_is(method):
            continue
        if name == "pydantic.model_serializer" or (name == "pydantic.field_serializer" and named & {one.name, "*"}):
            return "revealed" if "get_secret_value" in text and "context" not in text else "rewritten"
        if name in ("pydantic.field_validator", "pydantic.validator") and one.name in named and _MASKS.search(text):
            return "rewritten"
    return ""


def _gives_it_as_it_is(method: Function) -> bool:
    """Whether all that a method returns is the value that it was given: it checks it, or writes it down somewhere."""
    name = next((param.name for param in method.params[1:2]), "")
    given = [leave for leave in method.exits if leave.kind == "return"]
    return bool(given and name) and not method.rebinds(name) and all(leave.value == f.Name(name) for leave in given)
