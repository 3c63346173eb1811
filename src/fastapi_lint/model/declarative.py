"""Which classes are declarative, however their base was made: DeclarativeBase, declarative_base(), registry(), decorators."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.schemas import class_decorators
from fastapi_lint.model.symbols import Class, Module
from fastapi_lint.model.types import Inference, Where

_DECLARATIVE = (
    "sqlalchemy.orm.DeclarativeBase", "sqlalchemy.orm.DeclarativeBaseNoMeta", "sqlalchemy.orm.DeclarativeMeta",
    "sqlalchemy.orm.decl_api.DeclarativeMeta", "sqlalchemy.ext.declarative.DeclarativeMeta",
    "sqlalchemy.ext.declarative.api.DeclarativeMeta", "sqlalchemy.orm.declarative_base",
)  # fmt: skip


def is_declarative(types: Inference, cls: Class) -> bool:
    """Whether SQLAlchemy maps a class, or is a base for such: by its bases, a base that a call makes, or a decorator."""
    decorators = class_decorators(types, cls)
    if any(last_part(name) in ("mapped", "mapped_as_dataclass") for name in decorators):
        return True
    order = types.mro(cls)
    if any(isinstance(base, str) and types.is_subclass(base, root) for base in order for root in _DECLARATIVE):
        return True
    return any(isinstance(base, Class) and is_root(types, base) for base in order)


def is_root(types: Inference, cls: Class) -> bool:
    """Whether a class is itself a declarative base, or inherits directly from one that a call makes."""
    if any(last_part(name) == "as_declarative" for name in class_decorators(types, cls)):
        return True
    where = (cls.module, cls.facts.outer, cls.facts.start)
    heads = [*cls.facts.bases, *(arg.value for arg in cls.facts.keywords if arg.name == "metaclass")]
    return any(_makes_base(types, base, where) for base in heads)


def _makes_base(types: Inference, expr: f.Expr, where: Where) -> bool:
    if (called := call_behind(types, expr, where)) is None:
        return types.name_of_type(types.infer(expr, where)) in _DECLARATIVE[2:6]
    module, call = called
    name = types.name_of_type(types.callee(module, call))
    if last_part(name) in ("declarative_base", "automap_base"):
        return True
    if isinstance(call.func, f.Attr) and call.func.attr == "generate_base":
        registry = call_behind(types, call.func.value, (module, call.block, call.start))
        return registry is not None and last_part(called_name(types, *registry)) == "registry"
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
