"""FAPI106: locks of threads that are held while a coroutine waits."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Function
from fastapi_lint.model.calls import Held, held_across_await
from fastapi_lint.rule import Check, rule


@rule("FAPI106", severity=Severity.ERROR, since="0.2.0")
def thread_lock_across_await(function: Function, check: Check) -> Iterator[Finding]:
    """A lock of `threading` is held across an `await`.

    Why is this bad?
    While the coroutine waits, the event loop runs other requests. The first of them that wants the same lock stops the
    whole loop, and with it the coroutine that would give the lock back: everything stands still. An `RLock`, which a
    `Condition` has by default, does the opposite: it lets its thread in again, and all coroutines of a loop run in one
    thread. Nothing is kept apart that was meant to be.

    Known limits
    The lock has to be known as one of `threading`. Bodies in which only nested functions wait are fine. `RLock` and
    `Condition` are a warning.

    References
    - [asyncio.Lock](https://docs.python.org/3/library/asyncio-sync.html#asyncio.Lock)
    - [threading.RLock](https://docs.python.org/3/library/threading.html#rlock-objects)
    """
    for held in held_across_await(function, check.project.types):
        why, instead, severity = _parts(held)
        yield check.finding(
            (held.start, held.end),
            f"async `{function.name}` holds a threading.{held.kind} while it awaits",
            why=why,
            instead=instead,
            severity=severity,
            related=[check.related(held.waiting, "the event loop runs other code here")],
        )


def _parts(held: Held) -> tuple[str, str, Severity | None]:
    """What a lock does to other requests, what to write instead, and a severity other than the rule's."""
    ours = f"`asyncio.{held.kind.removeprefix('R')}` with `async with`"
    if held.is_reentrant:
        why = "it lets its thread in again, in which all coroutines of the loop run: they are not kept apart"
        return why, f"use {ours}, which nobody takes twice, or await outside of it", Severity.WARNING
    return "another request that wants it stops the whole event loop", f"use {ours}, or await outside of it", None
