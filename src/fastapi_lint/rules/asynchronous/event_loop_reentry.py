"""FAPI104: an event loop started while one runs."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Function
from fastapi_lint.rule import Check, rule


@rule("FAPI104", severity=Severity.ERROR)
def event_loop_reentry(function: Function, check: Check) -> Iterator[Finding]:
    """An async function starts or runs an event loop, directly or through a helper.

    Why is this bad?
    Async code already runs in an event loop. `asyncio.run`, `loop.run_until_complete` and `async_to_sync` raise
    `RuntimeError` there, the first time the line is reached. A helper that hides such a call works in a script and in
    a `def` endpoint, and fails in an `async def` one.

    Await the coroutine instead; give the helper an async twin; or hand the helper to a thread
    (`await run_in_threadpool(helper)`), which has no running loop.

    Known limits
    A helper that asks whether a loop is running (`asyncio.get_running_loop()`, `loop.is_running()`) or applies
    `nest_asyncio` is left alone, and so is a call whose error is expected (`except RuntimeError`) and a helper whose
    callee cannot be resolved. Tests are not checked.

    References
    - [asyncio.run](https://docs.python.org/3/library/asyncio-runner.html#asyncio.run)
    - [asgiref: async_to_sync](https://docs.djangoproject.com/en/stable/topics/async/#async-to-sync)
    """
    module, effects = function.module, check.project.effects
    if not function.is_async or not effects.is_served(module) or effects.asks_for_loop(function):
        return
    for call in function.calls:
        entry = effects.reentry(module, call)
        if entry is not None:
            written = module.source.slice(call.start, call.name_end)
            yield check.finding(
                (call.start, call.name_end),
                f"`{written}` in async `{function.name}` {entry.why}; {entry.instead}",
            )
    for step in effects.execution.steps(function):
        target = step.function
        if target is None or target.is_async or (trail := effects.function_reenters(target)) is None:
            continue
        last = trail.steps[-1]
        around = trail.steps[-2].function if len(trail.steps) > 1 else target
        yield check.finding(
            step,
            f"`{step.shown}` in async `{function.name}` fails: `{last.shown}` in "
            f"`{around.qualname if around else '?'}` {trail.effect.why}; "
            "call it with `await run_in_threadpool(...)`, or give it an async twin",
            related=[
                check.related(
                    each, f"calls `{each.function.qualname if each.function else each.shown}`", module=each.module
                )
                for each in trail.steps
            ],
            chain=True,
        )
