"""What names stand for: modules, functions and classes of the project (`handles`), and the light types of values.

Data with a few questions each; resolution is in `names`, inference in `types`. A type that is not known is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Union

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.handles import Class, Function, Module

__all__ = [
    "Class",
    "ClassObject",
    "Coroutine",
    "External",
    "Function",
    "FunctionObject",
    "Instance",
    "Method",
    "Module",
    "ModuleObject",
    "Namespace",
    "OneOf",
    "Origin",
    "Partial",
    "TupleOf",
    "Type",
]


@dataclass(frozen=True)
class Origin:
    """The call that made an object: the identity of a router, an app, a security scheme.

    `owner` is the class through whose instance an object is reached that a class makes for each of its instances
    (`self.router = APIRouter()`): what one subclass does to it does not concern the others. `maker` is the call that
    made that instance, when it is a single one.
    """

    module: Module = field(repr=False)
    call: int
    owner: Class | None = None
    maker: Origin | None = None

    @property
    def facts(self) -> f.Call:
        return self.module.facts.calls[self.call]

    @property
    def start(self) -> int:
        return self.facts.start

    @property
    def end(self) -> int:
        return self.facts.end

    def __repr__(self) -> str:
        return f"Origin({self.module.path}:{self.module.source.line_of(self.start)})"


@dataclass(frozen=True)
class ModuleObject:
    """A module of the project as a value."""

    module: Module


@dataclass(frozen=True)
class Namespace:
    """A folder of the project without `__init__.py`, imported by its dotted name from `importer`."""

    dotted: str
    importer: Module


@dataclass(frozen=True)
class External:
    """Something outside the project by its canonical dotted name: module, class, function, value. Builtins are bare."""

    name: str


@dataclass(frozen=True)
class ClassObject:
    """A class of the project as a value; `args` are its type arguments when subscripted."""

    cls: Class
    args: tuple[Type, ...] = ()


@dataclass(frozen=True)
class FunctionObject:
    """A function of the project as a value; `owner` is what it is bound to (`self` or `cls`)."""

    function: Function
    owner: Instance | ClassObject | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Instance:
    """An object of a class of the project, or of an external class by canonical name ("str", "list", "httpx.Client").

    `args` are element types: of a list, what a generator or context manager gives, the type arguments of a generic.
    `origin` is the call that made it, when that is a single one.
    """

    cls: Class | str
    args: tuple[Type, ...] = ()
    origin: Origin | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Method:
    """A method of an external class, bound to an instance of it (or of a project subclass)."""

    cls: str
    name: str
    owner: Instance | None = field(default=None, compare=False)

    @property
    def dotted(self) -> str:
        return f"{self.cls}.{self.name}"


@dataclass(frozen=True)
class Coroutine:
    """What calling a coroutine function gives; awaiting it gives `result`."""

    result: Type


@dataclass(frozen=True)
class TupleOf:
    """A tuple of known length."""

    items: tuple[Type, ...]


@dataclass(frozen=True)
class Partial:
    """functools.partial of a callable, or another wrapper that calls it in place; `made` is what binds arguments."""

    callable: Type
    made: Origin | None = None


def without_partials(value: Type) -> Type:
    """What is called in the end when a value is: a `partial`, and one of a `partial`, is looked through."""
    while isinstance(value, Partial):
        value = value.callable
    return value


@dataclass(frozen=True)
class OneOf:
    """One of several known callables, which one is decided at run time: out of a table, by a condition; or one of
    several objects of classes of the project, as a union says.
    """

    options: tuple[Type, ...]


@dataclass(frozen=True)
class Never:
    """What a call gives of the function that is being looked into: nothing that its other returns do not give."""


NEVER = Never()

Type = Union[
    ModuleObject, Namespace, External, ClassObject, FunctionObject, Instance, Method, Coroutine, TupleOf, Partial,
    OneOf, Never, None,
]  # fmt: skip
