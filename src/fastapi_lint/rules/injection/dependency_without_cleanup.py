"""FAPI207: a dependency that opens something and does not close it when the endpoint fails, or never."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits.closing import closed_in_finally
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.injection import (
    Opened,
    closes,
    is_closed_in,
    is_handed_on,
    is_protected,
    opened,
    resource_of,
    run_by_hand,
)
from fastapi_lint.rule import Check, rule

_CACHED = frozenset({"functools.lru_cache", "functools.cache", "async_lru.alru_cache"})


@rule("FAPI207", severity=Severity.ERROR, fix=Safety.UNSAFE)
def dependency_without_cleanup(function: Function, check: Check) -> Iterator[Finding]:
    """A dependency opens a session, connection or client and does not close it when the endpoint fails.

    Why is this bad?
    FastAPI throws the endpoint's exception into the dependency at its `yield`: what stands behind the `yield` does not
    run then, unless it is in a `finally` or the `yield` is inside a `with`. Every failing request keeps a connection,
    and when the pool is used up (15 connections, for SQLAlchemy) all requests wait, and fail. A dependency that returns
    what it opens has no place to close it at all. Neither has one that runs another dependency's generator by hand:
    `next(get_db())` throws the generator away, whose `finally` closes the session before it is used.

    Fix safety
    `try` and `finally` are put around a `yield` that only cleaning up follows; a missing `close()` is added. The fix is
    unsafe because code behind the `yield` then runs in cases in which it did not.

    Known limits
    Known are sessions and connections of SQLAlchemy and SQLModel, connections of common drivers, and HTTP clients,
    when the dependency itself opens them. Objects that are kept (in a global, an attribute, a cache, the app's state)
    are left alone, and so is what a function closes that receives it.

    References
    - [Dependencies with yield and try](https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/#a-dependency-with-yield-and-try)
    - [SQLAlchemy: when to close a session](https://docs.sqlalchemy.org/en/20/orm/session_basics.html#session-faq-whentocreate)
    """
    if function.name == "<lambda>" or function not in check.project.dependencies.injected:
        return
    names = check.project.types.decorators(function)
    if any(name in _CACHED or name == "?" for name in names):
        return
    yield from _by_hand(function, check)
    if function.cls is not None and function.name == "__init__":
        return
    if function.is_generator:
        yield from _generator(function, check)
    else:
        yield from _returning(function, check)


def _by_hand(function: Function, check: Check) -> Iterator[Finding]:
    for call, generator in run_by_hand(check.project.types, function):
        runs = "anext" if generator.is_async else "next"
        yield check.finding(
            call,
            f"`{function.name}` runs `{generator.name}` by hand and throws the generator away",
            why=f"it cleans up when Python drops it, while what `{runs}` gave is in use, and nobody does later",
            instead=f"take it as a parameter with `Depends({generator.name})`",
            related=[check.related(generator, f"`{generator.name}`", module=generator.module)],
        )


def _generator(function: Function, check: Check) -> Iterator[Finding]:
    yields = [entry for entry in function.exits if entry.kind in ("yield", "yield from")]
    if len(yields) != 1 or is_protected(yields[0], function):
        return
    entry = yields[0]
    for one in opened(check.project.types, function):
        if one.entry.start > entry.start:
            continue
        related = [check.related(one.entry, f"the {one.resource.kind} is opened here")]
        closing = [call for call in function.calls if closes(call, one.name)]
        behind = [call for call in closing if call.start > entry.end]
        is_yielded = isinstance(entry.value, f.Name) and entry.value.id == one.name
        if behind and all(_is_alone(call, function) for call in behind):
            if len(behind) < len(closing):
                continue
            written = function.module.source.slice(behind[0].start, behind[0].end)
            yield check.finding(
                behind[0],
                f"`{written}` does not run when the endpoint raises",
                why=f"the {one.resource.kind} that `{function.name}` opens stays open",
                instead="put the `yield` into `try` and this into `finally`",
                related=related,
                fix=partial(_fix, function, entry, one),
            )
        elif not closing and is_yielded and not is_handed_on(function, one):
            close = one.resource.closing(one.name)
            yield check.finding(
                entry,
                f"`{function.name}` opens a {one.resource.kind} for every request and never closes it",
                why="the pool behind it is used up, or sockets stay open",
                instead=f"use `with`, or put the `yield` into `try` and `{close}` into `finally`",
                related=related,
                fix=partial(_fix, function, entry, one),
            )


def _fix(function: Function, entry: f.Exit, one: Opened) -> Fix | None:
    made = closed_in_finally(function, entry, one.name, one.resource.closing(one.name))
    return Fix("Close it in `finally`", Safety.UNSAFE, made) if made else None


def _returning(function: Function, check: Check) -> Iterator[Finding]:
    held = {one.name: one for one in opened(check.project.types, function)}
    for entry in function.exits:
        if entry.kind != "return" or entry.value is None:
            continue
        value = entry.value.value if isinstance(entry.value, f.Await) else entry.value
        if isinstance(value, f.CallRef):
            found = resource_of(check.project.types, function, value)
        elif isinstance(value, f.Name) and value.id in held and not is_closed_in(function, value.id):
            found = None if is_handed_on(function, held[value.id]) else held[value.id].resource
        else:
            continue
        if found is None:
            continue
        if _is_closed_by_users(function, check):
            return
        yield check.finding(
            entry,
            f"`{function.name}` opens a {found.kind} for every request and returns it",
            why="nothing closes it when the request is over",
            instead="`yield` it from a `with` statement",
        )


def _is_alone(call: f.Call, function: Function) -> bool:
    """Whether a call behind the yield stands in no `finally` or handler of its own."""
    return not any(block.kind in ("finally", "except") for block in function.module.block_chain(call.block))


def _is_closed_by_users(function: Function, check: Check) -> bool:
    """Whether what gets the result closes or enters it, or the project calls the function itself."""
    project = check.project
    if project.callers.uses(function):
        return True
    for uses in project.dependencies.used.get(function, ()):
        functions = uses.module.functions
        index = bisect_right(functions, uses.start, key=lambda each: each.facts.start) - 1
        user = functions[index] if index >= 0 else None
        if user is None or uses.start >= user.facts.head_end:
            continue  # in a decorator, or an alias
        for parameter in project.dependencies.parameters(user):
            written = (parameter.marker_module, parameter.marker_call)
            if written == (uses.module, uses.call) and is_closed_in(user, parameter.name):
                return True
    return False
