"""FAPI112: `with` and `for` over what can only be entered or iterated asynchronously."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.application import stays_plain
from fastapi_lint.model.calls import entered_asynchronously, given_to_a_stack, iterated_asynchronously
from fastapi_lint.rule import Check, rule


@rule("FAPI112", severity=Severity.ERROR, fix=Safety.SAFE, since="0.2.0")
def sync_with_on_async_resource(module: Module, check: Check) -> Iterator[Finding]:
    """A `with` enters, or a `for` iterates, what needs `async with` or `async for`.

    Why is this bad?
    An AsyncSession, an AsyncClient or an async context manager has no `__enter__`, an async generator no `__iter__`:
    the line raises as soon as it runs.

    Known limits
    In a plain `def` there is no fix, because `async with` cannot be written there.

    References
    - [Python: async with](https://docs.python.org/3/reference/compound_stmts.html#the-async-with-statement)
    - [SQLAlchemy: AsyncSession](https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#synopsis-orm)
    """
    for index, block in enumerate(module.facts.blocks):
        if block.is_async or block.test is None or block.kind not in ("with", "for", "comprehension"):
            continue
        shown = (
            entered_asynchronously(check.project, module, block)
            if block.kind == "with"
            else iterated_asynchronously(check.project, module, block)
        )
        if shown is None:
            continue
        function = module.enclosing(index)
        is_async = function is not None and function.is_async
        missing = "__enter__" if block.kind == "with" else "__iter__"
        word = "with" if block.kind == "with" else "for"
        is_statement = block.kind != "comprehension"
        yield check.finding(
            (block.start, block.start + len(word)) if is_statement else block,
            f"`{word}` cannot be used with {shown}",
            why=f"it has no `{missing}`, so that the line raises",
            instead=f"write `async {word}`" + ("" if is_async else f" in an `async def`{_run(function, check)}"),
            fix=partial(_fix, module, block) if is_async and is_statement else None,
        )
    for call in module.facts.calls if module.mentions("enter_context") else ():
        if (given := given_to_a_stack(check.project, module, call)) is not None:
            yield check.finding(
                (call.start, call.name_end),
                f"`enter_context` cannot be used with {given}",
                why="it has no `__enter__`, so that the line raises",
                instead="write `await stack.enter_async_context(...)` with an `AsyncExitStack`",
            )


def _run(function: Function | None, check: Check) -> str:
    """Who runs the `async def`, where the function itself cannot become one."""
    if function is None or not stays_plain(check.project, function):
        return ""
    return f" that `{function.name}` runs with `asyncio.run(...)`"


def _fix(module: Module, block: f.Block) -> Fix | None:
    """`async` in front of the statement, where it stands for one item only."""
    alike = [each for each in module.facts.blocks if each.kind == block.kind and each.end == block.end]
    if len(alike) != 1 or module.facts.errors:
        return None
    place = module.source.span(block.start, block.start)
    return Fix(f"Write async {block.kind}", Safety.SAFE, (Edit(place, "async "),))
