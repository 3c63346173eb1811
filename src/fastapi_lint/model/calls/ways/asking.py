"""What a function asks before it awaits: whether a value is awaitable, whether a callable makes a coroutine.

Code that asks is ready for both answers, and which one it gets its caller decides. Follows no call.
"""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function
from fastapi_lint.model.types.inference.inference import Inference

_ASKING = frozenset({
    "inspect.isawaitable", "inspect.iscoroutine", "inspect.iscoroutinefunction", "asyncio.iscoroutine",
    "asyncio.iscoroutinefunction", "asyncio.isfuture", "asyncio.coroutines.iscoroutine", "asyncio.futures.isfuture",
    "asyncio.coroutines.iscoroutinefunction", "starlette._utils.is_async_callable",
})  # fmt: skip
_AWAITABLES = frozenset({
    "typing.Awaitable", "typing.Coroutine", "collections.abc.Awaitable", "collections.abc.Coroutine",
    "types.CoroutineType", "asyncio.Future",
})  # fmt: skip


def asked(types: Inference, function: Function) -> tuple[tuple[f.Expr, f.Call], ...]:
    """What a function asks it of (`result`, `self.callback`), and the calls that ask."""
    return tuple((call.args[0].value, call) for call in function.calls if call.args and _asks(types, function, call))


def depends_on_callers(types: Inference, function: Function, block: int) -> bool:
    """Whether a place runs only when a parameter, or what something gives that is not known, turns out awaitable."""
    module = function.module
    tests = [
        module.facts.calls[one.test.index]
        for one in module.block_chain(block)
        if one.kind == "if" and isinstance(one.test, f.CallRef)
    ]
    if not tests:
        return False
    names = {f.Name(param.name) for param in function.params}
    return any(
        call in tests and (value in names or types.infer(value, (module, call.block, call.start)) is None)
        for value, call in asked(types, function)
    )


def _asks(types: Inference, function: Function, call: f.Call) -> bool:
    name = types.name_of_type(types.callee(function.module, call)) or ""
    second = call.args[1].value if len(call.args) == 2 else None
    if f.last_name(call.func) == "hasattr":
        return second == f.Const("__await__")
    if f.last_name(call.func) == "isinstance" and second is not None:
        wanted = second.items if isinstance(second, f.Display) else (second,)
        where = (function.module, call.block, call.start)
        return any((types.name_of_type(types.infer(one, where)) or "") in _AWAITABLES for one in wanted)
    return name in _ASKING
