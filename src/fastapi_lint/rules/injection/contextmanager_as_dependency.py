"""FAPI213: a context manager's factory where FastAPI wants the generator function."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Fix, Safety, Severity
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.calls import function_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Depends, Function
from fastapi_lint.rule import Check, rule

_FACTORIES = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})


@rule("FAPI213", severity=Severity.ERROR, fix=Safety.UNSAFE)
def contextmanager_as_dependency(depends: Depends, check: Check) -> Iterator[Finding]:
    """A dependency is decorated with `contextmanager` or `asynccontextmanager`.

    Why is this bad?
    FastAPI makes a context manager of a dependency with `yield` by itself. With the decorator it gets a factory of
    context managers instead: up to FastAPI 0.123.4 the endpoint receives the context manager object, never entered,
    in the place of what is yielded; since 0.123.5 every request fails (`'_GeneratorContextManager' object is not an
    iterator`).

    Fix safety
    The decorator is removed. The fix is unsafe because code outside the project may use the function in a `with`
    statement. Where the project itself calls the function there is no fix: keep the context manager, and add a
    dependency of two lines: `with open_db() as db: yield db`.

    References
    - [Dependencies with yield](https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/#using-context-managers-in-dependencies-with-yield)
    - [FastAPI release notes: 0.123.5](https://fastapi.tiangolo.com/release-notes/#01235-2025-12-02)
    """
    function = depends.function
    if function is None or not function.is_generator:
        return
    names = check.project.types.decorators(function)
    for index, name in enumerate(names):
        if name not in _FACTORIES:
            continue
        short = name.rsplit(".", 1)[-1]
        is_shared = bool(check.project.callers.uses(function)) or check.project.is_lifespan(function)
        entered = "async with" if function.is_async else "with"
        instead = (
            f"depend on a generator function that does `{entered} {function.name}(...) as value: yield value`"
            if is_shared
            else "remove the decorator"
        )
        uses = check.project.dependencies.used.get(function, [depends])
        yield check.finding(
            function,
            f"`{function.name}` is a dependency with `yield` and has `@{short}`",
            why="FastAPI makes the context manager itself: the endpoint does not get what is yielded",
            instead=instead,
            module=function.module,
            related=[check.related(one, f"depends on `{function.name}`", module=one.module) for one in uses[:3]],
            fix=None if is_shared else partial(_fix, function, function.facts.decorators[index], name),
        )
        return


def _fix(function: Function, decorator: f.Expr, name: str) -> Fix | None:
    """Remove the line of the decorator."""
    found = None if isinstance(decorator, f.CallRef) else function_node(function)
    if found is None:
        return None
    source, node = found
    for one in node.decorators:
        text = source.code_of(one.decorator)
        if text.rsplit(".", 1)[-1] != name.rsplit(".", 1)[-1]:
            continue
        start, end = edits.extent(source, one)
        line, after = edits.line_start(source, start), edits.next_line_start(source, end)
        if "#" in source.text[end:after]:
            return None
        return Fix(f"Remove `@{text}`", Safety.UNSAFE, (edits.between(source, line, after, ""),))
    return None
