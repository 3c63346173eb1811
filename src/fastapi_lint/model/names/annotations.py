"""String annotations as facts' expressions. Resolves nothing."""

from __future__ import annotations

import ast
from functools import lru_cache

from fastapi_lint.index import facts as f

_PLAIN = frozenset({"str", "int", "float", "bool", "bytes", "dict", "list", "set", "tuple"})
_GENERIC = frozenset({"Optional", "Union", "List", "Dict", "Set", "Tuple", "dict", "list", "set", "tuple"})


@lru_cache(maxsize=8192)
def parse_annotation(text: str) -> f.Expr | None:
    """The expression a quoted annotation contains; None when it is not one. Calls inside it are unknown."""
    if len(text) > 500:
        return None
    try:
        return _convert(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _convert(node: ast.expr) -> f.Expr:
    match node:
        case ast.Name(id=name):
            return f.Name(name)
        case ast.Attribute(value=value, attr=attr):
            return f.Attr(_convert(value), attr)
        case ast.Subscript(value=value, slice=ast.Tuple(elts=items)):
            return f.Sub(_convert(value), tuple(_convert(item) for item in items))
        case ast.Subscript(value=value, slice=item):
            return f.Sub(_convert(value), (_convert(item),))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return f.Binary("|", _convert(left), _convert(right))
        case ast.Constant(value=str() | int() | float() | bool() | None as value):
            return f.Const(value)
        case ast.Constant(value=value) if value is ...:
            return f.Raw("ellipsis")
        case ast.List(elts=items):
            return f.Display("list", tuple(_convert(item) for item in items))
    return f.Unknown()


def is_plain(annotation: f.Expr) -> bool:
    """Whether an annotation names types of Python only: texts, numbers and containers of these, which nobody calls."""
    match annotation:
        case f.Name(id=name):
            return name in _PLAIN
        case f.Const(value=value):
            return value is None
        case f.Binary(op="|", left=left, right=right):
            return is_plain(left) and is_plain(right)
        case f.Sub(value=value, items=items):
            return f.last_name(value) in _GENERIC and all(is_plain(one) or f.last_name(one) == "Any" for one in items)
    return False
