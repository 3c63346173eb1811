"""What is known of a mapped class: its table, columns and relationships. Data, read from source in `orm`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Instance, Module, TupleOf, Type
from fastapi_lint.model.types.inference.inference import Where

UNKNOWN_STRATEGY = "?"
"""The loading strategy of a relationship whose `lazy=` is not a constant."""


@dataclass(frozen=True, eq=False)
class Column:
    """A mapped column. `call` is Column(...), mapped_column(...) or SQLModel's Field(...); None for a bare Mapped.

    `foreign_key` is the target of its ForeignKey ("users.id"; "?" when that is not a constant), None without one.
    """

    name: str
    owner: Class
    call: f.Call | None
    annotation: f.Expr | None
    where: Where
    start: int
    end: int
    type: Type
    foreign_key: str | None = None

    def keyword(self, name: str) -> f.Arg | None:
        """A keyword argument of its call."""
        return next((arg for arg in self.call.args if arg.name == name), None) if self.call else None

    def is_true(self, name: str) -> bool:
        """Whether a keyword is the constant True (`index`, `unique`, `primary_key`, `nullable`)."""
        given = self.keyword(name)
        return given is not None and given.value == f.Const(True)


@dataclass(frozen=True, eq=False)
class Relationship:
    """A relationship. `lazy` is its loading strategy as given, None when it is not (then "select" is in effect).

    `target` is the class on the other side when it is one of the project; `UNKNOWN_STRATEGY` stands for a `lazy` that
    is not a constant.
    """

    name: str
    owner: Class
    call: f.Call
    annotation: f.Expr | None
    where: Where
    start: int
    end: int
    target: Class | None
    lazy: str | None

    @property
    def loads_on_access(self) -> bool:
        """Whether reading the attribute runs a query when nothing loaded it before."""
        return self.lazy in (None, "select")


@dataclass(frozen=True, eq=False)
class OrmModel:
    """A declarative class, bases included: `is_mapped` is False for the declarative base, mixins and abstract classes.

    `tablename` is None when it is computed. `complete` is False when a base is unknown: there may be more columns.
    """

    cls: Class
    kind: Literal["declarative", "sqlmodel"]
    is_mapped: bool
    tablename: str | None
    columns: tuple[Column, ...]
    relationships: tuple[Relationship, ...]
    complete: bool

    @property
    def name(self) -> str:
        return self.cls.name

    @property
    def module(self) -> Module:
        return self.cls.module

    def column(self, name: str) -> Column | None:
        """The column of a name, if it has one."""
        return next((one for one in self.columns if one.name == name), None)

    @property
    def start(self) -> int:
        return self.cls.start

    @property
    def end(self) -> int:
        return self.cls.end

    def relationship(self, name: str) -> Relationship | None:
        """A relationship by its attribute name."""
        return next((one for one in self.relationships if one.name == name), None)


def classes_of(value: Type) -> Iterator[Class]:
    """The project classes in a type."""
    if isinstance(value, Instance):
        if isinstance(value.cls, Class):
            yield value.cls
        for one in value.args:
            yield from classes_of(one)
    elif isinstance(value, TupleOf):
        for one in value.items:
            yield from classes_of(one)
