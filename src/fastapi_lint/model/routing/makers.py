"""Whether what a class is handed to makes routes of it: a router of a library, a factory of the project. Judges
nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Type,
)
from fastapi_lint.model.types.inference.inference import Inference

_DECORATORS = frozenset({"get", "post", "put", "patch", "delete", "options", "head", "trace", "api_route"})
_REGISTERING = frozenset({"add_api_route", "include_router"})
_KNOWN = frozenset({"pydantic", "pydantic_settings", "typing_extensions", "fastapi", "starlette", "sqlalchemy"})
_READING = frozenset({"fastapi.Depends", "fastapi.Security"})
_MOST = 40
"""How many functions are looked at, one calling the other."""


def makes_routes(types: Inference, callee: Type) -> bool:
    """Whether a callee may make routes of a class that it is given: one of a library of which nothing is known, or a
    function or class of the project that registers routes or calls such. What is not resolved does not count."""
    match callee:
        case External(name=name):
            return name in _READING or _is_unknown(name)
        case Method(cls=name):
            return _is_unknown(name)
        case ClassObject(cls=cls) | Instance(cls=Class() as cls):
            return class_makes_routes(types, cls)
        case FunctionObject(function=function, owner=Instance(cls=Class() as cls)):
            return _any_makes(types, (function, *_registering(types, cls)))
        case FunctionObject(function=function):
            return _any_makes(types, (function,))
    return False


def class_makes_routes(types: Inference, cls: Class) -> bool:
    """Whether a class of the project, or one that it inherits from, makes routes as far as is known."""
    bases = types.mro(cls)
    if any(isinstance(base, str) and _is_unknown(base) for base in bases):
        return True
    return _any_makes(types, [each for base in bases if isinstance(base, Class) for each in base.methods.values()])


def is_built(types: Inference, modules: Iterable[Module], cls: Class) -> bool:
    """Whether the project builds objects of a class itself."""
    return any(
        f.last_name(call.func) == cls.name and types.callee(module, call) == ClassObject(cls)
        for module in modules
        if not module.is_test and module.mentions(cls.name)
        for call in module.facts.calls
    )


def _is_unknown(name: str) -> bool:
    top, _, inside = name.partition(".")
    return bool(inside) and top not in sys.stdlib_module_names and top not in _KNOWN


def _registering(types: Inference, cls: Class) -> list[Function]:
    """The methods of a class, its bases' among them, that register routes: on what another one keeps."""
    methods = [each for base in types.mro(cls) if isinstance(base, Class) for each in base.methods.values()]
    return [each for each in methods if _registers(each)]


def _any_makes(types: Inference, functions: Iterable[Function]) -> bool:
    waiting = list(dict.fromkeys(functions))
    seen = set(waiting)
    for function in waiting:
        if _registers(function):
            return True
        names = {one.name for one in function.params}
        for call in function.calls:
            callee = types.callee(function.module, call)
            if isinstance(callee, FunctionObject) and callee.function not in seen and len(waiting) < _MOST:
                seen.add(callee.function)
                waiting.append(callee.function)
            elif isinstance(callee, (External, Method)) and any(f.last_name(arg.value) in names for arg in call.args):
                if makes_routes(types, callee):
                    return True
    return False


def _registers(function: Function) -> bool:
    """Whether a function registers routes on something, by decorators inside of it or by calls."""
    module = function.module
    if any(isinstance(call.func, f.Attr) and call.func.attr in _REGISTERING for call in function.calls):
        return True
    inner = module.functions_within(function.facts.head_end, function.facts.end)
    made = [
        module.facts.calls[one.index] for each in inner for one in each.facts.decorators if isinstance(one, f.CallRef)
    ]
    return any(isinstance(call.func, f.Attr) and call.func.attr in _DECORATORS for call in made)
