"""Imports that only some environments reach: in a `try`, below an `if`. Resolves nothing."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module


def is_conditional_import(module: Module, expr: f.Expr) -> bool:
    """Whether the first name of a dotted expression is imported where not every environment comes by.

    Such code handles two versions of a library side by side, and means the old form for the old version.
    """
    while isinstance(expr, f.Attr):
        expr = expr.value
    if not isinstance(expr, f.Name):
        return False
    for entry in module.facts.imports:
        if (entry.alias or entry.name or entry.module.split(".", 1)[0]) == expr.id:
            kinds = {block.kind for block in module.block_chain(entry.block)}
            if not kinds.isdisjoint({"choice", "try"}):
                return True
    return False
