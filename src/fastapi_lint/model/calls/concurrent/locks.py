"""Locks of threads that a coroutine holds while it waits. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Instance
from fastapi_lint.model.types.inference.inference import Inference

_LOCKS = (
    "threading.Lock", "threading.RLock", "threading.Semaphore", "threading.BoundedSemaphore", "threading.Condition",
    "multiprocessing.Lock", "multiprocessing.RLock",
)  # fmt: skip


def held_across_await(function: Function, types: Inference) -> Iterator[tuple[f.Block, str, tuple[int, int]]]:
    """Each `with` of an async function that holds a lock of `threading` while it waits: the block, the name of the
    lock's class, and a place at which it waits."""
    module = function.module
    for block in module.blocks_in.get(function.index, ()) if function.is_async else ():
        if block.kind != "with" or block.is_async or block.test is None:
            continue
        lock = types.infer(block.test, (module, block.parent, block.start))
        if isinstance(lock, Instance) and types.is_instance(lock, *_LOCKS):
            if (waiting := _waits(function, block)) is not None:
                yield block, str(lock.cls).rsplit(".", 1)[-1], waiting


def _waits(function: Function, block: f.Block) -> tuple[int, int] | None:
    """A place inside a block at which its own function waits."""
    for call in function.calls:
        if call.awaited and block.start < call.start < block.end:
            return call.start, call.end
    for inner in function.module.blocks_in.get(function.index, ()):
        if inner.is_async and block.start < inner.start < block.end and inner.kind in ("for", "with", "comprehension"):
            return inner.start, inner.start + len("async")
    return None
