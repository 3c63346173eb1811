"""What is taken out of containers and put into them: items, displays, comprehensions, and what unpacking gives a name.

A container is what all of its items are made of, until a path says which of them is meant.
"""

from __future__ import annotations

from dataclasses import replace

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.strands import (
    EACH,
    KEYS,
    SOME,
    UNKNOWN,
    Key,
    Path,
    Strand,
    Value,
    concatenated,
    has_strands,
    mapped,
    union,
)
from fastapi_lint.model.types.inference.inference import Where


class Items:
    """Answers "what is this display, or this item of something, made of"."""

    def __init__(self, asks: Asks) -> None:
        self.asks = asks

    def item(
        self, expr: f.Sub, inner: f.Expr, items: tuple[f.Expr, ...], where: Where, path: Path, depth: int
    ) -> Value:
        """`value[key]`; of a table that is looked up in it is the table's values that come out."""
        if len(items) != 1:
            return UNKNOWN
        match items[0]:
            case f.Unknown():  # a slice
                found = self.asks.value(inner, where, path, depth)
            case f.Const(value=int()) if not self.asks.checking and self.asks.types.is_text(inner, where):
                return UNKNOWN  # one character leads nowhere
            case f.Const(value=(str() | int()) as key):
                found = self.asks.value(inner, where, (key, *path), depth)
            case f.Name() | f.Attr() if isinstance(meant := self.asks.values.folded(items[0], where), (str, int)):
                found = self.asks.value(inner, where, (meant, *path), depth)
            case _:
                found = self.asks.value(inner, where, (SOME, *path), depth)
                if self.asks.checking:
                    looked_up = self.asks.value(items[0], where, (), depth)
                    found = union((found, mapped(looked_up, lambda strand: replace(strand, opaque=True))))
        if not has_strands(found):
            return found
        mark = f"{items[0]}@{where[2]}"
        return mapped(found, lambda strand: strand if strand.part else replace(strand, part=_part(strand, mark)))

    def display(self, items: tuple[f.Expr, ...], where: Where, path: Path, depth: int) -> Value:
        """`[first, second]`: one of its items, or all of them behind each other."""
        if not path:
            return concatenated(self.asks.value(item, where, (), depth) for item in items) if items else ((),)
        key, rest = path[0], path[1:]
        if (
            isinstance(key, int)
            and -len(items) <= key < len(items)
            and not any(isinstance(item, f.Star) for item in items)
        ):
            return self.asks.value(items[key], where, rest, depth)
        found = [
            self.asks.value(item.value, where, path, depth)
            if isinstance(item, f.Star)
            else self.asks.value(item, where, rest, depth)
            for item in items
        ]
        return union(found)

    def mapping(self, pairs: tuple[tuple[f.Expr | None, f.Expr], ...], where: Where, path: Path, depth: int) -> Value:
        """`{key: value}`: the value of one key, all keys, all values, or everything."""
        found: list[Value] = []
        wanted = str(path[0]).lstrip(".") if path else ""
        for key, value in pairs:
            if key is None:
                found.append(self.asks.value(value, where, path, depth))
            elif not path:
                found.append(self.asks.value(key, where, (), depth))
                found.append(self.asks.value(value, where, (), depth))
            elif path[0] == KEYS:
                found.append(self.asks.value(key, where, path[1:], depth))
            elif path[0] == SOME:  # a table in which something is looked up: what comes out is the table's
                is_text = len(path) == 1 and isinstance(value, f.Const) and isinstance(value.value, str)
                found.append(((str(value.value),),) if is_text else UNKNOWN)  # type: ignore[union-attr]
            elif path[0] == EACH or (isinstance(key, f.Const) and str(key.value) == wanted):
                found.append(self.asks.value(value, where, path[1:], depth))
        return union(found) if found else UNKNOWN

    def each(self, expr: f.Each, where: Where, path: Path, depth: int) -> Value:
        """`[element for ...]`: what each of its items is made of, below the conditions of the comprehension."""
        element = expr.element
        if not path:
            return self.asks.value(element, where, (), depth)
        if expr.kind == "dict" and isinstance(element, f.Mapping):
            return self.asks.cleared(self.mapping(element.items, where, path, depth), where)
        if path[0] == KEYS:
            return UNKNOWN
        return self.asks.cleared(self.asks.value(element, where, path[1:], depth), where)


def _part(strand: Strand, mark: str) -> str:
    """What tells a piece of a text from the text: nothing when it is taken out of an object that holds texts."""
    whole = strand.shown.endswith("]") or strand.shown.endswith(")")
    return "" if whole else mark


def position(target: f.Expr, name: str) -> tuple[Key, ...] | None:
    """Where in what is unpacked a name of a target finds its value; None when it is not in there."""
    if isinstance(target, f.Name):
        return () if target.id == name else None
    if isinstance(target, f.Star):
        return position(target.value, name)
    if isinstance(target, f.Display):
        starred = False
        for number, item in enumerate(target.items):
            starred = starred or isinstance(item, f.Star)
            if name in target_names(item):
                inner = position(item, name)
                if isinstance(item, f.Star):
                    return inner
                return None if inner is None else (EACH if starred else number, *inner)
    return None
