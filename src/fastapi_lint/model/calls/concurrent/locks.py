"""Locks of threads that a coroutine holds while it waits. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.execution import Step
from fastapi_lint.model.names.symbols import Function, Instance
from fastapi_lint.model.types.inference.inference import Inference

_LOCKS = (
    "threading.Lock", "threading.RLock", "threading.Semaphore", "threading.BoundedSemaphore", "threading.Condition",
    "multiprocessing.Lock", "multiprocessing.RLock",
)  # fmt: skip


@dataclass(frozen=True)
class Held:
    """A lock that is held while its function waits: where it is taken, the name of its class, a place of waiting."""

    start: int
    end: int
    kind: str
    waiting: tuple[int, int]


def held_across_await(function: Function, types: Inference) -> Iterator[Held]:
    """The locks of `threading` that an async function holds while it waits: by `with`, or from `acquire()` on."""
    module = function.module
    for block in module.blocks_in.get(function.index, ()) if function.is_async else ():
        if block.kind != "with" or block.is_async or block.test is None:
            continue
        lock = types.infer(block.test, (module, block.parent, block.start))
        if isinstance(lock, Instance) and types.is_instance(lock, *_LOCKS):
            if (waiting := _waits(function, block)) is not None:
                yield Held(block.start, block.start + len("with"), str(lock.cls).rsplit(".", 1)[-1], waiting)
    for call in function.calls if function.is_async else ():
        match call.func:
            case f.Attr(value=receiver, attr="acquire") if not call.awaited:
                lock = types.infer(receiver, (module, call.block, call.start))
                if isinstance(lock, Instance) and types.is_instance(lock, *_LOCKS) and not _returns_at_once(call):
                    if (waiting := _waits_before_release(function, call, receiver)) is not None:
                        yield Held(call.start, call.end, str(lock.cls).rsplit(".", 1)[-1], waiting)


def _returns_at_once(call: f.Call) -> bool:
    return any(arg.name in ("", "blocking") and arg.value == f.Const(False) for arg in call.args)


def _waits_before_release(function: Function, taken: f.Call, lock: f.Expr) -> tuple[int, int] | None:
    """A place between a lock's `acquire()` and the next `release()` at which the function waits."""
    let_go = (call.start for call in function.calls if call.func == f.Attr(lock, "release") and call.start > taken.end)
    end = next(let_go, None)
    for call in function.calls if end is not None else ():
        if call.awaited and end is not None and taken.end < call.start < end:
            return call.start, call.end
    return None


def _waits(function: Function, block: f.Block) -> tuple[int, int] | None:
    """A place inside a block at which its own function waits."""
    for call in function.calls:
        if call.awaited and block.start < call.start < block.end:
            return call.start, call.end
    for inner in function.module.blocks_in.get(function.index, ()):
        if inner.is_async and block.start < inner.start < block.end and inner.kind in ("for", "with", "comprehension"):
            return inner.start, inner.start + len("async")
    return None


def lock_of(function: Function, step: Step) -> int | None:
    """Where the `with` starts whose lock a step takes, or it takes the lock itself; None for other steps."""
    if step.name.endswith(".acquire"):
        return step.start
    if not step.name.endswith(".__enter__"):
        return None
    around = (block for block in function.module.blocks_in.get(function.index, ()) if block.kind == "with")
    return max((block.start for block in around if block.start <= step.start < block.end), default=None)
