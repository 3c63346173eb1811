"""FAPI802: sessions of a request in work that outlives it. Versions and order were tried with real FastAPI releases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.calls import Started, root_of
from fastapi_lint.model.database import holds_conversation, is_conversation
from fastapi_lint.model.injection import Depends, Parameter
from fastapi_lint.model.names import External, FunctionObject, Method, Type, called
from fastapi_lint.model.types import DEPENDS
from fastapi_lint.rule import Check, rule

_TASKS = "starlette.background.BackgroundTasks"
_FROM, _UNTIL = "0.106", "0.118"


@dataclass(frozen=True)
class _Request:
    """A session of the request: the name under which the function has it or its holder, and what it is called itself.

    `early`: it is closed before the response.
    """

    name: str
    session: str
    parameter: Parameter
    early: bool


@rule("FAPI802", severity=Severity.ERROR)
def request_session_in_background_task(function: Function, check: Check) -> Iterator[Finding]:
    """Work that outlives the request uses the session of the request.

    Why is this bad?
    The session of a dependency with `yield` is closed when its request is done. A task started with
    `asyncio.create_task`, a thread or the work of an executor goes on after that: it finds its objects detached, opens
    a new transaction on a session that nobody closes any more (the connection never returns to the pool), or works in
    the middle of the rollback.

    For `BackgroundTasks` it depends on FastAPI. Before 0.106 and from 0.118 on the code after `yield` runs after the
    background tasks; from 0.106 to 0.117, and with `Depends(..., scope="function")` today, it runs before them.

    Give the task ids and plain data, and open a session in it.

    Known limits
    `add_task` is reported only when all declared versions of FastAPI are from 0.106 to 0.117, or the dependency has
    `scope="function"`. A task, thread or future that the function may wait for is left alone; keeping it in a set or in
    the state of the app is not waiting. Helpers of the project that start such work are followed.

    References
    - [Dependencies with yield and background tasks](https://fastapi.tiangolo.com/advanced/advanced-dependencies/#dependencies-with-yield-httpexception-except-and-background-tasks)
    - [FastAPI 0.106.0](https://fastapi.tiangolo.com/release-notes/#01060-2023-12-25)
    - [FastAPI 0.118.0](https://fastapi.tiangolo.com/release-notes/#01180-2025-09-29)
    - [FastAPI 0.121.0: scopes of dependencies](https://fastapi.tiangolo.com/release-notes/#01210-2025-11-03)
    """
    if function.module.is_test or not function.params or not _is_called_by_fastapi(function, check):
        return
    sessions = {each.name: each for each in _of_request(function, check)}
    if not sessions:
        return
    for started in check.project.outliving.started(function):
        yield from _found(started, function, sessions, check)
    for call in function.calls:
        if called(function.module, call) in ("add_task", "BackgroundTask") and _is_background(call, function, check):
            given = ((arg.value, arg.start, arg.end) for arg in call.args)
            handed = tuple(check.project.outliving.unpacked(function.module, given))
            yield from _found(Started(call, "task", handed), function, sessions, check, waits=True)


def _is_called_by_fastapi(function: Function, check: Check) -> bool:
    return function in check.project.routes.by_handler or function in check.project.dependencies.injected


def _found(
    started: Started, function: Function, sessions: dict[str, _Request], check: Check, *, waits: bool = False
) -> Iterator[Finding]:
    """The finding for the first thing that is handed over and brings a session along."""
    for expr, start, end in started.handed:
        used = _used(expr, function, started.call, sessions, check)
        if used is None:
            continue
        session, holder = used
        why = _when(session, started.kind, waits, function, check)
        if not why:
            continue
        taker = holder or (f"`{started.helper.name}`" if started.helper is not None else "")
        work = "a background task" if waits else f"a {started.kind} that outlives it"
        what = f"{session.session} of the request"
        yield check.finding(
            (start, end),
            f"{taker} takes {what} into {work}" if taker else f"{what} goes into {work}",
            why=why,
            instead=f"pass ids, and open a session in the {started.kind}",
            related=[check.related(session.parameter, f"`{session.parameter.name}` comes from here")],
        )
        return


def _when(session: _Request, kind: str, waits: bool, function: Function, check: Check) -> str:
    """When the session is closed, if that is too early; empty when it is not, or not known."""
    if not waits:
        return f"it is closed when the request is done, while the {kind} goes on"
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
    types = check.project.types
    for parameter in check.project.dependencies.parameters(function):
        if parameter.marker not in DEPENDS or parameter.marker_call is None:
            continue
        where = (function.module, function.facts.outer, parameter.start)
        target = types.dependency_of(parameter.fact, where)
        early = _is_early(parameter.marker_call)
        given = types.parameter(function, parameter.fact)
        if _yields_session(target, check) or (_is_elsewhere(target) and is_conversation(types, given)):
            found.append(_Request(parameter.name, f"`{parameter.name}`", parameter, early))
        elif holds_conversation(types, given):
            own = Depends(target, function.module, parameter.marker_call, False)
            inner = [one for one in check.project.dependencies.closure(own) if _yields_session(one.target, check)]
            if inner:
                session = f"the session of `{inner[0].name}`"
                found.append(_Request(parameter.name, session, parameter, all(_is_early(one.call) for one in inner)))
    yield from found
    by_name = {each.name: each for each in found}
    for entry in function.module.assigns_in.get(function.index, ()):
        if not isinstance(entry.target, f.Name) or not isinstance(entry.value, f.CallRef):
            continue
        made = function.module.facts.calls[entry.value.index]
        given_to = next(
            (by_name[a.value.id] for a in made.args if isinstance(a.value, f.Name) and a.value.id in by_name), None
        )
        if given_to is not None and holds_conversation(types, types.call_type(function.module, entry.value.index)):
            yield replace(given_to, name=entry.target.id)


def _is_early(call: f.Call) -> bool:
    return any(arg.name == "scope" and arg.value == f.Const("function") for arg in call.args)


def _yields_session(target: Type, check: Check) -> bool:
    """Whether a dependency is a generator that yields a session."""
    if not isinstance(target, FunctionObject) or not target.function.is_generator:
        return False
    return is_conversation(check.project.types, check.project.types.yield_type(target.function))


def _is_elsewhere(target: Type) -> bool:
    """Whether a dependency is not a part of the project: then the annotation says what it gives."""
    return target is None or isinstance(target, External)


# ---------------------------------------------------------------- what is handed over


def _is_background(call: f.Call, function: Function, check: Check) -> bool:
    match check.project.callee(function.module, call):
        case Method(cls=cls, name="add_task"):
            return check.project.types.is_subclass(cls, _TASKS)
    return check.project.called_name(function.module, call) == "starlette.background.BackgroundTask"


def _used(
    expr: f.Expr, function: Function, call: f.Call, sessions: dict[str, _Request], check: Check
) -> tuple[_Request, str] | None:
    """The session that an expression brings along, and what takes it with it when that is not the session itself."""
    root = root_of(expr)
    if root in sessions and isinstance(expr, (f.Name, f.Attr)):
        session = sessions[root]
        is_itself = session.session == f"`{root}`"
        if not is_itself and isinstance(expr, f.Attr) and not _brings_along(expr, function, call, check):
            return None
        return session, "" if is_itself else f"`{root}`"
    if isinstance(expr, (f.Name, f.Lambda)):
        value = check.project.infer(expr, function.module, call.block, call.start)
        if isinstance(value, FunctionObject) and value.function.parent is function:
            return _captured(value.function, sessions)
    return None


def _brings_along(expr: f.Attr, function: Function, call: f.Call, check: Check) -> bool:
    """Whether an attribute of an object that holds a session is one of its methods, the session, or holds it, too."""
    types = check.project.types
    value = check.project.infer(expr, function.module, call.block, call.start)
    return isinstance(value, FunctionObject) or is_conversation(types, value) or holds_conversation(types, value)


def _captured(closure: Function, sessions: dict[str, _Request]) -> tuple[_Request, str] | None:
    """The session that a nested function uses from outside."""
    body = closure.module.source.slice(closure.facts.start, closure.facts.end)
    own = {param.name for param in closure.params}
    own |= {e.target.id for e in closure.module.assigns_in.get(closure.index, ()) if isinstance(e.target, f.Name)}
    own |= {b.target.id for b in closure.module.blocks_in.get(closure.index, ()) if isinstance(b.target, f.Name)}
    for name, session in sessions.items():
        if name not in own and re.search(rf"(?<![\w.]){re.escape(name)}\b(?!\s*=[^=])", body):
            return session, "a lambda" if closure.name == "<lambda>" else f"`{closure.name}`"
    return None
