"""What type variables of generic classes stand for: `T` inside of `Page` when the type is `Page[User]`. No guesses."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, Instance, Type
from fastapi_lint.model.types.alternatives import admitted
from fastapi_lint.model.types.inference.inference import Inference


def type_variables(types: Inference, of: Instance) -> dict[Class, dict[str, Type]]:
    """The type variables of an instance's class and of each of its bases, by name, with what they stand for."""
    found: dict[Class, dict[str, Type]] = {}

    queue: list[tuple[Class, tuple[Type, ...]]] = [(of.cls, of.args)] if isinstance(of.cls, Class) else []
    while queue:
        cls, arguments = queue.pop(0)
        if cls in found:
            continue
        names = _parameters(types, cls)
        found[cls] = dict(zip(names, arguments, strict=True)) if len(names) == len(arguments) else {}
        where = (cls.module, cls.facts.outer, cls.facts.start)
        for base in cls.facts.bases:
            meant = types.infer(base, where)
            if isinstance(meant, ClassObject):
                items = base.items if isinstance(base, f.Sub) else ()
                given = (admitted(types, item, where, found[cls]) for item in items)
                queue.append((meant.cls, tuple(one[0] if len(one) == 1 else None for one in given)))
    return found


def _parameters(types: Inference, cls: Class) -> tuple[str, ...]:
    """The type parameters of a class: from Generic[...], or the one name in it that nothing else explains."""
    if cls.facts.variables:
        return tuple(name for name, _ in cls.facts.variables)
    where = (cls.module, cls.facts.outer, cls.facts.start)
    free: dict[str, None] = {}
    for base in cls.facts.bases:
        if isinstance(base, f.Sub):
            names = [item.id for item in base.items if isinstance(item, f.Name)]
            if types.name_of_type(types.infer(base.value, where)) in ("typing.Generic", "typing.Protocol"):
                return tuple(names)
            free.update((name, None) for name in names if types.annotation(f.Name(name), where) is None)
    for entry in cls.assigns.values():
        for name in _names(entry.annotation):
            if not types.find_bindings(name, where) and types.infer(f.Name(name), where) is None:
                free[name] = None
    return tuple(free) if len(free) == 1 else ()


def _names(expr: f.Expr | None) -> Iterator[str]:
    """The bare names in an annotation."""
    match expr:
        case f.Name(id=name):
            yield name
        case f.Sub(value=value, items=items):
            yield from _names(value)
            for item in items:
                yield from _names(item)
        case f.Binary(left=left, right=right):
            yield from _names(left)
            yield from _names(right)
