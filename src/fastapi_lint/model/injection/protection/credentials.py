"""Whether code looks at a credential: compares it, looks it up, or gives it to something that may verify it.

What must not be there yet is no credential: whoever knows none gets in.
"""

from __future__ import annotations

from fastapi_lint.catalog.secrecy.hashing import hashes
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.injection.protection.free import must_be_free
from fastapi_lint.model.injection.protection.looking import OF_THE_WEB, PLAIN, is_one_of, looked_at, parts_of
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import ClassObject, Function, FunctionObject
from fastapi_lint.model.types.inference.inference import Inference

_STORES = ("redis.", "aioredis.", "aiocache.", "cachetools.", "diskcache.")
"""What keeps, or lets go of, anything under any key: who does not ask what a call gives has asked nothing."""


def looks_at(
    types: Inference, function: Function, name: str, fields: frozenset[str] | None, depth: int, *, hashing: bool = True
) -> bool:
    """Whether a function looks at what a variable holds, or (with `fields`) at one of these of its attributes.

    `hashing`: that a password is hashed counts, as it may for who makes an account of their own.
    """
    module = function.module
    held = {name}
    for entry in module.assigns_in.get(function.index, ()) if fields is None else ():
        if isinstance(entry.target, f.Name) and any(is_one_of(p, frozenset(held)) for p in walk(entry.value)):
            held.add(entry.target.id)
    names = frozenset(held)
    free = must_be_free(types, function)
    for expr, _, start in looked_at(function):
        if free.holds(start):
            continue
        for part in walk(expr):
            if isinstance(part, f.Compare) and any(_holds(inner, names, fields) for inner in parts_of(part, module)):
                return True
    for call in function.calls:
        if free.holds(call.start):
            continue
        given = [arg for arg in call.args if any(_holds(part, names, fields) for part in walk(arg.value))]
        whole = [arg for arg in call.args if is_one_of(arg.value, names)] if fields is not None else []
        if not given and not whole:
            continue
        callee = types.callee(module, call)
        called = types.name_of_type(callee) or ""
        if isinstance(callee, FunctionObject):
            for param, value in bound(callee.function, call) if depth > 0 else ():
                if any(_holds(part, names, fields) for part in walk(value)):
                    if looks_at(types, callee.function, param, None, depth - 1, hashing=hashing):
                        return True
                elif is_one_of(value, names):
                    if looks_at(types, callee.function, param, fields, depth - 1, hashing=hashing):
                        return True
        elif (call.use == "statement" and called.startswith(_STORES)) or (hashes(called) and not hashing):
            continue
        elif not isinstance(callee, ClassObject) and not called.startswith(OF_THE_WEB) and called not in PLAIN:
            return True
    return False


def _holds(part: f.Expr, names: frozenset[str], fields: frozenset[str] | None) -> bool:
    if fields is None:
        return is_one_of(part, names)
    return isinstance(part, f.Attr) and part.attr in fields and is_one_of(part.value, names)
