"""What a condition comes to when some of its names are constants: a small part of Python's expressions, and no more."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.constants import (
    FIELDS,
    KNOWN_AS,
    PRESENT,
    UNKNOWN,
    Unknown,
    Value,
    entry_of,
    field_of,
    is_entries,
    is_member,
    is_of,
    truth,
)

_DEEPEST = 20
_TEXT_METHODS = frozenset({"startswith", "endswith", "lower", "upper", "strip", "casefold"})


def judged(tree: ast.expr, values: Mapping[str, Value], named: Callable[[f.Expr], Value], depth: int = 0) -> Value:
    """The constant that an expression is; `values` are those of variables, `named` tells what other names are."""
    if depth > _DEEPEST:
        return UNKNOWN

    def inner(each: ast.expr) -> Value:
        return judged(each, values, named, depth + 1)

    match tree:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.Name(id=name):
            return values[name] if name in values else named(f.Name(name))
        case ast.Attribute():
            if isinstance(tree.value, ast.Name) and tree.value.id in values:
                return field_of(values[tree.value.id], tree.attr)
            expr = dotted_name(tree)
            root = expr
            while isinstance(root, f.Attr):
                root = root.value
            if expr is None or (isinstance(root, f.Name) and root.id in values):
                return UNKNOWN
            return named(expr)
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            found = tuple(inner(item) for item in items)
            return UNKNOWN if any(isinstance(item, Unknown) for item in found) else found
        case ast.Dict(keys=[]):
            return ()
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            known = truth(inner(operand))
            return UNKNOWN if known is None else not known
        case ast.BoolOp(op=op, values=parts):
            return _combined(isinstance(op, ast.And), [inner(part) for part in parts])
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(op, inner(left), inner(right))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            known = truth(inner(test))
            if known is not None:
                return inner(body if known else orelse)
            return inner(body) if inner(body) == inner(orelse) and not isinstance(inner(body), Unknown) else UNKNOWN
        case ast.NamedExpr(value=value):
            return inner(value)
        case ast.Call(func=ast.Name(id="bool"), args=[arg], keywords=[]):
            known = truth(inner(arg))
            return UNKNOWN if known is None else known
        case ast.Call(func=ast.Name(id="isinstance"), args=[arg, wanted], keywords=[]):
            known = is_of(inner(arg), [inner(each) for each in _alternatives(wanted)])
            return UNKNOWN if known is None else known
        case ast.Call(func=ast.Name(id="len"), args=[arg], keywords=[]):
            return _length(inner(arg))
        case ast.Call(
            func=ast.Attribute(value=owner, attr="get" | "pop"),
            args=[ast.Constant(value=str(key)), *rest],
            keywords=[],
        ) if len(rest) < 2:
            return entry_of(inner(owner), key, inner(rest[0]) if rest else None)
        case ast.Subscript(value=owner, slice=ast.Constant(value=str(key))):
            return entry_of(inner(owner), key, UNKNOWN)
        case ast.Call(func=ast.Attribute(value=owner, attr=attr), args=args, keywords=[]) if attr in _TEXT_METHODS:
            return _text(inner(owner), attr, [inner(arg) for arg in args])
    return UNKNOWN


def fitting(
    pattern: ast.pattern, subject: ast.expr, judge: Callable[[ast.expr], bool | None], depth: int = 0
) -> bool | None:
    """Whether a value fits a pattern of a `match`; `judge` tells whether a condition holds."""
    if depth > _DEEPEST:
        return None
    match pattern:
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return fitting(inner, subject, judge, depth + 1)
        case ast.MatchOr(patterns=patterns):
            found = [fitting(each, subject, judge, depth + 1) for each in patterns]
            return True if True in found else None if None in found else False
        case ast.MatchValue(value=value):
            return judge(ast.Compare(subject, [ast.Eq()], [value]))
        case ast.MatchSingleton(value=constant):
            return judge(ast.Compare(subject, [ast.Is()], [ast.Constant(constant)]))
    return None


def _alternatives(tree: ast.expr) -> list[ast.expr]:
    """The classes that a test for one names: `A`, `(A, B)`, `A | B`."""
    match tree:
        case ast.Tuple(elts=items):
            return items
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return [*_alternatives(left), *_alternatives(right)]
    return [tree]


def dotted_name(tree: ast.expr | None) -> f.Expr | None:
    """A name with its attributes, as facts have it; None for anything else."""
    match tree:
        case ast.Name(id=name):
            return f.Name(name)
        case ast.Attribute(value=value, attr=attr):
            owner = dotted_name(value)
            return None if owner is None else f.Attr(owner, attr)
    return None


def _length(value: Value) -> Value:
    if is_entries(value):
        return len(value) - 1  # type: ignore[arg-type]
    is_plain = isinstance(value, str) or (isinstance(value, tuple) and not is_member(value) and value[:1] != (FIELDS,))
    return len(value) if is_plain else UNKNOWN  # type: ignore[arg-type]


def _combined(is_and: bool, parts: list[Value]) -> Value:
    """`a and b` or `a or b`: the first part that decides it, if nothing before it may."""
    certain = True
    for index, part in enumerate(parts):
        known = truth(part)
        if known is None:
            certain = False
            continue
        if known is not is_and:  # decided, whatever the others are
            return part if certain else KNOWN_AS[known]
        if index == len(parts) - 1 and certain:
            return part
    return UNKNOWN


def _is_there(value: Value) -> bool:
    return value is PRESENT or (isinstance(value, Unknown) and value.counts_as is True)


def _compared(op: ast.cmpop, left: Value, right: Value) -> Value:
    if (_is_there(left) and right is None) or (left is None and _is_there(right)):
        if isinstance(op, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)):
            return isinstance(op, (ast.IsNot, ast.NotEq))
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return UNKNOWN
    match op:
        case ast.Is() | ast.IsNot():
            if not (left is None or right is None or isinstance(left, bool) or isinstance(right, bool)):
                if not (is_member(left) and is_member(right)):
                    return UNKNOWN
            same = left == right and type(left) is type(right)
            return same if isinstance(op, ast.Is) else not same
        case ast.Eq() | ast.NotEq():
            equal = _equal(left, right)
            return UNKNOWN if equal is None else (equal if isinstance(op, ast.Eq) else not equal)
        case ast.In() | ast.NotIn():
            if is_entries(right):
                is_missing = isinstance(left, str) and entry_of(right, left, KNOWN_AS[False]) is KNOWN_AS[False]
                found = not is_missing if isinstance(left, str) else None
            elif isinstance(right, tuple) and not is_member(right):
                answers = [_equal(left, item) for item in right]  # type: ignore[arg-type]
                found = True if True in answers else (None if None in answers else False)
            elif isinstance(right, str) and isinstance(left, str):
                found = left in right
            else:
                found = None
            return UNKNOWN if found is None else (found if isinstance(op, ast.In) else not found)
        case ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE():
            if isinstance(left, (int, float)) and isinstance(right, (int, float)):
                return {
                    ast.Lt: left < right, ast.LtE: left <= right, ast.Gt: left > right, ast.GtE: left >= right,
                }[type(op)]  # fmt: skip
    return UNKNOWN


def _equal(left: Value, right: Value) -> bool | None:
    """Whether two constants are equal; None where a member of an enumeration may be equal to its text."""
    if is_member(left) and is_member(right):
        return left == right
    if is_member(left) or is_member(right):
        member, other = (left, right) if is_member(left) else (right, left)
        assert isinstance(member, tuple)
        if other is None:
            return False
        return None if member[-1] is None or member[-1] == other else False
    return left == right


def _text(owner: Value, attr: str, args: list[Value]) -> Value:
    if not isinstance(owner, str):
        return UNKNOWN
    if attr in ("startswith", "endswith"):
        if len(args) != 1 or not (isinstance(args[0], str) or (isinstance(args[0], tuple) and args[0])):
            return UNKNOWN
        wanted = args[0] if isinstance(args[0], tuple) else (args[0],)
        if not all(isinstance(each, str) for each in wanted):
            return UNKNOWN
        return any(getattr(owner, attr)(each) for each in wanted)
    return UNKNOWN if args else str(getattr(owner, attr)())
