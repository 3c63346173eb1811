"""Statements that change rows: what `execute` is given, and queries that update or delete; and where a text of SQL has
its limit. Judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import ClassObject, External, Instance, Method, Module
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

Verb = Literal["insert", "update", "delete"]
_VERBS: dict[str, Verb] = {"insert": "insert", "update": "update", "delete": "delete"}
_TEXT = re.compile(r"\s*(?:--[^\n]*\n\s*)*(INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_LIBRARIES = ("sqlalchemy.", "sqlmodel.")
_SQL_LIMIT = re.compile(
    r"\b(?:LIMIT|FETCH\s+(?:FIRST|NEXT)|TOP)\b\s*(?:[(]\s*)?[:%$@{?\N{HORIZONTAL ELLIPSIS}]", re.IGNORECASE
)
_SQL = re.compile(r"\s*(?:--[^\n]*\n\s*)*(?:SELECT|WITH|INSERT|UPDATE|DELETE|CALL|EXEC)\b", re.IGNORECASE)
_PLACE = re.compile(r"\?|%s|\$(\d+)")
_NAMED = re.compile(r"[:@$]([A-Za-z_]\w*)|%\(([A-Za-z_]\w*)\)")
_SQL_BEFORE = re.compile(r"\b(?:LIMIT|FETCH\s+(?:FIRST|NEXT)|TOP)\s*(?:[(]\s*)?\Z", re.IGNORECASE)
_DEEPEST = 12


@dataclass(frozen=True, eq=False)
class Statement:
    """A statement that changes rows: `call` begins it (`update(User)`, `db.query(User)`), `methods` are the names of
    what is called on it, `is_text` one in SQL."""

    verb: Verb
    module: Module = field(repr=False)
    call: f.Call
    methods: frozenset[str]
    is_text: bool = False


def statements(project: Project, expr: f.Expr | None, where: Where, depth: int = 0) -> Iterator[Statement]:
    """The statements that an expression may be, as far as they are seen; also by way of variables."""
    if depth > _DEEPEST:
        return
    match expr:
        case f.Await(value=value):
            yield from statements(project, value, where, depth + 1)
        case f.Choice(options=options):
            for option in options:
                yield from statements(project, option, where, depth + 1)
        case f.Name() | f.Attr():
            for value, place in project.values.definitions(expr, where):
                yield from statements(project, value, place, depth + 1)
        case f.CallRef():
            yield from _of_call(project, expr, where, depth)


def _of_call(project: Project, expr: f.CallRef, where: Where, depth: int) -> Iterator[Statement]:
    module = where[0]
    methods: list[str] = []
    current: f.Expr = expr
    while isinstance(current, f.CallRef):
        call = module.facts.calls[current.index]
        callee = project.callee(module, call)
        name = f.last_name(call.func)
        match callee:
            case External(name=full) if full.startswith(_LIBRARIES):
                if name == "text" or full.endswith(".text"):
                    yield from _of_text(project, module, call)
                verb = _VERBS.get(full.rsplit(".", 1)[-1])
                if verb is not None:
                    yield Statement(verb, module, call, frozenset(methods))
                return
            case Method(cls="sqlalchemy.Table") if name in _VERBS:
                yield Statement(_VERBS[name], module, call, frozenset(methods))
                return
            case None if name in _VERBS and isinstance(call.func, f.Attr) and _is_table(project, call.func, where):
                yield Statement(_VERBS[name], module, call, frozenset(methods))
                return
        if not isinstance(call.func, f.Attr):
            return
        methods.append(call.func.attr)
        current = call.func.value
    if isinstance(current, (f.Name, f.Attr)):  # stmt.where(...)
        for one in statements(project, current, where, depth + 1):
            yield Statement(one.verb, one.module, one.call, one.methods | frozenset(methods), one.is_text)


def _is_table(project: Project, func: f.Attr, where: Where) -> bool:
    """Whether a method is one of `Model.__table__`."""
    if not isinstance(func.value, f.Attr) or func.value.attr != "__table__":
        return False
    owner = project.infer(func.value.value, *where)
    return isinstance(owner, (ClassObject, Instance))


def _of_text(project: Project, module: Module, call: f.Call) -> Iterator[Statement]:
    given = call.args[0].value if call.args else None
    if isinstance(given, (f.Const, f.Joined, f.Name, f.Attr, f.Binary)):
        text = project.values.pieces(given, (module, call.block, call.start))
        if found := _TEXT.match(text):
            yield Statement(_VERBS[found[1].lower()], module, call, frozenset(), True)


def is_query(project: Project, expr: f.Expr, where: Where, depth: int = 0) -> bool:
    """Whether an expression is what methods have made of `select(...)` of SQLAlchemy, also by way of variables."""
    if depth > _DEEPEST:
        return False
    match expr:
        case f.Attr(value=f.CallRef() as value):
            return is_query(project, value, where, depth + 1)
        case f.CallRef(index=index):
            call = where[0].facts.calls[index]
            name = project.called_name(where[0], call) or ""
            if name.startswith(_LIBRARIES) and name.endswith((".select", ".Session.query")):
                return True
            return isinstance(call.func, f.Attr) and is_query(project, call.func.value, where, depth + 1)
        case f.Name() | f.Attr():
            found = list(project.values.definitions(expr, where))
            if len(found) == 1 and found[0][0] != expr:
                return is_query(project, *found[0], depth + 1)
            return isinstance(expr, f.Attr) and is_query(project, expr.value, where, depth + 1)
    return False


# ---------------------------------------------------------------- texts of SQL


def is_sql(text: str) -> bool:
    """Whether a text begins like a statement."""
    return _SQL.match(text) is not None


def ends_in_limit(text: str) -> bool:
    """Whether what comes behind a text is how many rows a statement gives."""
    return _SQL_BEFORE.search(text) is not None


def limit_name(text: str) -> str | None:
    """The name of the parameter that limits a statement; "" when it has none, None when nothing limits it."""
    found = _SQL_LIMIT.search(text)
    named = _NAMED.match(text, found.end() - 1) if found is not None else None
    return (named[1] or named[2]) if named is not None else ("" if found is not None else None)


def is_limit(text: str, number: int) -> bool:
    """Whether the value with a number (from 1) of a statement is the one that limits its rows."""
    found = _SQL_LIMIT.search(text)
    if found is None:
        return False
    places = list(_PLACE.finditer(text))
    limiting = next((place for place in places if place.start() >= found.end() - 1), None)
    if limiting is None:
        return True
    return int(limiting[1]) == number if limiting[1] else places.index(limiting) + 1 == number
