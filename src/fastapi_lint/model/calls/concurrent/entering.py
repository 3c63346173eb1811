"""What can only be entered by `async with`, or iterated by `async for`: objects, calls, generators. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


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
_ABSTRACT = frozenset({
    "contextlib.AbstractAsyncContextManager", "typing.AsyncContextManager", "typing_extensions.AsyncContextManager",
})  # fmt: skip


def entered_asynchronously(project: Project, module: Module, block: f.Block) -> str | None:
    """What a `with` enters that can only be entered asynchronously, for messages; None for anything else."""
    return _enters(project, module, block.test, block.parent, block.start) if block.test is not None else None


def given_to_a_stack(project: Project, module: Module, call: f.Call) -> str | None:
    """What a call of `enter_context` of an exit stack is given that can only be entered asynchronously."""
    if not isinstance(call.func, f.Attr) or call.func.attr != "enter_context" or not call.args:
        return None
    stack = project.infer(call.func.value, module, call.block, call.start)
    if not project.types.is_instance(stack, "contextlib.ExitStack", "contextlib.AsyncExitStack"):
        return None
    return _enters(project, module, call.args[0].value, call.block, call.start)


def _enters(project: Project, module: Module, expr: f.Expr, parent: int, at: int) -> str | None:
    types = project.types
    if isinstance(expr, f.CallRef):
        called = types.callee(module, module.facts.calls[expr.index])
        name = types.name_of_type(called) or ""
        entry = catalog.awaitable(name)
        if name in _ASYNC_CALLS or (entry is not None and entry.gives == "context"):
            return f"`{f.last_name(module.facts.calls[expr.index].func)}(...)`"
        if isinstance(called, FunctionObject) and called.function.is_generator:
            names = types.decorators(called.function)
            return f"async `{called.function.name}`" if names == ("contextlib.asynccontextmanager",) else None
        if isinstance(called, FunctionObject) and _is_declared(project, called.function):
            return f"what `{called.function.name}` gives"
    value = project.infer(expr, module, parent, at)
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


def _is_declared(project: Project, function: Function) -> bool:
    """Whether a function says that it returns an async context manager, whoever makes it."""
    returns = function.facts.returns
    expr = returns.value if isinstance(returns, f.Sub) else returns
    if function.is_async or function.facts.decorators or not isinstance(expr, (f.Name, f.Attr)):
        return False
    return project.name(expr, function.module, function.facts.outer, function.facts.start) in _ABSTRACT


def iterated_asynchronously(project: Project, module: Module, block: f.Block) -> str | None:
    """What a `for` iterates that is an async generator of the project, for messages."""
    if isinstance(block.test, f.Name):
        value = project.infer(block.test, module, block.parent, block.start)
        is_generator = isinstance(value, Instance) and value.cls == "async_generator"
        return f"`{block.test.id}`, an async generator" if is_generator else None
    if not isinstance(block.test, f.CallRef):
        return None
    called = project.types.callee(module, module.facts.calls[block.test.index])
    if not isinstance(called, FunctionObject) or not (called.function.is_async and called.function.is_generator):
        return None
    return f"the async generator `{called.function.name}`" if not called.function.facts.decorators else None
