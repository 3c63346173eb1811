"""FAPI112: `with` and `for` over what can only be entered or iterated asynchronously."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint import catalog
from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, FunctionObject, Instance, Module
from fastapi_lint.model.application import stays_plain
from fastapi_lint.rule import Check, rule

_ASYNC_ONLY = (
    "httpx.AsyncClient", "httpx2.AsyncClient", "aiohttp.ClientSession", "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.ext.asyncio.AsyncConnection", "sqlalchemy.ext.asyncio.AsyncTransaction",
    "sqlmodel.ext.asyncio.session.AsyncSession", "asyncpg.pool.Pool", "asyncpg.Pool", "redis.asyncio.Redis",
    "redis.asyncio.client.Redis", "asyncio.Lock", "asyncio.Semaphore", "asyncio.BoundedSemaphore", "asyncio.Condition",
    "asyncio.TaskGroup", "anyio.Lock", "motor.motor_asyncio.AsyncIOMotorClientSession", "contextlib.AsyncExitStack",
)  # fmt: skip
_ASYNC_CALLS = frozenset({
    "asyncio.timeout", "asyncio.timeout_at", "anyio.create_task_group", "aiofiles.open", "aiosqlite.connect",
    "sqlalchemy.ext.asyncio.AsyncEngine.begin", "sqlalchemy.ext.asyncio.AsyncEngine.connect",
    "sqlalchemy.ext.asyncio.AsyncSession.begin", "sqlalchemy.ext.asyncio.AsyncSession.begin_nested",
    "httpx.AsyncClient.stream", "asyncpg.Pool.acquire", "asyncpg.pool.Pool.acquire", "asyncpg.Connection.transaction",
})  # fmt: skip
"""Calls whose result can only be entered asynchronously."""


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
        shown = _entered(module, block, check) if block.kind == "with" else _iterated(module, block, check)
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


def _run(function: Function | None, check: Check) -> str:
    """Who runs the `async def`, where the function itself cannot become one."""
    if function is None or not stays_plain(check.project, function):
        return ""
    return f" that `{function.name}` runs with `asyncio.run(...)`"


def _entered(module: Module, block: f.Block, check: Check) -> str | None:
    """What a `with` enters that can only be entered asynchronously, for messages; None for anything else."""
    types = check.project.types
    if isinstance(block.test, f.CallRef):
        called = types.callee(module, module.facts.calls[block.test.index])
        name = types.name_of_type(called) or ""
        entry = catalog.awaitable(name)
        if name in _ASYNC_CALLS or (entry is not None and entry.gives == "context"):
            return f"`{f.last_name(module.facts.calls[block.test.index].func)}(...)`"
        if isinstance(called, FunctionObject) and called.function.is_generator:
            names = types.decorators(called.function)
            return f"async `{called.function.name}`" if names == ("contextlib.asynccontextmanager",) else None
    value = check.project.infer(block.test, module, block.parent, block.start)
    if not isinstance(value, Instance):
        return None
    if isinstance(value.cls, Class):
        order = types.mro(value.cls)
        if any(isinstance(base, Class) and "__enter__" in base.methods for base in order):
            return None
        own = any(isinstance(base, Class) and "__aenter__" in base.methods for base in order)
        known = all(isinstance(base, Class) or base == "object" for base in order)
        if (own and known) or types.is_instance(value, *_ASYNC_ONLY):
            return f"an object of `{value.cls.name}`"
        return None
    return f"`{value.cls.rsplit('.', 1)[-1]}`" if types.is_instance(value, *_ASYNC_ONLY) else None


def _iterated(module: Module, block: f.Block, check: Check) -> str | None:
    """What a `for` iterates that is an async generator of the project, for messages."""
    if not isinstance(block.test, f.CallRef):
        return None
    called = check.project.types.callee(module, module.facts.calls[block.test.index])
    if not isinstance(called, FunctionObject) or not (called.function.is_async and called.function.is_generator):
        return None
    return f"the async generator `{called.function.name}`" if not called.function.facts.decorators else None


def _fix(module: Module, block: f.Block) -> Fix | None:
    """`async` in front of the statement, where it stands for one item only."""
    alike = [each for each in module.facts.blocks if each.kind == block.kind and each.end == block.end]
    if len(alike) != 1 or module.facts.errors:
        return None
    place = module.source.span(block.start, block.start)
    return Fix(f"Write async {block.kind}", Safety.SAFE, (Edit(place, "async "),))
