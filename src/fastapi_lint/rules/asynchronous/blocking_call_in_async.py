"""FAPI101: calls that block the event loop."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.catalog import Entry
from fastapi_lint.finding import Finding, Safety, Severity
from fastapi_lint.fixing.edits import unblocked
from fastapi_lint.model import Function
from fastapi_lint.model.calls import Step, held_across_await, lock_of
from fastapi_lint.model.remedies import remedies
from fastapi_lint.rule import Check, rule

_REMOVES = frozenset({"os.unlink", "os.remove", "os.rmdir", "pathlib.Path.unlink", "pathlib.Path.rmdir"})
_AROUND = (".__enter__", ".__exit__")
"""What a `with` calls of an object: where making it blocks as well, one finding says both."""


@rule("FAPI101", fix=Safety.UNSAFE, options={"report-short": True}, needs_requests=True)
def blocking_call_in_async(function: Function, check: Check) -> Iterator[Finding]:
    """An async function makes a call that blocks the event loop.

    Why is this bad?
    One thread runs the event loop and with it every async endpoint. While a call waits for the network, a disk, a
    database or another process without `await`, no other request is served. The time that one user waits is added to
    the time that all others wait; health checks fail, and connections time out.

    Use the asynchronous counterpart, hand the call to a thread (`run_in_threadpool`), or make the endpoint a plain
    `def`: FastAPI runs those in a threadpool.

    What blocks for a short time only (local files) is reported as info, once for each function, because the remedy is
    one, too: a function that does it all, handed to a thread. A lone look at a file (`path.exists()`) costs less than
    any remedy and is left alone, as is a file that is removed in a `finally`. `report-short = false` turns all of these
    off.

    Fix safety
    `time.sleep` becomes `await asyncio.sleep`; other calls that stand alone are handed to a thread in the way that
    their module has (`run_in_threadpool`, `asyncio.to_thread`, `anyio.to_thread`); an endpoint or a dependency that
    awaits nothing and makes several such calls becomes a plain `def`. The fix is unsafe because other tasks and threads
    can now run in between. There is none where the object is bound to a thread, a transaction or a scope, where the
    call must not be interrupted (in a `finally`, below a lock), where it stands between two changes of what others
    see, nor where a function makes several calls that block for a short time: those belong together in one thread.

    Known limits
    Only calls whose target is known are reported: an import, or a method of an object whose class can be inferred. An
    iterator that works when it is asked (`Path.glob`) is reported where it is gone through. Silent are tests, code
    that only runs at start-up or shut-down, functions that nobody is seen to call, jobs that a queue runs in a process
    of its own, what runs on the loop of another thread, command lines (modules that use Click, Typer and the like, and
    no FastAPI), and modules that no module with FastAPI in it imports (or loads by the name that a text holds), such as
    scripts and workers. So is a call whose answer is known to be there: `queue.get()` below `if not queue.empty():`.
    Calls on a SQLAlchemy session are FAPI501's.

    References
    - [Concurrency and async / await](https://fastapi.tiangolo.com/async/)
    - [Starlette: thread pool](https://www.starlette.io/threadpool/)
    - [Developing with asyncio: running blocking code](https://docs.python.org/3/library/asyncio-dev.html#running-blocking-code)
    """
    effects = check.project.effects
    if not function.is_async or not effects.is_served(function.module):
        return
    found = [(step, entry) for step, entry in effects.blocking(function) if not effects.is_session(entry)]
    if not found or not effects.holds_up_requests(function):
        return
    held = {each.start for each in held_across_await(function, check.project.types)}
    found = [(step, entry) for step, entry in found if lock_of(function, step) not in held]  # FAPI106 speaks of these
    made = {step.start for step, _ in found if not step.name.endswith(_AROUND)}
    found = [(step, entry) for step, entry in found if not (step.name.endswith(_AROUND) and step.start in made)]
    short: dict[str, list[tuple[Step, Entry]]] = {}
    for step, entry in found:
        if entry.weight == "long":
            yield _finding(function, check, step, entry, [])
        elif not effects.runs_once(function, step):
            short.setdefault(entry.kind, []).append((step, entry))
    if check.option("report-short"):
        asked = remedies(check.project)
        for group in short.values():
            if len(group) == 1 and group[0][1].weight == "brief" and not _in_loop(function, group[0][0]):
                continue  # it costs less than any remedy
            if all(_is_slight(step, entry) and asked.is_cleanup(function, step) for step, entry in group):
                continue  # a file that is removed at the end, and the remedy would be a shield around a thread
            yield _finding(function, check, *group[0], [step for step, _ in group[1:]])


def _is_slight(step: Step, entry: Entry) -> bool:
    """Whether a call only asks for a file, or takes one away."""
    return entry.weight == "brief" or step.name in _REMOVES


def _finding(function: Function, check: Check, step: Step, entry: Entry, more: list[Step]) -> Finding:
    also = f" (and {len(more)} more such {'calls' if len(more) > 1 else 'call'} here)" if more else ""
    remedy = remedies(check.project).of_calls(function, [step, *more], entry)
    return check.finding(
        step,
        f"`{step.shown}` blocks the event loop in async `{function.name}`",
        why=f"it {entry.why}, and all other requests wait{also}",
        instead=remedy.says,
        severity=Severity.WARNING if entry.weight == "long" else Severity.INFO,
        related=[check.related(each, f"`{each.shown}` blocks as well") for each in more],
        fix=partial(unblocked, function, [each.call for each in [step, *more]], remedy),
    )


def _in_loop(function: Function, step: Step) -> bool:
    if step.call is None:
        return True
    return any(each.kind in ("for", "while", "comprehension") for each in function.module.block_chain(step.call.block))
