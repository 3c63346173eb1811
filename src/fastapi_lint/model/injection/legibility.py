"""Whether it can be read off a signature what FastAPI makes of a parameter. Judges nothing.

An annotation or default that is made at run time (by a function, a subscript of a class or dict) may hold a marker, so
that the parameter is something else than it looks like.
"""

from __future__ import annotations

import sys

from fastapi_lint.index import facts as f
from fastapi_lint.model.injection.dependencies import MARKERS, Dependencies, Parameter
from fastapi_lint.model.names.annotations import parse_annotation
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    FunctionObject,
    Instance,
    Module,
    TupleOf,
    Type,
)
from fastapi_lint.model.types.inference.inference import DEPENDS, Inference, Where

_DEEPEST = 12
_VAGUE = frozenset({"typing.Any", "object"})


def is_legible(parameter: Parameter, dependencies: Dependencies) -> bool:
    """Whether all that decides on a parameter can be read: its marker, or that it has none."""
    if parameter.marker:
        return True
    function, fact, types = parameter.function, parameter.fact, dependencies.types
    where = (function.module, function.facts.outer, fact.start)
    if fact.default is not None and not _is_plain(fact.default, where, dependencies, 0):
        return False
    return fact.annotation is None or _is_type(types, fact.annotation, where, 0)


def _is_plain(default: f.Expr, where: Where, dependencies: Dependencies, depth: int) -> bool:
    """Whether a default is certainly no marker."""
    if depth > _DEEPEST:
        return False
    types = dependencies.types
    match default:
        case f.Name() | f.Attr():
            places = list(dependencies.routes.values.definitions(default, where))
            if places:
                return all(_is_plain(value, place, dependencies, depth + 1) for value, place in places)
            return isinstance(default, f.Attr) or types.infer(default, where) is not None
        case f.Choice(options=options):
            return all(_is_plain(option, where, dependencies, depth + 1) for option in options)
        case f.CallRef(index=index):
            return _gives_plain(types.callee(where[0], where[0].facts.calls[index]), types)
        case f.Sub() | f.Await() | f.Unknown():
            return False
    return True


def _gives_plain(callee: Type, types: Inference) -> bool:
    """Whether what a call gives is known, and no marker."""
    match callee:
        case External(name=name):
            root = name.partition(".")[0]
            return name not in DEPENDS | MARKERS and ("." not in name or root in sys.stdlib_module_names)
        case ClassObject(cls=cls):
            return not any(isinstance(base, str) and _may_be_marker(base) for base in types.mro(cls))
        case FunctionObject(function=function):
            match types.return_type(function):
                case Instance(cls=Class() as cls):
                    return _gives_plain(ClassObject(cls), types)
                case Instance(cls=str(name)):
                    return name not in DEPENDS | MARKERS | _VAGUE
                case TupleOf():
                    return True
    return False


def _may_be_marker(base: str) -> bool:
    return base == "?" or base in DEPENDS | MARKERS or base.startswith("fastapi.")


def _is_type(types: Inference, expr: f.Expr, where: Where, depth: int) -> bool:
    """Whether an annotation is written out, so that `Annotated` in it would be seen."""
    if depth > _DEEPEST:
        return False
    match expr:
        case f.Const(value=str(text)):
            parsed = parse_annotation(text)
            return parsed is not None and _is_type(types, parsed, where, depth + 1)
        case f.Const() | f.Raw():
            return True
        case f.Binary(op="|", left=left, right=right):
            return _is_type(types, left, where, depth + 1) and _is_type(types, right, where, depth + 1)
        case f.Display(items=items):
            return all(_is_type(types, item, where, depth + 1) for item in items)
        case f.Name() | f.Attr():
            meant = types.alias(expr, where)
            if meant is not None and meant[0] != expr:
                return _is_type(types, *meant, depth + 1)
            return isinstance(types.infer(expr, where), (External, ClassObject))
        case f.Sub(value=value, items=items):
            base = types.infer(value, where)
            if not isinstance(base, External):
                return isinstance(base, ClassObject) and not _subscripts_itself(base.cls, types)
            if base.name in ("typing.Literal", "typing.Annotated"):
                return True  # what is in there is looked at for itself
            return all(_is_type(types, item, where, depth + 1) for item in items)
        case f.CallRef(index=index):
            made = types.name_of_type(types.callee(where[0], where[0].facts.calls[index])) or ""
            return made.startswith(("typing.", "pydantic.con"))
    return False


def _subscripts_itself(cls: Class, types: Inference) -> bool:
    """Whether a class makes something of its own of `Class[...]`."""
    return any(isinstance(base, Class) and "__class_getitem__" in base.methods for base in types.mro(cls))


def sets_signature(module: Module, name: str) -> bool:
    """Whether a function of this name may have been given another signature: `wrapper.__signature__ = ...`."""
    if not module.mentions("__signature__"):
        return False
    names = {function.name for function in module.functions}
    for entry in module.facts.assigns:
        match entry.target:
            case f.Attr(value=f.Name(id=owner), attr="__signature__") if owner == name or owner not in names:
                return True
            case f.Attr(value=f.Name(), attr="__signature__"):
                continue
            case f.Attr(attr="__signature__"):
                return True
    return any(
        f.last_name(call.func) == "setattr" and len(call.args) > 1 and call.args[1].value == f.Const("__signature__")
        for call in module.facts.calls
    )
