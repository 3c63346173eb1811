"""FAPI703: lifespans with which an app does not start, or that leave open what they opened."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.rule import Check, rule

_ASYNC = "contextlib.asynccontextmanager"
_SYNC = "contextlib.contextmanager"


@rule("FAPI703", severity=Severity.ERROR, since="0.2.0")
def malformed_lifespan(module: Module, check: Check) -> Iterator[Finding]:
    """A lifespan is no async context manager that takes the app and yields once.

    Why is this bad?
    The app calls the lifespan with itself, enters what it gets with `async with`, and leaves it at the end. With a
    plain `contextmanager`, a coroutine without `yield`, no parameter for the app, or a second `yield` that is reached,
    it does not start or does not end.

    Known limits
    Lifespans that are made by a call, methods, and functions below decorators that are not known are left alone. An
    undecorated generator works, without being documented, and is information. What a lifespan opens and leaves open is
    not looked for.

    References
    - [Lifespan events](https://fastapi.tiangolo.com/advanced/events/)
    - [Starlette: lifespan](https://www.starlette.io/lifespan/)
    """
    if not module.mentions("lifespan"):
        return
    for function in module.functions:
        if function.name == "<lambda>" or function not in check.project.lifespans:
            continue
        found = _fault(function, check)
        if found is not None:
            title, why, severity = found
            yield check.finding(
                function,
                f"lifespan `{function.name}` {title}",
                why=why,
                instead="write `@asynccontextmanager` above an `async def` that takes the app and yields once",
                severity=severity,
            )


def _fault(function: Function, check: Check) -> tuple[str, str, Severity | None] | None:
    """What is wrong, what it leads to, and how bad it is; None when nothing is known to be."""
    names = check.project.types.decorators(function)
    if any(name not in (_ASYNC, _SYNC, "staticmethod") for name in names) or function.facts.cls >= 0:
        return None
    if _SYNC in names:
        return "is a plain `contextmanager`", "the app does not start: it is entered with `async with`", None
    if not function.is_generator:
        if function.is_async or _ASYNC in names:
            return "has no `yield`", "the app does not start", None
        return None  # a function that returns a context manager is one
    if not any(param.kind in ("normal", "positional-only", "args") for param in function.params):
        return "takes no app", "the app does not start: it passes itself", None
    if _yields_again(function):
        return "yields a second time", "the app does not stop: `generator didn't stop`", None
    if _ASYNC not in names:
        return "is no context manager", "it works, without being documented", Severity.INFO
    return None


def _yields_again(function: Function) -> bool:
    """Whether a second `yield` is reached behind the first; not for those in branches that exclude each other."""
    yields = [entry for entry in function.exits if entry.kind == "yield"]
    return any(
        second.block in function.module.blocks_around(first.block) and not _leaves_between(function, first, second)
        for first, second in pairwise(yields)
    )


def _leaves_between(function: Function, first: f.Exit, second: f.Exit) -> bool:
    return any(
        entry.kind in ("return", "raise") and first.start < entry.start < second.start for entry in function.exits
    )
