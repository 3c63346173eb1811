"""FAPI527: answers without an end that keep the database connection of their request."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Method, Module, Route
from fastapi_lint.model.application import Lent, lent, used_in, uses
from fastapi_lint.model.routing import Stream, streams
from fastapi_lint.rule import Check, rule

_CLOSES_FIRST, _CLOSES_LATER = "0.106", "0.118"
_SCOPES = "0.121"
_FREES = frozenset({"commit", "rollback", "close", "aclose", "reset", "invalidate"})
_READS = frozenset({"execute", "exec", "scalar", "scalars", "get", "get_one", "refresh", "query", "flush", "merge"})
_SOCKET = ("fastapi.WebSocket", "starlette.websockets.WebSocket")
_FILE = "fastapi.responses.FileResponse"


@rule("FAPI527", since="0.2.0")
def session_held_by_stream(route: Route, check: Check) -> Iterator[Finding]:
    """A long answer keeps the database connection that its request has used.

    Why is this bad?
    A session that has run a query keeps its connection until it is closed, and a dependency with `yield` closes it when
    the answer is sent to its end. A WebSocket or an endless stream has none: every client that listens takes a
    connection out of the pool, and with the sixteenth all other requests wait, and fail.

    Known limits
    Reported are sessions of dependencies with the default scope that have run a query when the loop or the stream
    begins, and that nobody has committed, rolled back or closed by then. Streams that read from the session while they
    run are left alone, and so are HTTP answers with FastAPI 0.106 to 0.117, which closes first, and engines with a
    `NullPool`. A `FileResponse` ends sooner or later: it is information.

    References
    - [FastAPI: early exit and scope](https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/#early-exit-and-scope)
    - [SQLAlchemy: when do I use close?](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#closing)
    """
    handler = route.handler
    if handler is None or route.module.is_test or check.project.routes.by_handler[handler][0] is not route:
        return
    begins = _begins(route, handler, check)
    if begins is None:
        return
    at, what, severity = begins
    for one in lent(check.project, handler):
        if one.is_early or not one.is_session or _has_no_pool(one, check):
            continue
        used = _used(one, handler, at, check)
        if used is None or any(uses(handler, one.name, since=at)):
            continue
        if any(used_in(check.project, stream, one, handler) for stream in _streams(handler, check)):
            continue
        versions = check.project.versions.for_path(handler.module.path)
        scoped = f'`Depends({one.lender.name}, scope="function")`, ' if versions.reaches("fastapi", _SCOPES) else ""
        yield check.finding(
            used,
            f"the session of `{one.lender.name}` keeps its connection while {what}",
            why="every client takes a connection out of the pool until it is gone",
            instead=f"use {scoped}a session in a block of its own, or `close()` before that",
            module=handler.module,
            severity=severity,
            related=[check.related(one.parameter, "the session comes from here", module=handler.module)],
        )
        return


def _begins(route: Route, handler: Function, check: Check) -> tuple[int, str, Severity | None] | None:
    """Where an answer begins that goes on, and what that is; None when there is none."""
    if route.kind == "websocket":
        start = _loop(handler, check)
        return (start, "the socket is open", None) if start is not None else None
    versions = check.project.versions.for_path(handler.module.path)
    if not versions.reaches("fastapi", _CLOSES_LATER) and not versions.never_at_least(
        "fastapi", _CLOSES_FIRST, default=False
    ):
        return None
    for stream in _streams(handler, check):
        if stream.is_endless:
            return stream.start, "the stream goes on", None
    if handler.is_generator and any(
        each.is_endless for each in streams(check.project.answers, check.project.types, handler)
    ):
        return _loop_of(handler), "the stream goes on", None
    for answer in check.project.answers.of(handler):
        if answer.call is not None and answer.made is not None and answer.made.name == _FILE:
            return answer.start, "the file is sent", Severity.INFO
    return None


def _streams(handler: Function, check: Check) -> list[Stream]:
    return [each for each in streams(check.project.answers, check.project.types, handler) if each.call is not None]


def _loop_of(function: Function) -> int:
    blocks = function.module.blocks_in.get(function.index, ())
    return min((block.start for block in blocks if block.kind == "while"), default=function.facts.end)


def _loop(handler: Function, check: Check) -> int | None:
    """Where a handler begins to listen to its socket, or to send to it, again and again."""
    module = handler.module
    blocks = [each for each in module.blocks_in.get(handler.index, ()) if each.kind in ("while", "for")]
    for block in sorted(blocks, key=lambda each: each.start):
        for call in handler.calls:
            if block.start <= call.start < block.end and _is_of_socket(module, call, check):
                return block.start
    return None


def _is_of_socket(module: Module, call: f.Call, check: Check) -> bool:
    callee = check.project.callee(module, call)
    if isinstance(callee, Method):
        return any(check.project.types.is_subclass(callee.cls, name) for name in _SOCKET)
    where = (module, call.block, call.start)
    return any(check.project.types.is_instance(check.project.infer(arg.value, *where), *_SOCKET) for arg in call.args)


def _used(one: Lent, handler: Function, until: int, check: Check) -> tuple[int, int] | None:
    """The last place before an answer where a session has run a query, when nothing has freed its connection since."""
    found: tuple[int, int] | None = None
    for depends in check.project.dependencies.of_function(handler):
        for inner in check.project.dependencies.closure(depends):
            reads = (
                inner.function is not None and inner.function is not one.lender and _reads(inner.function, one, check)
            )
            if reads:
                found = (one.parameter.start, one.parameter.end)
    for call in uses(handler, one.name, until=until, nested=False):
        name = f.last_name(call.func)
        is_own = isinstance(call.func, f.Attr) and call.func.value == f.Name(one.name)
        if is_own and name in _FREES:
            found = None
        elif is_own and one.is_direct and name in _READS:
            found = (call.start, call.name_end)
        elif not is_own or not one.is_direct:
            targets = check.project.effects.execution.may_run(check.project.callee(handler.module, call)) or ()
            if any(_frees(each) for each in targets):
                found = None
            elif any(check.project.loading.reading(each) is not None for each in targets):
                found = (call.start, call.name_end)
    blocks = handler.module.blocks_in.get(handler.index, ())
    if any(block.kind == "with" and f.Name(one.name) == block.test and block.end <= until for block in blocks):
        return None
    return found


def _reads(function: Function, one: Lent, check: Check) -> bool:
    """Whether another dependency has queried with the same session, and left its transaction open."""
    for mine in lent(check.project, function):
        if mine.lender is one.lender and mine.is_direct and not mine.is_early:
            called = list(uses(function, mine.name))
            if any(f.last_name(call.func) in _FREES for call in called):
                return False
            own = [call for call in called if isinstance(call.func, f.Attr) and call.func.value == f.Name(mine.name)]
            if any(f.last_name(call.func) in _READS for call in own):
                return True
            for call in called:
                targets = check.project.effects.execution.may_run(check.project.callee(function.module, call)) or ()
                if any(check.project.loading.reading(each) is not None and not _frees(each) for each in targets):
                    return True
    return False


def _frees(function: Function) -> bool:
    return any(f.last_name(call.func) in _FREES for call in function.calls)


def _has_no_pool(one: Lent, check: Check) -> bool:
    """Whether an engine beside the dependency, or beside the factory that it calls, has a `NullPool`."""
    modules = {one.lender.module}
    for call in one.lender.calls:
        func = call.func
        for value, place in check.project.values.definitions(func, (one.lender.module, call.block, call.start)):
            modules.add(place[0])
            if isinstance(value, f.CallRef):
                for arg in place[0].facts.calls[value.index].args:
                    modules |= {where[0] for _, where in check.project.values.definitions(arg.value, place)}
    return any(
        arg.name == "poolclass" and f.last_name(arg.value) == "NullPool"
        for module in modules
        for call in module.facts.calls
        for arg in call.args
    )
