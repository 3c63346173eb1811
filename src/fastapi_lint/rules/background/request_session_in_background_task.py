"""FAPI802: sessions of a request in work that outlives it. Versions and order were tried with real FastAPI releases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.data import is_async_connection, is_async_session, is_sync_connection, is_sync_session
from fastapi_lint.model.injection import Depends, Parameter
from fastapi_lint.model.names import Class, FunctionObject, Instance, Method, Type
from fastapi_lint.model.types import DEPENDS
from fastapi_lint.rule import Check, rule

_TASKS = "starlette.background.BackgroundTasks"
_SPAWNERS = frozenset({"create_task", "ensure_future"})
_FROM, _UNTIL = "0.106", "0.118"


@dataclass(frozen=True)
class _Request:
    """A session of the request by the name it has in the function, and whether it is closed before the response."""

    name: str
    parameter: Parameter
    early: bool


@rule("FAPI802", severity=Severity.ERROR)
def request_session_in_background_task(function: Function, check: Check) -> Iterator[Finding]:
    """Work that outlives the request uses the session of the request.

    Why is this bad?
    The session of a dependency with `yield` is closed when its request is done. A task started with
    `asyncio.create_task` goes on after that: it finds its objects detached, opens a new transaction on a session that
    nobody closes any more (the connection never returns to the pool), or works in the middle of the rollback.

    For `BackgroundTasks` it depends on FastAPI. Before 0.106 and from 0.118 on the code after `yield` runs after the
    background tasks; from 0.106 to 0.117, and with `Depends(..., scope="function")` today, it runs before them.

    Give the task ids and plain data, and open a session in it.

    Known limits
    `add_task` is reported only when all declared versions of FastAPI are from 0.106 to 0.117, or the dependency has
    `scope="function"`. A task that the function awaits is left alone.

    References
    - [Dependencies with yield and background tasks](https://fastapi.tiangolo.com/advanced/advanced-dependencies/#dependencies-with-yield-httpexception-except-and-background-tasks)
    - [FastAPI 0.106.0](https://fastapi.tiangolo.com/release-notes/#01060-2023-12-25)
    - [FastAPI 0.118.0](https://fastapi.tiangolo.com/release-notes/#01180-2025-09-29)
    - [FastAPI 0.121.0: scopes of dependencies](https://fastapi.tiangolo.com/release-notes/#01210-2025-11-03)
    """
    module = function.module
    if (
        module.is_test
        or not function.params
        or not module.mentions("add_task", "create_task", "ensure_future", "BackgroundTask")
    ):
        return
    wanted = ("add_task", "BackgroundTask", *_SPAWNERS)
    candidates = [call for call in function.calls if f.last_name(call.func) in wanted]
    if not candidates:
        return
    sessions = {each.name: each for each in _of_request(function, check)}
    if not sessions:
        return
    for call in candidates:
        outlives = f.last_name(call.func) in _SPAWNERS
        if outlives and (not _is_spawner(call, function, check) or _is_awaited(call, function)):
            continue
        if not outlives and not _is_background(call, function, check):
            continue
        for expr, place in _handed(call, function):
            used = _used(expr, function, call, sessions, check)
            if used is None:
                continue
            session, how = used
            when = _when(session, outlives, function, check)
            if when:
                yield check.finding(
                    place,
                    f"{how} the session `{session.name}` of the request to work that outlives it: {when}; "
                    "pass ids, and open a session in the task",
                    related=[check.related(session.parameter, f"`{session.name}` comes from here")],
                )
                break


def _when(session: _Request, outlives: bool, function: Function, check: Check) -> str:
    """When the session is closed, if that is too early; empty when it is not, or not known."""
    if outlives:
        return "it is closed when the request is done, while the task goes on"
    if session.early:
        return 'with `scope="function"` it is closed before the background task runs'
    versions = check.project.versions.for_path(function.module.path)
    if versions.always_at_least("fastapi", _FROM, default=False) and versions.never_at_least(
        "fastapi", _UNTIL, default=False
    ):
        declared = versions.range("fastapi")
        return f"in FastAPI {_FROM} to 0.117 (declared: {declared}) it is closed before the background task runs"
    return ""


# ---------------------------------------------------------------- which sessions


def _of_request(function: Function, check: Check) -> Iterator[_Request]:
    """The parameters that a dependency with `yield` gives a session, or an object that holds one; and local objects."""
    found: list[_Request] = []
    for parameter in check.project.dependencies.parameters(function):
        if parameter.marker not in DEPENDS or parameter.marker_call is None:
            continue
        where = (function.module, function.facts.outer, parameter.start)
        target = check.project.types.dependency_of(parameter.fact, where)
        early = _is_early(parameter.marker_call)
        if _yields_session(target, check):
            found.append(_Request(parameter.name, parameter, early))
        elif _holds_session(check.project.types.parameter(function, parameter.fact), check):
            own = Depends(target, function.module, parameter.marker_call, False)
            inner = [one for one in check.project.dependencies.closure(own) if _yields_session(one.target, check)]
            if inner:
                found.append(_Request(parameter.name, parameter, all(_is_early(one.call) for one in inner)))
    yield from found
    by_name = {each.name: each for each in found}
    for entry in function.module.assigns_in.get(function.index, ()):
        if not isinstance(entry.target, f.Name) or not isinstance(entry.value, f.CallRef):
            continue
        made = function.module.facts.calls[entry.value.index]
        given = next(
            (by_name[a.value.id] for a in made.args if isinstance(a.value, f.Name) and a.value.id in by_name), None
        )
        value = check.project.types.call_type(function.module, entry.value.index)
        if given is not None and _holds_session(value, check):
            yield _Request(entry.target.id, given.parameter, given.early)


def _is_early(call: f.Call) -> bool:
    return any(arg.name == "scope" and arg.value == f.Const("function") for arg in call.args)


def _yields_session(target: Type, check: Check) -> bool:
    """Whether a dependency is a generator that yields a session."""
    if not isinstance(target, FunctionObject) or not target.function.is_generator:
        return False
    return _is_session(check.project.types.yield_type(target.function), check)


def _is_session(value: Type, check: Check) -> bool:
    types = check.project.types
    if types.is_instance(value, "sqlalchemy.orm.scoped_session", "sqlalchemy.ext.asyncio.async_scoped_session"):
        return False
    kinds = (is_async_session, is_sync_session, is_async_connection, is_sync_connection)
    return any(is_kind(types, value) for is_kind in kinds)


def _holds_session(value: Type, check: Check) -> bool:
    """Whether an object of a class of the project has a session in an attribute."""
    if not isinstance(value, Instance) or not isinstance(value.cls, Class):
        return False
    types = check.project.types
    for base in types.mro(value.cls):
        if isinstance(base, Class):
            for attribute in {**types.self_assigns(base), **base.assigns}:
                if _is_session(types.attribute(value, attribute), check):
                    return True
    return False


# ---------------------------------------------------------------- what outlives


def _is_background(call: f.Call, function: Function, check: Check) -> bool:
    match check.project.callee(function.module, call):
        case Method(cls=cls, name="add_task"):
            return check.project.types.is_subclass(cls, _TASKS)
    return check.project.called_name(function.module, call) == "starlette.background.BackgroundTask"


def _is_spawner(call: f.Call, function: Function, check: Check) -> bool:
    """`asyncio.create_task`, `loop.create_task`; not those of a task group, which waits for them."""
    name = check.project.called_name(function.module, call) or ""
    if name in ("asyncio.create_task", "asyncio.ensure_future"):
        return True
    return name.startswith("asyncio.") and name.endswith("Loop.create_task")


def _is_awaited(call: f.Call, function: Function) -> bool:
    """Whether the function waits for the task: the task, or what it is put into, is used for more than keeping it."""
    if call.awaited:
        return True
    if call.use == "statement":
        return False
    module = function.module
    kept = [
        e
        for e in module.assigns_in.get(function.index, ())
        if e.value is not None and e.start <= call.start and call.end <= e.end
    ]
    if len(kept) != 1 or not isinstance(kept[0].target, f.Name):
        return True
    name = re.escape(kept[0].target.id)
    rest = module.source.slice(kept[0].end, function.facts.end)
    rest = re.sub(rf"\b{name}\.(add_done_callback|set_name|get_name)\b|\.(add|discard)\({name}\)", "", rest)
    return re.search(rf"\b{name}\b", rest) is not None


def _handed(call: f.Call, function: Function) -> Iterator[tuple[f.Expr, f.Arg]]:
    """What a call hands over, with the argument it stands in: arguments, and those of the coroutine that is started."""
    for arg in call.args:
        yield arg.value, arg
        if isinstance(arg.value, f.CallRef):
            inner = function.module.facts.calls[arg.value.index]
            for each in inner.args:
                yield each.value, each
            if isinstance(inner.func, (f.Attr, f.Name)):
                yield inner.func, arg


def _used(
    expr: f.Expr, function: Function, call: f.Call, sessions: dict[str, _Request], check: Check
) -> tuple[_Request, str] | None:
    """The session that an expression brings along, and in which words."""
    match expr:
        case f.Name(id=name) if name in sessions:
            return sessions[name], f"`{name}` hands" if name != sessions[name].parameter.name else "this hands"
        case f.Attr(value=f.Name(id=name)) if name in sessions:
            return sessions[name], f"`{name}` holds and hands"
        case f.Name() | f.Lambda():
            value = check.project.infer(expr, function.module, call.block, call.start)
            if isinstance(value, FunctionObject) and value.function.parent is function:
                return _captured(value.function, sessions)
    return None


def _captured(closure: Function, sessions: dict[str, _Request]) -> tuple[_Request, str] | None:
    """The session that a nested function uses from outside."""
    body = closure.module.source.slice(closure.facts.start, closure.facts.end)
    own = {param.name for param in closure.params}
    own |= {e.target.id for e in closure.module.assigns_in.get(closure.index, ()) if isinstance(e.target, f.Name)}
    own |= {b.target.id for b in closure.module.blocks_in.get(closure.index, ()) if isinstance(b.target, f.Name)}
    for name, session in sessions.items():
        if name not in own and re.search(rf"(?<![\w.]){re.escape(name)}\b(?!\s*=[^=])", body):
            return session, f"`{closure.name}` takes" if closure.name != "<lambda>" else "the lambda takes"
    return None
