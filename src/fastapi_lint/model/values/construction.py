"""What a library's constructor is given when an object of a class is made: through classes of the project between them.

`Area("area")` with `super().__init__(prefix=f"/{name}")` gives `APIRouter` the prefix `/area`. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Partial,
    Type,
)
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.environment import NOWHERE, Bound, Environment
from fastapi_lint.model.values.expansion import Expansion

_DEEPEST = 6


@dataclass(frozen=True, eq=False)
class Construction:
    """The call by which a library's constructor is reached, and what names stand for there.

    `base` is the library's class. `call` is None when a class of the project never calls it in sight. `own` is what
    constructors on the way assign to attributes of the object (`self.detail = ...`).
    """

    base: str
    call: f.Call | None
    where: Where
    environment: Environment
    own: Mapping[str, Bound] = field(default_factory=dict)

    def argument(self, name: str, position: int = -1) -> Bound | None:
        """An argument by keyword or position; `f.Unknown` where it may be unpacked, None where it is not given."""
        if name in self.own:
            return self.own[name]
        if self.call is None:
            return f.Unknown(), self.where, self.environment
        hidden = False
        index = 0
        for arg in self.call.args:
            if arg.name == name or (arg.name == "" and index == position and not hidden):
                return arg.value, self.where, self.environment
            if arg.name == "**" and isinstance(arg.value, f.Name) and self._collects(arg.value.id):
                if (put := self._put(arg.value.id, name)) is not None:
                    return put
                if name in self.environment:  # what `**more` of the constructor was given by name
                    return self.environment[name]
                hidden = hidden or f"**{arg.value.id}" not in self.environment
            elif arg.name == "*" and (rest := self._rest(arg.value)) is not None:
                values, place, outer = rest
                if not hidden and index <= position < index + len(values):
                    return values[position - index], place, outer
                index += len(values)
            elif arg.name in ("*", "**"):
                hidden = True
            index += arg.name == ""
        return (f.Unknown(), self.where, self.environment) if hidden else None

    def _rest(self, expr: f.Expr) -> tuple[tuple[f.Expr, ...], Where, Environment] | None:
        """What `*args` of the constructor around the call holds, where that is known."""
        if isinstance(expr, f.Name) and expr.id in self.environment:
            held, place, outer = self.environment[expr.id]
            if isinstance(held, f.Display) and held.kind == "tuple":
                return held.items, place, outer
        return None

    def _put(self, collected: str, name: str) -> Bound | None:
        """What the constructor itself puts into its `**kwargs` by a name; unknown where only some ways do."""
        module, at = self.where[0], self.where[2]
        function = module.enclosing(self.where[1])
        held = f.Name(collected)
        found: Bound | None = None
        for entry in module.assigns_in.get(function.index, ()) if function is not None else ():
            if entry.start >= at or entry.value is None:
                continue
            is_all = entry.target == held
            if is_all or entry.target == f.Sub(held, (f.Const(name),)):
                is_known = (
                    not is_all and entry.op == "=" and function is not None and entry.block == function.facts.block
                )
                place = (module, entry.block, entry.start)
                found = (entry.value if is_known else f.Unknown(), place, self.environment)
        for call in function.calls if function is not None else ():
            if call.start >= at or not isinstance(call.func, f.Attr) or call.func.value != held:
                continue
            place = (module, call.block, call.start)
            match call.func.attr, call.args:
                case "setdefault", (f.Arg(value=f.Const(value=key)), default) if key == name:
                    if name not in self.environment:
                        found = (default.value, place, self.environment)
                case "update", args if all(arg.name not in ("", "*", "**", name) for arg in args):
                    continue
                case "update" | "clear" | "popitem", _:
                    found = (f.Unknown(), place, self.environment)
        return found

    def _collects(self, name: str) -> bool:
        """Whether a name is what the constructor around the call collects its other keyword arguments in."""
        function = self.where[0].enclosing(self.where[1])
        return function is not None and any(p.name == name and p.kind == "kwargs" for p in function.params)


def bound_before(held: Partial, call: f.Call) -> dict[str, Bound] | None:
    """What a `partial(JSONResponse, status_code=204)` gives besides a call of it; None where that is in order."""
    if held.made is None:
        return None
    module = held.made.module
    maker = module.facts.calls[held.made.call]
    given = {arg.name for arg in call.args}
    if any(arg.name in ("", "*", "**") for arg in maker.args[1:]):
        return None
    where = (module, maker.block, maker.start)
    return {arg.name: (arg.value, where, NOWHERE) for arg in maker.args[1:] if arg.name not in given}


def constants_before(held: Partial) -> tuple[f.Arg, ...]:
    """What a `partial` gives besides a call of it, as far as that can be told in another module."""
    given = held.made.facts.args[1:] if held.made is not None else ()
    unknown = (msgspec.structs.replace(arg, value=f.Unknown()) for arg in given)
    return tuple(arg if isinstance(arg.value, f.Const) else other for arg, other in zip(given, unknown, strict=True))


def constructed(
    types: Inference,
    cls: Class | str,
    module: Module,
    call: f.Call,
    environment: Environment = NOWHERE,
    held: Type = None,
) -> Construction | None:
    """How the constructor of the nearest library class is reached by a call that makes an object of `cls`; `held` is
    what is called, of which a `partial` brings arguments of its own."""
    where = (module, call.block, call.start)
    if isinstance(held, Partial):
        before = bound_before(held, call)
        if before is None or not isinstance(cls, str):
            return None
        return Construction(cls, call, where, environment, before)
    if isinstance(cls, str):
        return Construction(cls, call, where, environment)
    base = next((one for one in types.mro(cls) if isinstance(one, str)), None)
    if base is None or base == "?":
        return None
    init = types.member(cls, "__init__", Instance(cls))
    if not isinstance(init, FunctionObject):
        return Construction(base, call, where, environment)
    return _through(types, cls, base, init.function, call, where, environment)


def _through(
    types: Inference, cls: Class, base: str, init: Function, call: f.Call, where: Where, environment: Environment
) -> Construction:
    """Follow `super().__init__(...)` from constructor to constructor."""
    own: dict[str, Bound] = {}
    maker = where[0].call_numbers.get((call.start, call.end), -1)
    itself: Bound | None = (f.CallRef(maker), where, environment) if maker >= 0 else None
    for _ in range(_DEEPEST):
        given = parameters(init, call, where, environment, 1, itself)
        module = init.module
        name = init.params[0].name if init.params else "self"
        for entry in module.assigns_in.get(init.index, ()):
            match entry.target:
                case f.Attr(value=f.Name(id=target), attr=attr) if target == name and entry.op == "=":
                    if entry.value is not None:
                        own.setdefault(attr, (entry.value, (module, entry.block, entry.start), given))
        onward = next((each for each in init.calls if _is_base_init(module, each, name)), None)
        if onward is None:
            return Construction(base, None, (module, init.facts.block, init.start), given, own)
        place = (module, onward.block, onward.start)
        by_name = not _is_super_init(module, onward)  # `Base.__init__(self, ...)`
        callee = types.callee(module, onward)
        onward = msgspec.structs.replace(onward, args=onward.args[1:]) if by_name else onward
        match callee:
            case Method(cls=library):
                return Construction(library, onward, place, given, own)
            case External(name=full) if by_name:
                return Construction(full.rpartition(".")[0], onward, place, given, own)
            case FunctionObject(function=function) if function.name == "__init__":
                init, call, where, environment = function, onward, place, given
            case _:
                return Construction(base, None, place, given, own)
    return Construction(base, None, where, environment, own)


def parameters(
    function: Function, call: f.Call, where: Where, environment: Environment, shift: int, itself: Bound | None = None
) -> Environment:
    """What the parameters of a function stand for in a call, its defaults included; unknown behind `*` and `**`."""
    bound = Expansion.given(function, call, where, environment, shift)
    for param in function.params[shift:]:
        if param.kind == "args" and not any(arg.name == "*" for arg in call.args):
            bound.setdefault(param.name, (f.Display("tuple", ()), where, environment))  # it has collected nothing
        if param.kind == "kwargs" and not any(arg.name == "**" for arg in call.args):
            bound[f"**{param.name}"] = (f.Unknown(), where, environment)  # all that it holds is known by name
            bound.setdefault(param.name, (collected_by_name(function, call, shift), where, environment))
        bound.setdefault(param.name, (f.Unknown(), where, environment))
    if itself is not None and function.params:
        bound[function.params[0].name] = itself
    return NOWHERE.with_bound(bound)


def collected_by_name(function: Function, call: f.Call, shift: int) -> f.Mapping:
    """What `**options` of a function holds of the arguments that a call writes by name."""
    named = {param.name for param in function.params[shift:]}
    others = (arg for arg in call.args if arg.name.isidentifier() and arg.name not in named)
    return f.Mapping(tuple((f.Const(arg.name), arg.value) for arg in others))


def _is_base_init(module: Module, call: f.Call, itself: str) -> bool:
    """Whether a call hands the object on to a constructor: `super().__init__(...)`, `Base.__init__(self, ...)`."""
    if _is_super_init(module, call):
        return True
    is_init = isinstance(call.func, f.Attr) and call.func.attr == "__init__"
    return is_init and bool(call.args) and call.args[0].name == "" and call.args[0].value == f.Name(itself)


def _is_super_init(module: Module, call: f.Call) -> bool:
    match call.func:
        case f.Attr(value=f.CallRef(index=index), attr="__init__"):
            return f.last_name(module.facts.calls[index].func) == "super"
    return False
