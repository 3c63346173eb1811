"""FAPI102: calls of project code that blocks the event loop further down."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.catalog import Entry
from fastapi_lint.finding import Finding, Fix, Related, Safety
from fastapi_lint.fixing.edits import in_threadpool
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.model import External, Function, Method
from fastapi_lint.model.calls import Settings, Step, Trail, is_ruled_out
from fastapi_lint.rule import Check, rule

_MOST_STEPS = 5
_OF_LOOP = frozenset({"asyncio.create_task", "asyncio.ensure_future", "asyncio.get_event_loop", "asyncio.current_task"})
"""What works in the thread of the event loop only."""


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
    if not function.is_async:
        return
    effects = check.project.effects
    for trail in effects.chains(function):
        if not effects.holds_up_requests(function):
            return
        steps = trail.steps
        if is_ruled_out(steps):
            continue
        first, last, around = steps[0], steps[-1], steps[-2].function
        plain = f", or make `{function.name}` a plain `def`" if effects.could_be_plain(function) else ""
        yield check.finding(
            first,
            f"`{first.shown}` blocks the event loop in async `{function.name}`: `{last.shown}` in "
            f"`{around.qualname if around else '?'}` {trail.effect.why}; {_advice(trail.effect)}{plain}",
            related=_chain(trail, check),
            chain=True,
            fix=partial(_fix, function, trail, check),
        )


def _advice(entry: Entry) -> str:
    here = "use `await run_in_threadpool(...)` here"
    return here if "run_in_threadpool" in entry.instead else f"{here}, or {entry.instead} there"


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


def _bound_to_loop(function: Function, check: Check) -> bool:
    """Whether running a function needs the event loop's own thread, or leaves something behind in its context."""

    def touches(each: Function, _: Settings) -> tuple[Step, str] | None:
        for call in each.calls:
            match check.project.callee(each.module, call):
                case External(name=name) if name in _OF_LOOP:
                    return Step(each.module, call.start, call.name_end, None, call, name), name
                case Method(cls=cls, name=name) if (cls, name) == ("contextvars.ContextVar", "set") or (
                    cls.startswith("asyncio.") and not name.endswith("_threadsafe")
                ):
                    return Step(each.module, call.start, call.name_end, None, call, name), name
        return None

    return check.project.effects.search(function, touches, check.project.effects.bound_to_loop) is not None


def _fix(function: Function, trail: Trail[Entry], check: Check) -> Fix | None:
    call, target = trail.first.call, trail.first.function
    if call is None or call.use in ("with", "iter") or "sqlite3" in trail.steps[-1].name:
        return None
    if target is not None and target.is_generator:
        return None  # a thread would only make the generator: it runs where it is read
    if target is not None and _bound_to_loop(target, check):
        return None
    found = call_node(function.module, call)
    edits = in_threadpool(*found) if found is not None else None
    return Fix(f"Run `{trail.first.shown}` in the threadpool", Safety.UNSAFE, edits) if edits else None
