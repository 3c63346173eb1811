"""FAPI803: threads and processes that requests start and leave alone."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.model import Function
from fastapi_lint.model.application import is_served, role_of
from fastapi_lint.model.calls import joins_threads, never_runs, runs_until_filled, thread_started
from fastapi_lint.rule import Check, rule

_ROLES = frozenset({"endpoint", "websocket", "dependency"})


@rule("FAPI803", preset="strict", words={"Thread", "Timer", "Process"}, since="0.2.0")
def thread_in_endpoint(function: Function, check: Check) -> Iterator[Finding]:
    """An endpoint or a dependency starts a thread or a process of its own, and does not wait for it.

    Why is this bad?
    Each request starts one more: nothing limits their number, an exception in one of them is only printed, and a
    shutdown waits for them or cuts them off. `BackgroundTasks` run after the answer in the thread pool of the server; a
    queue survives the process as well.

    Known limits
    Functions that an endpoint or a dependency is seen to call count as well. Left alone are threads that are joined in
    the same function or set what it waits for, those that are kept in an attribute or a global, handed on or given
    back, and workers that go on for ever or as long as a process that somebody else started: no pool has room for them.

    References
    - [Background tasks](https://fastapi.tiangolo.com/tutorial/background-tasks/)
    """
    module = function.module
    if not is_served(check.project, module):
        return
    started = [(call, kind) for call in function.calls if (kind := thread_started(check.project, function, call))]
    role = role_of(check.project, function) if started else None
    if not started or joins_threads(check.project, function) or role not in _ROLES:
        return
    each = "connection" if role == "websocket" else "request"
    instead = "use `BackgroundTasks`, or a queue"
    if role == "websocket":  # its background tasks never run
        instead = "use `asyncio.to_thread(...)`, whose threads are limited, or a queue"
    for call, kind in started:
        if never_runs(module, call.block) or runs_until_filled(function, call.block, call.start):
            continue
        yield check.finding(
            (call.start, call.name_end),
            f"`{function.name}` starts a {kind} for each {each}",
            why="nobody sees its errors, nothing limits how many there are, and a shutdown cuts them off",
            instead=instead,
        )
