"""Which methods stand for one: those of subclasses, for an abstract one those that make it real. Follows no calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.protocols import implementing, is_protocol
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    OneOf,
    Partial,
    Type,
)
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.tracking import memoized
from fastapi_lint.tracking.tables import collected, grouped

_MOST_OVERRIDES = 12
_MAY_BE_NONE = frozenset({
    "object", "typing.Optional", "typing.Union", "typing.Any", "typing.Annotated", "typing.NoReturn", "typing.Never",
    "types.NoneType",
})  # fmt: skip


def _own_methods(module: Module) -> Iterator[tuple[str, object]]:
    if not module.is_test:
        for function in module.functions:
            if function.facts.cls >= 0:
                yield function.name, function


class Overriding:
    """Answers "which function is this method, when the very class of its object is not known"."""

    def __init__(self, types: Inference) -> None:
        self.types = types

    def implementations(self, function: Function, owner: Instance | ClassObject | None) -> list[Function]:
        """The method itself, or for an abstract one those of subclasses; nothing when some of them are coroutines."""
        overrides = self._overrides(function, owner)
        if any(each.is_async != function.is_async for each in overrides):
            return []
        if not overrides and is_protocol(self.types, function.cls):
            found = implementing(self.types, function, self.methods_by_name.get(function.name, ()))
            return [found] if found is not None else []
        if not self.is_abstract(function):
            return [function]
        made = [each for each in overrides if not self.is_abstract(each)]
        return made if len(made) <= (1 if is_protocol(self.types, function.cls) else _MOST_OVERRIDES) else []

    def may_run(self, callee: Type) -> tuple[Function, ...] | None:
        """Every function of the project that may run because a value is called, at once or later, coroutines and
        generators included, without its decorators; empty for a library's, None when it is not known."""
        match callee:
            case FunctionObject(function=function, owner=owner):
                if not (overrides := self._overrides(function, owner)) and is_protocol(self.types, function.cls):
                    found = implementing(self.types, function, self.methods_by_name.get(function.name, ()))
                    return (found,) if found is not None else None
                made = tuple(each for each in (function, *overrides) if not self.is_abstract(each))
                return made if 0 < len(made) <= _MOST_OVERRIDES else None
            case ClassObject(cls=cls):
                return self.own_methods(cls, "__new__", "__init__", "__post_init__", "model_post_init")
            case Instance(cls=Class() as cls):
                return self.own_methods(cls, "__call__")
            case Partial(callable=inner):
                return self.may_run(inner)
            case OneOf(options=options):
                several = [self.may_run(option) for option in options]
                return None if None in several else tuple(each for found in several for each in found or ())
            case External() | Method() | Instance():
                return ()
        return None

    def own_methods(self, cls: Class, *names: str) -> tuple[Function, ...]:
        """The methods of these names that an object of a class has from the project."""
        found = (self.types.member(cls, name, Instance(cls)) for name in names)
        return tuple(each.function for each in found if isinstance(each, FunctionObject))

    def has_sync_override(self, function: Function, owner: Instance | ClassObject | None) -> bool:
        """Whether a subclass of what a method is called on has a plain function in its place."""
        return any(not each.is_async for each in self._overrides(function, owner))

    def has_override(self, function: Function) -> bool:
        """Whether a subclass of a method's class has a method of that name."""
        cls = function.cls
        return cls is not None and any(
            each is not function and each.cls is not cls and self._is_below(each.cls, cls)
            for each in self.methods_by_name.get(function.name, ())
        )

    def _overrides(self, function: Function, owner: Instance | ClassObject | None) -> list[Function]:
        """The methods of subclasses that may run in a method's stead, when an object's very class is not known."""
        if not isinstance(owner, Instance) or function.cls is None:
            return []
        if owner.origin is not None and not (isinstance(owner.cls, Class) and self.only_has_heirs(owner.cls)):
            return []
        return self._overriding(function, owner.cls) if isinstance(owner.cls, Class) else []

    @memoized
    def _overriding(self, function: Function, cls: Class) -> list[Function]:
        """The methods of a method's name in the classes below one."""
        return [
            each
            for each in self.methods_by_name.get(function.name, ())
            if each is not function and each.cls not in (None, cls) and self._is_below(each.cls, cls)
        ]

    @collected("effects.execution.overriding.methods_by_name", pairs=_own_methods)
    def methods_by_name(self) -> Mapping[str, list[Function]]:
        """The methods of the project, tests aside, by name."""
        table = grouped(self.types.modules.tables, "effects.execution.overriding.methods_by_name")
        return cast("dict[str, list[Function]]", table)

    def is_abstract(self, function: Function) -> bool:
        """Whether a method only says that subclasses have it: abstract, or one that raises NotImplementedError and does
        nothing else, or nothing at all although it is one of a Protocol or is to return something."""
        if function.facts.decorators and any(
            name.startswith("abc.abstract") for name in self.types.decorators(function)
        ):
            return True
        module, exits = function.module, function.exits
        if not exits and not function.calls and not module.assigns_in.get(function.index, ()):
            return self._is_to_return(function) or is_protocol(self.types, function.cls)
        if len(exits) != 1 or exits[0].kind != "raise" or _name_of(module, exits[0].value) != "NotImplementedError":
            return False
        does = [*function.calls, *module.assigns_in.get(function.index, ())]
        return all(exits[0].start <= each.start < exits[0].end for each in does)

    @memoized
    def only_has_heirs(self, cls: Class) -> bool:
        """Whether a class is abstract, so that an object that `kinds[name]()` makes of it is one of a class below."""
        if "abc.ABC" not in self.types.mro(cls):
            return False
        seen: set[str] = set()
        for base in self.types.mro(cls):
            for name, method in base.methods.items() if isinstance(base, Class) else ():
                if name not in seen and any(one.startswith("abc.abstract") for one in self.types.decorators(method)):
                    return True
                seen.add(name)
        return False

    def _is_to_return(self, function: Function) -> bool:
        """Whether the return annotation of a function names a class, of which None is no instance."""
        returns = function.facts.returns
        where = (function.module, function.facts.outer, function.start)
        match self.types.infer(returns.value if isinstance(returns, f.Sub) else returns, where):
            case ClassObject():
                return True
            case External(name=name):
                return name not in _MAY_BE_NONE
        return False

    def _is_below(self, cls: Class | None, of: Class | str) -> bool:
        return cls is not None and self.types.is_subclass(cls, of)


def _name_of(module: Module, expr: f.Expr | None) -> str:
    if isinstance(expr, f.CallRef):
        expr = module.facts.calls[expr.index].func
    return expr.id if isinstance(expr, f.Name) else ""
