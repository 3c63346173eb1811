"""Slices of queries, `query[start:stop]`, which SQLAlchemy sends as LIMIT and OFFSET. Judges nothing.

The facts of a file say that there is a slice; what its bounds are is read from the text behind the value.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.database.statements import is_query
from fastapi_lint.model.names.expressions import dotted, evaluated, walk
from fastapi_lint.model.names.symbols import Function, Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_BOUNDS = re.compile(rb"\s*\[([^\[\]:#]*):([^\[\]:#]*)\]")
_LOADING = frozenset({"all", "first", "one", "one_or_none", "scalar", "scalars", "mappings", "tuples", "fetchall"})
_OPERATORS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//"}


def slices(project: Project, function: Function) -> Iterator[tuple[f.Expr, f.Expr]]:
    """The bounds of the slices that a function takes of queries, as far as they are names and arithmetic."""
    module = function.module
    if not module.mentions("query"):
        return
    for expr, block, start in evaluated(function):
        for part in walk(expr):
            match part:
                case f.Sub(value=value, items=(f.Unknown(),)) if is_query(project, value, (module, block, start)):
                    for found in _written(value, function):
                        low, high = (_read(found[number]) for number in (1, 2))
                        if high is not None:
                            yield low or f.Const(0), high


def _written(value: f.Expr, function: Function) -> Iterator[re.Match[bytes]]:
    """The brackets behind a value in the text of a function."""
    module = function.module
    for end in _ends(value, function, module):
        found = _BOUNDS.match(module.text, end)
        if found is not None:
            yield found


def _ends(value: f.Expr, function: Function, module: Module) -> Iterator[int]:
    if isinstance(value, f.CallRef):
        call = module.facts.calls[value.index]
        if f.last_name(call.func) not in _LOADING:
            yield call.end
    elif name := dotted(value):
        written = re.compile(rb"(?<![\w.])" + re.escape(name.encode()) + rb"(?=\s*\[)")
        yield from (found.end() for found in written.finditer(module.text, function.facts.start, function.facts.end))


def _read(text: bytes) -> f.Expr | None:
    """A bound as facts have expressions; None for what is more than names and arithmetic."""
    try:
        return _expr(ast.parse(text.decode().strip(), mode="eval").body)
    except SyntaxError:
        return None


def _expr(tree: ast.expr) -> f.Expr | None:
    match tree:
        case ast.Name(id=name):
            return f.Name(name)
        case ast.Constant(value=int(number)):
            return f.Const(number)
        case ast.Attribute(value=value, attr=attr):
            owner = _expr(value)
            return None if owner is None else f.Attr(owner, attr)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            one, other = _expr(left), _expr(right)
            return None if one is None or other is None else f.Binary(_OPERATORS[type(op)], one, other)
    return None
