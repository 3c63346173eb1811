"""SQLAlchemy and SQLModel classes: which are mapped to tables, with which columns and relationships. Judges nothing.

What a class maps is read from its source; reflection, classical mappings and backrefs are not seen. Sessions are in
`sessions`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from fastapi_lint.index import facts as f
from fastapi_lint.model.database.mapping.declarative import (
    call_behind,
    called_name,
    is_base,
    is_declarative,
    last_part,
    makes_base,
)
from fastapi_lint.model.database.mapping.mapped import UNKNOWN_STRATEGY, Column, OrmModel, Relationship, classes_of
from fastapi_lint.model.names.annotations import parse_annotation
from fastapi_lint.model.names.symbols import Class, ClassObject, Module
from fastapi_lint.model.types.alternatives import admitted
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import Unfolded, Values
from fastapi_lint.tracking import memoized, memoized_cyclic
from fastapi_lint.tracking.tables import collected, contributions, numbered

_COLUMNS = frozenset({"Column", "mapped_column", "Field"})
_RELATIONSHIPS = frozenset({"relationship", "Relationship", "relation", "dynamic_loader"})
_LAZY_CONSTANTS = {"True": "select", "False": "joined", "None": "noload"}


class OrmModels:
    """Answers which classes are mapped to tables, and how, each question once."""

    def __init__(self, types: Inference, values: Values | None = None) -> None:
        self.types = types
        self.values = values or Values(types)

    @property
    def all(self) -> tuple[OrmModel, ...]:
        """Every mapped class, by path and place."""
        return tuple(model for cls in self.classes if (model := self.of(cls)) is not None and model.is_mapped)

    @collected("orm.classes", whole=True)
    def classes(self) -> tuple[Class, ...]:
        """The classes that are ORM objects, by path and place."""
        found: list[Class] = []
        contributions(self.types.modules.tables, "orm", lambda module: self.contribute(module, found))
        return tuple(found)

    @collected("orm.relationship_names", whole=True)
    def relationship_names(self) -> frozenset[str]:
        """The names under which ORM classes have relationships: most attributes that are read have no such name."""
        models = (self.of(cls) for cls in self.classes)
        return frozenset(one.name for model in models if model is not None for one in model.relationships)

    def contribute(self, module: Module, found: list[Class]) -> Collection[int]:
        """Add the ORM classes of a module; the indices of these classes."""
        known = self.types.modules.tables.places("orm", module)
        own = [c for c in module.classes if (self.is_orm(c) if known is None else c.index in known)]
        found.extend(own)
        return numbered([cls.index for cls in own], own)

    def is_orm(self, cls: Class) -> bool:
        """Whether instances of a class are ORM objects: declarative classes with their bases, and SQLModel tables."""
        return self._kind(cls) is not None

    @memoized
    def of(self, cls: Class) -> OrmModel | None:
        """What a declarative class maps; None for another class."""
        kind = self._kind(cls)
        return self._read(cls, kind) if kind is not None else None

    # ---------------------------------------------------------------- which classes

    @memoized_cyclic(None)
    def _kind(self, cls: Class) -> Literal["declarative", "sqlmodel"] | None:
        if self.types.is_subclass(cls, "sqlmodel.SQLModel"):
            is_table = any(arg.name == "table" and arg.value == f.Const(True) for arg in cls.facts.keywords)
            return "sqlmodel" if is_table else None
        return "declarative" if is_declarative(self.types, cls) else None

    # ---------------------------------------------------------------- what is mapped

    def _read(self, cls: Class, kind: Literal["declarative", "sqlmodel"]) -> OrmModel:
        order = [base for base in self.types.mro(cls) if isinstance(base, Class)]
        columns: dict[str, Column] = {}
        relationships: dict[str, Relationship] = {}
        for base in reversed(order):
            for one in self._attributes(base, cls):
                columns.pop(one.name, None)
                relationships.pop(one.name, None)
                if isinstance(one, Column):
                    columns[one.name] = one
                else:
                    relationships[one.name] = one
        tablename, is_mapped = self._table(cls, order, kind)
        complete = all(self._bases_known(base) for base in order)
        found = tuple(columns.values()), tuple(relationships.values())
        return OrmModel(cls, kind, is_mapped, tablename, *found, complete)

    def _bases_known(self, cls: Class) -> bool:
        where = (cls.module, cls.facts.outer, cls.facts.start)
        for base in cls.facts.bases:
            meant = self.types.infer(base, where)
            if isinstance(meant, ClassObject) or makes_base(self.types, base, where):
                continue
            name = self.types.name_of_type(meant) or ""
            if last_part(name) == "" and name != "object" and not name.startswith(("typing.", "abc.")):
                return False
        return True

    def _table(self, cls: Class, order: list[Class], kind: str) -> tuple[str | None, bool]:
        abstract = cls.assigns.get("__abstract__")
        if abstract is not None and abstract.value == f.Const(True):
            return None, False
        for base in order:
            if (entry := base.assigns.get("__tablename__")) is not None and entry.value is not None:
                return self.values.text(entry.value, (base.module, entry.block, entry.start)), True
            if (entry := base.assigns.get("__table__")) is not None:
                return self._table_name(entry, base), True
            if "__tablename__" in base.methods:
                return None, not is_base(self.types, cls)
        return (cls.name.lower(), True) if kind == "sqlmodel" else (None, False)

    def _table_name(self, entry: f.Assign, cls: Class) -> str | None:
        called = call_behind(self.types, entry.value, (cls.module, entry.block, entry.start))
        if called is None or not called[1].args:
            return None
        module, call = called
        return self.values.text(call.args[0].value, (module, call.block, call.start))

    def _attributes(self, cls: Class, mapped: Class) -> Iterator[Column | Relationship]:
        for name, entry in cls.assigns.items():
            where = (cls.module, entry.block, entry.start)
            if name == "__table__":
                yield from self._table_columns(cls, entry, where)
            elif not name.startswith("__"):
                found = self._attribute(
                    cls, name, entry.annotation, entry.value, where, (entry.start, entry.end), mapped
                )
                if found is not None:
                    yield found
        for name, method in cls.methods.items():
            if "declared_attr" not in {part for one in self.types.decorators(method) for part in one.split(".")}:
                continue
            for leave in method.exits:
                if leave.kind == "return" and leave.value is not None:
                    where = (cls.module, leave.block, leave.start)
                    span = (method.start, method.end)
                    found = self._attribute(cls, name, method.facts.returns, leave.value, where, span, mapped)
                    if found is not None:
                        yield found
                        break

    def _attribute(
        self,
        cls: Class,
        name: str,
        annotation: f.Expr | None,
        value: f.Expr | None,
        where: Where,
        span: tuple[int, int],
        mapped: Class,
    ) -> Column | Relationship | None:
        """The column or relationship that a name in the body of `cls` gives to `mapped`, a class below it."""
        module = where[0]
        call = module.facts.calls[value.index] if isinstance(value, f.CallRef) else None
        made = last_part(called_name(self.types, module, call)) if call is not None else ""
        if made in ("deferred", "column_property") and call is not None and call.args:
            inner = call.args[0].value
            if isinstance(inner, f.CallRef):
                call = module.facts.calls[inner.index]
                made = last_part(called_name(self.types, module, call))
        if call is not None and made in _RELATIONSHIPS:
            target, lazy = self._target(mapped, call, annotation, where), self._lazy(call, made, annotation, where)
            return Relationship(name, cls, call, annotation, where, *span, target, lazy)
        if call is not None and made == "Field":
            column = next((arg.value for arg in call.args if arg.name == "sa_column"), None)
            if isinstance(column, f.CallRef):
                call = module.facts.calls[column.index]
        is_column = made in _COLUMNS or (value is None and "Mapped" in self._heads(annotation, where))
        if not is_column and (
            self._kind(mapped) != "sqlmodel" or annotation is None or name.startswith("_") or made != ""
        ):
            return None
        if self._heads(annotation, where) & {"ClassVar"}:
            return None
        declared = self.types.annotation(annotation, where) if annotation is not None else None
        return Column(name, cls, call, annotation, where, *span, declared, self._foreign_key(call, where))

    def _table_columns(self, cls: Class, entry: f.Assign, where: Where) -> Iterator[Column]:
        """The columns of `__table__ = Table("name", metadata, Column("id", ...), ...)`."""
        called = call_behind(self.types, entry.value, where)
        if called is None or last_part(called_name(self.types, *called)) != "Table":
            return
        module, call = called
        place = (module, call.block, call.start)
        for arg in call.args:
            if isinstance(arg.value, f.CallRef):
                column = module.facts.calls[arg.value.index]
                name = self.values.text(column.args[0].value, place) if column.args else None
                if name and last_part(called_name(self.types, module, column)) == "Column":
                    key = self._foreign_key(column, place)
                    yield Column(name, cls, column, None, place, arg.start, arg.end, None, key)

    def _heads(self, annotation: f.Expr | None, where: Where) -> set[str]:
        if isinstance(annotation, f.Const):
            annotation = parse_annotation(str(annotation.value))
        if not isinstance(annotation, f.Sub):
            return set()
        name = self.types.name_of_type(self.types.infer(annotation.value, where)) or ""
        return {name.rsplit(".", 1)[-1]}

    def _foreign_key(self, call: f.Call | None, where: Where) -> str | None:
        if call is None:
            return None
        place = (where[0], call.block, call.start)
        for arg in call.args:
            if arg.name == "foreign_key":
                return self.values.text(arg.value, place) or UNKNOWN_STRATEGY
            if isinstance(arg.value, f.CallRef):
                key = where[0].facts.calls[arg.value.index]
                if last_part(called_name(self.types, where[0], key)) == "ForeignKey":
                    target = key.args[0].value if key.args else None
                    return self.values.text(target, place) or UNKNOWN_STRATEGY
        return None

    # ---------------------------------------------------------------- relationships

    def _lazy(self, call: f.Call, made: str, annotation: f.Expr | None, where: Where) -> str | None:
        if made == "dynamic_loader":
            return "dynamic"
        for head, strategy in (("WriteOnlyMapped", "write_only"), ("DynamicMapped", "dynamic")):
            if head in self._heads(annotation, where):
                return strategy
        place = (where[0], call.block, call.start)
        for arg in call.args:
            if arg.name == "lazy":
                return self._strategy(arg.value, place)
            if arg.name == "sa_relationship_kwargs":
                if not isinstance(arg.value, f.Mapping):
                    return UNKNOWN_STRATEGY
                for key, value in arg.value.items:
                    if key == f.Const("lazy"):
                        return self._strategy(value, place)
                    if key is None:
                        return UNKNOWN_STRATEGY
            if arg.name == "sa_relationship":
                inner = call_behind(self.types, arg.value, place)
                return self._lazy(inner[1], "", None, (inner[0], *place[1:])) if inner else UNKNOWN_STRATEGY
            if arg.name == "**":
                return UNKNOWN_STRATEGY
        return None

    def _strategy(self, expr: f.Expr, where: Where) -> str:
        try:
            value = self.values.constant(expr, where)
        except Unfolded:
            return UNKNOWN_STRATEGY
        return value if isinstance(value, str) else _LAZY_CONSTANTS.get(str(value), UNKNOWN_STRATEGY)

    @collected("orm.by_name")
    def by_name(self) -> Mapping[tuple[object, str], Class | None]:
        """The ORM classes by declarative base and bare name, as SQLAlchemy finds them; None when several have it."""
        table: dict[tuple[object, str], Class | None] = {}
        for cls in self.classes:
            key = (self._registry(cls), cls.name)
            table[key] = None if key in table else cls
        return table

    def _registry(self, cls: Class) -> object:
        """What stands for the declarative base of a class: a class, or the call that made it."""
        for base in self.types.mro(cls):
            if isinstance(base, Class):
                if is_base(self.types, base):
                    return base
                where = (base.module, base.facts.outer, base.facts.start)
                for expr in base.facts.bases:
                    if makes_base(self.types, expr, where) and (made := call_behind(self.types, expr, where)):
                        return made[0], made[1].start
        return None

    def _target(self, mapped: Class, call: f.Call, annotation: f.Expr | None, where: Where) -> Class | None:
        given = next((arg.value for arg in call.args if arg.name in ("", "argument")), None)
        if given is not None:
            meant = self.types.infer(given, where)
            if isinstance(meant, ClassObject):
                return meant.cls
            text = self.values.text(given, where)
            if text:
                return self.by_name.get((self._registry(mapped), text.rsplit(".", 1)[-1]))
        for one in admitted(self.types, annotation, where):
            for cls in classes_of(one):
                if self.is_orm(cls):
                    return cls
        registry = self._registry(mapped)
        names = [name for name in _written(annotation) if (registry, name) in self.by_name]
        return self.by_name[registry, names[0]] if len(names) == 1 else None


def _written(annotation: f.Expr | None) -> Iterator[str]:
    """The bare names in an annotation, quoted ones included: SQLAlchemy's registry resolves these without an import."""
    match annotation:
        case f.Name(id=name):
            yield name
        case f.Const(value=str(text)):
            yield from _written(parse_annotation(text))
        case f.Sub(items=items):
            for item in items:
                yield from _written(item)
        case f.Binary(left=left, right=right):
            yield from _written(left)
            yield from _written(right)
