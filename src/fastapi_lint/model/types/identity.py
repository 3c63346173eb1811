"""Whether two annotations mean the same to FastAPI, after resolution of their names. Guesses nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.annotations import parse_annotation
from fastapi_lint.model.names.symbols import Class, ClassObject, External
from fastapi_lint.model.types.following import Following
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none

Identity = tuple[object, ...]
"""A hashable that is equal for annotations that mean the same, and for no others."""

_GENERICS = {
    "typing.List": "list",
    "typing.Dict": "dict",
    "typing.Set": "set",
    "typing.FrozenSet": "frozenset",
    "typing.Tuple": "tuple",
    "typing.Type": "type",
    "typing.Deque": "collections.deque",
}
_NONE: Identity = ("None",)
_DEPTH = 20


def identity(types: Inference, expr: f.Expr | None, where: Where) -> Identity | None:
    """What an annotation means: classes by identity, aliases followed, `Optional[X]` as `X | None`; None when unknown.

    Order counts in unions, as it does for Pydantic and in the OpenAPI document.
    """
    return _identity(types, expr, where, Following(), 0)


def _identity(types: Inference, expr: f.Expr | None, where: Where, following: Following, depth: int) -> Identity | None:
    if depth > _DEPTH:
        return None

    def of(part: f.Expr) -> Identity | None:
        return _identity(types, part, where, following, depth + 1)

    match expr:
        case f.Const(value=None):
            return _NONE
        case f.Const(value=str(text)):
            return _identity(types, parse_annotation(text), where, following, depth + 1)
        case f.Name() | f.Attr():
            return _named(types, expr, where, following, depth + 1)
        case f.Binary(op="|", left=left, right=right):
            return _union([of(left), of(right)])
        case f.Sub(value=value, items=items):
            head = of(value)
            if head == ("external", "typing.Literal"):
                constants = [item.value for item in items if isinstance(item, f.Const)]
                return (
                    ("literal", *((type(c).__name__, c) for c in constants)) if len(constants) == len(items) else None
                )
            if head == ("external", "typing.Annotated"):
                return _annotated(types, items, where, of(items[0]))
            inner = [of(item) for item in items]
            if head is None or any(part is None for part in inner):
                return None
            if head == ("external", "typing.Optional"):
                return _union([*inner, _NONE])
            if head == ("external", "typing.Union"):
                return _union(inner)
            return ("generic", head, *inner)
        case f.Raw(kind="ellipsis"):
            return ("...",)
    return None


def _named(types: Inference, expr: f.Expr, where: Where, following: Following, depth: int) -> Identity | None:
    alias = types.alias(expr, where)  # first: the value of `list[Item]` as an expression is just `list`
    if alias is not None:
        target, place = alias
        module = place[0]
        entry = next((a for a in module.facts.assigns if (a.block, a.start) == place[1:]), None)
        if entry is None:
            return None
        if isinstance(target, f.CallRef) or entry.op == "type":  # create_model(...), NewType, a named alias: one object
            return ("object", module.path, entry.start)
        inside = following.into(place)
        return (_identity(types, target, place, inside, depth) if inside else None) or (
            "object",
            module.path,
            entry.start,
        )
    match types.infer(expr, where):
        case ClassObject(cls=cls, args=()):
            return ("class", cls)
        case External(name="None"):
            return _NONE
        case External(name=name):
            return ("external", _GENERICS.get(name, name))
    return None


def _union(parts: list[Identity | None]) -> Identity | None:
    flat: list[Identity] = []
    for part in parts:
        if part is None:
            return None
        for one in part[1:] if part[0] == "union" else (part,):
            if one not in flat:
                flat.append(one)  # type: ignore[arg-type]
    return flat[0] if len(flat) == 1 else ("union", *flat)


def _annotated(types: Inference, items: tuple[f.Expr, ...], where: Where, inner: Identity | None) -> Identity | None:
    """Metadata counts by its text (comments and spaces included): objects made by equal calls are equal enough."""
    module = where[0]
    texts = []
    for item in items[1:]:
        match item:
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                name = types.name_of_type(types.callee(module, call))
                if name is None or any(not isinstance(arg.value, f.Const) for arg in call.args):
                    return None
                texts.append((name, *(module.source.slice(arg.start, arg.end) for arg in call.args)))
            case f.Const(value=str(text)):
                texts.append(("text", text))
            case _:
                return None
    return None if inner is None else ("annotated", inner, *texts)


def classes_in(meaning: object) -> Iterator[Class | str]:
    """The classes that an identity names, of the project or by canonical name."""
    match meaning:
        case ("class", Class() as cls):
            yield cls
        case ("external", str(name)):
            yield name
        case tuple():
            for part in meaning:
                yield from classes_in(part)


def names_in(expr: f.Expr | None) -> Iterator[str]:
    """The bare names with which the parts of an annotation begin, quoted parts included."""
    match expr:
        case f.Name(id=name):
            yield name
        case f.Attr(value=value):
            yield from names_in(value)
        case f.Sub(value=value, items=items):
            yield from names_in(value)
            for item in items:
                yield from names_in(item)
        case f.Binary(left=left, right=right):
            yield from names_in(left)
            yield from names_in(right)
        case f.Display(items=items):
            for item in items:
                yield from names_in(item)
        case f.Const(value=str(text)):
            yield from names_in(parse_annotation(text))


def survives_as_text(types: Inference, expr: f.Expr | None, where: Where) -> bool:
    """Whether an annotation kept as text (quoted, or by the `__future__` import) can be evaluated in module globals.

    Names of functions and classes around it, and names that only type checkers import, are not there at run time.
    """
    module = where[0]
    blocks = module.facts.blocks
    dead = set(module.facts.dead)
    for name in names_in(expr):
        for binding in types.find_bindings(name, where):
            block = binding.block
            if blocks[block].function >= 0 or blocks[block].cls >= 0:
                return False
            while block >= 0:
                if block in dead:
                    return False
                block = blocks[block].parent
    return is_none(expr) or bool(list(names_in(expr)))
