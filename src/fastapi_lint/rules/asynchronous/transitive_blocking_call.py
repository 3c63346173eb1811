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


@rule("FAPI102", fix=Safety.UNSAFE)
def transitive_blocking_call(function: Function, check: Check) -> Iterator[Finding]:
    """An async function calls code of the project that blocks the event loop further down.

    Why is this bad?
    A synchronous helper that waits for the network, a database or a process holds up the event loop just as if its
    body stood in the async function: every other request waits. It is harder to see, because the call that blocks is
    in another function, often in another file, and looks innocent where it stands.

    Reported is the place where async code enters the chain, with every call down to the one that blocks. Hand the
    helper to a thread there (`await run_in_threadpool(helper, ...)`), make the chain asynchronous, or make the endpoint
    a plain `def`.

    Fix safety
    The call that enters the chain is wrapped in `await run_in_threadpool(...)`. The fix is unsafe because other tasks
    can now run in between, and because the helper then runs in a thread: it must not touch what is bound to the loop
    or to a thread. There is none where the helper is seen to do so (it makes a task, sets a context variable, uses an
    object of asyncio), nor where the call must not be interrupted (in a `finally`, below a lock or in the
    `with` of a database session).

    Known limits
    The chain is followed through functions, methods, constructors, properties, context managers, decorators and
    `functools.partial`, as far as types can be inferred; an unknown callee is taken to be harmless. Of a method that
    subclasses override, the one of the known class counts; of an abstract one, those of its subclasses. What only
    blocks for a short time (local files) does not count, nor does what happens once: a cached function without
    parameters, an attribute that is filled when it is first asked for (`if self._client is None: self._client = ...`).
    Boolean parameters are followed (`if wait:` in a function that is called with `wait=False`); when what is passed is
    not known, the default counts. A chain that a constant text rules out is not reported
    (`if name.startswith("s3:")` in a function that is called with another text). A function that asks whether a loop
    runs is left alone, and so are calls that say a cached answer will do (`allow_cache=True`) and command lines
    (modules that use Click, Typer and the like, and no FastAPI).

    References
    - [Concurrency and async / await](https://fastapi.tiangolo.com/async/)
    - [Path operation functions and other utility functions](https://fastapi.tiangolo.com/async/#other-utility-functions)
    """
    effects = check.project.effects
    for trail in effects.callbacks(function):
        if effects.serving.when(function) in ("served", "startup") and effects.is_served(function.module):
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
