"""FAPI106: locks of threads that are held while a coroutine waits."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Function
from fastapi_lint.model.calls import held_across_await
from fastapi_lint.rule import Check, rule


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
    for held in held_across_await(function, check.project.types):
        yield check.finding(
            (held.start, held.end),
            f"async `{function.name}` holds a threading.{held.kind} while it awaits",
            why="another request that wants it stops the whole event loop",
            instead=f"use `asyncio.{held.kind.removeprefix('R')}` with `async with`, or await outside of it",
            related=[check.related(held.waiting, "the event loop runs other code here")],
        )
