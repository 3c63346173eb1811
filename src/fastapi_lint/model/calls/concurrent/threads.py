"""Threads and processes that a function starts by itself, those that live for good aside; and whether it waits for any.

Judges nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.binding import argument_at
from fastapi_lint.model.calls.concurrent.lasting import lasts, runs
from fastapi_lint.model.calls.concurrent.using import only_value
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Function, Instance, Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


_THREADS = ("threading.Thread", "threading.Timer")
_EVENT = "threading.Event"
_FUTURES = frozenset({"create_future", "Future"})
_PROCESSES = ("multiprocessing.Process", "multiprocessing.context.Process", "multiprocessing.process.BaseProcess")


def thread_started(project: Project, function: Function, call: f.Call) -> str:
    """Whether a call starts a "thread" or a "process" that ends some time; else empty."""
    if not isinstance(call.func, f.Attr) or call.func.attr != "start" or call.awaited:
        return ""
    module, types = function.module, project.types
    receiver = call.func.value
    if isinstance(receiver, f.Attr) or _is_kept(function, receiver):
        return ""  # somebody keeps it, and may wait for it
    value = types.infer(receiver, (module, call.block, call.start))
    kind = "thread" if types.is_instance(value, *_THREADS) else ""
    kind = kind or ("process" if types.is_instance(value, *_PROCESSES) else "")
    if not kind or not isinstance(value, Instance):
        return ""
    made = _making(project, function, call, receiver)
    return "" if made is not None and _goes_on(project, module, made, value) else kind


def _is_kept(function: Function, receiver: f.Expr) -> bool:
    """Whether somebody else may wait for what a variable holds: it is global, handed on, given back, put into an
    attribute as well, or comes out of one."""
    if not isinstance(receiver, f.Name):
        return False
    module = function.module
    if (receiver.id, function.index) in {(name, module.facts.blocks[b].function) for name, b in module.facts.globals}:
        return True
    return (
        any(
            entry.value == receiver and isinstance(entry.target, (f.Attr, f.Sub))
            for entry in module.assigns_in.get(function.index, ())
        )
        or any(arg.value == receiver for call in function.calls for arg in call.args)
        or any(call.func == f.Attr(receiver, "cancel") for call in function.calls)
        or any(leave.kind == "return" and receiver in walk(leave.value) for leave in function.exits)
        or any(
            block.kind == "for" and block.target == receiver and isinstance(block.test, f.Attr)
            for block in module.blocks_in.get(function.index, ())
        )
    )


def _making(project: Project, function: Function, call: f.Call, receiver: f.Expr) -> f.Call | None:
    """The call that makes the thread, where it stands in the function itself."""
    if isinstance(receiver, f.Name):
        where = (function.module, call.block, call.start)
        receiver = only_value(project.types.find_bindings(receiver.id, where), receiver.id) or receiver
    return function.module.facts.calls[receiver.index] if isinstance(receiver, f.CallRef) else None


def _goes_on(project: Project, module: Module, made: f.Call, value: Instance) -> bool:
    """Whether a thread is a worker that lives as long as something else: a loop without end, a server, a process."""
    project, where = project, (module, made.block, made.start)
    is_timer = project.types.is_instance(value, "threading.Timer")
    target = f.keyword(made, "function" if is_timer else "target") or argument_at(made, 1, "")
    own = runs(project.types, value.cls) if not isinstance(value.cls, str) else None
    if own is not None or target is None:
        return own is not None and lasts(project.types, own, ())
    given = argument_at(made, 2 if is_timer else 3, "args")
    items = given.value.items if given is not None and isinstance(given.value, f.Display) else ()
    return lasts(project.types, project.infer(target.value, *where), [project.infer(item, *where) for item in items])


def joins_threads(project: Project, function: Function) -> bool:
    """Whether a function waits for threads or processes, or for what they set: an event, a future that it made."""
    types, module = project.types, function.module
    for call in function.calls:
        if isinstance(call.func, f.Attr) and call.func.attr in ("join", "wait"):
            value = types.infer(call.func.value, (module, call.block, call.start))
            is_join = call.func.attr == "join"
            if is_join and value is None and not call.args and not isinstance(call.func.value, f.Const):
                return True
            if types.is_instance(value, *((*_THREADS, *_PROCESSES) if is_join else (_EVENT,))):
                return True
    futures = {
        entry.target
        for entry in module.assigns_in.get(function.index, ())
        if isinstance(entry.value, f.CallRef) and f.last_name(module.facts.calls[entry.value.index].func) in _FUTURES
    }
    given = (leave.value for leave in function.exits if leave.kind == "return")
    return bool(futures) and (function.is_async or any(each in futures for each in given))
