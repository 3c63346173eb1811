"""What of a parameter the client wrote, by how FastAPI fills it and by its type. Follows nothing.

Types that cannot hold a text (numbers, UUIDs, enums, `Literal`), patterns and validators make it harmless; what is not
known is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from fastapi_lint import catalog
from fastapi_lint.catalog.dangers import Dangers
from fastapi_lint.index import facts as f
from fastapi_lint.model.data.schemas import Schema, SchemaField, Schemas
from fastapi_lint.model.injection.dependencies import Dependencies, Parameter
from fastapi_lint.model.injection.received import path_name
from fastapi_lint.model.names.symbols import Class, Function, Instance, TupleOf, Type
from fastapi_lint.model.routing.routes import Routes
from fastapi_lint.model.taint.checking.fields import NUMBERS, Fields
from fastapi_lint.model.taint.placing import in_front
from fastapi_lint.model.taint.strands import (
    EACH,
    HIDDEN,
    KEYS,
    NUMBER,
    SOME,
    UNKNOWN,
    Entry,
    Path,
    Strand,
    Value,
    cleaned,
    mapped,
    named,
    union,
)
from fastapi_lint.model.types.alternatives import options
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.model.values.constants import UNKNOWN as UNKNOWN_PATH
from fastapi_lint.tracking import memoized

TEXTS = frozenset({
    "str", "bytes", "pathlib.Path", "pathlib.PurePath", "pydantic.SecretStr", "pydantic.EmailStr", "pydantic.StrictStr",
    "pydantic.NameEmail", "pydantic.FilePath", "pydantic.DirectoryPath", "pydantic.NewPath",
})  # fmt: skip
URLS = frozenset({
    "pydantic.HttpUrl", "pydantic.AnyUrl", "pydantic.AnyHttpUrl", "pydantic.networks.HttpUrl", "pydantic.FtpUrl",
    "pydantic.networks.AnyUrl", "pydantic.networks.AnyHttpUrl", "pydantic.WebsocketUrl", "pydantic.FileUrl",
})  # fmt: skip
_NO_MORE_THAN_A_URL = frozenset({"path", "sql", "code", "shell", "module", "template", "data", "html"})
_LISTS = frozenset({
    "list", "set", "frozenset", "tuple", "typing.Sequence", "typing.Iterable", "typing.Collection", "typing.List",
    "typing.Set", "typing.Tuple", "typing.FrozenSet", "typing.AbstractSet", "typing.MutableSequence",
})  # fmt: skip
MAPPINGS = frozenset({"dict", "typing.Dict", "typing.Mapping", "typing.MutableMapping"})
_LOOSE = frozenset({"typing.Any", "object"})
_WHAT = {
    "fastapi.Query": "query parameter",
    "fastapi.Path": "path parameter",
    "fastapi.Header": "header",
    "fastapi.Cookie": "cookie",
    "fastapi.Form": "form field",
    "fastapi.File": "file",
    "fastapi.Body": "body field",
    "": "query parameter",
}
_CONVERTED = frozenset({"int", "float", "uuid"})
"""What Starlette makes of a placeholder's text itself, so that nothing else matches."""
_NONE: Mapping[str, Parameter] = {}
_DEEPEST = 6
_NO_OBJECT = frozenset({"path", "url", "redirect"})


@dataclass(frozen=True)
class _Reading:
    """One parameter that is being read: whose it is and what has been taken out of it."""

    function: Function
    fact: f.Param
    what: str
    part: bool
    path: Path
    taken: Path

    def entry(self, what: str = "", *, whole: bool = False, part: str = "") -> Value:
        """The client's text that is read."""
        shown = named(self.fact.name, self.path)
        found = Entry(
            self.function, self.fact.start, self.fact.end, shown, what or self.what, self.part and not self.path, whole
        )
        return ((Strand(found, shown, part=part),),)


class Entries:
    """Answers "what of this parameter did the client write"."""

    def __init__(
        self, types: Inference, routes: Routes, dependencies: Dependencies, schemas: Schemas, known: Dangers
    ) -> None:
        self.types = types
        self.routes = routes
        self.dependencies = dependencies
        self.schemas = schemas
        self.known = known
        self.fields = Fields(types, schemas)

    def parameters(self, function: Function) -> Mapping[str, Parameter]:
        """The parameters of a function that FastAPI fills, by name; none of another function."""
        if function not in self.routes.by_handler:
            if function.name == "<lambda>" or function not in self.dependencies.injected:
                return _NONE  # as most functions
        return self._parameters(function)

    @memoized
    def _parameters(self, function: Function) -> dict[str, Parameter]:
        bound = self.dependencies.wrapped.get(function, 0) if function not in self.routes.by_handler else 0
        return {parameter.name: parameter for parameter in self.dependencies.parameters(function)[bound:]}

    def value(self, parameter: Parameter, path: Path) -> Value:
        """What is read from the query, the path, a header, a cookie, a form or the body, and taken out by a path."""
        function, fact = parameter.function, parameter.fact
        if fact.kind in ("args", "kwargs"):
            return UNKNOWN
        routes = self.routes.by_handler.get(function, ())
        name = path_name(parameter) or parameter.name
        if routes and all(_CONVERTED.intersection(_converters(route.path, name)) for route in routes):
            return NUMBER
        paths = " ".join(route.path for route in routes)
        tail = f"{{{name}:path}}" in paths
        inside = f"{{{name}}}" in paths or tail
        unsaid = not routes and parameter.marker == "" and fact.default is None and self._is_in_a_path(name, function)
        part = not tail and (inside or parameter.marker == "fastapi.Path" or unsaid)
        what = "path parameter" if inside else _WHAT.get(parameter.marker, "query parameter")
        if not inside and parameter.marker == "" and _is_list(parameter.type):
            what = "body field"  # only `Query()` makes parameters of a list
        where = (function.module, function.facts.outer, parameter.start)
        reading = _Reading(function, fact, what, part, path, path)
        if self.fields.is_checked(parameter, where):
            return NUMBER
        if fact.annotation is None:
            return reading.entry(part="".join(map(str, path)))
        return self._declared(fact.annotation, where, reading, path, 0)

    def _is_in_a_path(self, name: str, function: Function) -> bool:
        """Whether a parameter of a dependency may be a piece of a path: one has its name, or is not known, where the
        dependency is injected."""
        if self.routes.placeholders.isdisjoint({name, UNKNOWN_PATH}):
            return False
        functions = self._in_front(name)
        return functions is None or function in functions

    @memoized
    def _in_front(self, name: str) -> frozenset[Function] | None:
        return in_front(self.types, self.routes, self.dependencies, name)

    def held(self, function: Function, fact: f.Param, kind: Type, path: Path) -> Value | None:
        """What of a library's object the client wrote, whoever hands it over; None for other objects."""
        if not isinstance(kind, Instance):
            return None
        base = next((b for b in self._bases(kind.cls) if self.known.attributes(b)), None)
        if base is None:
            return self._elements(function, fact, kind, path)
        attributes = self.known.attributes(base)
        dotted = ""
        for length, key in enumerate(path, 1):
            if not isinstance(key, str):
                break
            dotted = key.lstrip(".") if not dotted else f"{dotted}.{key.lstrip('.')}"
            if dotted in attributes:
                what = attributes[dotted]
                rest = path[length:]
                if rest[:1] in ((".filename",), (".content_type",)):  # an upload of a form
                    what = "file name" if rest[0] == ".filename" else "media type"
                part = what == "path parameter" and not self._takes_slashes(function, rest)
                shown = named(fact.name, tuple(key for key in path if key != ".get"))
                entry = Entry(function, fact.start, fact.end, shown, what, part, not rest and what == "body")
                if what == "path of the URL":  # it begins with a slash
                    return ((Strand(entry, shown, frozenset({"url", "redirect"})),),)
                # A file that is read or unpacked is opened by its content, not by a path.
                found = Strand(entry, shown, frozenset({"path"} if what == "content" else ()))
                return (
                    (replace(found, part="key") if KEYS in rest else found,),
                )  # what a key is says nothing of values
        return UNKNOWN

    def _elements(self, function: Function, fact: f.Param, kind: Instance, path: Path) -> Value | None:
        """As `held`, of what lies in a list."""
        if isinstance(kind.cls, str) and kind.cls in _LISTS and kind.args and path:
            inner = self.held(function, fact, kind.args[0], path[1:])
            if inner is not None:
                return tuple(
                    tuple(replace(p, shown=named(fact.name, path)) if isinstance(p, Strand) else p for p in text)
                    for text in inner
                )
        return None

    def _bases(self, cls: Class | str) -> Iterator[str]:
        if isinstance(cls, str):
            yield cls
        else:
            yield from (base for base in self.types.mro(cls) if isinstance(base, str))

    def _takes_slashes(self, function: Function, path: Path) -> bool:
        """Whether what is taken out of `path_params` may hold a slash."""
        paths = " ".join(route.path for route in self.routes.by_handler.get(function, ()))
        name = next((key for key in path if isinstance(key, str)), "")
        return ":path}" in paths if name in (EACH, SOME) or not paths else f"{{{name}:path}}" in paths

    # ---------------------------------------------------------------- types

    def _declared(self, annotation: f.Expr | None, where: Where, reading: _Reading, path: Path, depth: int) -> Value:
        """What an annotation admits, one alternative after the other."""
        found: list[Value] = []
        for option, place in options(self.types, annotation, where):
            if is_none(option) or option == f.Name("None"):
                continue
            if isinstance(option, f.Sub):
                if self.types.name_of_type(self.types.infer(option.value, place)) == "typing.Literal":
                    found.append(NUMBER)
                    continue
            elif self.types.name_of_type(self.types.infer(option, place)) in _LOOSE:
                found.append(reading.entry(whole=not path))
                continue
            kind = self.types.annotation(option, place)
            item = _annotation_of_item(option, kind, path)
            if item is not None and self.fields.are_narrow(item, place):
                found.append(NUMBER)
            else:
                found.append(self.typed(kind, reading, path, depth))
        return union(found) if found else UNKNOWN

    def typed(self, kind: Type, reading: _Reading, path: Path, depth: int) -> Value:
        """What a value of a type holds of the client's."""
        if isinstance(kind, TupleOf) and depth <= _DEEPEST:
            items = kind.items[path[0] :][:1] if path and isinstance(path[0], int) else kind.items
            found = union(self.typed(each, reading, path[1:], depth + 1) for each in items)
            return (found or UNKNOWN) if path else reading.entry(whole=True)
        if not isinstance(kind, Instance) or depth > _DEEPEST:
            return UNKNOWN
        types = self.types
        if types.is_instance(kind, *NUMBERS):
            return NUMBER
        if isinstance(kind.cls, Class):
            schema = self.schemas.of(kind.cls)
            return self._fields(schema, kind, reading, path, depth) if schema is not None else UNKNOWN
        if path[:1] == (KEYS,) and (kind.cls in TEXTS or _is_list_of_objects(kind)):
            return NUMBER  # it has none: another alternative of its annotation is meant
        if kind.cls in TEXTS:
            found = reading.entry(part="".join(map(str, path)))
            return cleaned(found, {"html"}) if kind.cls == "pydantic.EmailStr" else found  # it has no `<` and no `"`
        if kind.cls in URLS:
            at = len(reading.path) - len(path)
            found = replace(reading, path=reading.path[:at]).entry(
                part="host" if path[:1] == (".host",) else "".join(map(str, path))
            )
            return tuple(
                tuple(p.without(_NO_MORE_THAN_A_URL) if isinstance(p, Strand) else p for p in text) for text in found
            )
        if kind.cls in _LISTS:
            body = replace(reading, what="body field" if reading.what == "query parameter" and depth else reading.what)
            if not path:
                return body.entry(whole=True)
            return self.typed(kind.args[0], body, path[1:], depth + 1) if kind.args else body.entry()
        if kind.cls in MAPPINGS:
            if path[:1] == (KEYS,) and kind.args and types.is_instance(kind.args[0], *NUMBERS):
                return NUMBER
            body = replace(reading, what="body field" if reading.what == "query parameter" else reading.what)
            if not path or path[0] == KEYS or len(kind.args) < 2 or kind.args[1] is None:
                return body.entry(whole=not path, part="key" if path[:1] == (KEYS,) else "")
            return self.typed(kind.args[1], body, path[1:], depth + 1)
        return self._part(kind, reading, path)

    def _part(self, kind: Instance, reading: _Reading, path: Path) -> Value:
        """What of a library's object that is a field of a model (an upload of a form) the client wrote."""
        found = self.held(reading.function, reading.fact, kind, path) if path else None
        shown = named(reading.fact.name, reading.path)

        def called(strand: Strand) -> Strand:
            return replace(strand, shown=shown, origin=replace(strand.origin, shown=shown))  # type: ignore[arg-type]

        return UNKNOWN if found is None else mapped(found, called)

    def _fields(self, schema: Schema, kind: Instance, reading: _Reading, path: Path, depth: int) -> Value:
        body = reading if reading.what != "query parameter" else replace(reading, what="body field")
        if not path:
            return cleaned(body.entry(whole=True), _NO_OBJECT)  # the text of an object is neither a path nor an address
        key = path[0]
        if key == KEYS:
            extra = self.schemas.option(schema, "extra")
            return body.entry() if extra == "allow" else NUMBER
        if key in (EACH, SOME):
            return union(self._field(schema, one, kind, body, path, depth) for one in schema.fields)
        one = schema.field(str(key).lstrip("."))
        if one is None:
            return UNKNOWN
        return self._field(schema, one, kind, body, path, depth)

    def of_class(self, cls: Class, function: Function, fact: f.Param, path: Path) -> Value:
        """What of an object that FastAPI makes of the query (`Depends()` on a model or dataclass) the client wrote."""
        schema = self.schemas.of(cls)
        if schema is None or not path:
            return UNKNOWN
        reading = _Reading(function, fact, "query parameter", False, path, path)
        one = schema.field(str(path[0]).lstrip("."))
        return self._field(schema, one, Instance(cls), reading, path, 0) if one is not None else UNKNOWN

    def _field(
        self, schema: Schema, one: SchemaField, kind: Instance, reading: _Reading, path: Path, depth: int
    ) -> Value:
        if self.fields.is_validated(schema, one):
            return NUMBER
        if path[0] != f".{one.name}":
            at = len(reading.path) - len(path)
            reading = replace(reading, path=(*reading.path[:at], f".{one.name}", *reading.path[at + 1 :]))
        found = self._declared(one.annotation, one.where, reading, path[1:], depth + 1)
        if found == UNKNOWN and kind.args:  # a type variable of a generic class
            given = self.schemas.field_types(one, kind)
            return union(self.typed(each, reading, path[1:], depth + 1) for each in given) or UNKNOWN
        return found


def _converters(path: str, name: str) -> list[str]:
    """How a path converts the placeholder of a name (`{page:int}`)."""
    return re.findall(r"\{" + re.escape(name) + r":(\w+)\}", path)


def _annotation_of_item(annotation: f.Expr, kind: Type, path: Path) -> f.Expr | None:
    """The annotation of what a path takes out of a list, tuple or dict that has this annotation."""
    if not isinstance(annotation, f.Sub) or not path:
        return None
    at = len(annotation.items)
    if isinstance(kind, TupleOf) and isinstance(path[0], int):
        at = path[0]
    elif isinstance(kind, Instance) and kind.cls in MAPPINGS:
        at = 0 if path[0] == KEYS else 1
    elif isinstance(kind, Instance) and kind.cls in _LISTS and path[0] != KEYS:
        at = 0
    return annotation.items[at] if 0 <= at < len(annotation.items) else None


def _is_list(kind: Type) -> bool:
    return isinstance(kind, Instance) and kind.cls in _LISTS


def _is_list_of_objects(kind: Instance) -> bool:
    """Whether a type is that of a list of the project's objects: of pairs a dict can be made."""
    return kind.cls in _LISTS and any(isinstance(one, Instance) and isinstance(one.cls, Class) for one in kind.args)


def security_value(gives: str | None, function: Function, fact: f.Param, path: Path, known: Dangers) -> Value:
    """What a security scheme of FastAPI injects, as far as it is the client's: the text, or the parts of an object."""
    if gives is None:
        return UNKNOWN
    shown = named(fact.name, path)
    if gives == "str":
        return ((Strand(Entry(function, fact.start, fact.end, shown, "credential"), shown),),)
    key = str(path[0]).lstrip(".") if path else ""
    what = known.attributes(catalog.canonical(gives)).get(key)
    if what is None:
        return ((HIDDEN,),)
    return ((Strand(Entry(function, fact.start, fact.end, shown, what), shown),),)
