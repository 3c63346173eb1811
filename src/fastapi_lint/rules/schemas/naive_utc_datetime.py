"""FAPI415: times in UTC that do not say so, where they are kept, signed or sent."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import importing
from fastapi_lint.fixing.edits.calls import node_at
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Module
from fastapi_lint.model.data.unread import is_unused
from fastapi_lint.model.database import COLUMNS, has_zone, is_of_table, loses_zone
from fastapi_lint.model.routing import Contents
from fastapi_lint.model.tokens import Payloads, encodings
from fastapi_lint.model.values import (
    NAIVE,
    NAIVE_WORDS,
    NaiveTime,
    makers_of_naive_times,
    makes_naive_times,
    naive_times,
)
from fastapi_lint.rule import Check, rule

_FIELDS = frozenset({"pydantic.Field", "sqlmodel.Field", "dataclasses.field"})
_DEFAULTS = {**dict.fromkeys(_FIELDS, ("default", "default_factory")),
             **dict.fromkeys(COLUMNS, ("default", "default_factory", "onupdate", "insert_default"))}  # fmt: skip
_MODELS = frozenset({"pydantic.BaseModel", "sqlmodel.SQLModel", "sqlalchemy.orm.DeclarativeBase"})
_CLAIMS = ("exp", "iat", "nbf", "auth_time")
_FIELD = "the field is sent without an offset"
_COLUMN = "the column keeps it without one, as it is declared; `utcnow` is deprecated since Python 3.12"
_AWARE = "the column has a zone, and takes a naive time for the local one"
_DOCUMENT = "the field is sent without an offset, and so is what the database gives back"
_KEPT = "the object keeps it, and whoever reads it takes it for local time"
_UNUSED = "nothing uses the class yet; `utcnow` is deprecated since Python 3.12"
_TAKEN = "which JWT libraries take for UTC; `utcnow` is deprecated since Python 3.12"
_BESIDE = {
    _COLUMN: ", and give the column `DateTime(timezone=True)`",
    _DOCUMENT: ", and make the client with `tz_aware=True`",
}
"""What has to change together with it."""
Where = tuple[Module, int, int]


@rule("FAPI415", fix=Safety.UNSAFE, since="0.2.0")
def naive_utc_datetime(module: Module, check: Check) -> Iterator[Finding]:
    """`datetime.utcnow()` or `utcfromtimestamp()` makes a time that is stored, signed or sent.

    Why is this bad?
    Both give a time without a zone, which everybody else takes for local time: Pydantic sends it without an offset,
    browsers show it hours off, and comparing it with an aware time raises TypeError. They are deprecated since
    Python 3.12.

    Fix safety
    The time becomes aware. Comparisons with times that are still naive then raise TypeError. There is no fix for
    columns without a zone: an aware value in one is an error with asyncpg, so that the column has to become
    `DateTime(timezone=True)` first; nor is there for documents of MongoDB, which come back without a zone until the
    client is made with `tz_aware=True`.

    Known limits
    Reported as the default of a field or column (an information for a column that is declared without a zone: what it
    holds is consistent, and a migration has to come first; and for a field of a class that nothing uses), as a claim of
    a token (an information: the libraries take it for UTC), and as a value of an answer, also by way of variables and
    functions; elsewhere this is the business of Ruff's DTZ003 and DTZ004. A time that gets its zone at once
    (`.replace(tzinfo=...)`) is right.

    References
    - [datetime.utcnow](https://docs.python.org/3/library/datetime.html#datetime.datetime.utcnow)
    - [Ruff: DTZ003](https://docs.astral.sh/ruff/rules/call-datetime-utcnow/)
    """
    if module.is_test or not makes_naive_times(check.project):
        return
    is_here = module.mentions(*NAIVE_WORDS, *makers_of_naive_times(check.project))
    seen: set[tuple[Module, int]] = set()
    for use, why in (*(chain(_kept(module, check), _signed(module, check)) if is_here else ()), *_sent(module, check)):
        if (use.module, use.start) in seen or use.module.is_test:
            continue
        seen.add((use.module, use.start))
        is_stored = why in (_COLUMN, _DOCUMENT)
        made = f"datetime.{NAIVE[use.name]}({'' if NAIVE[use.name] == 'now' else '..., '}timezone.utc)"
        if not use.is_called:
            made = f"lambda: {made}" if NAIVE[use.name] == "now" else f"lambda at: {made.replace('...', 'at')}"
        yield check.finding(
            (use.start, use.name_end),
            f"`{use.module.source.slice(use.start, use.name_end)}` gives a time without a zone",
            why=why,
            instead=f"write `{made}`" + _BESIDE.get(why, ""),
            severity=Severity.INFO if why in (_COLUMN, _UNUSED) or why.endswith(_TAKEN) else None,
            fix=None if is_stored else partial(_fix, use),
            module=use.module,
        )


# -------------------------------------------------------------------- where it goes


def _kept(module: Module, check: Check) -> Iterator[tuple[NaiveTime, str]]:
    """Defaults of fields and columns, what a model's own constructor sets, and what its computed fields give."""
    for call in module.facts.calls:
        name = check.project.called_name(module, call) if call.args else None
        wanted = _DEFAULTS.get(name or "", ())
        if name == "dataclasses.field" and not _is_exchanged(module, call, check):
            continue
        for arg in call.args:
            if arg.name in wanted:
                is_column = "onupdate" in wanted or is_of_table(check.project, module, call)
                why = _FIELD if not is_column else _AWARE if has_zone(check.project, module, call) else _COLUMN
                if not is_column and loses_zone(check.project, module, call):
                    why = _DOCUMENT
                elif why == _FIELD and name != "dataclasses.field":
                    why = _of_field(module, call, check)
                for use in naive_times(check.project, arg.value, (module, call.block, arg.start)):
                    yield use, why
    for function in module.functions:
        if function.name == "__init__" and function.cls is not None and _is_model(function.cls, check):
            for entry in module.assigns_in.get(function.index, ()):
                if isinstance(entry.target, f.Attr) and entry.target.value == f.Name("self"):
                    for use in naive_times(check.project, entry.value, (module, entry.block, entry.start)):
                        yield use, _KEPT
        if function.cls is not None and "pydantic.computed_field" in check.project.types.decorators(function):
            for leave in function.exits if check.project.exchange.is_exchanged(function.cls) else ():
                if leave.kind == "return":
                    for use in naive_times(check.project, leave.value, (module, leave.block, leave.start)):
                        yield use, _FIELD


def _of_field(module: Module, call: f.Call, check: Check) -> str:
    """What becomes of the time in a field of a schema: it is sent only if a route uses the schema, or one below it."""
    project, number = check.project, module.facts.blocks[call.block].cls
    if number < 0 or not project.routes.all:
        return _FIELD
    cls = module.classes[number]
    family = (cls, *project.routes.expansion.objects.subclasses(cls))
    if any(project.exchange.is_exchanged(one) or project.exchange.is_handed_on(one) for one in family):
        return _FIELD
    return _UNUSED if is_unused(project, cls) else _KEPT


def _is_exchanged(module: Module, call: f.Call, check: Check) -> bool:
    """Whether a field is one of a class that an endpoint reads or answers with: other dataclasses stay inside."""
    number = module.facts.blocks[call.block].cls
    return number >= 0 and check.project.exchange.is_exchanged(module.classes[number])


def _is_model(cls: Class, check: Check) -> bool:
    bases = check.project.types.mro(cls)
    return any(isinstance(base, str) and base in _MODELS for base in bases)


def _signed(module: Module, check: Check) -> Iterator[tuple[NaiveTime, str]]:
    """Claims of tokens that are signed in this module, or made in it."""
    payloads = Payloads(check.project)
    for encoding in encodings(module, check.project):
        for key in _CLAIMS:
            for part in payloads.claims(encoding, key):
                for use in naive_times(check.project, part.value, part.where):
                    yield use, f"it is signed as `{key}`, {_TAKEN}"


def _sent(module: Module, check: Check) -> Iterator[tuple[NaiveTime, str]]:
    """Values of what path operations answer, wherever they are made."""
    contents = Contents(check.project.types)
    for function in module.functions:
        if function not in check.project.routes.by_handler:
            continue
        for answer in check.project.answers.of(function):
            if answer.content is not None and answer.kind != "error":
                for part, where in contents.parts(answer.content):
                    for use in naive_times(check.project, part, where, as_text=True):
                        yield use, "clients get it without an offset, and take it for their own time"


# -------------------------------------------------------------------- what makes it


def _fix(use: NaiveTime) -> Fix | None:
    module = use.module
    source = module.excerpt(use.start)
    written = module.source.slice(use.start, use.name_end)
    owner, _, last = written.rpartition(".")
    if source is None or not owner or "(" in written or module.facts.errors:
        return None
    given = importing(source, "datetime", "timezone", at=node_at(source, use.start))
    if given is None:
        return None
    zone, imports = given
    made = f"{owner}.{NAIVE[use.name]}"
    span = module.source.span(use.start, use.end)
    if not use.is_called:
        new = f"lambda: {made}({zone}.utc)" if last == "utcnow" else f"lambda at: {made}(at, {zone}.utc)"
        return Fix("Make it aware", Safety.UNSAFE, (*imports, Edit(span, new)))
    text = module.source.slice(use.name_end, use.end)
    if last == "utcnow":
        return Fix("Make it aware", Safety.UNSAFE, (*imports, Edit(span, f"{made}({zone}.utc)")))
    if not text.endswith(")") or "\n" in text or text[:-1].rstrip().endswith(","):
        return None
    return Fix("Make it aware", Safety.UNSAFE, (*imports, Edit(span, f"{made}{text[:-1]}, {zone}.utc)")))
