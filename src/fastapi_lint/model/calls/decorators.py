"""What a decorator does with the function below it: keeps it, wraps it, or replaces it. Judges nothing."""

from __future__ import annotations

from typing import Literal

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import External, Function, FunctionObject, Method
from fastapi_lint.model.types.inference.inference import Inference

Effect = Literal["same", "wraps", "replaces", "external", "unknown"]
"""same: gives the function back; wraps: a wrapper that `functools.wraps` made look like it; replaces: another callable;
external: a library's decorator that the catalogue says nothing about; unknown: what it is could not be resolved."""

_SAME = frozenset({"staticmethod", "classmethod", "abc.abstractmethod"})
_WRAPS = frozenset({"functools.lru_cache", "functools.cache", "functools.wraps", "contextlib.asynccontextmanager"})
_REGISTERING = frozenset(
    {"tool", "resource", "prompt", "command", "callback", "register", "subscribe", "listens_for", "on"}
)


def decorator_effect(types: Inference, function: Function, decorator: f.Expr) -> tuple[Effect, str]:
    """What one of a function's decorators does with it, and the decorator's dotted name ("?" when unknown)."""
    module, facts = function.module, function.facts
    called = isinstance(decorator, f.CallRef)
    expr = module.facts.calls[decorator.index].func if isinstance(decorator, f.CallRef) else decorator
    value = types.infer(expr, (module, facts.outer, facts.start))
    name = types.name_of_type(value) or "?"
    match value:
        case External() | Method():
            return _external(name), name
        case FunctionObject(function=factory):
            return _of_project(types, factory, called=called), name
    return "unknown", name


def _external(name: str) -> Effect:
    if name in _SAME or catalog.marker(name) is not None or name.startswith(("fastapi.", "starlette.")):
        return "same"
    if name in _WRAPS:
        return "wraps"
    return "same" if name.rsplit(".", 1)[-1] in _REGISTERING else "external"


def _of_project(types: Inference, factory: Function, *, called: bool) -> Effect:
    """Follows a decorator of the project to the function that receives the decorated one, and to what that returns."""
    receiver = factory
    if called:
        made = types.return_type(factory)
        if not isinstance(made, FunctionObject):
            return "unknown"
        receiver = made.function
    params = [param for param in receiver.params if param.kind in ("positional-only", "normal")]
    if receiver.cls is not None and params and params[0].name in ("self", "cls"):
        params = params[1:]
    returned = [entry.value for entry in receiver.exits if entry.kind == "return"]
    if not params or not returned:
        return "unknown"
    if all(isinstance(value, f.Name) and value.id == params[0].name for value in returned):
        return "same"
    wrapper = types.return_type(receiver)
    if not isinstance(wrapper, FunctionObject) or wrapper.function.parent is not receiver:
        return "unknown"
    return "wraps" if "functools.wraps" in types.decorators(wrapper.function) else "replaces"
