"""FAPI104: an event loop started while one runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi_lint.catalog import Reentry
from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Function, Module
from fastapi_lint.model.calls import Trail, swallows
from fastapi_lint.model.remedies import remedies
from fastapi_lint.rule import Check, rule


@rule("FAPI104", severity=Severity.ERROR)
def event_loop_reentry(function: Function, check: Check) -> Iterator[Finding]:
    """An async function starts or runs an event loop, directly or through a helper.

    Why is this bad?
    Async code already runs in an event loop. `asyncio.run`, `loop.run_until_complete` and `async_to_sync` raise
    `RuntimeError` there, the first time the line is reached. A helper that hides such a call works in a script and in
    a `def` endpoint, and fails in an `async def` one.

    Await the coroutine instead; give the helper an async twin; or hand the helper to a thread
    (`await run_in_threadpool(helper)`), which has no running loop. `get_event_loop().run_until_complete(...)` fails
    there, too: a thread has no loop to get.

    Known limits
    A helper that asks whether a loop is running (`asyncio.get_running_loop()`, `loop.is_running()`) is left alone, and
    so is a call whose error is expected (`except RuntimeError`), a helper whose callee cannot be resolved, and a
    project in which `nest_asyncio` is applied somewhere. Tests are not checked.

    References
    - [asyncio.run](https://docs.python.org/3/library/asyncio-runner.html#asyncio.run)
    - [asgiref: async_to_sync](https://docs.djangoproject.com/en/stable/topics/async/#async-to-sync)
    """
    module, effects = function.module, check.project.effects
    if not function.is_async or not effects.is_served(module) or effects.asks_for_loop(function):
        return
    for call in function.calls:
        if (entry := effects.reentry(module, call)) is not None:
            written = module.source.slice(call.start, call.name_end)
            yield check.finding(
                (call.start, call.name_end),
                f"`{written}` in async `{function.name}` {_outcome([(module, call.block)])}",
                why=f"it {entry.why}",
                instead=entry.instead,
            )
    by_root: dict[tuple[str, int], list[Trail[Reentry]]] = {}
    for step in effects.execution.steps(function):
        target = step.function
        if target is None or target.is_async or (inner := effects.function_reenters(target)) is None:
            continue
        trail = inner.behind(step)
        root = trail.steps[-1]
        by_root.setdefault((root.module.path, root.start), []).append(trail)
    for trails in by_root.values():
        yield _finding(function, trails[0], check)


def _finding(function: Function, trail: Trail[Reentry], check: Check) -> Finding:
    first, last, around = trail.first, trail.steps[-1], trail.steps[-2].function
    places = [(step.module, step.call.block) for step in trail.steps if step.call is not None]
    title = f"`{first.shown}` in async `{function.name}` {_outcome(places)}"
    if len(trail.steps) > 2 and around is not None and any(swallows(*one) for one in places[1:]):
        title = f"`{around.qualname}` never gets a result in async `{function.name}`"  # what calls it does not notice
    return check.finding(
        first,
        title,
        why=f"`{last.shown}` in `{around.qualname if around else '?'}` {trail.effect.why}",
        instead=remedies(check.project).of_reentry(function, trail),
        related=[
            check.related(
                each, f"calls `{each.function.qualname if each.function else each.shown}`", module=each.module
            )
            for each in trail.steps[1:]
        ],
        chain=True,
        root=check.root(last, last.module, "FAPI104"),
    )


def _outcome(places: Sequence[tuple[Module, int]]) -> str:
    """What becomes of the error on its way up."""
    return "never gets a result" if any(swallows(module, block) for module, block in places) else "fails"
