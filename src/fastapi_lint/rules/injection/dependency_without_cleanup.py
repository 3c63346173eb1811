"""FAPI207: a dependency that opens something and does not close it when the endpoint fails, or never."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import libcst as cst

from fastapi_lint.finding import Finding, Fix, Safety, Severity
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.calls import function_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, External, Function, FunctionObject, Instance, Method
from fastapi_lint.model.names import Type
from fastapi_lint.rule import Check, rule

_RESOURCES: dict[str, str] = {
    "sqlalchemy.orm.Session": "session",
    "sqlmodel.Session": "session",
    "sqlalchemy.ext.asyncio.AsyncSession": "session",
    "sqlmodel.ext.asyncio.session.AsyncSession": "session",
    "sqlalchemy.Connection": "connection",
    "sqlite3.Connection": "connection",
    "psycopg2.extensions.connection": "connection",
    "psycopg.Connection": "connection",
    "psycopg.AsyncConnection": "connection",
    "asyncpg.Connection": "connection",
    "pymysql.connections.Connection": "connection",
    "mysql.connector.connection.MySQLConnection": "connection",
    "httpx.Client": "client",
    "httpx.AsyncClient": "client",
    "aiohttp.ClientSession": "client",
    "requests.Session": "client",
}
"""Classes of which every object must be closed, with what to call them."""
_ASYNC_CLOSE = {
    "sqlalchemy.ext.asyncio.AsyncSession": "await {}.close()",
    "sqlmodel.ext.asyncio.session.AsyncSession": "await {}.close()",
    "psycopg.AsyncConnection": "await {}.close()",
    "asyncpg.Connection": "await {}.close()",
    "aiohttp.ClientSession": "await {}.close()",
    "httpx.AsyncClient": "await {}.aclose()",
}
_CLOSING = frozenset({"close", "aclose", "remove", "__exit__", "__aexit__", "release", "disconnect"})
_CACHED = frozenset({"functools.lru_cache", "functools.cache", "async_lru.alru_cache"})


@rule("FAPI207", severity=Severity.ERROR, fix=Safety.UNSAFE)
def dependency_without_cleanup(function: Function, check: Check) -> Iterator[Finding]:
    """A dependency opens a session, connection or client and does not close it when the endpoint fails.

    Why is this bad?
    FastAPI throws the endpoint's exception into the dependency at its `yield`: what stands behind the `yield` does not
    run then, unless it is in a `finally` or the `yield` is inside a `with`. Every failing request keeps a connection,
    and when the pool is used up (15 connections, for SQLAlchemy) all requests wait, and fail. A dependency that returns
    what it opens has no place to close it at all.

    Fix safety
    `try` and `finally` are put around a `yield` that only cleaning up follows; a missing `close()` is added. The fix is
    unsafe because code behind the `yield` then runs in cases in which it did not.

    Known limits
    Known are sessions and connections of SQLAlchemy and SQLModel, connections of common drivers, and HTTP clients,
    when the dependency itself opens them. Objects that are kept (in a global, an attribute, a cache, the app's state)
    are left alone, and so is what a function closes that receives it.

    References
    - [Dependencies with yield and try](https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/#a-dependency-with-yield-and-try)
    - [SQLAlchemy: when to close a session](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#session-faq-whentocreate)
    """
    if function.name == "<lambda>" or function not in check.project.dependencies.injected:
        return
    if function.cls is not None and function.name == "__init__":
        return
    names = check.project.types.decorators(function)
    if any(name in _CACHED or name == "?" for name in names):
        return
    if function.is_generator:
        yield from _generator(function, check)
    else:
        yield from _returning(function, check)


@dataclass(frozen=True)
class _Opened:
    """A local variable that holds what the function has opened."""

    name: str
    kind: str
    cls: str
    entry: f.Assign


def _generator(function: Function, check: Check) -> Iterator[Finding]:
    yields = [entry for entry in function.exits if entry.kind in ("yield", "yield from")]
    if len(yields) != 1:
        return
    entry = yields[0]
    if _is_protected(entry, function):
        return
    for opened in _opened(function, check):
        if opened.entry.start > entry.start:
            continue
        closing = [call for call in function.calls if _closes(call, opened.name)]
        behind = [call for call in closing if call.start > entry.end]
        is_yielded = isinstance(entry.value, f.Name) and entry.value.id == opened.name
        if behind and all(_is_alone(call, function) for call in behind):
            if len(behind) < len(closing):
                continue
            yield check.finding(
                behind[0],
                f"`{_written(function, behind[0])}` does not run when the endpoint raises: the {opened.kind} that "
                f"`{function.name}` opens stays open; put the `yield` into `try` and this into `finally`",
                related=[check.related(opened.entry, f"the {opened.kind} is opened here")],
                fix=_fix(function, entry, opened, check),
            )
        elif not closing and is_yielded and not _is_handed_on(function, opened, entry):
            close = _ASYNC_CLOSE.get(opened.cls, "{}.close()").format(opened.name)
            yield check.finding(
                entry,
                f"`{function.name}` opens a {opened.kind} for every request and never closes it; "
                f"use `with`, or put the `yield` into `try` and `{close}` into `finally`",
                related=[check.related(opened.entry, f"the {opened.kind} is opened here")],
                fix=_fix(function, entry, opened, check),
            )


def _returning(function: Function, check: Check) -> Iterator[Finding]:
    opened = {one.name: one for one in _opened(function, check)}
    for entry in function.exits:
        if entry.kind != "return" or entry.value is None:
            continue
        value = entry.value.value if isinstance(entry.value, f.Await) else entry.value
        if isinstance(value, f.CallRef):
            found = _resource(function, value, check)
            if found is None:
                continue
            kind = _RESOURCES[found]
        elif isinstance(value, f.Name) and value.id in opened:
            kind = opened[value.id].kind
            if _is_handed_on(function, opened[value.id], entry):
                continue
            if any(_closes(call, value.id) for call in function.calls):
                continue
        else:
            continue
        if _is_closed_by_users(function, check):
            return
        yield check.finding(
            entry,
            f"`{function.name}` opens a {kind} for every request, and nothing closes it when the request is over; "
            f"`yield` it from a `with` statement instead of returning it",
        )


# ---------------------------------------------------------------- what is opened


def _opened(function: Function, check: Check) -> Iterator[_Opened]:
    """The local variables that hold what the function itself has opened, each assigned once."""
    module = function.module
    entries = module.assigns_in.get(function.index, [])
    kept = {name for name, _ in module.facts.globals}
    for entry in entries:
        if not isinstance(entry.target, f.Name) or entry.target.id in kept or entry.op not in ("=", ":="):
            continue
        if sum(isinstance(e.target, f.Name) and e.target.id == entry.target.id for e in entries) > 1:
            continue
        value = entry.value.value if isinstance(entry.value, f.Await) else entry.value
        if isinstance(value, f.CallRef) and (cls := _resource(function, value, check)) is not None:
            yield _Opened(entry.target.id, _RESOURCES[cls], cls, entry)


def _resource(function: Function, value: f.CallRef, check: Check) -> str | None:
    """The class of what a call opens; None for anything else, and for what a function of the project gives: it may
    keep it."""
    types, module = check.project.types, function.module
    call = module.facts.calls[value.index]
    callee = types.callee(module, call)
    if isinstance(callee, (FunctionObject, ClassObject)) or callee is None:
        return None
    if isinstance(callee, Instance) and isinstance(callee.cls, Class):
        return None
    made: Type = types.call_type(module, value.index)
    made = getattr(made, "result", made)
    if not isinstance(made, Instance) or not isinstance(made.cls, str):
        return None
    opens = isinstance(callee, External) or (isinstance(callee, Instance) and str(callee.cls).endswith("sessionmaker"))
    if isinstance(callee, Method):
        opens = callee.name == "connect" and types.is_subclass(callee.cls, "sqlalchemy.Engine")
    if not opens or (isinstance(callee, External) and _is_borrowed(callee.name)):
        return None
    return next((name for name in _RESOURCES if types.is_subclass(made.cls, name)), None)


def _is_borrowed(name: str) -> bool:
    """Whether a library function gives an object that somebody else owns."""
    last = name.rsplit(".", 1)[-1]
    return not (last[:1].isupper() or last in ("connect", "create_connection"))


def _closes(call: f.Call, name: str) -> bool:
    match call.func:
        case f.Attr(value=f.Name(id=owner), attr=attr):
            return owner == name and attr in _CLOSING
    return False


def _is_handed_on(function: Function, opened: _Opened, end: f.Exit) -> bool:
    """Whether something else may close it: it is given away, stored, or entered, other than by this exit."""
    module = function.module
    for call in function.calls:
        if any(_mentions(arg.value, opened.name) for arg in call.args):
            return True
    for entry in module.assigns_in.get(function.index, ()):
        if entry is not opened.entry and _mentions(entry.value, opened.name):
            return True
    return any(
        block.kind in ("with", "for") and _mentions(block.test, opened.name)
        for block in module.blocks_in.get(function.index, ())
    )


def _mentions(expr: f.Expr | None, name: str) -> bool:
    match expr:
        case f.Name(id=found):
            return found == name
        case f.Display(items=items) | f.Choice(options=items) | f.Joined(parts=items):
            return any(_mentions(item, name) for item in items)
        case f.Mapping(items=pairs):
            return any(_mentions(value, name) for _, value in pairs)
        case f.Star(value=value) | f.Await(value=value):
            return _mentions(value, name)
    return False


# ---------------------------------------------------------------- who cleans up


def _is_protected(entry: f.Exit, function: Function) -> bool:
    """Whether a yield is inside a `with`, a `try` with `finally`, or a handler that may clean up."""
    module = function.module
    for block in module.block_chain(entry.block):
        if block.kind == "with":
            return True
        if block.kind == "body":
            inside = module.facts.blocks[block.parent]
            for other in module.blocks_in.get(function.index, ()):
                if other.parent == block.parent and inside.start <= other.start:
                    if other.kind == "finally":
                        return True
                    if other.kind == "except" and any(
                        other.start <= call.start < other.end
                        and isinstance(call.func, f.Attr)
                        and call.func.attr in _CLOSING
                        for call in function.calls
                    ):
                        return True
        if block.kind in ("except", "finally", "for", "while"):
            return True
    return False


def _is_alone(call: f.Call, function: Function) -> bool:
    """Whether a call behind the yield stands in no `finally` or handler of its own."""
    return not any(block.kind in ("finally", "except") for block in function.module.block_chain(call.block))


def _is_closed_by_users(function: Function, check: Check) -> bool:
    """Whether what gets the result closes or enters it, or the project calls the function itself."""
    project = check.project
    if project.callers.uses(function):
        return True
    for uses in project.dependencies.used.get(function, ()):
        module = uses.module
        index = bisect_right(module.functions, uses.start, key=lambda each: each.facts.start) - 1
        user = module.functions[index] if index >= 0 else None
        if user is None or uses.start >= user.facts.head_end:
            continue  # in a decorator, or an alias
        text = module.text[user.facts.head_end : user.facts.end]
        for parameter in project.dependencies.parameters(user):
            written = (parameter.marker_module, parameter.marker_call)
            if written == (uses.module, uses.call):
                name = re.escape(parameter.name.encode())
                closes = rb"\b%b\s*\.\s*(close|aclose|remove)\b|with\s[^:\n]{0,300}\b%b\b" % (name, name)
                if re.search(closes, text):
                    return True
    return False


def _written(function: Function, call: f.Call) -> str:
    return function.module.source.slice(call.start, call.end)


# ---------------------------------------------------------------- fix


def _fix(function: Function, entry: f.Exit, opened: _Opened, check: Check) -> Fix | None:
    """`try` and `finally` around a `yield` in the function's own body, when only simple lines follow."""
    if entry.kind != "yield" or entry.block != function.facts.block:
        return None
    found = function_node(function, body=True)
    if found is None or not isinstance(found[1].body, cst.IndentedBlock):
        return None
    source, node = found
    place = source.offset(source.span(entry.start, entry.end).line, source.span(entry.start, entry.end).column)
    lines: list[tuple[int, int]] = []
    for statement in node.body.body:
        start, end = edits.extent(source, statement)
        if end <= place:
            continue
        if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
            return None
        lines.append((edits.line_start(source, start), edits.next_line_start(source, end)))
    if not lines or len(lines) > 6 or any(a[1] != b[0] for a, b in pairwise(lines)):
        return None
    texts = [source.text[start:end].rstrip("\r\n") for start, end in lines]
    if any("\n" in text or '"""' in text or text.endswith("\\") for text in texts):
        return None
    indent = texts[0][: len(texts[0]) - len(texts[0].lstrip())]
    if texts[0].lstrip() not in (f"yield {opened.name}", "yield") and not texts[0].lstrip().startswith("yield "):
        return None
    step = source.tree.default_indent
    is_close = re.compile(rf"\s*(await\s+)?{re.escape(opened.name)}\.\w+\(\)\s*(#.*)?$")
    last = texts[-1]
    if len(texts) > 1 and is_close.match(last):
        close, inside = last.strip(), texts[:-1]
    elif len(texts) == 1:
        close, inside = _ASYNC_CLOSE.get(opened.cls, "{}.close()").format(opened.name), texts
    else:
        return None
    if close.startswith("await") and not function.is_async:
        return None
    newline = edits.newline_at(source, lines[0][0])
    made = [f"{indent}try:", *(f"{step}{text}" for text in inside), f"{indent}finally:", f"{indent}{step}{close}"]
    start, end = lines[0][0], lines[-1][1]
    content = newline.join(made) + (newline if source.text[end - 1 : end] in ("\n", "\r") else "")
    return Fix("Close it in `finally`", Safety.UNSAFE, (edits.between(source, start, end, content),))
