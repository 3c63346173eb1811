"""FAPI103: coroutines that nobody awaits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint import catalog
from fastapi_lint.finding import Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import awaited
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, Module
from fastapi_lint.model.application import coroutines_given_back, properties_given_back, stays_plain
from fastapi_lint.model.calls import Misuse, never_runs
from fastapi_lint.model.names import Coroutine, Instance, dotted
from fastapi_lint.rule import Check, rule

_WHY = {
    "dropped": "its coroutine is thrown away, and nothing runs",
    "unread": "`{0}` is never used, and nothing runs",
    "iterated": "a coroutine cannot be iterated over",
    "iterated-async": "a coroutine cannot be iterated over",
    "entered": "a coroutine is no context manager",
    "entered-async": "a coroutine is no context manager",
    "attribute": "a coroutine has no attribute `{0}`",
    "subscript": "a coroutine cannot be subscripted",
    "operand": "a coroutine is no operand",
    "unpacked": "a coroutine cannot be unpacked",
    "raised": "a coroutine cannot be raised",
    "truth": "a coroutine is always true, whatever the function would say",
    "negated": "a coroutine is always true, so `not` of it never is",
    "none": "a coroutine is never None",
    "compared": "a coroutine equals nothing that it is compared with",
    "member": "a coroutine is in nothing, and nothing is in it",
    "text": "the text is `<coroutine object ...>`",
    "argument": "`{0}` gets the coroutine, not its result",
    "field": "`{0}` gets the coroutine, not its result",
    "endpoint": "FastAPI does not await what a handler returns, so the request ends in 500",
    "dependency": "FastAPI does not await what a dependency returns, so its body never runs",
}
_NO_CONTEXTS = frozenset({"asyncpg.Connection"})
"""What coroutines of libraries give that has no `__aenter__`."""


@rule("FAPI103", severity=Severity.ERROR, fix=Safety.UNSAFE)
def unawaited_coroutine(function: Function, check: Check) -> Iterator[Finding]:
    """A coroutine is made and never awaited, or used as if it were the result.

    Why is this bad?
    Calling an `async def` function runs none of its body: it makes a coroutine object, and the body runs when that is
    awaited. A bare `session.commit()` on an `AsyncSession` commits nothing; `session.execute(query).scalars()` raises
    AttributeError, because a coroutine has no such attribute. A check that is not awaited refuses nobody: a coroutine
    is always true and never None. Python only says "coroutine was never awaited" when the object is thrown away, in a
    log that nobody reads.

    FastAPI awaits endpoints and dependencies, but not what they return.

    Fix safety
    `await` is put before the call. The fix is unsafe because the code behind it has never run there before, and because
    other tasks can now run in between.

    Known limits
    Known are the project's own coroutine functions, properties and async generators, and coroutines of common
    libraries (asyncio, SQLAlchemy, httpx, aiohttp, redis, FastAPI's `Request`, `UploadFile`, `WebSocket`) on objects
    whose class can be inferred. What gives a future (`asyncio.gather`, Motor) runs without `await`, and is reported
    only where it is used as a value. Coroutines are left alone that are handed on to code that may await them: as an
    argument of a function that is not known to use it as a value, in a container, returned by what is no endpoint, in
    a variable that is used otherwise as well. A dependency whose return annotation is an awaitable means it. In a
    plain `def` there is no fix.

    References
    - [Concurrency and async / await](https://fastapi.tiangolo.com/async/)
    - [Developing with asyncio: detect never-awaited coroutines](https://docs.python.org/3/library/asyncio-dev.html#detect-never-awaited-coroutines)
    """
    coroutines = check.project.coroutines
    reported = set()
    for misuse in coroutines.misused(function):
        if not _expected_to_fail(function, misuse.call):
            reported.add(misuse.call.start)
            why = _why(misuse)
            if misuse.how == "entered-async" and _gives_no_context(function.module, misuse.call, check):
                yield _opened(function, check, misuse.call, why)
            else:
                yield _finding(function, check, misuse.call, why)
    for each in coroutines_given_back(check.project, function):
        if each.call.start not in reported:
            reported.add(each.call.start)
            if each.in_thread is not None:
                yield _unthreaded(function, check, each.call, each.in_thread, _WHY[each.role])
            else:
                yield _finding(function, check, each.call, _WHY[each.role])
    yield from _properties(function, check)
    yield from _generators(function, check)
    for argument, written, called in coroutines.called_back(function):
        receiver = called.rpartition(".")[2]
        handoff = catalog.handoff(called)
        is_thread = handoff is not None and handoff.to in ("thread", "process")
        yield check.finding(
            argument,
            f"`{written}` gives a coroutine, and `{receiver}` does not await it",
            why="nothing of its body runs",
            instead=f"await `{written}(...)` itself"
            if is_thread and function.is_async
            else f"give `{receiver}` a plain function" + ("" if is_thread else ", which can start a task"),
        )


def _why(misuse: Misuse) -> str:
    why = _WHY[misuse.how].format(misuse.detail)
    if misuse.of_future:
        why = why.replace("coroutine object", "Future").replace("a coroutine", "a future")
        why = why.replace("the coroutine", "the future")
    return why


def _properties(function: Function, check: Check) -> Iterator[Finding]:
    """Properties that are coroutine functions, used or answered as if they were the value."""
    module, told = function.module, set()
    uses = check.project.coroutines.misread(function)
    found = [(use.expr, use.where[2], _WHY[use.how].format(use.detail)) for use in uses]
    given_back = properties_given_back(check.project, function)
    for expr, at, why in (*found, *((expr, at, _WHY[role]) for expr, at, role in given_back)):
        if not isinstance(expr, f.Attr):
            continue
        shown = dotted(expr)
        start = module.text.find(shown.encode(), at, function.facts.end)
        if shown and start >= 0 and start not in told and not module.text[:start].rstrip().endswith(b"await"):
            told.add(start)
            yield check.finding(
                (start, start + len(shown.encode())),
                f"`{shown}` is not awaited in `{function.name}`",
                why=f"the property is a coroutine function: {why}",
                instead=f"write `await {shown}`" if function.is_async else f"make `{function.name}` an `async def`",
            )


def _generators(function: Function, check: Check) -> Iterator[Finding]:
    """Async generators that are dropped, or gone through by what cannot wait for them."""
    for misuse in check.project.coroutines.stalled(function):
        if not _expected_to_fail(function, misuse.call):
            written = check.project.effects.written(function.module, misuse.call)
            why = "nothing of it runs" if misuse.how == "dropped" else _WHY[misuse.how].format(misuse.detail)
            title = f"`{written}(...)` makes an async generator that nobody goes through in `{function.name}`"
            instead = f"use `async for` over `{written}(...)`"
            if misuse.how.startswith("entered"):
                title = f"`{written}(...)` cannot be entered in `{function.name}`"
                instead = f"enter `asynccontextmanager({written})(...)`"
            yield check.finding(
                (misuse.call.start, misuse.call.name_end),
                title,
                why=why.replace("a coroutine", "an async generator").replace("coroutine", "async generator"),
                instead=instead,
            )


def _gives_no_context(module: Module, call: f.Call, check: Check) -> bool:
    """Whether what a call gives when it is awaited cannot be entered by `async with` either."""
    given = check.project.types.call_type(module, module.call_numbers[call.start, call.end])
    value = given.result if isinstance(given, Coroutine) else given
    if not isinstance(value, Instance):
        return False
    if isinstance(value.cls, str):
        return value.cls in _NO_CONTEXTS
    order = check.project.types.mro(value.cls)
    return all(isinstance(base, Class) or base in ("object", "abc.ABC") for base in order) and not any(
        isinstance(base, Class) and "__aenter__" in base.methods for base in order
    )


def _opened(function: Function, check: Check, call: f.Call, why: str) -> Finding:
    """What is entered where it can only be awaited, and closed by hand."""
    written = check.project.effects.written(function.module, call)
    return check.finding(
        (call.start, call.name_end),
        f"`{written}(...)` is entered in `{function.name}`, and can only be awaited",
        why=f"{why}, and neither is what it gives",
        instead=f"keep what `await {written}(...)` gives, and close it in a `finally`",
    )


def _expected_to_fail(function: Function, call: f.Call) -> bool:
    """Whether a call stands in a `with pytest.raises(...)`, made for the error, or below `if False`."""
    if never_runs(function.module, call.block):
        return True
    calls = function.module.facts.calls
    for block in function.module.block_chain(call.block):
        if block.kind == "with" and isinstance(block.test, f.CallRef):
            func = calls[block.test.index].func
            if isinstance(func, f.Attr) and func.attr in ("raises", "warns", "assertRaises", "assertWarns"):
                return True
    return False


def _unthreaded(function: Function, check: Check, call: f.Call, given: Function, why: str) -> Finding:
    written = check.project.effects.written(function.module, call)
    return check.finding(
        (call.start, call.name_end),
        f"`{written}(...)` gives the coroutine that `{given.name}` makes, and nobody awaits that",
        why=why,
        instead=f"call `{given.name}` here, and await what it gives: it does no work itself",
    )


def _finding(function: Function, check: Check, call: f.Call, why: str) -> Finding:
    module = function.module
    written = check.project.effects.written(module, call)
    if function.is_async:
        title, instead = f"`{written}(...)` is not awaited in `{function.name}`", f"write `await {written}(...)`"
    else:
        title = f"`{written}(...)` makes a coroutine that plain `{function.name}` cannot await"
        instead = f"make `{function.name}` an `async def`"
        if stays_plain(check.project, function):
            instead = f"await it in an `async def` that `{function.name}` runs with `asyncio.run(...)`"
    fix = partial(_fix, module, call, written) if function.is_async else None
    return check.finding((call.start, call.name_end), title, why=why, instead=instead, fix=fix)


def _fix(module: Module, call: f.Call, written: str) -> Fix | None:
    found = call_node(module, call)
    edits = awaited(*found) if found is not None else None
    return Fix(f"Await `{written}(...)`", Safety.UNSAFE, edits) if edits else None
