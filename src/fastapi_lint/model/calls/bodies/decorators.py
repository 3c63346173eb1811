"""What a decorator does with the function below it: keeps it, wraps it, or replaces it. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from fastapi_lint import catalog
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
    ModuleObject,
    Partial,
    Type,
)
from fastapi_lint.model.types.inference.inference import Inference, Where

Effect = Literal["same", "wraps", "replaces", "external", "unknown"]
"""same: gives the function back; wraps: a wrapper that `functools.wraps` made look like it; replaces: another callable;
external: a library's decorator that the catalogue says nothing about; unknown: what it is could not be resolved."""

_DEEPEST = 4
_SHOWN = frozenset({"__signature__", "__annotations__"})
_SAME = frozenset({"staticmethod", "classmethod", "abc.abstractmethod"})
_CONTEXTS = frozenset({
    "contextlib.ContextDecorator", "contextlib.AsyncContextDecorator", "contextlib.contextmanager",
    "contextlib.asynccontextmanager",
})  # fmt: skip
_WRAPS = frozenset({"functools.lru_cache", "functools.cache", "functools.wraps", "contextlib.asynccontextmanager"})
_REGISTERING = frozenset(
    {"tool", "resource", "prompt", "command", "callback", "register", "subscribe", "listens_for", "on"}
)


def decorator_effect(types: Inference, function: Function, decorator: f.Expr) -> tuple[Effect, str]:
    """What one of a function's decorators does with it, and the decorator's dotted name ("?" when unknown)."""
    value = types.decorator(function, decorator)
    name = types.name_of_type(value) or "?"
    match value:
        case External() | Method():
            return _external(name), name
        case ClassObject(cls=cls) if not isinstance(decorator, f.CallRef):
            return ("replaces" if types.member(cls, "__call__", Instance(cls)) is not None else "unknown"), name
    if _is_context(types, value, called=isinstance(decorator, f.CallRef)):
        return "wraps", name
    if value is None and (kept := _kept_under(types, function, decorator)):
        return _external(kept), kept
    return _together(_applied(types, each, 0) for each in _receiving(types, function, decorator)), name


def _is_context(types: Inference, value: Type, *, called: bool) -> bool:
    """Whether a decorator is a context, which the standard library makes to be entered around each call."""
    match value:
        case FunctionObject(function=function):
            return called and any(name in _CONTEXTS for name in types.decorators(function))
        case ClassObject(cls=cls) if called:
            return any(base in _CONTEXTS for base in types.mro(cls)) and not _calls_itself(types, cls)
        case Instance(cls=Class() as cls):
            return any(base in _CONTEXTS for base in types.mro(cls)) and not _calls_itself(types, cls)
    return False


def _calls_itself(types: Inference, cls: Class) -> bool:
    return isinstance(types.member(cls, "__call__", Instance(cls)), FunctionObject)


def _kept_under(types: Inference, function: Function, decorator: f.Expr) -> str:
    """What of a library has made the decorator that a variable holds: `again = retry(...)`; "" for others."""
    where: Where = (function.module, function.facts.outer, function.facts.start)
    if isinstance(decorator, f.Attr) and isinstance(owner := types.infer(decorator.value, where), ModuleObject):
        where = (owner.module, 0, len(owner.module.text)) if isinstance(owner.module, Module) else where
    elif not isinstance(decorator, f.Name):
        return ""
    found = [each.entry for each in types.find_bindings(f.last_name(decorator), where)]
    if len(found) == 1 and isinstance(found[0], f.Import) and found[0].name:
        home = types.modules.imported_from(where[0], found[0])
        where = (home, 0, len(home.text)) if home is not None else where
        found = [each.entry for each in types.find_bindings(found[0].name, where)] if home is not None else []
    made = found[0].value if len(found) == 1 and isinstance(found[0], f.Assign) else None
    if not isinstance(made, f.CallRef):
        return ""
    maker = types.callee(where[0], where[0].facts.calls[made.index])
    return maker.name if isinstance(maker, External) else ""


def shows_another_signature(types: Inference, function: Function) -> bool:
    """Whether a decorator gives a function back with another signature than it is written with."""
    for decorator in function.facts.decorators:
        receivers = _receiving(types, function, decorator)
        if any(each.positional and _shows_another(each, f.Name(each.positional[0])) for each in receivers):
            return True
    return False


def made_by(types: Inference, function: Function, decorator: f.Expr) -> str:
    """The dotted name of what a library is to make of the function by which a decorator of the project calls it, on
    every way: `lru_cache` for one that gives back `lru_cache()(f)`; "" for others."""
    value = types.decorator(function, decorator)
    if not isinstance(value, FunctionObject):
        return ""
    names = {
        _library(types, each, each.module.facts.calls[given.index]) if isinstance(given, f.CallRef) else ""
        for each in _receivers(types, value.function, called=isinstance(decorator, f.CallRef))
        if each.positional
        for given, _ in _returned(types, each)
    }
    return names.pop() if len(names) == 1 else ""


def passes_through(types: Inference, function: Function, decorator: f.Expr) -> bool:
    """Whether what a decorator of the project makes does nothing but call the function, with whatever it is given."""
    receivers = _receiving(types, function, decorator)
    return bool(receivers) and all(_only_calls(types, each) for each in receivers)


def put_in_place(types: Inference, function: Function, decorator: f.Expr) -> tuple[Function, ...] | None:
    """The wrappers of the project that a decorator of it may put in a function's place, none for the function itself;
    None when that is not known."""
    receivers = _receiving(types, function, decorator)
    made = [_made(types, receiver, 0) for receiver in receivers]
    if not made or None in made:
        return None
    return tuple(dict.fromkeys(wrapper for each in made for wrapper in each or ()))


def _made(types: Inference, receiver: Function, depth: int) -> tuple[Function, ...] | None:
    """The wrappers that a function may make of its first parameter, a function; None when that is not known."""
    taken, values = receiver.positional[:1], list(_returned(types, receiver))
    if not taken or not values or depth > _DEEPEST:
        return None
    found: list[Function] = []
    called = [receiver.module.facts.calls[v.index].func for v, _ in values if isinstance(v, f.CallRef)]
    for value, where in values:
        match value:
            case f.Name(id=name) if name == taken[0] or value in called:
                continue
            case f.Name():
                made = types.infer(value, where)
                if not isinstance(made, FunctionObject) or made.function.parent is not receiver:
                    return None
                found.append(made.function)
            case f.CallRef(index=index):
                if _partial(types, value, where) is not None:
                    continue  # what it gives when it is called with options only
                call = receiver.module.facts.calls[index]
                inner = types.callee(receiver.module, call)
                if not isinstance(inner, FunctionObject) or not call.args or call.args[0].value != f.Name(taken[0]):
                    return None
                more = _made(types, inner.function, depth + 1)
                if more is None:
                    return None
                found += more
            case _:
                return None
    return tuple(found)


def _only_calls(types: Inference, receiver: Function) -> bool:
    """Whether a function gives back its first parameter, or a function that only calls it."""
    own = f.Name(receiver.positional[0]) if receiver.positional else None
    returned = list(_returned(types, receiver))
    for value, where in returned:
        made = types.infer(value, where)
        if value == own:
            continue
        if not isinstance(made, FunctionObject) or made.function.parent is not receiver:
            return False
        wrapper = made.function
        leaves = [leave for leave in wrapper.exits if leave.kind != "del"]
        if len(leaves) != 1 or len(wrapper.calls) != 1 or wrapper.module.assigns_in.get(wrapper.index):
            return False
        result = leaves[0].value.value if isinstance(leaves[0].value, f.Await) else leaves[0].value
        call = wrapper.calls[0]
        is_call = isinstance(result, f.CallRef) and wrapper.module.facts.calls[result.index] is call
        given = {(arg.name, arg.value) for arg in call.args}
        taken = {({"args": "*", "kwargs": "**"}.get(param.kind, "?"), f.Name(param.name)) for param in wrapper.params}
        if leaves[0].kind != "return" or not is_call or call.func != own:
            return False
        if any(block.kind not in ("function", "body") for block in wrapper.module.blocks_in.get(wrapper.index, ())):
            return False  # inside of a lock, again and again, or in some cases only
        if given != taken or {param.kind for param in wrapper.params} != {"args", "kwargs"}:
            return False
    return bool(returned)


def _external(name: str) -> Effect:
    if name in _SAME or catalog.marker(name) is not None or name.startswith(("fastapi.", "starlette.")):
        return "same"
    if name in _WRAPS:
        return "wraps"
    return "same" if name.rsplit(".", 1)[-1] in _REGISTERING else "external"


def _together(effects: Iterable[Effect]) -> Effect:
    """The effect of one that may end in several ways: the function itself or a wrapper is a wrapper."""
    found = set(effects)
    if not found or "unknown" in found:
        return "unknown"
    return next(effect for effect in ("replaces", "wraps", "same") if effect in found)


def _receiving(types: Inference, function: Function, decorator: f.Expr) -> list[Function]:
    """The functions that receive a function from a decorator: from one that is a function, an object that is called
    (`@guard`, `@guard("admin")`), or a class that makes such an object (`@Guard("admin")`)."""
    called = isinstance(decorator, f.CallRef)
    match value := types.decorator(function, decorator):
        case FunctionObject(function=factory):
            return _receivers(types, factory, called=called)
        case ClassObject(cls=cls) if called:
            method = types.member(cls, "__call__", Instance(cls))
            return [method.function] if isinstance(method, FunctionObject) else []
        case Instance(cls=Class() as cls):
            method = types.member(cls, "__call__", value)
            return _receivers(types, method.function, called=called) if isinstance(method, FunctionObject) else []
    return []


def _receivers(types: Inference, factory: Function, *, called: bool) -> list[Function]:
    """The functions of a decorator of the project that receive the decorated one.

    With parentheses that is what it gives back, `wrap` of `return wrap if func is None else wrap(func)`; a partial
    application of itself, and it is itself that receives.
    """
    if not called:
        return [factory]
    found: list[Function] = []
    for value, where in _returned(types, factory):
        if isinstance(value, f.CallRef):
            if isinstance(again := _partial(types, value, where), FunctionObject):
                return [again.function]
        elif isinstance(made := types.infer(value, where), FunctionObject):
            found.append(made.function)
    if not found and isinstance(made := types.return_type(factory), FunctionObject):
        found.append(made.function)
    return found


def _partial(types: Inference, value: f.CallRef, where: Where) -> Type:
    made = types.infer(value, where)
    return made.callable if isinstance(made, Partial) else None


def _applied(types: Inference, receiver: Function, depth: int) -> Effect:
    """What a function makes of its first parameter, a function."""
    taken = receiver.positional[:1]
    values = list(_returned(types, receiver))
    if not taken or not values or depth > _DEEPEST or _shows_another(receiver, f.Name(taken[0])):
        return "unknown"
    module = receiver.module
    calls = {module.facts.calls[value.index].func for value, _ in values if isinstance(value, f.CallRef)}
    effects: list[Effect] = []
    for value, where in values:
        if isinstance(value, f.Name) and value.id == taken[0]:
            effects.append("same")
        elif isinstance(value, f.Name) and value not in calls:
            effects.append(_wrapper(types, receiver, value, where))
        elif isinstance(value, f.CallRef):
            call = module.facts.calls[value.index]
            if _partial(types, value, where) is not None:
                continue  # what it gives when it is called with options only
            inner = types.callee(module, call)
            given = call.args[0].value if call.args else None
            if isinstance(inner, FunctionObject):
                is_passed = given == f.Name(taken[0])
                effects.append(_applied(types, inner.function, depth + 1) if is_passed else "unknown")
            else:
                effects.append(_by_library(types, receiver, call))
        elif not isinstance(value, f.Name):
            effects.append("unknown")
    return _together(effects)


def _shows_another(receiver: Function, own: f.Name) -> bool:
    """Whether a function gives its first parameter another signature: what is called with it then, nobody sees here."""
    targets = (entry.target for entry in receiver.module.assigns_in.get(receiver.index, ()))
    changed = (each.value if isinstance(each, f.Sub) else each for each in targets)
    return any(isinstance(each, f.Attr) and each.value == own and each.attr in _SHOWN for each in changed)


def _by_library(types: Inference, receiver: Function, call: f.Call) -> Effect:
    """What a library makes of the first parameter of a function, or of a wrapper for it: `wraps(f)(wrapper)`."""
    if name := _library(types, receiver, call):
        return _external(name)
    maker = _maker(receiver, call)
    if maker is None or not maker.args or maker.args[0].value != f.Name(receiver.positional[0]) or not call.args:
        return "unknown"
    module = receiver.module
    made = types.infer(call.args[0].value, (module, call.block, call.start))
    is_own = isinstance(made, FunctionObject) and made.function.parent is receiver
    return "wraps" if is_own and types.name_of_type(types.callee(module, maker)) == "functools.wraps" else "unknown"


def _library(types: Inference, receiver: Function, call: f.Call) -> str:
    """The function of a library that is given the first parameter of a function: `cache(f)`, `lru_cache(9)(f)`."""
    if not call.args or call.args[0].value != f.Name(receiver.positional[0]):
        return ""
    value = types.callee(receiver.module, _maker(receiver, call) or call)
    return (types.name_of_type(value) or "") if isinstance(value, (External, Method)) else ""


def _maker(receiver: Function, call: f.Call) -> f.Call | None:
    """The call that gives what another one calls, in place or by a variable."""
    module, made = receiver.module, call.func
    if isinstance(made, f.Name):
        bound = [each.value for each in module.assigns_in.get(receiver.index, ()) if each.target == made]
        made = bound[0] if len(bound) == 1 and bound[0] is not None else made
    return module.facts.calls[made.index] if isinstance(made, f.CallRef) else None


def _wrapper(types: Inference, receiver: Function, value: f.Name, where: Where) -> Effect:
    made = types.infer(value, where)
    if not isinstance(made, FunctionObject) or made.function.parent is not receiver:
        return "unknown"
    own = f.Name(receiver.positional[0])
    return "wraps" if _looks_alike(types, receiver, made.function, own) else "replaces"


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


def _uncast(types: Inference, function: Function, value: f.Expr) -> f.Expr:
    """A value seen through `typing.cast` and `functools.update_wrapper`."""
    if isinstance(value, f.CallRef):
        call = function.module.facts.calls[value.index]
        name = types.name_of_type(types.callee(function.module, call)) if call.args else None
        if name == "typing.cast" and len(call.args) == 2:
            return call.args[1].value
        if name == "functools.update_wrapper":
            return call.args[0].value
    return value


def _returned(types: Inference, function: Function) -> Iterator[tuple[f.Expr, Where]]:
    """The values that a function gives back, each alternative of a choice by itself."""
    for leaving in function.exits:
        if leaving.kind == "return" and leaving.value is not None:
            given = _kept(types, function, leaving)
            for value in given.options if isinstance(given, f.Choice) else (given,):
                yield _uncast(types, function, value), (function.module, leaving.block, leaving.start)


def _kept(types: Inference, function: Function, leaving: f.Exit) -> f.Expr:
    """What is given back, also where a variable holds what was made of the wrapper: `seen = cast(F, wrapper)`."""
    value = leaving.value or f.Unknown()
    if not isinstance(value, f.Name):
        return value
    found = types.find_bindings(value.id, (function.module, leaving.block, leaving.start))
    if any(isinstance(each.entry, f.Assign) and each.block == function.facts.block for each in found):
        found = [each for each in found if not isinstance(each.entry, f.Param)]  # `f = cache(f)`
    held = [
        each.entry.value
        for each in found
        if isinstance(each.entry, f.Assign)
        and each.entry.target == value
        and isinstance(each.entry.value, (f.CallRef, f.Choice))
    ]
    if not held or len(held) < len(found):
        return value
    return held[0] if len(held) == 1 else f.Choice(tuple(held))  # one in each branch
