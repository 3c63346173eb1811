"""Which class of the project stands for a Protocol: the one that has its methods. Several that do are left unknown."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Function
from fastapi_lint.model.types.inference.inference import Inference


def is_protocol(types: Inference, cls: Class | None) -> bool:
    """Whether a class is a Protocol itself, not one that implements it."""
    if cls is None or not cls.facts.bases:
        return False
    where = (cls.module, cls.facts.outer, cls.facts.start)
    bases = (base.value if isinstance(base, f.Sub) else base for base in cls.facts.bases)
    return any(types.name_of_type(types.infer(base, where)) == "typing.Protocol" for base in bases)


def implementing(types: Inference, method: Function, candidates: Iterable[Function]) -> Function | None:
    """The method that runs for one of a Protocol: that of the one class in its program which has all its methods.

    `candidates` are the methods of the same name.
    """
    protocol = method.cls
    if protocol is None:
        return None
    wanted = {
        name: each
        for base in types.mro(protocol)
        if isinstance(base, Class) and is_protocol(types, base)
        for name, each in base.methods.items()
    }
    able = [one for one in candidates if one.cls is not None and _has_all(types, one.cls, wanted)]
    found = types.programs.near(method.module, ((one.module, one) for one in able))
    return found[0][1] if len(found) == 1 else None


def _has_all(types: Inference, cls: Class, wanted: dict[str, Function]) -> bool:
    if is_protocol(types, cls):
        return False
    own: dict[str, Function] = {}
    for base in types.mro(cls):
        if isinstance(base, Class):
            own = {**base.methods, **own}
    return all(name in own and _is_alike(own[name], method) for name, method in wanted.items())


def _is_alike(one: Function, method: Function) -> bool:
    """Whether a method can be called as the Protocol says: a coroutine function or not, and with the same names."""
    if one.is_async != method.is_async:
        return False
    if any(param.kind in ("args", "kwargs") for param in one.params):
        return True
    taken = [param.name for param in one.params]
    required = [param.name for param in one.params[len(method.params) :] if param.default is None]
    return not required and taken[: len(method.params)] == [param.name for param in method.params]
