"""FAPI113: coroutine functions and generators behind a cache that keeps what the call gives."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.calls import made_by
from fastapi_lint.model.data import CACHES
from fastapi_lint.rule import Check, rule


@rule("FAPI113", severity=Severity.ERROR, since="0.2.0")
def cached_coroutine(function: Function, check: Check) -> Iterator[Finding]:
    """A coroutine function or a generator is cached with `functools`.

    Why is this bad?
    The cache keeps what the call gives: the coroutine or generator, not its result. The first caller uses it up, every
    later one gets it again: `cannot reuse already awaited coroutine`, or nothing. As a dependency it answers one
    request, and every later one with a 500.

    Known limits
    Where another decorator stands between the cache and the function, nothing is reported: it may make a task or a
    future of the coroutine. Caches of other packages know coroutines.

    References
    - [functools.lru_cache](https://docs.python.org/3/library/functools.html#functools.lru_cache)
    - [FastAPI: settings in a dependency](https://fastapi.tiangolo.com/advanced/settings/#lru-cache-technical-details)
    """
    if not (function.is_async or function.is_generator) or not function.facts.decorators:
        return
    # the innermost decorator that is not one of the two that only bind
    for decorator in reversed(function.facts.decorators):
        call = function.module.facts.calls[decorator.index] if isinstance(decorator, f.CallRef) else None
        shown = decorator if call is None else call.func
        name = check.project.name(shown, function.module, function.facts.outer, function.facts.first)
        if name in ("staticmethod", "classmethod"):
            continue
        if name not in CACHES:
            name = made_by(check.project.types, function, decorator)
        if name in CACHES:
            what = "a coroutine" if function.is_async and not function.is_generator else "a generator"
            yield check.finding(
                function,
                f"`{name}` keeps {what} of `{function.name}`, not its result",
                why="the first caller uses it up, and every later one fails or gets nothing",
                instead="cache the result in a function that is awaited, or use a cache that knows coroutines",
            )
        return
