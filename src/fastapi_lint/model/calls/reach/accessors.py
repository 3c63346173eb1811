"""Which objects are one for all requests, and which functions give such: what is made at module level, cached, kept in
a global, in a class, or in the state of the application. Judges nothing."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.reach.caching import is_cached
from fastapi_lint.model.names.expressions import targets, walk
from fastapi_lint.model.names.symbols import Function, FunctionObject, Instance
from fastapi_lint.model.types.inference.inference import Inference, Where

_DEEPEST = 4


def is_shared_object(value: object, types: Inference) -> bool:
    """Whether an object is known to be made once for all requests: at module level, or in a function with a cache."""
    if not isinstance(value, Instance) or value.origin is None:
        return False
    made = value.origin
    maker = made.module.enclosing(made.facts.block)
    if maker is None:
        return made.module.facts.blocks[made.facts.block].function < 0
    return is_cached(types, maker)


def comes_from_cache(expr: f.Expr | None, where: Where, types: Inference, depth: int = _DEEPEST) -> bool:
    """Whether an expression is what the application holds, or what a function gives that keeps it, by a cache or for
    want of it only: called here, or as a dependency."""
    match expr:
        case f.Await(value=value):
            return comes_from_cache(value, where, types, depth)
        case f.Attr():
            return is_of_app(expr) or _is_of_lifespan(expr, types)
        case f.CallRef(index=index):
            call = where[0].facts.calls[index]
            if f.last_name(call.func) == "cast" and len(call.args) == 2:
                return comes_from_cache(call.args[1].value, where, types, depth)
            callee = types.callee(where[0], call)
        case f.Name(id=name):
            found = types.find_bindings(name, where)
            if len(found) != 1:
                return False
            entry = found[0].entry
            if isinstance(entry, f.Assign) and isinstance(entry.value, (f.CallRef, f.Await, f.Attr)) and depth:
                return comes_from_cache(entry.value, (where[0], entry.block, entry.start), types, depth - 1)
            if not isinstance(entry, f.Param):
                return False
            callee = types.dependency_of(entry, (where[0], found[0].block, entry.start))
        case _:
            return False
    if isinstance(callee, Instance) and is_shared_object(callee, types):
        callee = types.attribute(callee, "__call__")
    if not isinstance(callee, FunctionObject):
        return False
    function = callee.function
    return is_cached(types, function) or _gives_the_one(function, types, is_shared_object(callee.owner, types), depth)


def is_of_app(expr: f.Expr) -> bool:
    """`request.app.state.name`: what belongs to the application that a request is for."""
    while isinstance(expr, (f.Attr, f.Sub)):
        match expr:
            case f.Attr(value=f.Attr(value=f.Attr(value=f.Name(), attr="app"), attr="state")):
                return True
        expr = expr.value
    return False


def _is_of_lifespan(expr: f.Attr, types: Inference) -> bool:
    """`request.state.name`, when nothing but a dict that is yielded, as lifespans do, sets a state of this name."""
    owner = expr.value
    if not isinstance(owner, f.Attr) or owner.attr != "state":
        return False
    stores = types.modules.stores_by_name.get(expr.attr, ())
    others = [module.facts.assigns[index].target for module, kind, index in stores if kind == "assign"]
    return (
        any(kind == "yield" for _, kind, _ in stores)
        and not any(kind == "call" for _, kind, _ in stores)
        and all(isinstance(each, f.Attr) and _is_state_of_app(each.value) for each in others)
    )


def _is_state_of_app(expr: f.Expr) -> bool:
    return isinstance(expr, f.Attr) and expr.attr == "state" and f.last_name(expr.value) == "app"


def _gives_the_one(function: Function, types: Inference, is_shared: bool, depth: int) -> bool:
    """Whether all that a function gives back is a global, an attribute of a class or of an object for all requests
    (`is_shared`), or an entry of one of these under a fixed key, which it fills for want of one only."""
    returned = [leave for leave in function.exits if leave.kind == "return" and leave.value is not None]
    return (
        bool(returned)
        and not function.is_generator
        and all(
            leave.value is not None
            and (
                _is_the_one(function, leave.value, is_shared)
                or (
                    depth > 0
                    and comes_from_cache(leave.value, (function.module, leave.block, leave.start), types, depth - 1)
                )
            )
            for leave in returned
        )
    )


def _is_the_one(function: Function, value: f.Expr, is_shared: bool) -> bool:
    module = function.module
    holder = value
    if isinstance(value, f.Sub) and len(value.items) == 1 and isinstance(value.items[0], f.Const):
        holder = value.value
    match holder:
        case f.Name(id=name):
            declared = {each for each, block in module.facts.globals if module.facts.blocks[block].function >= 0}
            own = any(param.name == name for param in function.params) or function.parent is not None
            if own or (function.rebinds(name) and name not in declared):
                return False
        case f.Attr() if is_of_app(holder):
            pass
        case f.Attr(value=f.Name(id=name)):
            first = function.params[0].name if function.cls is not None and function.params else ""
            is_own = name == first and (name == "cls" or is_shared)
            if not is_own and not any(each.name == name for each in module.classes):
                return False
        case _:
            return False
    return all(
        _is_for_want_of(function, entry, (value, holder))
        for entry in module.assigns_in.get(function.index, ())
        if any(target in (value, holder) for target in targets(entry.target))
    )


def _is_for_want_of(function: Function, entry: f.Assign, held: tuple[f.Expr, ...]) -> bool:
    """Whether something is bound below a condition that asks for it, when asking for it fails, or behind a way out with
    it."""
    blocks = function.module.block_chain(entry.block)
    return any(
        block.kind == "except" or (block.kind == "if" and any(part in held for part in walk(block.test)))
        for block in blocks
    ) or any(leave.kind == "return" and leave.start < entry.start and leave.value in held for leave in function.exits)
