"""What the parts of inference share: their state, and the questions that they ask of each other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar, cast

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.modules import Binding, Modules, Scope
from fastapi_lint.model.names.places import Place
from fastapi_lint.model.names.programs import Programs
from fastapi_lint.model.names.symbols import (
    NEVER,
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    OneOf,
    Origin,
    Partial,
    TupleOf,
    Type,
)
from fastapi_lint.tracking import circles
from fastapi_lint.tracking.memory import Memos

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
ELEMENTS = frozenset({
    "list", "set", "frozenset", "tuple", "deque", "generator", "async_generator", "collections.deque", "typing.List",
    "typing.Set",
    "typing.Sequence", "typing.Iterable", "typing.Iterator", "typing.Generator", "typing.AsyncGenerator",
    "typing.AsyncIterator", "typing.AsyncIterable", "typing.Collection", "typing.FrozenSet",
    "typing.Tuple", "typing.MutableSequence", "typing.Deque", "typing.KeysView", "typing.ValuesView",
    "typing.Reversible", "typing.AbstractSet", "typing.MutableSet", "sqlalchemy.ScalarResult",
    "beanie.odm.queries.find.FindMany",
})  # fmt: skip
MAPPINGS = frozenset({
    "dict", "typing.Dict", "typing.Mapping", "typing.MutableMapping", "collections.defaultdict", "typing.DefaultDict",
    "collections.OrderedDict", "typing.OrderedDict", "types.MappingProxyType", "weakref.WeakValueDictionary",
})  # fmt: skip
_CALLABLES = (External, FunctionObject, Method, Partial)
_OF_CLASSES = (ClassObject, Instance)
_FRAMEWORK = frozenset({"fastapi", "starlette", "pydantic", "typing_extensions"})
_MOST_OPTIONS = 12
_DEPTH = 40
_SHORT = 12
"""How much deeper imports and definitions are asked for: these are a few modules away."""
DEEPEST = 60
Where = tuple[Module, int, int]
"""Where an expression is evaluated: module, block, byte offset of the use."""
DEPENDS = frozenset({"fastapi.Depends", "fastapi.Security"})


class Questions:
    """The state of inference, and what its parts ask of each other; each question is answered in one of them."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self.programs = Programs(modules)
        self._bindings: dict[Module, dict[Scope, dict[str, list[Binding]]]] = {}
        self._scoped: dict[tuple[Module, int, str], tuple[list[Binding], bool]] = {}
        self._single: dict[tuple[Module, int, str], Binding] = {}
        self._markers: Memos[tuple[Where, int, str], tuple[Module, int] | None] = Memos()
        self._callees: Memos[Place, Type] = Memos()
        self._bound: Memos[tuple[Module, int, int, str], Type] = Memos()
        self._mro: Memos[Class, tuple[Class | str, ...]] = Memos()
        self._self_assigns: dict[Class, dict[str, list[tuple[f.Assign, Function]]]] = {}
        self._depth = 0
        self._followings = 0
        self._shared: dict[Callable[..., object], object] = {}
        self._aliased: Memos[Where, Type] = Memos()

    def shared(self, kind: Callable[[Self], T]) -> T:
        """The one object of a class that answers further questions about these types, each once for all who ask."""
        if kind not in self._shared:
            self._shared[kind] = kind(self)
        return cast(T, self._shared[kind])

    def guarded(
        self, key: Hashable, answer: Callable[[], Type], *, is_short: bool = False, unknown: Type = None
    ) -> Type:
        """An answer that may come to ask for itself; where too many questions wait for each other it is postponed.

        `is_short`: it is a few steps away, whoever asks (an import, a definition). `unknown` is what it finds when it
        asks for itself, at first.
        """
        if self._depth >= _DEPTH + (_SHORT if is_short else 0):
            return circles.postpone(key, answer, None)
        self._depth += 1
        try:
            return circles.ask(key, answer, unknown)
        finally:
            self._depth -= 1

    def agree(self, types: Iterable[Type]) -> Type:
        """The one type that all are; None when they differ, one is unknown, or there is none."""
        found: Type = None
        for one in types:
            if one is None:
                return None
            if found is None or found is NEVER:
                found = one
            elif one is NEVER:
                continue
            elif found != one:
                return None
            elif isinstance(found, Instance) and isinstance(one, Instance) and found.origin != one.origin:
                found = Instance(found.cls, found.args)
        return found

    def one_of(self, types: Iterable[Type]) -> Type:
        """As `agree`; where several callables are known that differ, or several objects of the project, one of them."""
        given = tuple(types)
        if len(given) > 1 and circles.is_open():
            given = tuple(one for one in given if one is not NEVER) or given[:1]
        if len(given) == 1:
            return given[0]
        several = ((each.options if isinstance(each, OneOf) else (each,)) for each in given)
        options = tuple(dict.fromkeys(option for each in several for option in each))
        if 1 < len(options) <= _MOST_OPTIONS and all(isinstance(one, _CALLABLES) for one in options):
            return OneOf(options)
        rows = [option.items for option in options if isinstance(option, TupleOf)]
        if 1 < len(rows) == len(options) and len({len(row) for row in rows}) == 1:
            return TupleOf(tuple(self.one_of(column) for column in zip(*rows, strict=True)))
        agreed = self.agree(given) or self._interface_of(options)
        return one_object_of(given) if agreed is None and options and type(options[0]) is Instance else agreed

    def _interface_of(self, options: tuple[Type, ...]) -> Type:
        """The nearest abstract class of the project above several classes, or above the classes of several objects."""
        kinds = {type(option) for option in options}
        if len(options) < 2 or kinds not in ({ClassObject}, {Instance}):
            return None
        orders = [self.mro(one.cls) for one in options if isinstance(one, _OF_CLASSES) and isinstance(one.cls, Class)]
        if len(orders) < len(options):
            return None
        for base in orders[0]:
            if isinstance(base, Class) and all(base in order for order in orders):
                return (
                    (ClassObject(base) if kinds == {ClassObject} else Instance(base))
                    if "abc.ABC" in self.mro(base)
                    else None
                )
        return None

    @staticmethod
    def with_callables(declared: Type, value: Type) -> Type:
        """A declared container, with the functions that the value holds where the annotation says `Callable`."""
        if not isinstance(declared, Instance) or not isinstance(value, Instance) or isinstance(declared.cls, Class):
            return declared
        if None not in declared.args or len(declared.args) != len(value.args):
            return declared
        pairs = zip(declared.args, value.args, strict=True)
        args = tuple(b if a is None and isinstance(b, (*_CALLABLES, OneOf)) else a for a, b in pairs)
        return Instance(declared.cls, args, declared.origin)

    # ---------------------------------------------------------------- answered in the parts

    def bindings(self, module: Module) -> dict[Scope, dict[str, list[Binding]]]:
        raise NotImplementedError

    def find_bindings(self, name: str, where: Where) -> list[Binding]:
        raise NotImplementedError

    def lookup(self, name: str, where: Where) -> Type:
        raise NotImplementedError

    def merge(self, module: Module, name: str, found: list[Binding]) -> Type:
        raise NotImplementedError

    def element(self, value: Type) -> Type:
        raise NotImplementedError

    def parts(self, value: Type) -> tuple[Type, ...] | None:
        raise NotImplementedError

    def entered(self, value: Type) -> Type:
        raise NotImplementedError

    def container_method(self, owner: Instance, method: str, call: f.Call, where: Where) -> Type:
        raise NotImplementedError

    def queried(self, cls: str, name: str, owner: Instance | ClassObject | None, call: f.Call, where: Where) -> Type:
        raise NotImplementedError

    @staticmethod
    def found_by(owner: ClassObject, given: str, call: f.Call) -> Type:
        raise NotImplementedError

    def is_mapped_query(self, call: f.Call, where: Where) -> bool:
        raise NotImplementedError

    def iterating(self, name: str, positional: list[f.Expr], where: Where) -> Type:
        raise NotImplementedError

    def gathered(self, name: str, positional: list[f.Expr], where: Where) -> Type:
        raise NotImplementedError

    def imported(self, importer: Module, entry: f.Import) -> Type:
        raise NotImplementedError

    def inner_module(self, dotted: str, importer: Module) -> Type:
        raise NotImplementedError

    def export(self, module: Module, name: str) -> Type:
        raise NotImplementedError

    def starred(self, module: Module, name: str) -> Type:
        raise NotImplementedError

    def attribute(self, value: Type, attr: str) -> Type:
        raise NotImplementedError

    def owned(self, found: Type, owner: Instance) -> Type:
        raise NotImplementedError

    def member(self, cls: Class, attr: str, owner: Instance | ClassObject) -> Type:
        raise NotImplementedError

    def is_enumeration(self, cls: Class) -> bool:
        raise NotImplementedError

    def self_assigns(self, cls: Class) -> dict[str, list[tuple[f.Assign, Function]]]:
        raise NotImplementedError

    def mro(self, cls: Class) -> tuple[Class | str, ...]:
        raise NotImplementedError

    def is_subclass(self, cls: Class | str, of: Class | str) -> bool:
        raise NotImplementedError

    def is_instance(self, value: Type, *of: Class | str) -> bool:
        raise NotImplementedError

    def named_module(self, dotted: str, importer: Module) -> Type:
        raise NotImplementedError

    def call_type(self, module: Module, index: int) -> Type:
        raise NotImplementedError

    def callee(self, module: Module, call: f.Call) -> Type:
        raise NotImplementedError

    def result(self, function: Type, origin: Origin | None = None) -> Type:
        raise NotImplementedError

    def instantiate(self, value: Type) -> Type:
        raise NotImplementedError

    def decorators(self, function: Function) -> tuple[str, ...]:
        raise NotImplementedError

    def return_type(self, function: Function) -> Type:
        raise NotImplementedError

    def yield_type(self, function: Function) -> Type:
        raise NotImplementedError

    def parameter(self, function: Function, param: f.Param) -> Type:
        raise NotImplementedError

    def is_narrower(self, made: Type, declared: Type) -> bool:
        raise NotImplementedError

    def passed(self, function: Function, param: f.Param) -> Type:
        raise NotImplementedError

    def state_of(self, value: Instance, attr: str, reader: Module) -> Type:
        raise NotImplementedError

    def stored(self, holder: Class | Module | str, attr: str, reader: Module | None = None) -> Type:
        raise NotImplementedError

    def subclasses(self, cls: Class) -> tuple[Class, ...]:
        raise NotImplementedError

    def heirs(self, cls: Class) -> tuple[Class, ...]:
        raise NotImplementedError

    def dependency_of(self, param: f.Param, where: Where) -> Type:
        raise NotImplementedError

    def depends_call(self, param: f.Param, where: Where) -> tuple[Module, int] | None:
        raise NotImplementedError

    def dependency_result(self, dependency: Type) -> Type:
        raise NotImplementedError

    def annotation(self, expr: f.Expr | None, where: Where) -> Type:
        raise NotImplementedError

    def meant_for(self, expr: f.Expr | None, where: Where, owner: Type, cls: Class) -> Type:
        raise NotImplementedError

    def metadata(
        self, annotation: f.Expr | None, where: Where, seen: set[Where] | None = None
    ) -> Iterator[tuple[Module, f.Expr, Where]]:
        raise NotImplementedError

    def given_back(self, module: Module, index: int) -> Iterator[tuple[f.Expr, Where]]:
        raise NotImplementedError

    def at_least(self, expr: f.Expr, where: Where) -> Type:
        raise NotImplementedError

    def alias(self, expr: f.Expr, where: Where) -> tuple[f.Expr, Where] | None:
        raise NotImplementedError

    def export_alias(self, module: Module, name: str, depth: int = 0) -> tuple[f.Expr, Where] | None:
        raise NotImplementedError

    def alias_of(self, module: Module, name: str, found: list[Binding], depth: int = 0) -> tuple[f.Expr, Where] | None:
        raise NotImplementedError

    def infer(self, expr: f.Expr | None, where: Where) -> Type:
        raise NotImplementedError

    def subscript(self, value: Type, items: tuple[f.Expr, ...], where: Where) -> Type:
        raise NotImplementedError

    def name_of_type(self, value: Type) -> str | None:
        raise NotImplementedError


def is_none(expr: f.Expr | None) -> bool:
    """Whether an expression is the constant None."""
    return isinstance(expr, f.Const) and expr.value is None


def starred(items: tuple[f.Expr, ...]) -> bool:
    return any(isinstance(item, f.Star) for item in items)


def instance_of(name: str | None, origin: Origin | None = None) -> Type:
    """The instance a catalogue entry names: "redis.Redis", "list[x.Y]", "contextmanager[x.Y]"; None for no name."""
    if not name:
        return None
    if name.endswith("]"):
        head, _, inner = name[:-1].partition("[")
        return Instance(head, (instance_of(inner),), origin)
    return Instance(name, (), origin)


def one_object_of(options: Iterable[Type]) -> OneOf | None:
    """One of several objects of different classes, one of the project among them; None when one of them is anything
    else than an object of the project or of a library that works for it, or unknown.

    A class that several calls make objects of is one option, of which it is not known which call made it.
    """
    found: dict[Type, Instance] = {}
    for given in options:
        for one in given.options if type(given) is OneOf else (given,):
            if type(one) is not Instance or not (type(one.cls) is Class or _does_work(one.cls)):
                return None
            found[one] = Instance(one.cls, one.args) if one in found and one.origin != found[one].origin else one
    has_own = any(type(one.cls) is Class for one in found.values())
    return OneOf(tuple(found.values())) if has_own and 1 < len(found) <= _MOST_OPTIONS else None


def _does_work(cls: Class | str) -> bool:
    """Whether a class of a library is a part of what a program works with: no value, no part of a framework."""
    top, _, inside = cls.partition(".") if isinstance(cls, str) else ("", "", "")
    return bool(inside) and top not in sys.stdlib_module_names and top not in _FRAMEWORK


def is_one_object(value: Type) -> bool:
    """Whether a value is one of several objects, not of several callables."""
    return isinstance(value, OneOf) and isinstance(value.options[0], Instance)


def functions_of(value: Type) -> tuple[FunctionObject, ...]:
    """The function of the project that a value is, or those of which it is one."""
    options = value.options if isinstance(value, OneOf) else (value,)
    found = tuple(option for option in options if isinstance(option, FunctionObject))
    return found if len(found) == len(options) else ()
