"""Which classes are declarative, however their base was made: DeclarativeBase, a call, a registry, a decorator.

Reads nothing else about them: what they map is in `database`.
"""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.data.kinds import class_decorators
from fastapi_lint.model.names.symbols import Class, Module
from fastapi_lint.model.types.inference.inference import Inference, Where

_DECLARATIVE = (
    "sqlalchemy.orm.DeclarativeBase", "sqlalchemy.orm.DeclarativeBaseNoMeta", "sqlalchemy.orm.DeclarativeMeta",
    "sqlalchemy.orm.decl_api.DeclarativeMeta", "sqlalchemy.ext.declarative.DeclarativeMeta",
    "sqlalchemy.ext.declarative.api.DeclarativeMeta", "sqlalchemy.orm.declarative_base",
)  # fmt: skip


def is_declarative(types: Inference, cls: Class) -> bool:
    """Whether SQLAlchemy maps a class, or it is a base for such: by a base, one that a call makes, or a decorator."""
    if not _registry_decorators(types, cls).isdisjoint(("mapped", "mapped_as_dataclass")):
        return True
    order = types.mro(cls)
    if any(isinstance(base, str) and types.is_subclass(base, root) for base in order for root in _DECLARATIVE):
        return True
    return any(isinstance(base, Class) and (is_base(types, base) or _inherits_made(types, base)) for base in order)


def is_base(types: Inference, cls: Class) -> bool:
    """Whether a class is itself a declarative base, which has no table."""
    if any(last_part(name) == "as_declarative" for name in class_decorators(types, cls)):
        return True
    if "as_declarative_base" in _registry_decorators(types, cls):
        return True
    where = (cls.module, cls.facts.outer, cls.facts.start)
    heads = [*cls.facts.bases, *(arg.value for arg in cls.facts.keywords if arg.name == "metaclass")]
    return any(types.name_of_type(types.infer(head, where)) in _DECLARATIVE for head in heads)


def _registry_decorators(types: Inference, cls: Class) -> set[str]:
    """The methods of a registry() that decorate a class, called or not."""
    where = (cls.module, cls.facts.outer, cls.facts.start)
    calls = cls.module.facts.calls
    found = set()
    for one in cls.facts.decorators:
        shown = calls[one.index].func if isinstance(one, f.CallRef) else one
        if isinstance(shown, f.Attr) and _is_registry(types, shown.value, where):
            found.add(shown.attr)
    return found


def _is_registry(types: Inference, expr: f.Expr, where: Where) -> bool:
    made = call_behind(types, expr, where)
    return made is not None and last_part(called_name(types, *made)) == "registry"


def _inherits_made(types: Inference, cls: Class) -> bool:
    where = (cls.module, cls.facts.outer, cls.facts.start)
    return any(makes_base(types, base, where) for base in cls.facts.bases)


def makes_base(types: Inference, expr: f.Expr, where: Where) -> bool:
    """Whether an expression gives what declarative_base(), automap_base() or registry().generate_base() made."""
    if (called := call_behind(types, expr, where)) is None:
        return False
    module, call = called
    name = called_name(types, module, call)
    if last_part(name) in ("declarative_base", "automap_base"):
        return True
    if isinstance(call.func, f.Attr) and call.func.attr == "generate_base":
        return _is_registry(types, call.func.value, (module, call.block, call.start))
    return False


def call_behind(types: Inference, expr: f.Expr | None, where: Where) -> tuple[Module, f.Call] | None:
    """The call that an expression is, or that made what a name stands for, in any module."""
    for _ in range(10):
        if isinstance(expr, f.CallRef):
            return where[0], where[0].facts.calls[expr.index]
        if not isinstance(expr, (f.Name, f.Attr)) or (meant := types.alias(expr, where)) is None:
            return None
        expr, where = meant
    return None


def called_name(types: Inference, module: Module, call: f.Call) -> str | None:
    """The dotted name of what a call calls."""
    return types.name_of_type(types.callee(module, call))


def last_part(name: str | None) -> str:
    """The last part of a name of SQLAlchemy or SQLModel; "" for others. They re-export each other."""
    return name.rsplit(".", 1)[-1] if name and name.split(".", 1)[0] in ("sqlalchemy", "sqlmodel") else ""
