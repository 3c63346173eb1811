"""FAPI102: calls of project code that blocks the event loop further down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from fastapi_lint.catalog import Entry
from fastapi_lint.finding import Finding, Related, Safety, Severity
from fastapi_lint.fixing.edits import unblocked
from fastapi_lint.model import Function
from fastapi_lint.model.calls import Trail
from fastapi_lint.model.remedies import remedies
from fastapi_lint.rule import Check, rule

_MOST_STEPS = 5
_AT_THE_END = ("FAPI101", "FAPI102", "FAPI501")
"""A comment for one of these at the line that blocks is a decision for all that leads there."""


@rule("FAPI102", fix=Safety.UNSAFE, needs_requests=True)
def transitive_blocking_call(function: Function, check: Check) -> Iterator[Finding]:
    """An async function calls code of the project that blocks the event loop further down.

    Why is this bad?
    A synchronous helper that waits for the network, a database or a process holds up the event loop just as if its
    body stood in the async function: every other request waits. It is harder to see, because the call that blocks is
    in another function, often in another file, and looks innocent where it stands.

    Reported is the place where async code enters the chain, with every call down to the one that blocks: one finding
    for each async function and blocking line. Of several chains to it, the one counts that always runs, before those
    below a condition. A function that is handed to the loop (`call_soon`, `call_later`, `add_done_callback`) blocks it
    as well. A `# noqa` at the line that blocks settles all chains that end there.

    Hand the helper to a thread (`await run_in_threadpool(helper, ...)`), make the chain asynchronous, or make an
    endpoint that awaits nothing a plain `def`.

    Fix safety
    The call that enters the chain is handed to a thread in the way that its module has (`run_in_threadpool`,
    `asyncio.to_thread`, `anyio.to_thread`); an endpoint that awaits nothing and makes several such calls becomes a
    plain `def`. The fix is unsafe because other tasks and threads can now run in between. There is none where the
    helper touches the loop, or uses what is bound to a thread, a transaction or a scope; where the call must not be
    interrupted (in a `finally`, below a lock), and where it stands between two changes of what others see.

    Known limits
    The chain is followed through functions, methods, constructors, properties, context managers, decorators and
    `functools.partial`, as far as types can be inferred; an unknown callee is taken to be harmless. Of a method that
    subclasses override, the one of the known class counts; of an abstract one, those of its subclasses. What only
    blocks for a short time (local files) does not count, nor does what happens once: a cached function without
    arguments, or one that gives clients or objects with coroutines, a cached property, an attribute that is filled when
    it is first asked for. A local database file is reported as info.

    Arguments and constants that are known rule branches out (None, booleans, numbers, texts, members of enums); what
    is not known may be anything. Silent are functions that nobody is seen to call, start-up code, jobs of a queue,
    command lines, what runs on the loop of another thread, functions that ask whether a loop runs, and calls that say
    a cached answer will do (`allow_cache=True`).

    References
    - [Concurrency and async / await](https://fastapi.tiangolo.com/async/)
    - [Path operation functions and other utility functions](https://fastapi.tiangolo.com/async/#other-utility-functions)
    """
    effects = check.project.effects
    if not effects.is_served(function.module):
        return
    for trail in effects.callbacks(function):
        if effects.serving.when(function) in ("served", "startup"):
            yield _of_callback(function, trail, check)
    if not function.is_async:
        return
    by_root: dict[tuple[str, int], list[Trail[Entry]]] = {}
    for trail in effects.chains(function):
        if not effects.holds_up_requests(function):
            return
        root = trail.steps[-1]
        by_root.setdefault((root.module.path, root.start), []).append(trail)
    for trails in by_root.values():
        yield _finding(function, trails, check)


def _finding(function: Function, trails: Sequence[Trail[Entry]], check: Check) -> Finding:
    """One finding for all calls that come to the same blocking line."""
    trail, more = trails[0], trails[1:]
    first, last, around = trail.steps[0], trail.steps[-1], trail.steps[-2].function
    also = f" (so {'do' if len(more) > 1 else 'does'} {len(more)} more {'calls' if len(more) > 1 else 'call'} here)"
    remedy = remedies(check.project).of_chain(function, trails)
    return check.finding(
        first,
        f"`{first.shown}` blocks the event loop in async `{function.name}`",
        why=f"`{last.shown}` in `{around.qualname if around else '?'}` {trail.effect.why}{also if more else ''}",
        instead=remedy.says,
        severity=Severity.WARNING if trail.effect.weight == "long" else Severity.INFO,
        related=_chain(trail, check),
        chain=True,
        root=check.root(last, last.module, *_AT_THE_END),
        fix=partial(unblocked, function, [each.first.call for each in trails], remedy),
    )


def _of_callback(function: Function, trail: Trail[Entry], check: Check) -> Finding:
    """A function that is handed to the loop, which calls it in between."""
    first, last = trail.steps[0], trail.steps[-1]
    return check.finding(
        first,
        f"`{first.shown}` in `{function.name}` gives the event loop a function that blocks it",
        why=f"`{last.shown}` {trail.effect.why} when the loop calls it, and all requests wait",
        instead=remedies(check.project).of_callback(trail).says,
        severity=Severity.WARNING if trail.effect.weight == "long" else Severity.INFO,
        related=_chain(trail, check),
        chain=True,
        root=check.root(last, last.module, *_AT_THE_END),
    )


def _chain(trail: Trail[Entry], check: Check) -> list[Related]:
    """The steps after the first, in order; of a long chain the first ones and the last."""
    steps = list(trail.steps)
    if len(steps) > _MOST_STEPS:
        steps = [*steps[: _MOST_STEPS - 1], steps[-1]]
    related = [
        check.related(step, f"calls `{step.function.qualname}`", module=step.module)
        for step in steps[:-1]
        if step.function is not None
    ]
    last = steps[-1]
    return [*related, check.related(last, f"`{last.shown}` {trail.effect.why}", module=last.module)]
