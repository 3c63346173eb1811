"""FAPI803: threads and processes that requests start and leave alone."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Instance, Module
from fastapi_lint.model.application import is_served, role_of
from fastapi_lint.model.calls import argument_at, lasts, never_runs, only_value, runs, runs_until_filled
from fastapi_lint.rule import Check, rule

_THREADS = ("threading.Thread", "threading.Timer")
_PROCESSES = ("multiprocessing.Process", "multiprocessing.context.Process", "multiprocessing.process.BaseProcess")
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
    the same function or kept in an attribute or a global, and workers that go on for ever or as long as a process that
    somebody else started: no pool has room for them.

    References
    - [Background tasks](https://fastapi.tiangolo.com/tutorial/background-tasks/)
    """
    module = function.module
    if not is_served(check.project, module):
        return
    started = [(call, kind) for call in function.calls if (kind := _started(function, call, check))]
    role = role_of(check.project, function) if started else None
    if not started or _joins(function, check) or role not in _ROLES:
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


def _started(function: Function, call: f.Call, check: Check) -> str:
    """Whether a call starts a "thread" or a "process" that ends some time; else empty."""
    if not isinstance(call.func, f.Attr) or call.func.attr != "start" or call.awaited:
        return ""
    module, types = function.module, check.project.types
    receiver = call.func.value
    if isinstance(receiver, f.Attr) or _is_kept(function, receiver):
        return ""  # somebody keeps it, and may wait for it
    value = types.infer(receiver, (module, call.block, call.start))
    kind = "thread" if types.is_instance(value, *_THREADS) else ""
    kind = kind or ("process" if types.is_instance(value, *_PROCESSES) else "")
    if not kind or not isinstance(value, Instance):
        return ""
    made = _making(function, call, receiver, check)
    return "" if made is not None and _goes_on(module, made, value, check) else kind


def _is_kept(function: Function, receiver: f.Expr) -> bool:
    """Whether a variable is global, or what it holds is put into an attribute as well."""
    if not isinstance(receiver, f.Name):
        return False
    module = function.module
    if (receiver.id, function.index) in {(name, module.facts.blocks[b].function) for name, b in module.facts.globals}:
        return True
    return any(
        entry.value == receiver and isinstance(entry.target, (f.Attr, f.Sub))
        for entry in module.assigns_in.get(function.index, ())
    )


def _making(function: Function, call: f.Call, receiver: f.Expr, check: Check) -> f.Call | None:
    """The call that makes the thread, where it stands in the function itself."""
    if isinstance(receiver, f.Name):
        where = (function.module, call.block, call.start)
        receiver = only_value(check.project.types.find_bindings(receiver.id, where), receiver.id) or receiver
    return function.module.facts.calls[receiver.index] if isinstance(receiver, f.CallRef) else None


def _goes_on(module: Module, made: f.Call, value: Instance, check: Check) -> bool:
    """Whether a thread is a worker that lives as long as something else: a loop without end, a server, a process."""
    project, where = check.project, (module, made.block, made.start)
    is_timer = project.types.is_instance(value, "threading.Timer")
    target = f.keyword(made, "function" if is_timer else "target") or argument_at(made, 1, "")
    own = runs(project.types, value.cls) if not isinstance(value.cls, str) else None
    if own is not None or target is None:
        return own is not None and lasts(project.types, own, ())
    given = argument_at(made, 2 if is_timer else 3, "args")
    items = given.value.items if given is not None and isinstance(given.value, f.Display) else ()
    return lasts(project.types, project.infer(target.value, *where), [project.infer(item, *where) for item in items])


def _joins(function: Function, check: Check) -> bool:
    """Whether a function waits for threads or processes."""
    types, module = check.project.types, function.module
    for call in function.calls:
        if isinstance(call.func, f.Attr) and call.func.attr == "join":
            value = types.infer(call.func.value, (module, call.block, call.start))
            if value is None and not call.args and not isinstance(call.func.value, f.Const):
                return True
            if types.is_instance(value, *_THREADS, *_PROCESSES):
                return True
    return False
