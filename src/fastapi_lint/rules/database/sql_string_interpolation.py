"""FAPI507: texts from outside inside SQL. Decided by what reaches the call, not by words that look like SQL."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from fastapi_lint.finding import Finding, Related, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.data import is_async_connection, is_async_session, is_sync_connection, is_sync_session
from fastapi_lint.model.names import External, Instance, Method
from fastapi_lint.model.routing import argument
from fastapi_lint.model.values import Compositions, Outside, Piece
from fastapi_lint.rule import Check, rule

_METHODS = frozenset({
    "execute", "executemany", "executescript", "exec_driver_sql", "scalar", "scalars", "fetch", "fetchrow", "fetchval",
    "fetch_all", "fetch_one", "fetch_val", "iterate", "execute_many", "execute_fetchall", "sql", "query", "raw",
})  # fmt: skip
_DRIVERS = (
    "sqlite3.Connection", "sqlite3.Cursor", "psycopg2.extensions.cursor", "psycopg.Connection", "psycopg.Cursor",
    "psycopg.AsyncConnection", "psycopg.AsyncCursor", "MySQLdb.cursors.BaseCursor", "pymysql.cursors.Cursor",
    "mysql.connector.abstracts.MySQLCursorAbstract", "oracledb.Cursor", "pyodbc.Cursor", "pyodbc.Connection",
    "duckdb.DuckDBPyConnection", "asyncpg.Connection", "asyncpg.Pool", "asyncpg.pool.Pool", "aiosqlite.Connection",
    "aiosqlite.Cursor", "databases.Database", "databases.core.Database", "aiomysql.Cursor",
)  # fmt: skip
_TEXT = frozenset({"sqlalchemy.text", "sqlalchemy.literal_column"})
_CURSORS = frozenset({"cursor", "cur", "cursor_", "db_cursor"})
_SQL = re.compile(
    r"\s*(?:with\s+\w+\s+as\b|select\s.+?\bfrom\b|insert\s+(?:or\s+\w+\s+)?into\b|update\s.+?\bset\b|delete\s+from\b|replace\s+into\b)",
    re.IGNORECASE | re.DOTALL,
)
_VALUE = re.compile(r"(?:(?:[=<>]|\blike|\bilike|\bin\s*\(|\bvalues\s*\([^()]*|\bbetween)\s*)\Z", re.IGNORECASE)
_GUARDS = r"(?:isidentifier|isalnum|isdigit|isdecimal|fullmatch|match)"
_CHECKERS = r"\w*(?:valid|sanit|escape|quote|check|ensure|allow|verify|assert_|whitelist|normali[sz]e)\w*"
_DEPTH = 3


@rule("FAPI507", severity=Severity.ERROR)
def sql_string_interpolation(module: Module, check: Check) -> Iterator[Finding]:
    """Text from outside is put into an SQL statement instead of being bound to it.

    Why is this bad?
    What is part of the statement is read as SQL: a quote in a name ends the text, and what follows is executed. That is
    SQL injection where the text comes from a request, and an error at the first O'Brien everywhere else. The database
    cannot keep the plan of a statement that is another one every time, either.

    Bind values: `text("... WHERE name = :name")` with `{"name": name}`, `?` or `%s` with a tuple, `$1` with asyncpg.
    Names of tables and columns cannot be bound: look them up in a fixed table, or build the statement with `select()`.

    Known limits
    Reported is a text that comes from a parameter (of the function, or of its callers): where a value stands, always;
    where a name stands, when it comes from a request. Numbers, dates, enums, literals, constants, and
    parameters that are compared with something fixed before are left alone, and so is what cannot be followed.

    References
    - [SQLAlchemy: sending parameters](https://docs.sqlalchemy.org/en/20/tutorial/dbapi_transactions.html#sending-parameters)
    - [OWASP: SQL injection prevention](https://cheatsheetseries.owasp.org/cheatsheets/SQL_Injection_Prevention_Cheat_Sheet.html)
    - [CWE-89](https://cwe.mitre.org/data/definitions/89.html)
    """
    if module.is_test or not module.mentions(
        "text(", "execute", "exec_driver_sql", "fetch", "scalar", "literal_column", ".sql("
    ):
        return
    compositions = Compositions(check.project.types, check.project.values)
    for call in module.facts.calls:
        called = f.last_name(call.func)
        if (called not in _METHODS and called not in ("text", "literal_column")) or not call.args:
            continue
        statement = argument(call, 0, "text") or argument(call, 0, "query") or argument(call, 0, "sql")
        if statement is None or isinstance(statement.value, (f.Const, f.Display, f.Mapping, f.Raw)):
            continue
        pieces = compositions.pieces(statement.value, (module, call.block, call.start))
        if not any(isinstance(piece, Outside) for piece in pieces) or not _takes_sql(
            module, call, called, pieces, check
        ):
            continue
        before = ""
        for piece in pieces:
            if isinstance(piece, str):
                before += piece
                continue
            if isinstance(piece, Outside):
                found = _judge(piece, before, module, call, check)
                if found:
                    shown = module.source.slice(call.start, call.name_end)
                    message, related = found
                    yield check.finding(statement, message.format(shown=shown), related=related)
                    break
            before += "?"


def _takes_sql(module: Module, call: f.Call, called: str, pieces: Sequence[Piece], check: Check) -> bool:
    """Whether a call is known to take an SQL text."""
    types = check.project.types
    match check.project.callee(module, call):
        case External(name=name):
            return name in _TEXT
        case Method(cls=cls) if any(types.is_subclass(cls, one) for one in _DRIVERS):
            return True
        case Method(owner=Instance() as owner) if called in ("execute", "exec_driver_sql", "scalar", "scalars"):
            kinds = (is_async_session, is_sync_session, is_async_connection, is_sync_connection)
            return any(is_kind(types, owner) for is_kind in kinds)
        case None if called in ("execute", "executemany", "executescript") and isinstance(call.func, f.Attr):
            text = "".join(piece if isinstance(piece, str) else "?" for piece in pieces)
            return f.last_name(call.func.value) in _CURSORS and _SQL.match(text) is not None
    return False


def _judge(piece: Outside, before: str, module: Module, call: f.Call, check: Check) -> tuple[str, list[Related]] | None:
    """The message for a text that gets into the statement behind `before`; None when it is no trouble, or not known."""
    if _is_guarded(piece):
        return None
    is_value = before.count("'") % 2 == 1 or _VALUE.search(before[-400:]) is not None
    origin = _origin(piece.function, piece.param, check, 0)
    related = [check.related(piece.param, f"`{piece.shown}` comes from here", module=piece.function.module)]
    if origin == "request" or (origin == "caller" and is_value and check.project.effects.is_served(module)):
        how = "comes from the request and " if origin == "request" else ""
        if is_value:
            return (
                f"`{piece.shown}` {how}becomes part of the SQL that `{{shown}}` gets: a quote in it changes "
                "the statement; bind it as a parameter",
                related,
            )
        return (
            f"`{piece.shown}` {how}becomes part of the SQL that `{{shown}}` gets, where it cannot be bound; "
            "choose from fixed names, or build the statement with `select()`",
            related,
        )
    return None


def _is_guarded(piece: Outside) -> bool:
    """Whether the function looks at the text first: compares it with fixed ones, validates or escapes it."""
    facts = piece.function.facts
    body = piece.function.module.source.slice(facts.head_end, facts.end)
    name = re.escape(piece.param.name)
    shown = re.escape(piece.shown)
    return any(
        re.search(pattern, body)
        for subject in {name, shown}
        for pattern in (
            rf"\b{subject}(?:\.\w+\(\))?\s+(?:not\s+)?in\s+(?!\()",
            rf"\b{subject}(?:\.\w+\(\))?\s+(?:not\s+)?in\s*[\(\[{{]",
            rf"\b{subject}(?:\.\w+\(\))?\s*(?:==|!=)\s*[\"']",
            rf"\[{subject}\]|\.get\({subject}\b",
            rf"\b{subject}\.{_GUARDS}\b|\b{_GUARDS}\([^)]*\b{subject}\b",
            rf"\b{_CHECKERS}\([^)]*\b{subject}\b",
            rf"\b{subject}\.replace\(",
            rf"\bmatch\s+{subject}\b",
            rf"\b(?:int|float|UUID|uuid\.UUID|bool|isinstance)\({subject}\b",
        )
    )


def _origin(function: Function, param: f.Param, check: Check, depth: int) -> str:
    """Where the text of a parameter comes from: "request", "caller" (some other text), "constant"."""
    if function in check.project.routes.by_handler:
        return "request"
    if function in check.project.dependencies.used:
        return "request"
    if depth >= _DEPTH:
        return "caller"
    compositions = Compositions(check.project.types, check.project.values)
    found: set[str] = set()
    index = next((i for i, one in enumerate(function.params) if one is param), -1)
    for use in check.project.callers.uses(function):
        if use.module.is_test:
            continue
        call = _call_at(use.module, use.start)
        if call is None:
            continue
        shift = use.positional - sum(arg.name == "" for arg in call.args)
        positional = [arg for arg in call.args if arg.name == ""]
        given = next((arg for arg in call.args if arg.name == param.name), None)
        if given is None and 0 <= index - shift < len(positional) and shift in (0, 1):
            given = positional[index - shift]
        if given is None:
            found.add("constant" if param.default is not None else "caller")
            continue
        for piece in compositions.pieces(given.value, (use.module, call.block, call.start)):
            if isinstance(piece, str):
                found.add("constant")
            elif isinstance(piece, Outside):
                found.add(
                    "constant"
                    if _is_guarded(piece)
                    else _origin(piece.function, piece.param, check, depth + 1) or "caller"
                )
            else:
                found.add("constant" if piece.is_harmless else "unknown")
    if "request" in found:
        return "request"
    if not found or "caller" in found or "unknown" in found:
        return "caller"
    return "constant"


def _call_at(module: Module, start: int) -> f.Call | None:
    calls = module.facts.calls
    index = bisect_left(calls, start, key=lambda call: call.start)
    return calls[index] if index < len(calls) and calls[index].start == start else None
