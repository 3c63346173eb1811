"""The constants that are followed through calls: what an expression is, when it is one. Knows no parameters."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Union

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.names.expressions import decorated_by
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    ModuleObject,
    OneOf,
)
from fastapi_lint.model.types.alternatives import admits_none
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.types.inference.questions import is_one_object
from fastapi_lint.model.values.constants import Unfolded, Values

_ENUMS = ("enum.", "StrEnum")
_MOST_ITEMS = 20
_OPEN = frozenset({"?", "typing.Protocol", "abc.ABC"})
"""Bases of classes that others may belong to without inheriting from them."""
_PLAIN = frozenset({"object", "NoneType", "pydantic.BaseModel", "sqlmodel.SQLModel", "enum.Enum", "typing.Generic"})
"""Bases that have no literals."""


_RECORDS = frozenset({"pydantic.BaseModel", "typing.NamedTuple"})
_DECORATORS = frozenset({"dataclass", "define", "frozen", "mutable", "attrs"})
_FIELDS = frozenset({"field", "Field", "attrib", "ib"})
"""What says more of a field than its default."""
_EMPTY = (f.Name("list"), f.Name("dict"), f.Name("set"), f.Name("tuple"), f.Name("frozenset"))


class Unknown:
    """What is not a known constant; `counts_as` says whether it is true all the same, None when it may be either."""

    def __init__(self, counts_as: bool | None = None) -> None:
        self.counts_as = counts_as

    def __repr__(self) -> str:
        return f"Unknown({self.counts_as})"


UNKNOWN = Unknown()
PRESENT = Unknown()
"""Something that is not None, and not known otherwise."""
KNOWN_AS = {True: Unknown(True), False: Unknown(False)}


@dataclass(frozen=True)
class Kind(Unknown):
    """A class by its name, or something of it (`is_made`): of a subclass, perhaps, unless it is `exact`, and perhaps
    None, unless it is `sure`. `bases` are all that it inherits from; "?" is among them when not all are known."""

    name: str
    bases: frozenset[str]
    is_made: bool = False
    exact: bool = False
    sure: bool = False
    counts_as = None


@dataclass(frozen=True)
class Kinds(Unknown):
    """Something of one of several classes."""

    options: frozenset[Kind]
    counts_as = None


Value = Union[bool, int, float, str, None, "tuple[object, ...]", Unknown]
"""A constant; a `tuple` that begins with `MEMBER` is a member of an enumeration, with `FIELDS` an object
of a data class, with pairs of the names and values of its fields."""
MEMBER = "\0member"
FIELDS = "\0fields"
CALLABLE = "\0callable"
"""What a `tuple` begins with that is a function of the project, with its module and place."""
ENTRIES = "\0entries"
"""What a `tuple` begins with that is a mapping, with pairs of its keys and values; an empty one is `()`."""


BUILTINS = {
    **{name: frozenset({name}) for name in ("str", "bytes", "int", "float", "list", "dict", "tuple", "set")},
    "bool": frozenset({"bool", "int"}),
}
"""Classes of which there are literals, with what they inherit from."""


class Constants:
    """Answers "which constant is this"."""

    def __init__(self, types: Inference) -> None:
        self.types = types
        self.values = Values(types)

    def of(self, expr: f.Expr | None, where: Where) -> Value:
        """The constant that an expression is, or the function; `UNKNOWN` for anything else."""
        value = self._of(expr, where)
        if value is UNKNOWN and isinstance(expr, (f.Name, f.Attr, f.Lambda)):
            given = self.types.infer(expr, where)
            if isinstance(given, FunctionObject):
                return function_value(given.function)
        return value

    def given(self, function: Function, call: f.Call, where: Where) -> Iterator[tuple[str, Value]]:
        """The constants that a call gives for the parameters of a function, by name; `UNKNOWN` for what stars hide."""
        seen = set()
        for name, expr in bound(function, call):
            seen.add(name)
            yield name, self.of(expr, where)
        if any(arg.name in ("*", "**") for arg in call.args):
            yield from ((param.name, UNKNOWN) for param in function.params if param.name not in seen)

    def _of(self, expr: f.Expr | None, where: Where) -> Value:
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
            case f.CallRef(index=index):
                return self._made(where[0], where[0].facts.calls[index])
        return UNKNOWN

    def _made(self, module: Module, call: f.Call) -> Value:
        """An object of a data class or schema, as far as its fields are constants."""
        made = self.types.callee(module, call)
        if not isinstance(made, ClassObject) or not self._is_record(made.cls):
            return UNKNOWN
        if any(arg.name in ("*", "**") for arg in call.args):
            return UNKNOWN
        fields: dict[str, Value] = {}
        for cls in reversed(self.types.mro(made.cls)):
            if not isinstance(cls, Class):
                continue
            for name, entry in cls.assigns.items():
                fields[name] = self._default(entry.value, (cls.module, entry.block, entry.start))
        names = list(fields)
        for index, arg in enumerate(call.args):
            name = arg.name or (names[index] if index < len(names) else "")
            fields[name] = self.of(arg.value, (module, call.block, call.start))
        return (FIELDS, ("", self.kind(made.cls, is_made=True, exact=True, sure=True)), *fields.items())

    def _default(self, value: f.Expr | None, where: Where) -> Value:
        """What a field is when nothing is given for it: as written, or as `field(...)` says."""
        call = where[0].facts.calls[value.index] if isinstance(value, f.CallRef) else None
        if call is None or f.last_name(call.func) not in _FIELDS:
            return self.of(value, where)
        for arg in call.args:
            if arg.name in ("default", ""):
                return self.of(arg.value, where)
            if arg.name in ("default_factory", "factory"):
                return () if arg.value in _EMPTY else UNKNOWN
        return UNKNOWN

    def kind_of(self, expr: f.Expr, where: Where) -> Value:
        """The class that an expression is, or of which it is something; `UNKNOWN` when there is no telling."""
        found = self.types.infer(expr, where)
        match found:
            case ClassObject(cls=cls):
                return self.kind(cls)
            case External(name=name) if name in BUILTINS:
                return Kind(name, BUILTINS[name])
            case Instance(cls=Class() as cls, origin=origin):
                sure = origin is not None or self._is_given(expr, where)
                return self.kind(cls, is_made=True, exact=origin is not None, sure=sure)
            case Instance(cls=str(name)) if name in BUILTINS:
                return Kind(name, BUILTINS[name], is_made=True, sure=self._is_given(expr, where))
            case OneOf(options=options):
                made = (one.cls for one in options if isinstance(one, Instance))
                return Kinds(frozenset(self.kind(cls, is_made=True) for cls in made if isinstance(cls, Class)))
        return UNKNOWN

    def is_several(self, function: Function, name: str) -> bool:
        """Whether a parameter is one of several objects, so that callers say whose methods run."""
        known = self.types.lookup(name, (function.module, function.facts.block, function.facts.end))
        return is_one_object(known)

    def called_for_callers(self, function: Function, names: Collection[str]) -> set[str]:
        """The parameters of a function by which its callers say what runs: one of several functions that it calls, or
        one of several objects of which it calls methods."""
        found: set[str] = set()
        for call in function.calls:
            given = call.func.value if type(call.func) is f.Attr else call.func
            if type(given) is f.Name and given.id in names and given.id not in found:
                if isinstance(self.types.infer(given, (function.module, call.block, call.start)), OneOf):
                    found.add(given.id)
        return found

    def _is_given(self, expr: f.Expr, where: Where) -> bool:
        """Whether a name is a parameter that is declared to be no None, and stays what it is given."""
        function = where[0].enclosing(where[1])
        if function is None or not isinstance(expr, f.Name) or function.rebinds(expr.id):
            return False
        param = next((each for each in function.params if each.name == expr.id), None)
        home = (function.module, function.facts.outer, function.facts.start)
        if param is None or param.annotation is None or param.default == f.Const(None):
            return False
        return not admits_none(self.types, param.annotation, home)

    def kind(self, cls: Class, *, is_made: bool = False, exact: bool = False, sure: bool = False) -> Kind:
        names = [
            f"{each.module.path}:{each.qualname}" if isinstance(each, Class) else each for each in self.types.mro(cls)
        ]
        return Kind(names[0], frozenset(names), is_made, exact, sure)

    def _is_record(self, cls: Class) -> bool:
        if "__init__" in cls.methods or "__post_init__" in cls.methods:
            return False
        if any(isinstance(base, str) and base in _RECORDS for base in self.types.mro(cls)):
            return True
        names = [decorated_by(cls.module, each) for each in cls.facts.decorators]
        return any(f.last_name(each) in _DECORATORS for each in names)

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


def function_value(function: Function) -> Value:
    """What stands for a function of the project."""
    return (CALLABLE, function.module.path, function.facts.start)


def truth(value: Value) -> bool | None:
    """Whether a constant counts as true; None when it is not known."""
    if isinstance(value, Unknown):
        return value.counts_as
    if isinstance(value, tuple) and value[:1] == (MEMBER,):
        return True if not isinstance(value[-1], int) else None
    if isinstance(value, tuple) and value[:1] == (FIELDS,):
        return True
    return bool(value)


def field_of(value: Value, name: str) -> Value:
    """What a field of an object of a data class holds; `UNKNOWN` for anything else."""
    if isinstance(value, tuple) and value[:1] == (FIELDS,):
        for pair in value[1:]:
            if isinstance(pair, tuple) and pair[0] == name:
                return pair[1]  # type: ignore[no-any-return]
    return UNKNOWN


def is_entries(value: Value) -> bool:
    """Whether a constant is a mapping with something in it."""
    return isinstance(value, tuple) and value[:1] == (ENTRIES,)


def entries(value: Value) -> list[tuple[str, Value]] | None:
    """The keys and values of a mapping; None for anything else."""
    if not isinstance(value, tuple) or not (value == () or is_entries(value)):
        return None
    return [pair for pair in value[1:] if isinstance(pair, tuple)]


def entry_of(value: Value, key: str, default: Value) -> Value:
    """What a mapping holds under a key, else the default; `UNKNOWN` for anything else than a mapping."""
    found = entries(value)
    return UNKNOWN if found is None else next((each for name, each in found if name == key), default)


def is_of(value: Value, kinds: Sequence[Value]) -> bool | None:
    """Whether something is of one of some classes; None when it is not known, as of what may be None."""
    made = field_of(value, "") if isinstance(value, tuple) else value
    if value is None or isinstance(value, (bool, int, float, str)):
        name = type(value).__name__
        made = Kind(name, BUILTINS.get(name, frozenset({name})), is_made=True, exact=True, sure=True)
    if not isinstance(made, Kind) or not made.is_made:
        return None
    answers = [_is_one(made, each) if isinstance(each, Kind) and not each.is_made else None for each in kinds]
    return True if True in answers else (None if None in answers else False)


def _is_one(made: Kind, kind: Kind) -> bool | None:
    if kind.name in made.bases:
        return True if made.sure else None
    if _OPEN & kind.bases or "?" in made.bases or (not made.exact and made.name in kind.bases):
        return None
    outside = {base for base in made.bases if ":" not in base} - _PLAIN - BUILTINS.keys()
    return None if outside and kind.name in BUILTINS else False


def is_member(value: Value) -> bool:
    """Whether a constant is a member of an enumeration."""
    return isinstance(value, tuple) and value[:1] == (MEMBER,)
