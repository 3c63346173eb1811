"""What a decorator does with the function below it: keeps it, wraps it, or replaces it. Judges nothing."""

from __future__ import annotations

from typing import Literal

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import External, Function, FunctionObject, Method, Type
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
    receivers = [factory]
    if called:
        made = [_given(types, factory, leave) for leave in factory.exits if leave.kind == "return"]
        receivers = [value.function for value in made if isinstance(value, FunctionObject)]
        if not made or len(receivers) < len(made):
            return "unknown"
    effects = {_received(types, receiver) for receiver in receivers}
    return effects.pop() if len(effects) == 1 else "unknown"


def _received(types: Inference, receiver: Function) -> Effect:
    """What a function that receives the decorated one does with it: several wrappers are one when all look like it."""
    params = [param for param in receiver.params if param.kind in ("positional-only", "normal")]
    if receiver.cls is not None and params and params[0].name in ("self", "cls"):
        params = params[1:]
    returned = [leave for leave in receiver.exits if leave.kind == "return"]
    if not params or not returned:
        return "unknown"
    own = f.Name(params[0].name)
    others = [leave for leave in returned if _uncast(types, receiver, leave) != own]
    if not others:
        return "same"
    found: Effect = "wraps"
    for leave in others:
        wrapper = _given(types, receiver, leave)
        if not isinstance(wrapper, FunctionObject) or wrapper.function.parent is not receiver:
            return "unknown"
        if not _looks_alike(types, receiver, wrapper.function, own):
            found = "replaces"
    return found


def _looks_alike(types: Inference, receiver: Function, wrapper: Function, own: f.Name) -> bool:
    """Whether a wrapper shows the signature of what it wraps: by `functools.wraps`, or `__signature__`."""
    if "functools.wraps" in types.decorators(wrapper):
        return True
    module = receiver.module
    shown = f.Attr(f.Name(wrapper.name), "__signature__")
    for entry in module.assigns_in.get(receiver.index, ()):
        if entry.target == shown and isinstance(entry.value, f.CallRef):
            call = module.facts.calls[entry.value.index]
            return bool(call.args) and call.args[0].value == own
    updates = [call for call in receiver.calls if f.last_name(call.func) == "update_wrapper"]
    return any([arg.value for arg in call.args[:2]] == [f.Name(wrapper.name), own] for call in updates)


def _given(types: Inference, function: Function, leave: f.Exit) -> Type:
    """What a return statement gives, seen through `typing.cast` and `functools.update_wrapper`."""
    return types.infer(_uncast(types, function, leave), (function.module, leave.block, leave.start))


def _uncast(types: Inference, function: Function, leave: f.Exit) -> f.Expr | None:
    if isinstance(leave.value, f.CallRef):
        call = function.module.facts.calls[leave.value.index]
        name = types.name_of_type(types.callee(function.module, call)) if call.args else None
        if name == "typing.cast" and len(call.args) == 2:
            return call.args[1].value
        if name == "functools.update_wrapper":
            return call.args[0].value
    return leave.value
