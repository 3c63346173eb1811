"""Pydantic and SQLModel classes: their fields through all bases, their configuration, and what schemas lie inside them.

Does not know which routes use them (`exchange` does), and judges nothing. As in Pydantic 2 a field needs an annotation.
Fields that validators, `create_model` or external bases add are not seen; `Schema.complete` tells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from fastapi_lint.index import facts as f
from fastapi_lint.model.data.configuration import Given, own_config
from fastapi_lint.model.data.kinds import ROOTS, VALIDATED, Kind, kind_of
from fastapi_lint.model.names.places import Place, place_of
from fastapi_lint.model.names.symbols import Class, Function, Instance, Module, TupleOf, Type
from fastapi_lint.model.types.alternatives import admits_none, admitted
from fastapi_lint.model.types.generics import type_variables
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import Constant, Unfolded, Values
from fastapi_lint.tracking import memoized, recording
from fastapi_lint.tracking.memory import Memos
from fastapi_lint.tracking.tables import collected, contributions, numbered

FIELD_CALLS = frozenset({
    "pydantic.Field", "pydantic.fields.Field", "pydantic.v1.Field", "sqlmodel.Field", "dataclasses.field",
    "fastapi.Query", "fastapi.Path", "fastapi.Body", "fastapi.Header", "fastapi.Cookie", "fastapi.Form", "fastapi.File",
})  # fmt: skip
LIMITS = {
    "lte": "le",
    "gte": "ge",
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "minLength": "min_length",
    "maxLength": "max_length",
    "min_items": "min_length",
    "max_items": "max_length",
}
"""The argument of Pydantic that is meant by one of another name: under that name nothing is checked."""
_NO_FIELD = frozenset({
    "pydantic.PrivateAttr", "pydantic.fields.PrivateAttr", "pydantic.v1.PrivateAttr", "sqlmodel.Relationship",
})  # fmt: skip
_PLAIN_BASES = frozenset({"object", "typing.Generic", "typing.Protocol", "abc.ABC"})


@dataclass(frozen=True, eq=False)
class SchemaField:
    """A field of a schema as its class, or the nearest base, declares it.

    `owner` is the class whose body holds it; `default` what stands behind `=`, also when that is a call of Field.
    `field_call` is that call, or the one in Annotated (then `field_module` may be another module); `keywords` are those
    of all its Field calls, the nearest wins. `metadata` is what else Annotated carries. `type` is None for unions of
    several types: see `Schemas.field_types`. `has_default` says that it may be left out, `alias` is the name in JSON
    input, `excluded` says it is never in the output.
    """

    name: str
    owner: Class
    annotation: f.Expr
    default: f.Expr | None
    where: Where
    start: int
    end: int
    type: Type
    optional: bool
    has_default: bool
    field_call: f.Call | None = None
    field_module: Module | None = None
    keywords: Mapping[str, Given] = field(default_factory=dict)
    metadata: tuple[tuple[Module, f.Expr, Where], ...] = ()
    alias: str | None = None
    excluded: bool = False

    @property
    def module(self) -> Module:
        return self.owner.module


@dataclass(frozen=True, eq=False)
class Schema:
    """A class that Pydantic (or dataclasses) builds from its annotations.

    `fields` come with those of the bases, in Pydantic's order. `config` is model_config, class Config and the keywords
    of the class head, merged through the bases. `computed` are the computed fields, `properties` the plain ones, which
    are never in the output. `complete` is False when a base is unknown or external, so that there may be more.
    """

    cls: Class
    kind: Kind
    fields: tuple[SchemaField, ...]
    config: Mapping[str, Given]
    computed: tuple[Function, ...] = ()
    properties: tuple[Function, ...] = ()
    complete: bool = True
    is_v1: bool = False

    @property
    def name(self) -> str:
        return self.cls.name

    @property
    def module(self) -> Module:
        return self.cls.module

    @property
    def start(self) -> int:
        return self.cls.start

    @property
    def end(self) -> int:
        return self.cls.end

    @property
    def is_validated(self) -> bool:
        """Whether Pydantic validates every object of it, not only those that FastAPI reads or sends."""
        return self.kind in VALIDATED

    @cached_property
    def own_fields(self) -> tuple[SchemaField, ...]:
        """The fields that its own body declares."""
        return tuple(one for one in self.fields if one.owner is self.cls)

    def field(self, name: str) -> SchemaField | None:
        """A field by its name, inherited ones included."""
        return next((one for one in self.fields if one.name == name), None)


class Schemas:
    """Answers which classes are schemas and what is in them, each question once."""

    def __init__(self, types: Inference, values: Values) -> None:
        self.types = types
        self.values = values
        self._field_types: Memos[tuple[Place, Type], tuple[Type, ...]] = Memos()

    @property
    def all(self) -> tuple[Schema, ...]:
        """Every schema, by path and place."""
        return tuple(schema for cls in self.classes if (schema := self.of(cls)) is not None)

    @collected("schemas.classes", whole=True)
    def classes(self) -> tuple[Class, ...]:
        """The classes that are schemas, by path and place."""
        found: list[Class] = []
        contributions(self.types.modules.tables, "schemas", lambda module: self.contribute(module, found))
        return tuple(found)

    def contribute(self, module: Module, found: list[Class]) -> Collection[int]:
        """Add the schemas of a module; the indices of these classes."""
        known = self.types.modules.tables.places("schemas", module)
        own = [c for c in module.classes if (kind_of(self.types, c) if known is None else c.index in known)]
        found.extend(own)
        return numbered([cls.index for cls in own], own)

    @collected("schemas.groups")
    def groups(self) -> Mapping[Class, tuple[Class, ...]]:
        """The classes of which settings hold an object in a field, with these settings."""
        table: dict[Class, list[Class]] = {}
        contributions(self.types.modules.tables, "settings", lambda module: self.contribute_groups(module, table))
        return {group: tuple(found) for group, found in table.items()}

    def contribute_groups(self, module: Module, table: dict[Class, list[Class]]) -> Collection[int]:
        """Add what the settings of a module hold; the indices of these settings."""
        found = set()
        for cls in module.classes:
            schema = self.of(cls) if cls.facts.bases and self.is_settings(cls) else None
            for one in schema.fields if schema is not None else ():
                for each in self.field_types(one):
                    if isinstance(each, Instance) and isinstance(each.cls, Class):
                        table.setdefault(each.cls, []).append(cls)
                        found.add(cls.index)
        return found

    @memoized
    def of(self, cls: Class) -> Schema | None:
        """The schema that a class is (dataclasses and typed dicts included); None for another class."""
        kind = kind_of(self.types, cls)
        return self._read(cls, kind) if kind is not None else None

    def is_settings(self, cls: Class) -> bool:
        """Whether a class is a BaseSettings subclass."""
        return kind_of(self.types, cls) == "settings"

    def option(self, schema: Schema, name: str) -> Constant:
        """A configuration value as a constant; None when it is not set or not known (see `Schema.config`)."""
        given = schema.config.get(name)
        if given is None:
            return None
        try:
            return self.values.constant(given.value, given.where)
        except Unfolded:
            return None

    # ---------------------------------------------------------------- reading a class

    def _read(self, cls: Class, kind: Kind) -> Schema:
        order = self.types.mro(cls)
        fields: dict[str, SchemaField] = {}
        config: dict[str, Given] = {}
        methods: dict[str, Function] = {}
        for base in reversed(order):
            if isinstance(base, Class):
                for one in self.declared(base):
                    fields[one.name] = one
                config.update(own_config(self.values, base))
                methods.update(base.methods)
        marks = {method: frozenset(self.types.decorators(method)) for method in methods.values()}
        known = _PLAIN_BASES | ROOTS.keys()
        return Schema(
            cls,
            kind,
            tuple(fields.values()),
            config,
            tuple(m for m, names in marks.items() if "pydantic.computed_field" in names),
            tuple(m for m, names in marks.items() if "property" in names and "pydantic.computed_field" not in names),
            all(isinstance(base, Class) or base in known for base in order),
            any(isinstance(base, str) and base.startswith("pydantic.v1.") for base in order),
        )

    @memoized
    def declared(self, cls: Class) -> tuple[SchemaField, ...]:
        """The fields that the body of a class declares: the same objects in every schema that inherits them."""
        return tuple(self._own_fields(cls))

    def _own_fields(self, cls: Class) -> Iterator[SchemaField]:
        for base in cls.facts.bases:  # class Users(RootModel[list[User]])
            if isinstance(base, f.Sub) and base.items:
                where = (cls.module, cls.facts.outer, cls.facts.start)
                if self.types.name_of_type(self.types.infer(base.value, where)) == "pydantic.RootModel":
                    yield self._field(cls, "root", base.items[0], None, where, cls.start, cls.end)
        for name, entry in cls.assigns.items():
            if entry.annotation is None or name == "model_config" or (name.startswith("_") and name != "__root__"):
                continue
            where = (cls.module, entry.block, entry.start)
            if self._is_class_variable(entry.annotation, where) or self._call_name(entry.value, where) in _NO_FIELD:
                continue
            yield self._field(cls, name, entry.annotation, entry.value, where, entry.start, entry.end)

    def _is_class_variable(self, annotation: f.Expr, where: Where) -> bool:
        if isinstance(annotation, f.Sub):
            annotation = annotation.value
        if isinstance(annotation, f.Const):
            return str(annotation.value).startswith(("ClassVar", "typing.ClassVar"))
        name = self.types.name_of_type(self.types.infer(annotation, where))
        return name in ("typing.ClassVar", "dataclasses.KW_ONLY")

    def _may_be_missing(self, cls: Class, annotation: f.Expr, where: Where) -> bool:
        """Whether the key of a typed dict need not be there."""
        head = (
            self.types.name_of_type(self.types.infer(annotation.value, where)) if isinstance(annotation, f.Sub) else ""
        )
        if head in ("typing.Required", "typing.NotRequired"):
            return head == "typing.NotRequired"
        return any(arg.name == "total" and arg.value == f.Const(False) for arg in cls.facts.keywords)

    def _call_name(self, expr: f.Expr | None, where: Where) -> str | None:
        if not isinstance(expr, f.CallRef):
            return None
        module = where[0]
        return self.types.name_of_type(self.types.callee(module, module.facts.calls[expr.index]))

    def _field(
        self, cls: Class, name: str, annotation: f.Expr, default: f.Expr | None, where: Where, start: int, end: int
    ) -> SchemaField:
        sources: list[tuple[f.Call, Module]] = []
        metadata = []
        for module, expr, place in self.types.metadata(annotation, where):
            if isinstance(expr, f.CallRef) and self._call_name(expr, (module, place[1], place[2])) in FIELD_CALLS:
                sources.append((module.facts.calls[expr.index], module))
            else:
                metadata.append((module, expr, place))
        is_call = isinstance(default, f.CallRef) and self._call_name(default, where) in FIELD_CALLS
        if isinstance(default, f.CallRef) and is_call:
            sources.append((cls.module.facts.calls[default.index], cls.module))
        keywords: dict[str, Given] = {}
        has_default = default is not None and not is_call and not _is_ellipsis(default)
        for call, module in sources:
            place = (module, call.block, call.start)
            for index, arg in enumerate(call.args):
                key = "default" if arg.name == "" and index == 0 else arg.name
                keywords[key] = Given(arg.value, place, arg.start, arg.end)
        given = keywords.get("default")
        has_default |= given is not None and not _is_ellipsis(given.value)
        has_default |= not {"default_factory", "**"}.isdisjoint(keywords) or self._may_be_missing(
            cls, annotation, where
        )
        aliases = [self._text(keywords.get(key)) for key in ("validation_alias", "alias")]
        return SchemaField(
            name,
            cls,
            annotation,
            default,
            where,
            start,
            end,
            self.types.annotation(annotation, where),
            admits_none(self.types, annotation, where),
            has_default,
            sources[-1][0] if sources else None,
            sources[-1][1] if sources else None,
            keywords,
            tuple(metadata),
            next((alias for alias in aliases if alias is not None), None),
            (excluded := keywords.get("exclude")) is not None and excluded.value == f.Const(True),
        )

    def _text(self, given: Given | None) -> str | None:
        return self.values.text(given.value, given.where) if given is not None else None

    # ---------------------------------------------------------------- types of fields

    def field_types(self, one: SchemaField, of: Type = None) -> tuple[Type, ...]:
        """The types that a field admits, one for each alternative; `of` is the (generic) type it is a field of."""
        variables: Mapping[str, Type] = {}
        if isinstance(of, Instance):
            variables = self._variables(of).get(one.owner, {})
        key = (place_of(one.module, one), of if variables else None)
        types = self.types
        return recording.recalled(self._field_types, key, lambda: admitted(types, one.annotation, one.where, variables))

    @memoized
    def _variables(self, of: Instance) -> dict[Class, dict[str, Type]]:
        return type_variables(self.types, of)

    @memoized
    def closure(self, start: Type) -> tuple[tuple[Schema, tuple[SchemaField, ...]], ...]:
        """Every schema inside a type, each once, with the shortest trail of fields that leads to it."""
        return tuple(self._inside(start))

    def _inside(self, start: Type) -> Iterator[tuple[Schema, tuple[SchemaField, ...]]]:
        seen: set[Type] = set()
        given: set[Class] = set()
        queue: deque[tuple[Type, tuple[SchemaField, ...]]] = deque([(start, ())])
        while queue:
            current, trail = queue.popleft()
            if isinstance(current, TupleOf):
                queue.extend((item, trail) for item in current.items)
            if not isinstance(current, Instance) or current in seen:
                continue
            seen.add(current)
            schema = self.of(current.cls) if isinstance(current.cls, Class) else None
            if schema is None:
                queue.extend((argument, trail) for argument in current.args)
                continue
            if schema.cls not in given:
                given.add(schema.cls)
                yield schema, trail
            for one in schema.fields:
                queue.extend((inner, (*trail, one)) for inner in self.field_types(one, current))


def _is_ellipsis(expr: f.Expr) -> bool:
    return isinstance(expr, f.Raw) and expr.kind == "ellipsis"
