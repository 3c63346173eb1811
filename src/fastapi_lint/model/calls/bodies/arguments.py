"""What a call gives for an argument: by keyword, by position, out of `**options`, by a partial; and switches.

What configuration may set (a field of settings, a variable of the environment) is not known. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.modules import Modules
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Module, Partial
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import Constant, Unfolded, Values

_DEEPEST = 6


@dataclass(frozen=True)
class Given:
    """What an argument is given: the value and where that is evaluated, and the argument that brings it."""

    value: f.Expr
    where: Where
    arg: f.Arg


def given(values: Values, module: Module, call: f.Call, name: str, position: int = -1) -> Given | None:
    """What a call gives for an argument; `f.Unknown` where that is not known, None where it gives nothing."""
    where = (module, call.block, call.start)
    hidden: Given | None = None
    for index, arg in enumerate(call.args):
        if arg.name == name or (arg.name == "" and index == position and hidden is None):
            return Given(arg.value, where, arg)
        if arg.name == "**":
            found = unpacked(values, arg.value, where, name)
            if found is not None and not isinstance(found[0], f.Unknown):
                return Given(*found, arg)
            hidden = hidden or (Given(*found, arg) if found is not None else None)
        elif arg.name == "*" and index <= position:
            hidden = hidden or Given(f.Unknown(), where, arg)
    return hidden if hidden is not None else _bound(values, module, call, name, position)


def _bound(values: Values, module: Module, call: f.Call, name: str, position: int) -> Given | None:
    """What the `partial` that a call calls has bound already."""
    callee = values.types.callee(module, call)
    if not isinstance(callee, Partial) or callee.made is None:
        return None
    home, made = callee.made.module, callee.made.facts
    return given(values, home, made, name, position + 1 if position >= 0 else -1) if made is not call else None


def bound_names(modules: Modules, names: Collection[str]) -> frozenset[str]:
    """The names of the partials of functions and classes whose last names are given."""
    found = set()
    for module, index in modules.calls_by_name.get("partial", ()):
        call = module.facts.calls[index]
        if call.args and f.last_name(call.args[0].value) in names:
            found |= {f.last_name(each.target) for each in module.facts.assigns if each.value == f.CallRef(index)}
    return frozenset(found)


def unpacked(values: Values, expr: f.Expr, where: Where, name: str, depth: int = 0) -> tuple[f.Expr, Where] | None:
    """What a mapping holds under a name; `f.Unknown` where that is not known, None where it holds nothing."""
    unknown = f.Unknown(), where
    if depth > _DEEPEST:
        return unknown
    match expr:
        case f.Mapping(items=items):
            for key, value in reversed(items):
                if key is None:
                    if (found := unpacked(values, value, where, name, depth + 1)) is not None:
                        return found
                elif values.text(key, where) in (name, None):
                    return (value, where) if values.text(key, where) == name else unknown
            return None
        case f.Binary(op="|", left=left, right=right):
            found = unpacked(values, right, where, name, depth + 1)
            return found if found is not None else unpacked(values, left, where, name, depth + 1)
        case f.CallRef(index=index):
            call = where[0].facts.calls[index]
            callee = values.types.callee(where[0], call)
            if isinstance(callee, FunctionObject):
                return _returned(values, callee.function, where, name, depth)
            if values.types.name_of_type(callee) != "dict":
                return unknown
            for arg in reversed(call.args):
                if arg.name == name:
                    return arg.value, where
                if arg.name in ("", "**"):
                    found = unpacked(values, arg.value, where, name, depth + 1)
                    if found is not None:
                        return found
            return None
        case f.Name(id=variable):
            later = _set_later(variable, where, name)
            if later is not None:
                return later
            defined = list(values.definitions(expr, where))
            return unpacked(values, *defined[0], name, depth + 1) if len(defined) == 1 else unknown
        case f.Attr():
            defined = list(values.definitions(expr, where))
            return unpacked(values, *defined[0], name, depth + 1) if len(defined) == 1 else unknown
    return unknown


def _returned(values: Values, function: Function, where: Where, name: str, depth: int) -> tuple[f.Expr, Where] | None:
    """What a function that has one return gives under a name, as `unpacked`."""
    leaves = [leave for leave in function.exits if leave.kind == "return" and leave.value is not None]
    if len(leaves) != 1 or leaves[0].value is None or function.is_generator:
        return f.Unknown(), where
    return unpacked(values, leaves[0].value, (function.module, leaves[0].block, leaves[0].start), name, depth + 1)


def _set_later(variable: str, where: Where, name: str) -> tuple[f.Expr, Where] | None:
    """The value that an item of a variable is set to before a place (`options["verify"] = False`)."""
    module, block, at = where
    function = module.facts.blocks[block].function
    for assign in reversed(module.assigns_in.get(function, ())):
        match assign.target:
            case f.Sub(value=f.Name(id=target), items=(f.Const(value=key),)) if (target, key) == (variable, name):
                if assign.start < at and assign.value is not None:
                    return assign.value, (module, assign.block, assign.start)
    return None


def switch(values: Values, expr: f.Expr, where: Where) -> Constant:
    """The constant that an expression is whatever is configured: through variables and constants of classes.

    Raises `Unfolded` where it is not known, or is the default of something that configuration sets.
    """
    for _ in range(_DEEPEST):
        if not isinstance(expr, (f.Name, f.Attr)):
            break
        if isinstance(expr, f.Attr):
            owner = values.types.infer(expr.value, where)
            if isinstance(owner, Instance) and isinstance(owner.cls, Class) and is_field(values, owner.cls, expr.attr):
                raise Unfolded
        found = list(values.definitions(expr, where))
        if len(found) != 1:
            raise Unfolded
        expr, where = found[0]
    if isinstance(expr, (f.CallRef, f.Name, f.Attr)):
        raise Unfolded
    return values.constant(expr, where)


def parameter_behind(values: Values, expr: f.Expr, where: Where) -> tuple[Function, f.Param] | None:
    """The parameter that an expression is in the end, through variables and attributes of `self`; None for others."""
    for _ in range(_DEEPEST):
        if isinstance(expr, f.Name):
            found = values.types.find_bindings(expr.id, where)
            if len(found) == 1 and isinstance(param := found[0].entry, f.Param):
                function = where[0].enclosing(found[0].block)
                return (function, param) if function is not None and param in function.params else None
        elif not isinstance(expr, f.Attr):
            return None
        defined = list(values.definitions(expr, where))
        if len(defined) != 1:
            return None
        expr, where = defined[0]
    return None


def is_field(values: Values, cls: Class, attr: str) -> bool:
    """Whether an attribute is a field: what a class says of it is only the default."""
    for base in values.types.mro(cls):
        if isinstance(base, Class) and (entry := base.assigns.get(attr)) is not None:
            return entry.annotation is not None
    return False


def bound_before(types: Inference, caller: Function, call: f.Call) -> tuple[tuple[f.Arg, ...], Where] | None:
    """The arguments that a partial holds which a call completes, and where they stand; None for another callee."""
    callee = types.callee(caller.module, call)
    if not isinstance(callee, Partial) or callee.made is None or isinstance(callee.callable, Partial):
        return None
    made = callee.made
    if f.last_name(made.facts.func) != "partial":
        return None
    return made.facts.args[1:], (made.module, made.facts.block, made.facts.start)


def with_bound(call: f.Call, held: Partial) -> f.Call | None:
    """A call of a partial as the function gets it; None where it is not seen what is bound."""
    if held.made is None or f.last_name(held.made.facts.func) != "partial":
        return None
    return completed(call, held.made.facts.args[1:])


def completed(call: f.Call, before: tuple[f.Arg, ...]) -> f.Call:
    """A call of a partial as the function gets it: what is given again by name counts as it is given last."""
    named = {arg.name for arg in call.args if arg.name}
    return msgspec.structs.replace(call, args=(*(arg for arg in before if arg.name not in named), *call.args))
