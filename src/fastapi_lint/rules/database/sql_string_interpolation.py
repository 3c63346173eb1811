"""FAPI507: texts from outside inside SQL. Decided by what reaches the call, not by words that look like SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.taint import Arrival, Entry, Slot, Strand, Text, trail
from fastapi_lint.rule import Check, rule

_SQL = re.compile(
    r"\s*(?:with\s+\w+\s+as\b|select\s.+?\bfrom\b|insert\s+(?:or\s+\w+\s+)?into\b|update\s.+?\bset\b|delete\s+from\b|replace\s+into\b)",
    re.IGNORECASE | re.DOTALL,
)
_VALUE = re.compile(r"(?:(?:[=<>]|\blike|\bilike|\bin\s*\(|\bvalues\s*\([^()]*|\bbetween)\s*)\Z", re.IGNORECASE)
_NO_VALUE = re.compile(
    r"(?:\bfrom|\bjoin|\binto|\battach(?:\s+database)?|\bset\s+\w+\s*=|\btable|\bcopy\s+\w+\s+(?:from|to))\s*'[^']*\Z",
    re.IGNORECASE,
)
"""Where a text in quotes is a name or path that the grammar wants as it stands."""

_CYPHER = re.compile(
    r"\s*(?:(?:optional\s+)?match\s*(?:\w+\s*=\s*)?\(|merge\s*\(|create\s*\(|unwind\s|call\s*\{)", re.IGNORECASE
)
_SET = re.compile(r"\s*set\s", re.IGNORECASE)
_SET_CONFIG = "pass it to `SELECT set_config(...)` (PostgreSQL), whose parameters can be bound"
"""`SET` of PostgreSQL takes no parameters, and the function that does the same takes them."""


@rule("FAPI507", severity=Severity.ERROR, needs_requests=True)
def sql_string_interpolation(module: Module, check: Check) -> Iterator[Finding]:
    """Text from outside is put into an SQL statement instead of being bound to it.

    Why is this bad?
    What is part of the statement is read as SQL: a quote in a name ends the text, and what follows is executed. That is
    SQL injection where the text comes from a request, and an error at the first O'Brien everywhere else. The database
    cannot keep the plan of a statement that is another one every time, either.

    Bind values: `text("... WHERE name = :name")` with `{"name": name}`, `?` or `%s` with a tuple, `$1` with asyncpg.
    Names of tables and columns cannot be bound: look them up in a fixed table, or build the statement with `select()`.
    Cypher is no different: `$name` binds a value, and labels are looked up.

    Known limits
    Reported is a text of the client, wherever it stands, and, as a warning, a parameter of which no caller is known
    where a value stands. Numbers, dates, enums, literals, constants, and what is compared with something fixed, matched
    or validated before are left alone, and so is what cannot be followed. Where the client sends the whole statement,
    which may be what a service is for, the finding is a warning.

    References
    - [SQLAlchemy: sending parameters](https://docs.sqlalchemy.org/en/20/tutorial/dbapi_transactions.html#sending-parameters)
    - [OWASP: SQL injection prevention](https://cheatsheetseries.owasp.org/cheatsheets/SQL_Injection_Prevention_Cheat_Sheet.html)
    - [CWE-89](https://cwe.mitre.org/data/definitions/89.html)
    """
    if module.is_test:
        return
    for arrival in check.project.taint.arriving(module, "sql"):
        if (found := _worst(arrival, check)) is not None:
            yield _finding(arrival, found, check)


class _Found(NamedTuple):
    """What of a statement comes from outside, with the text before it, and whether it is all of the statement."""

    strand: Strand
    before: str
    is_all: bool


def _worst(arrival: Arrival, check: Check) -> _Found | None:
    """What of a statement comes from outside: what the client wrote comes first."""
    is_served = check.project.effects.is_served(arrival.module)
    is_known = arrival.call is None or check.project.callee(arrival.module, arrival.call) is not None
    others: _Found | None = None
    for text in arrival.value:
        if not is_known and not _SQL.match("".join(piece if isinstance(piece, str) else "?" for piece in text)):
            continue
        for whole in check.project.taint.upwards(text, "sql", arrival.place):
            for strand, before in _pieces(whole):
                found = _Found(strand, before, len(whole) == 1)
                if isinstance(strand.origin, Entry):
                    return found
                if others is None and is_served and _is_value(before) and _is_unfilled(strand, check):
                    others = found
    return others


def _pieces(text: Text) -> Iterator[tuple[Strand, str]]:
    before = ""
    for piece in text:
        if isinstance(piece, Strand) and not piece.is_safe("sql"):
            yield piece, before
        before += piece if isinstance(piece, str) else "?"


def _is_unfilled(strand: Strand, check: Check) -> bool:
    """Whether nobody is known to fill the parameter that a text comes from, which may well be a text."""
    return isinstance(strand.origin, Slot) and not strand.origin.path


def _is_value(before: str) -> bool:
    return before.count("'") % 2 == 1 or _VALUE.search(before[-400:]) is not None


def _finding(arrival: Arrival, found: _Found, check: Check) -> Finding:
    call = arrival.call
    strand, before, is_all = found
    shown = arrival.module.source.slice(call.start, call.name_end) if isinstance(call, f.Call) else arrival.called
    if is_all and isinstance(strand.origin, Entry):
        return check.finding(
            (arrival.start, arrival.end),
            f"`{strand.shown}` comes from the request and is the whole statement that `{shown}` gets",
            why="who may send it may do all that the database's user may",
            instead="let that user do no more than clients may, or build the statement with `select()`",
            severity=Severity.WARNING,
            related=[check.related(step, step.message, module=step.module) for step in trail(strand, arrival)],
            chain=True,
        )
    is_of_client = isinstance(strand.origin, Entry)
    how = "comes from the request and " if is_of_client else ""
    language = "Cypher" if _CYPHER.match(before) else "SQL"
    can_be_bound = _is_value(before) and not _NO_VALUE.search(before[-400:])
    return check.finding(
        (arrival.start, arrival.end),
        f"`{strand.shown}` {how}becomes part of the {language} that `{shown}` gets",
        why="a quote in it changes the statement"
        if _is_value(before)
        else f"it is read as {language}, and cannot be bound there",
        instead=(_SET_CONFIG if _SET.match(before) else "bind it as a parameter")
        if can_be_bound
        else "choose from fixed names" + (", or build the statement with `select()`" if language == "SQL" else ""),
        severity=None if is_of_client else Severity.WARNING,
        related=[check.related(step, step.message, module=step.module) for step in trail(strand, arrival)],
        chain=True,
    )
