"""What parameters and the attributes of objects hold: what FastAPI fills them with, or what is up to their callers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.data.schemas import Schemas
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Type,
    without_partials,
)
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.calling.calling import is_property
from fastapi_lint.model.taint.checking.checks import Checks
from fastapi_lint.model.taint.checking.fields import NUMBERS
from fastapi_lint.model.taint.entries import TEXTS, Entries, security_value
from fastapi_lint.model.taint.strands import (
    EACH,
    NUMBER,
    UNKNOWN,
    Path,
    Slot,
    Step,
    Strand,
    Value,
    continued,
    has_strands,
    mapped,
    named,
    substituted,
    union,
)
from fastapi_lint.model.types.inference.inference import DEPENDS

_TEXT = f.Name("str")
_MAKERS = frozenset({"__init__", "__post_init__", "model_post_init"})


class Parameters:
    """Answers "what is in this parameter", and "what is in this attribute"."""

    def __init__(self, asks: Asks, checks: Checks, entries: Entries, schemas: Schemas) -> None:
        self.asks = asks
        self.types = asks.types
        self.known = asks.known
        self.checks = checks
        self.entries = entries
        self.schemas = schemas

    def value(self, function: Function, param: f.Param, path: Path, depth: int) -> Value:
        """What a parameter holds: what FastAPI fills it with, or what is up to its callers."""
        if param.kind in ("args", "kwargs") and path and not self.entries.parameters(function):
            return ((Strand(Slot(function, param, path), named(param.name, path)),),)
        if param.kind in ("args", "kwargs"):
            return UNKNOWN
        kind = self.types.parameter(function, param)
        if function.cls is not None and function.params and function.params[0] is param:
            if isinstance(kind, (Instance, ClassObject)) and kind.cls is function.cls:
                return self._of_self(function, param, function.cls, path, depth)
        injected = self.entries.parameters(function).get(param.name)
        if injected is not None:
            if injected.marker in DEPENDS:
                where = (function.module, function.facts.outer, param.start)
                target = self.types.dependency_of(param, where)
                return self._made(target, function, param, path, depth)
            held = self.entries.held(function, param, kind, path)
            found = held if held is not None else self.entries.value(injected, path)
            if found != UNKNOWN or not path:
                return found
            return self.of_object(kind, path, depth, lambda rest: self.entries.value(injected, rest))
        held = self.entries.held(function, param, kind, path)
        if held is not None:
            return held
        if not path and self.types.is_instance(kind, *NUMBERS):
            return NUMBER
        return self._slot(function, param, kind, path, depth)

    def _slot(self, function: Function, param: f.Param, kind: Type, path: Path, depth: int) -> Value:
        """A parameter that callers fill, unless its type says that no text can be in it."""
        if isinstance(kind, Instance) and isinstance(kind.cls, str):
            if not path and kind.cls not in TEXTS and not _is_loose(kind.cls):
                return UNKNOWN
        elif isinstance(kind, Instance) and isinstance(kind.cls, Class) and path:
            schema = self.schemas.of(kind.cls)
            one = schema.field(str(path[0]).lstrip(".")) if schema is not None else None
            if one is not None and self.types.is_instance(one.type, *NUMBERS):
                return NUMBER
            own = partial(self._slot, function, param, kind, depth=depth)
            if one is None and (found := self.of_object(kind, path, depth, own)) != UNKNOWN:
                return found
        elif not isinstance(kind, Instance) and param.annotation is not None and not _admits_text(param.annotation):
            return UNKNOWN
        if param.annotation not in (None, _TEXT):
            where = (function.module, function.facts.outer, param.start)
            if self.entries.fields.holds_no_text(param.annotation, where):
                return NUMBER
        return ((Strand(Slot(function, param, path), named(param.name, path)),),)

    def _property(self, kind: Type, path: Path, depth: int) -> Value:
        """What is taken out of an object of the project, as its class sets it."""
        if isinstance(kind, Instance) and isinstance(kind.cls, Class):
            return self.attribute_of(kind.cls, path, depth)
        return UNKNOWN

    def of_object(self, kind: Type, path: Path, depth: int, own: Callable[[Path], Value]) -> Value:
        """As `_property`; what a property takes out of its own object is what `own` says of that."""
        found = self._property(kind, path, depth)

        def filled(strand: Strand) -> Value | None:
            slot = strand.origin
            if not isinstance(slot, Slot) or not slot.path or slot.function.params[:1] != (slot.param,):
                return None
            if slot.function.cls is None or not isinstance(kind, Instance) or not isinstance(kind.cls, Class):
                return None
            if slot.function.cls not in self.types.mro(kind.cls) or not is_property(self.types, slot.function):
                return None
            return mapped(own(slot.path), lambda outer: continued(outer, strand))

        return substituted(found, filled)

    def _of_self(self, function: Function, param: f.Param, cls: Class, path: Path, depth: int) -> Value:
        if not path:
            return UNKNOWN
        found = self.attribute_of(cls, path, depth)
        itself = ((Strand(Slot(function, param, path), named(param.name, path)),),)
        if found != UNKNOWN and not has_strands(found) and path[1:2] == (EACH,):
            return union((found, itself))  # an empty list to begin with, into which others may have put something
        if found != UNKNOWN or self.schemas.of(cls) is None:
            return taken_by(found, function)
        return itself

    def attribute_of(self, cls: Class, path: Path, depth: int) -> Value:
        """What an attribute of an object is made of, as the methods of its class set it."""
        key = path[0]
        attr = key[1:] if isinstance(key, str) and key.startswith(".") else ""
        if not attr:
            return UNKNOWN
        for base in self.types.mro(cls):
            if not isinstance(base, Class):
                continue
            if (method := base.methods.get(attr)) is not None:
                return (
                    self.asks.returned(method, path[1:], False, depth) if is_property(self.types, method) else UNKNOWN
                )
            if (entry := base.assigns.get(attr)) is not None and entry.value is not None and entry.annotation is None:
                return self.asks.value(entry.value, (base.module, entry.block, entry.start), path[1:], depth)
            if found := self.types.self_assigns(base).get(attr):
                values = []
                for assign, function in found[:6]:
                    place = (function.module, assign.block, assign.start)
                    value = self.checks.cleared(self.asks.value(assign.value, place, path[1:], depth), place)
                    if function.name in _MAKERS:  # whoever has the object, has it made without an error
                        value = self.checks.cleared(value, self.checks.holding.end_of(function))
                    step = Step(function.module, assign.start, assign.end, f"`self.{attr}` is made of it")
                    values.append(mapped(value, lambda strand, step=step: strand.behind(step)))  # type: ignore[misc]
                return union(values)
        return UNKNOWN

    def _made(self, target: Type, function: Function, param: f.Param, path: Path, depth: int) -> Value:
        """What a dependency gives."""
        target = without_partials(target)
        match target:
            case FunctionObject(function=dependency):
                found = self.asks.returned(dependency, path, True, depth)
                step = Step(function.module, param.start, param.end, f"`{dependency.name}` gives it to `{param.name}`")
                return mapped(found, lambda strand: strand.behind(step))
            case ClassObject(cls=cls):
                if not path:
                    return UNKNOWN
                found = self.of_object(
                    Instance(cls), path, depth, lambda rest: self.entries.of_class(cls, function, param, rest)
                )
                return found if found != UNKNOWN else self.entries.of_class(cls, function, param, path)
            case Instance(cls=Class() as cls):
                method = self.types.member(cls, "__call__", target)
                if isinstance(method, FunctionObject):
                    return self.asks.returned(method.function, path, True, depth)
            case Instance(cls=str(name)) | External(name=name):
                scheme = catalog.security_scheme(name)
                if scheme is not None:
                    return security_value(scheme.gives, function, param, path, self.known)
                held = self.entries.held(function, param, Instance(name), path)
                return held if held is not None else UNKNOWN
        return UNKNOWN


def taken_by(value: Value, method: Function) -> Value:
    """A value that a method takes out of its object: what constructors were given for it is marked so."""

    def marked(strand: Strand) -> Strand:
        slot = strand.origin
        if not isinstance(slot, Slot) or slot.function.name not in _MAKERS or slot.function == method:
            return strand
        return replace(strand, origin=replace(slot, method=method))

    return mapped(value, marked) if method.cls is not None else value


def is_of_maker(strand: Strand, callee: Function) -> bool:
    """Whether a method takes what a strand is out of its object, as that was made."""
    slot = strand.origin
    return isinstance(slot, Slot) and slot.method is not None and slot.function != callee


def _is_loose(name: str) -> bool:
    """Types of which nobody knows whether a text is in them."""
    return name in (
        "typing.Any", "object", "list", "set", "tuple", "dict", "frozenset", "typing.Sequence", "typing.Iterable",
        "typing.Collection", "typing.Mapping", "typing.List", "typing.Dict",
        "io.BytesIO", "io.BufferedReader", "typing.BinaryIO", "typing.IO", "tempfile.SpooledTemporaryFile",
    )  # fmt: skip


def _admits_text(annotation: f.Expr) -> bool:
    """`Any`, `object`, or a union that admits a text."""
    match annotation:
        case f.Name(id=name) | f.Attr(attr=name):
            return name in ("Any", "object", "str", "Path")
        case f.Binary(op="|", left=left, right=right):
            return _admits_text(left) or _admits_text(right)
        case f.Sub(value=value, items=items):
            return f.last_name(value) in ("Optional", "Union", "Annotated") and any(map(_admits_text, items))
        case f.Const(value=str(text)):
            return re.search(r"\b(?:str|Any|object)\b", text) is not None
    return False
