"""What a Pydantic class configures: `model_config`, `class Config`, the keywords of its head. Merges no bases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Module
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.constants import Values

_HEAD_KEYWORDS = frozenset({"table", "metaclass", "registry"})


@dataclass(frozen=True)
class Given:
    """A keyword that was given to a field or a configuration: its value and where it is written."""

    value: f.Expr
    where: Where
    start: int
    end: int

    @property
    def module(self) -> Module:
        return self.where[0]


def own_config(values: Values, cls: Class) -> Iterator[tuple[str, Given]]:
    """What the body and head of a class configure, in the order in which it counts."""
    where = (cls.module, cls.facts.outer, cls.facts.start)
    for arg in cls.facts.keywords:
        if arg.name not in _HEAD_KEYWORDS:
            yield arg.name, Given(arg.value, where, arg.start, arg.end)
    if (inner := cls.nested.get("Config")) is not None:
        for base in reversed(values.types.mro(inner)):
            for name, entry in base.assigns.items() if isinstance(base, Class) else ():
                if entry.value is not None:
                    place = (base.module, entry.block, entry.start) if isinstance(base, Class) else where
                    yield name, Given(entry.value, place, entry.start, entry.end)
    if (own := cls.assigns.get("model_config")) is not None:
        yield from _dictionary(values, own.value, (cls.module, own.block, own.start), own.start, own.end)


def _dictionary(
    values: Values, expr: f.Expr | None, where: Where, start: int, end: int, depth: int = 0
) -> Iterator[tuple[str, Given]]:
    """The entries of ConfigDict(...), a dict display, `a | b`, or a name that holds one of these."""
    match expr:
        case f.CallRef(index=index):
            call = where[0].facts.calls[index]
            for arg in call.args:
                if arg.name in ("**", ""):
                    yield from _dictionary(values, arg.value, where, start, end, depth + 1)
                else:
                    yield arg.name, Given(arg.value, (where[0], call.block, call.start), arg.start, arg.end)
        case f.Mapping(items=items):
            for key, value in items:
                if isinstance(key, f.Const):
                    yield str(key.value), Given(value, where, start, end)
                elif key is None:
                    yield from _dictionary(values, value, where, start, end, depth + 1)
        case f.Binary(op="|", left=left, right=right):
            yield from _dictionary(values, left, where, start, end, depth + 1)
            yield from _dictionary(values, right, where, start, end, depth + 1)
        case f.Name() | f.Attr() if depth < 10:
            for meant, place in values.definitions(expr, where):
                yield from _dictionary(values, meant, place, start, end, depth + 1)
