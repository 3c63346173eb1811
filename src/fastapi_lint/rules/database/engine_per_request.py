"""FAPI516: engines, pools and factories of sessions that are made anew for every request."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint import catalog
from fastapi_lint.finding import Finding, Related, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.data import (
    Particular,
    Root,
    for_want_of,
    hands_back,
    is_kept,
    is_on_miss,
    nearest_root,
    only_tries,
)
from fastapi_lint.model.names import walk
from fastapi_lint.rule import Check, rule

_TRIES = re.compile(
    r"(?:^|_)test(?:_|$)|(?:^|_)(?:verify|check|validate|try|ping)_(?:\w{1,60}_)?(?:connection|database|credentials)$"
)
"""Endpoints that try what they are given, if they tell no more than whether it works: the engine has to be new."""
_CLOSES = frozenset({"dispose", "close", "terminate", "closeall"})
_FACTORIES = frozenset({"sqlalchemy.orm.sessionmaker", "sqlalchemy.ext.asyncio.async_sessionmaker"})
_OWN_POOLS = frozenset({"NullPool", "StaticPool", "SingletonThreadPool"})


@rule("FAPI516", severity=Severity.INFO, since="0.2.0")
def engine_per_request(module: Module, check: Check) -> Iterator[Finding]:
    """An engine, a connection pool or a factory of sessions is made for every request.

    Why is this bad?
    An engine holds a pool of connections, so that requests find one that is open. Made for each request the pool is
    always empty: every request connects and logs in again, and an engine that nobody disposes of keeps its connections
    until it is collected. Under load the database refuses: too many clients.

    Make the engine and the sessionmaker once, at module level or in the lifespan, and give requests sessions of it.
    Where the request decides which database it is, keep one engine for each address.

    Known limits
    What is kept in an attribute, a global, a dict or behind a cache is left alone; so are engines with a `NullPool` or
    in memory, what a client describes and the function disposes of, endpoints that try a connection, and what only
    start-up code, workers, scripts and tests do.

    References
    - [SQLAlchemy: engine configuration](https://docs.sqlalchemy.org/en/20/core/connections.html#basic-usage)
    - [SQLAlchemy: when do I make a sessionmaker?](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#when-do-i-make-a-sessionmaker)
    """
    if module.is_test:
        return
    project = check.project
    words = module.words_for(catalog.client_words())
    for function in module.functions:
        looked_up = [call for call in function.calls if type(call.func) is f.Sub]
        for call in (*function.calls_named(words), *looked_up):
            name = project.called_name(module, call) or ""
            entry = catalog.client(name)
            if entry is None or not entry.pool or is_kept(function, call) or is_on_miss(function, call):
                continue
            if _is_meant(function, call, check, is_factory=name in _FACTORIES):
                continue
            carries, wanted = hands_back(function, call), for_want_of(function, call)
            root = nearest_root(project, function, carries=carries, unless_given=wanted)
            if root is None or (_TRIES.search(root.function.name) and only_tries(project, root, function, call)):
                continue
            shown = module.source.slice(call.start, call.name_end)
            by = "" if root.function is function else f", by `{function.qualname}`"
            yield check.finding(
                (call.start, call.name_end),
                f"`{shown}` is called for every request of {root.kind} `{root.function.name}`{by}",
                why=entry.why,
                instead=_instead(function, call, check),
                related=_trail(function, root, check),
                chain=True,
            )


def _instead(function: Function, call: f.Call, check: Check) -> str:
    """Where to make it: not at module level where the database itself may be another one at the next request."""
    where = (function.module, call.block, call.start)
    address = next((arg.value for arg in call.args if arg.name in ("", "url")), None)
    if address is not None and Particular(check.project, function).depends(address, where):
        return "keep one for each address, behind a cache, or dispose of it and give it `poolclass=NullPool`"
    return "make it once, at module level or in the lifespan"


def _is_meant(function: Function, call: f.Call, check: Check, *, is_factory: bool) -> bool:
    """Whether a function makes something of its own on purpose."""
    module = function.module
    where = (module, call.block, call.start)
    if any(arg.name == "*" or arg.name == "**" for arg in call.args):
        return True
    for arg in call.args:
        named = f.last_name(arg.value)
        if arg.name == "poolclass" and (named in module.words_for(_OWN_POOLS) or not named):
            return True
    particular = Particular(check.project, function)
    depends = any(particular.depends(arg.value, where) for arg in call.args if not _is_of_app(arg.value))
    if is_factory:
        return depends or any(_is_local(function, arg.value) for arg in call.args if arg.name in ("", "bind"))
    address = check.project.values.text(call.args[0].value, where) if call.args and not call.args[0].name else None
    if address is not None and (address in ("sqlite://", "sqlite+aiosqlite://") or ":memory:" in address):
        return True
    return depends and _is_closed(function, call)


def _is_of_app(expr: f.Expr) -> bool:
    """Whether an expression is kept in the state of the app: `request.app.state.engine`."""
    match expr:
        case f.Attr(value=f.Attr(value=f.Attr(attr="app"), attr="state")):
            return True
        case f.Attr(value=value) | f.Sub(value=value):
            return _is_of_app(value)
    return False


def _is_local(function: Function, expr: f.Expr) -> bool:
    """Whether a factory is for an engine or a connection that the function itself has."""
    if isinstance(expr, (f.CallRef, f.Await)):
        return True
    if not isinstance(expr, f.Name):
        return False
    blocks = function.module.blocks_in.get(function.index, ())
    given = any(param.name == expr.id and param.default is None for param in function.params)
    return given or function.rebinds(expr.id) or any(block.target == expr for block in blocks)


def _is_closed(function: Function, call: f.Call) -> bool:
    """Whether the function disposes of what a call makes, or enters it."""
    module = function.module
    itself = f.CallRef(module.call_numbers[call.start, call.end])
    names = {
        entry.target
        for entry in module.assigns_in.get(function.index, ())
        if isinstance(entry.target, f.Name) and itself in walk(entry.value)
    }
    if any(
        isinstance(each.func, f.Attr) and each.func.attr in _CLOSES and each.func.value in names
        for each in function.calls
    ):
        return True
    return any(
        block.kind == "with" and (block.test == itself or block.test == f.Await(itself) or block.test in names)
        for block in module.blocks_in.get(function.index, ())
    )


def _trail(function: Function, root: Root, check: Check) -> list[Related]:
    """The functions from the endpoint down to the one that makes it."""
    chain = [*root.functions, function] if root.steps else []
    return [check.related(each, f"`{each.qualname}`", module=each.module) for each in chain]
