"""The constants that are followed through calls: what an expression is, when it is one. Knows no parameters."""

from __future__ import annotations

from typing import Union

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, ModuleObject
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import Unfolded, Values

_ENUMS = ("enum.", "StrEnum")
_MOST_ITEMS = 20


class Unknown:
    """What is not a known constant; `counts_as` says whether it is true all the same, None when it may be either."""

    def __init__(self, counts_as: bool | None = None) -> None:
        self.counts_as = counts_as

    def __repr__(self) -> str:
        return f"Unknown({self.counts_as})"


UNKNOWN = Unknown()
KNOWN_AS = {True: Unknown(True), False: Unknown(False)}
Value = Union[bool, int, float, str, None, "tuple[object, ...]", Unknown]
"""A constant; a `tuple` that begins with `MEMBER` is a member of an enumeration."""
MEMBER = "\0member"


class Constants:
    """Answers "which constant is this"."""

    def __init__(self, types: Inference) -> None:
        self.types = types
        self.values = Values(types)

    def of(self, expr: f.Expr | None, where: Where) -> Value:
        """The constant that an expression is; `UNKNOWN` for anything else."""
        match expr:
            case f.Const(value=value):
                return value
            case f.Display(kind="tuple" | "list" | "set", items=items) if len(items) <= _MOST_ITEMS:
                found = tuple(self.of(item, where) for item in items)
                return UNKNOWN if any(isinstance(each, Unknown) for each in found) else found
            case f.Mapping(items=()):
                return ()
            case f.Name():
                return self._named(expr, where)
            case f.Attr(value=owner, attr=attr):
                return self._member(owner, attr, where)
        return UNKNOWN

    def _named(self, expr: f.Name, where: Where) -> Value:
        """A constant of a module, bound once and never changed."""
        bindings = self.types.find_bindings(expr.id, where)
        if len(bindings) != 1:
            return UNKNOWN
        entry = bindings[0].entry
        module = where[0]
        if isinstance(entry, f.Import):
            try:
                return self.values.constant(expr, where)
            except Unfolded:
                return UNKNOWN
        if isinstance(entry, f.Assign) and module.facts.blocks[bindings[0].block].kind == "module":
            if any(name == expr.id for name, _ in module.facts.globals):
                return UNKNOWN
            value = entry.value
            if isinstance(value, (f.Const, f.Display)):
                return self.of(value, (module, entry.block, entry.start))
        return UNKNOWN

    def _member(self, owner: f.Expr, attr: str, where: Where) -> Value:
        """A member of an enumeration, or a constant of another module."""
        value = self.types.infer(owner, where)
        if isinstance(value, ModuleObject):
            try:
                return self.values.constant(f.Attr(owner, attr), where)
            except Unfolded:
                return UNKNOWN
        if isinstance(value, ClassObject) and attr in value.cls.assigns and self._is_enum(value.cls):
            raw = value.cls.assigns[attr].value
            text = raw.value if isinstance(raw, f.Const) and isinstance(raw.value, (str, int)) else None
            return (MEMBER, value.cls.module.path, value.cls.qualname, attr, text)
        return UNKNOWN

    def _is_enum(self, cls: Class) -> bool:
        return any(isinstance(base, str) and base.startswith(_ENUMS) for base in self.types.mro(cls))


def truth(value: Value) -> bool | None:
    """Whether a constant counts as true; None when it is not known."""
    if isinstance(value, Unknown):
        return value.counts_as
    if isinstance(value, tuple) and value[:1] == (MEMBER,):
        return True if not isinstance(value[-1], int) else None
    return bool(value)


def is_member(value: Value) -> bool:
    """Whether a constant is a member of an enumeration."""
    return isinstance(value, tuple) and value[:1] == (MEMBER,)
