"""What an annotation admits when it is a union: its alternatives, where `Inference.annotation` knows one type only.

Quotes, `Annotated`, `Optional` and aliases of other modules are looked through; what is unknown is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from types import MappingProxyType

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.annotations import parse_annotation
from fastapi_lint.model.names.symbols import Instance, TupleOf, Type
from fastapi_lint.model.types.following import Following
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none

_WRAPPERS = frozenset({
    "typing.Annotated", "typing.Final", "typing.ClassVar", "typing.Required", "typing.NotRequired", "typing.ReadOnly",
    "dataclasses.InitVar", "sqlalchemy.orm.Mapped",
})  # fmt: skip
_WRITTEN = (f.Name, f.Attr, f.Sub, f.Binary, f.Const)
_MOST = 16
_DEEPEST = 60
_DEEPEST_TYPE = 6
_NOTHING: Mapping[str, Type] = MappingProxyType({})


def options(types: Inference, expr: f.Expr | None, where: Where) -> Iterator[tuple[f.Expr, Where]]:
    """The members of the union that an annotation is, each with the place it is written at; None as a constant."""
    for option, place, _ in _unfolded(types, expr, where, Following()):
        yield option, place


def _unfolded(
    types: Inference, expr: f.Expr | None, where: Where, following: Following, depth: int = 0
) -> Iterator[tuple[f.Expr, Where, Following]]:
    """As `options`, each with the aliases that it is inside of. An alias in itself adds nothing to a union."""
    if expr is None or depth > _DEEPEST:
        return
    match expr:
        case f.Const(value=str(text)):
            yield from _unfolded(types, parse_annotation(text), where, following, depth + 1)
            return
        case f.Binary(op="|", left=left, right=right):
            yield from _unfolded(types, left, where, following, depth + 1)
            yield from _unfolded(types, right, where, following, depth + 1)
            return
        case f.Sub(value=value, items=items) if items:
            name = types.name_of_type(types.infer(value, where))
            if name in ("typing.Optional", "typing.Union"):
                for item in items:
                    yield from _unfolded(types, item, where, following, depth + 1)
                if name == "typing.Optional":
                    yield f.Const(None), where, following
                return
            if name in _WRAPPERS:
                yield from _unfolded(types, items[0], where, following, depth + 1)
                return
        case f.Name() | f.Attr():
            meant = types.alias(expr, where)
            if meant is not None and isinstance(meant[0], _WRITTEN) and not is_none(meant[0]):
                if inside := following.into(meant[1]):
                    yield from _unfolded(types, *meant, inside, depth + 1)
                return
    yield expr, where, following


def admits_none(types: Inference, expr: f.Expr | None, where: Where) -> bool:
    """Whether an annotation is known to admit None."""
    return any(is_none(option) or option == f.Name("None") for option, _ in options(types, expr, where))


def admitted(
    types: Inference, expr: f.Expr | None, where: Where, variables: Mapping[str, Type] = _NOTHING
) -> tuple[Type, ...]:
    """The types that an annotation admits, one for each alternative, also inside of containers; None aside.

    `list[A | B]` gives `list[A]` and `list[B]`. `variables` are the types that type variables stand for.
    """
    return _admitted(types, expr, where, variables, Following())


def _admitted(
    types: Inference, expr: f.Expr | None, where: Where, variables: Mapping[str, Type], following: Following
) -> tuple[Type, ...]:
    found = dict.fromkeys(islice(_each_admitted(types, expr, where, variables, following), _MOST))
    return tuple(one for one in found if one is not None)


def _each_admitted(
    types: Inference, expr: f.Expr | None, where: Where, variables: Mapping[str, Type], following: Following
) -> Iterator[Type]:
    for option, place, inside in _unfolded(types, expr, where, following):
        if isinstance(option, f.Name) and option.id in variables:
            yield variables[option.id]
        elif isinstance(option, f.Sub):
            whole = types.annotation(option, place)
            inner = [_admitted(types, item, place, variables, inside) or (None,) for item in option.items]
            if isinstance(whole, Instance) and whole.args:
                for arguments in product(*inner[: len(whole.args)]):
                    yield Instance(whole.cls, arguments if _nesting(arguments) < _DEEPEST_TYPE else ())
            elif isinstance(whole, TupleOf):
                for arguments in product(*inner):
                    yield TupleOf(arguments) if _nesting(arguments) < _DEEPEST_TYPE else None
            else:
                yield whole
        elif not is_none(option):
            yield types.annotation(option, place)


def _nesting(arguments: tuple[Type, ...]) -> int:
    """How deeply types are made of types: a generic class whose field is of itself, with more each time, has no end."""
    deepest, level = 0, arguments
    while level and deepest < _DEEPEST_TYPE:
        deepest += 1
        level = tuple(inner for one in level if isinstance(one, Instance) for inner in one.args) + tuple(
            inner for one in level if isinstance(one, TupleOf) for inner in one.items
        )
    return deepest
