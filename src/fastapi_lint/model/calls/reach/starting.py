"""What a function starts and does not wait for: tasks, jobs on a queue, work after the response. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, FunctionObject
from fastapi_lint.model.types.inference.inference import Inference

_STARTS = frozenset({
    "add_task", "create_task", "ensure_future", "start_soon", "submit", "enqueue", "enqueue_job", "enqueue_call",
    "delay", "apply_async", "send_task", "call_soon", "call_later", "call_soon_threadsafe", "run_coroutine_threadsafe",
    "defer", "defer_async", "kiq", "spawn", "publish", "put_nowait", "send_message", "add_job", "start_workflow",
    "execute_workflow", "trigger_dag_run", "start_execution",
})  # fmt: skip
_LATER = ("_nowait", "_in_background", "_later", "_async_job")


def started(function: Function, types: Inference, depth: int = 0) -> Iterator[tuple[f.Call, str]]:
    """The calls by which a function starts something, and what that is called, as far as it is seen; one call further
    down as well."""
    module = function.module
    for call in function.calls:
        name = f.last_name(call.func)
        if name in _STARTS and isinstance(call.func, (f.Attr, f.Name)):
            given = call.args[0].value if call.args else None
            if isinstance(given, f.CallRef):
                given = module.facts.calls[given.index].func
            owner = f.last_name(call.func.value) if isinstance(call.func, f.Attr) else ""
            yield call, f.last_name(given) if given is not None and f.last_name(given) else owner
        elif name.endswith(_LATER):
            yield call, name
        elif depth < 1 and isinstance(callee := types.callee(module, call), FunctionObject):
            for _, what in started(callee.function, types, depth + 1):
                yield call, what
