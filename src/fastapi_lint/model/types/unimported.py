"""Names in annotations that only type checkers import: they do not exist when the annotation is evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.annotations import parse_annotation
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.types.inference.inference import Inference, Where

When = Literal["now", "text", "inner"]
"""When a name in an annotation is looked up: with the `def` or `class`; later, with the whole annotation, which is
text; later, with the quoted part of an annotation that has been evaluated."""


def unimported(types: Inference, annotation: f.Expr | None, where: Where) -> Iterator[tuple[str, When, f.Import]]:
    """The names in an annotation that are imported for type checkers only, with the import."""
    module = where[0]
    future = any(entry.module == "__future__" and entry.name == "annotations" for entry in module.facts.imports)
    for name, when in _names(types, annotation, "text" if future else "now", where):
        found = types.find_bindings(name, where)
        imports = [one.entry for one in found if isinstance(one.entry, f.Import) and is_dead(module, one.block)]
        if imports and len(imports) == len(found):
            yield name, when, imports[0]


def _names(types: Inference, expr: f.Expr | None, when: When, where: Where) -> Iterator[tuple[str, When]]:
    match expr:
        case f.Name(id=name):
            yield name, when
        case f.Attr(value=value):
            yield from _names(types, value, when, where)
        case f.Const(value=str(text)):
            yield from _names(types, parse_annotation(text), "inner", where)
        case f.Binary(left=left, right=right):
            yield from _names(types, left, when, where)
            yield from _names(types, right, when, where)
        case f.Sub(value=value, items=items):
            yield from _names(types, value, when, where)
            head = types.name_of_type(types.infer(value, where))
            if head is None or head == "typing.Literal":
                return
            for item in items[:1] if head == "typing.Annotated" else items:
                yield from _names(types, item, when, where)
        case f.Display(items=items):
            for item in items:
                yield from _names(types, item, when, where)


def scope_around(module: Module, block: int) -> Where:
    """The end of the scope around a definition: all that it ever binds."""
    return module, block, module.facts.blocks[block].end


def is_dead(module: Module, block: int) -> bool:
    while block >= 0:
        if block in module.facts.dead:
            return True
        block = module.facts.blocks[block].parent
    return False
