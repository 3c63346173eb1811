"""FAPI530: SQL conditions that are combined with operators of Python."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.database import is_sql
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_TAKING = frozenset({
    "where", "filter", "having", "join", "outerjoin", "case", "and_", "or_", "not_", "with_only",
    "any", "has", "with_loader_criteria",
})  # fmt: skip
_CASE = frozenset({"case"})
_OPERATORS = (f.Choice, f.Unary, f.Compare)
_INSTEAD = {
    "and": "`and_(...)`, or `&` with parentheses",
    "or": "`or_(...)`, or `|` with parentheses",
    "not": "`~(...)`, or `not_(...)`",
    "is": "`.is_(...)`",
    "is not": "`.is_not(...)`",
    "in": "`.in_(...)`",
    "not in": "`.not_in(...)`",
    "chain": "`and_(...)` of two comparisons, or `.between(...)`",
}


@rule("FAPI530", severity=Severity.ERROR, since="0.2.0")
def python_operator_in_filter(module: Module, check: Check) -> Iterator[Finding]:
    """A condition of a statement is made with `and`, `or`, `not`, `is`, `in` or a chained comparison.

    Why is this bad?
    Python evaluates these operators itself. `a == 1 and b == 2` keeps only the first condition, `or` only the second,
    `not column` is false, `column is None` too: without an error, a condition is lost, that of the tenant perhaps. A
    chained comparison raises.

    Known limits
    An operand has to be known as a column of a mapped class, or made of one. Conditions that only choose which filter
    is added are left alone.

    References
    - [SQLAlchemy: operator reference](https://docs.sqlalchemy.org/en/20/core/operators.html)
    """
    if not module.mentions("where", "filter", "having", "join", "case"):
        return
    names: dict[tuple[int, str], list[f.Assign]] = {}
    for entry in module.facts.assigns:
        if type(entry.value) in _OPERATORS and isinstance(entry.target, f.Name):
            key = (module.facts.blocks[entry.block].function, entry.target.id)
            names.setdefault(key, []).append(entry)
    for value, at in _spread(module):
        yield from _judged(value, (module, at.block, at.start), at, check)
    for call in module.calls_named(module.words_for(_TAKING)):
        for arg in call.args:
            where = (module, call.block, call.start)
            if isinstance(arg.value, f.Name):
                key = (module.facts.blocks[call.block].function, arg.value.id)
                for entry in names.get(key, ()):
                    yield from _judged(entry.value, (module, entry.block, entry.start), entry, check)
            else:
                yield from _judged(_condition(module, call, arg), where, arg, check)


def _condition(module: Module, call: f.Call, arg: f.Arg) -> f.Expr:
    """The condition in an argument: `case` takes it as the first of a pair."""
    match arg.value:
        case f.Display(kind="tuple", items=(condition, _)) if f.last_name(call.func) in module.words_for(_CASE):
            return condition
    return arg.value


def _spread(module: Module) -> Iterator[tuple[f.Expr, f.Assign | f.Call]]:
    """What is put into the lists that are spread into what takes conditions: `conditions.append(...)`, then
    `where(*conditions)`."""
    blocks = module.facts.blocks
    calls = [module.facts.calls[index] for index in module.calls_by_keyword.get("*", ())]
    spread = {
        (blocks[call.block].function, arg.value.id)
        for call in calls
        for arg in call.args
        if arg.name == "*" and isinstance(arg.value, f.Name) and f.last_name(call.func) in module.words_for(_TAKING)
    }
    for entry in module.facts.assigns if spread else ():
        key = (blocks[entry.block].function, f.last_name(entry.target))
        if key in spread and isinstance(entry.target, f.Name) and isinstance(entry.value, f.Display):
            yield from ((item, entry) for item in entry.value.items)
    for call in module.facts.calls if spread else ():
        match call.func:
            case f.Attr(value=f.Name(id=name), attr="append") if (blocks[call.block].function, name) in spread:
                yield from ((arg.value, call) for arg in call.args)


def _judged(expr: f.Expr | None, where: Where, at: f.Arg | f.Assign | f.Call, check: Check) -> Iterator[Finding]:
    operator = _fault(expr, where, check)
    if operator is None:
        return
    shown = "a chained comparison" if operator == "chain" else f"`{operator}`"
    yield check.finding(
        (at.start, at.end),
        f"{shown} combines SQL conditions in Python",
        why="it raises" if operator == "chain" else "a condition is lost without an error",
        instead=f"write {_INSTEAD[operator]}",
    )


def _fault(expr: f.Expr | None, where: Where, check: Check, depth: int = 0) -> str | None:
    """The first operator of Python that a condition is made with; None when there is none, or it may be meant."""
    if depth > 12:
        return None
    match expr:
        case f.Choice(options=options, op=op) if op != "if":
            if any(is_sql(check.project, option, where) for option in options[: -1 if len(options) > 1 else None]):
                return op
            return next((found for option in options if (found := _fault(option, where, check, depth + 1))), None)
        case f.Unary(op="not", value=value):
            return "not" if is_sql(check.project, value, where) else None
        case f.Compare(operators=operators, operands=operands):
            if not any(is_sql(check.project, operand, where) for operand in operands):
                return None
            if len(operators) > 1:
                return "chain"
            if operators[0] in ("is", "is not", "in", "not in") and is_sql(check.project, operands[0], where):
                return operators[0]
        case f.Binary(op="&" | "|", left=left, right=right):
            return _fault(left, where, check, depth + 1) or _fault(right, where, check, depth + 1)
        case f.Unary(op="~", value=value):
            return _fault(value, where, check, depth + 1)
    return None
