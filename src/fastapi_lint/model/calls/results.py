"""Whether a call that stands where a callable belongs gives one. Answers only what is certain; reports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    Coroutine,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    TupleOf,
)
from fastapi_lint.model.types.inference.inference import is_none

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_PLAIN = frozenset({
    "str", "bytes", "int", "float", "bool", "list", "dict", "set", "frozenset", "tuple", "generator", "async_generator",
    "pathlib.Path", "datetime.datetime", "datetime.date", "datetime.timedelta", "uuid.UUID", "decimal.Decimal",
    "httpx.Response", "requests.Response",
})  # fmt: skip

NotCallable = Literal["value", "coroutine"]


def not_callable(project: Project, module: Module, expr: f.Expr) -> NotCallable | None:
    """What a call's result is when it surely cannot be called: a plain value (None included) or a coroutine.

    None for anything else: what is no call, gives a callable, or is not known well enough.
    """
    if not isinstance(expr, f.CallRef):
        return None
    call = module.facts.calls[expr.index]
    callee = project.types.callee(module, call)
    made = project.types.call_type(module, expr.index)
    match made:
        case Coroutine():
            return "coroutine"
        case TupleOf():
            return "value"
        case Instance(cls=str(name)):
            return "value" if name in _PLAIN else None
        case Instance(cls=Class() as cls):
            lineage = project.types.mro(cls)
            # What makes a class a mapped one need not be known: its objects are rows.
            known = project.orm.is_orm(cls) or all(
                isinstance(base, Class) or base in _HARMLESS or catalog.is_subclass(base, "pydantic.BaseModel")
                for base in lineage
            )
            return (
                "value"
                if known and not any("__call__" in base.methods for base in lineage if isinstance(base, Class))
                else None
            )
    if made is not None:
        return None
    match callee:
        case FunctionObject(function=function) if _gives_nothing(function):
            return "value"
        case External() | Method() if project.effects.blocking_entry(module, call) is not None and call.use == "value":
            return "value"  # it does its work at once: nothing is left to hand over
    return None


_HARMLESS = frozenset({"object", "abc.ABC", "enum.Enum", "enum.StrEnum", "typing.Generic", "Exception"})


def _gives_nothing(function: Function) -> bool:
    """Whether a synchronous function has a body of the project's own that never returns a value."""
    if function.is_async or function.is_generator or function.facts.decorators or function.name == "<lambda>":
        return False
    if function.cls is not None and not _does_something(function):
        return False  # an abstract method: others implement it
    returned = [
        entry
        for entry in function.exits
        if entry.kind == "return" and not is_none(entry.value) and entry.value is not None
    ]
    return (
        not returned
        and (function.facts.returns is None or is_none(function.facts.returns))
        and _does_something(function)
    )


def _does_something(function: Function) -> bool:
    facts, block = function.module.facts, function.facts.block
    inside = any(entry.block == block for entry in facts.assigns)
    return inside or bool(function.calls) or any(entry.kind == "return" for entry in function.exits)
