"""FAPI106: locks of threads that are held while a coroutine waits."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Instance
from fastapi_lint.rule import Check, rule

_LOCKS = (
    "threading.Lock", "threading.RLock", "threading.Semaphore", "threading.BoundedSemaphore", "threading.Condition",
    "multiprocessing.Lock", "multiprocessing.RLock",
)  # fmt: skip


@rule("FAPI106", severity=Severity.ERROR, since="0.2.0")
def thread_lock_across_await(function: Function, check: Check) -> Iterator[Finding]:
    """A lock of `threading` is held across an `await`.

    Why is this bad?
    While the coroutine waits, the event loop runs other requests. The first of them that wants the same lock stops the
    whole loop, and with it the coroutine that would give the lock back: everything stands still.

    Known limits
    The lock has to be known as one of `threading`. Bodies in which only nested functions wait are fine.

    References
    - [asyncio.Lock](https://docs.python.org/3/library/asyncio-sync.html#asyncio.Lock)
    """
    if not function.is_async:
        return
    module = function.module
    for block in module.blocks_in.get(function.index, ()):
        if block.kind != "with" or block.is_async or block.test is None:
            continue
        lock = check.project.infer(block.test, module, block.parent, block.start)
        if not isinstance(lock, Instance) or not check.project.types.is_instance(lock, *_LOCKS):
            continue
        waiting = _waits(function, block)
        if waiting is not None:
            kind = str(lock.cls).rsplit(".", 1)[-1]
            yield check.finding(
                (block.start, block.start + len("with")),
                f"async `{function.name}` holds a threading.{kind} while it awaits",
                why="another request that wants it stops the whole event loop",
                instead=f"use `asyncio.{kind.removeprefix('R')}` with `async with`, or await outside of it",
                related=[check.related(waiting, "the event loop runs other code here")],
            )


def _waits(function: Function, block: f.Block) -> tuple[int, int] | None:
    """A place inside a block at which its own function waits."""
    for call in function.calls:
        if call.awaited and block.start < call.start < block.end:
            return call.start, call.end
    for inner in function.module.blocks_in.get(function.index, ()):
        if inner.is_async and block.start < inner.start < block.end and inner.kind in ("for", "with", "comprehension"):
            return inner.start, inner.start + len("async")
    return None
