from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Safety, Severity
from fastapi_lint.model import Function
from fastapi_lint.rule import Check, rule


@rule("FAPI101", fix=Safety.UNSAFE)
def blocking_call_in_async(function: Function, check: Check) -> Iterator[Finding]:
    """Async code calls a function that blocks the event loop.

    Why is this bad?
    Code in an `async def` runs on the event loop. While it sleeps, waits for a socket or a disk, or hashes a password
    without awaiting, no other request of the same worker makes any progress.

    Use the asynchronous counterpart, hand the call to a thread, or make the endpoint a plain `def`: FastAPI runs those
    in a threadpool. Calls that block only shortly (local files) are reported as info.

    Fix safety
    `time.sleep` becomes `await asyncio.sleep`; other calls are wrapped in `await run_in_threadpool(...)`. The fix is
    unsafe because other tasks can now run in between, and because not every object may be used from another thread.

    Known limits
    Only calls whose target is known are reported: an import, or a method of an object whose class can be inferred.
    Start-up and shut-down code of a lifespan and test modules are left alone.

    References
    - [Concurrency and async / await](https://fastapi.tiangolo.com/async/)
    - [Starlette: thread pool](https://www.starlette.io/threadpool/)
    """
    if not function.is_async or function.module.is_test or check.project.is_lifespan(function):
        return
    module = function.module
    for call in function.calls:
        entry = check.project.effects.blocking_entry(module, call)
        if entry is None:
            continue
        severity = Severity.WARNING if entry.weight == "long" else Severity.INFO
        yield check.finding(
            (call.start, call.name_end),
            f"`{check.project.called_name(module, call)}` blocks the event loop in async `{function.name}`: {entry.why}; use {entry.instead}",
            severity=severity,
        )
