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
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none

_WRAPPERS = frozenset({
    "typing.Annotated", "typing.Final", "typing.ClassVar", "typing.Required", "typing.NotRequired", "typing.ReadOnly",
    "dataclasses.InitVar", "sqlalchemy.orm.Mapped",
})  # fmt: skip
_WRITTEN = (f.Name, f.Attr, f.Sub, f.Binary, f.Const)
_MOST = 16
_NOTHING: Mapping[str, Type] = MappingProxyType({})


def options(types: Inference, expr: f.Expr | None, where: Where, depth: int = 0) -> Iterator[tuple[f.Expr, Where]]:
    """The members of the union that an annotation is, each with the place it is written at; None as a constant."""
    if expr is None or depth > 20:
        return
    match expr:
        case f.Const(value=str(text)):
            yield from options(types, parse_annotation(text), where, depth + 1)
            return
        case f.Binary(op="|", left=left, right=right):
            yield from options(types, left, where, depth + 1)
            yield from options(types, right, where, depth + 1)
            return
        case f.Sub(value=value, items=items) if items:
            name = types.name_of_type(types.infer(value, where))
            if name in ("typing.Optional", "typing.Union"):
                for item in items:
                    yield from options(types, item, where, depth + 1)
                if name == "typing.Optional":
                    yield f.Const(None), where
                return
            if name in _WRAPPERS:
                yield from options(types, items[0], where, depth + 1)
                return
        case f.Name() | f.Attr():
            meant = types.alias(expr, where)
            if meant is not None and isinstance(meant[0], _WRITTEN) and not is_none(meant[0]) and meant[0] != expr:
                yield from options(types, *meant, depth + 1)
                return
    yield expr, where


def admits_none(types: Inference, expr: f.Expr | None, where: Where) -> bool:
    """Whether an annotation is known to admit None."""
    return any(is_none(option) or option == f.Name("None") for option, _ in options(types, expr, where))


def admitted(
    types: Inference, expr: f.Expr | None, where: Where, variables: Mapping[str, Type] = _NOTHING
) -> tuple[Type, ...]:
    """The types that an annotation admits, one for each alternative, also inside of containers; None aside.

    `list[A | B]` gives `list[A]` and `list[B]`. `variables` are the types that type variables stand for.
    """
    found = dict.fromkeys(islice(_admitted(types, expr, where, variables), _MOST))
    return tuple(one for one in found if one is not None)


def _admitted(types: Inference, expr: f.Expr | None, where: Where, variables: Mapping[str, Type]) -> Iterator[Type]:
    for option, place in options(types, expr, where):
        if isinstance(option, f.Name) and option.id in variables:
            yield variables[option.id]
        elif isinstance(option, f.Sub):
            whole = types.annotation(option, place)
            inner = [admitted(types, item, place, variables) or (None,) for item in option.items]
            if isinstance(whole, Instance) and whole.args:
                for arguments in product(*inner[: len(whole.args)]):
                    yield Instance(whole.cls, arguments)
            elif isinstance(whole, TupleOf):
                for arguments in product(*inner):
                    yield TupleOf(arguments)
            else:
                yield whole
        elif not is_none(option):
            yield types.annotation(option, place)
