"""Whether a pool of threads has nothing left to do when its `with` ends. Judges nothing."""

from __future__ import annotations

import re

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function

EXECUTOR = "concurrent.futures.Executor"
_FUTURE = re.compile(rb"\bawait[ \t]+\w+\b(?![ \t]*[.(\[])")
_WAITING = frozenset({"run_in_executor", "gather", "wait", "wait_for"})


def is_awaited_inside(function: Function, block: f.Block) -> bool:
    """Whether all that the pool of a `with` gets to do is awaited there: it only serves `loop.run_in_executor`, and the
    futures are awaited. What is given to `submit` or `map` is waited for by the thread that leaves the `with`."""
    pool, module = block.target, function.module
    if not isinstance(pool, f.Name):
        return False
    inside = [call for call in function.calls if block.start <= call.start < block.end]
    given = [call for call in inside if any(arg.value == pool for arg in call.args)]
    if not given or any(f.last_name(call.func) != "run_in_executor" for call in given):
        return False
    if any(isinstance(call.func, f.Attr) and call.func.value == pool for call in inside):
        return False
    is_waited = any(call.awaited and f.last_name(call.func) in _WAITING for call in inside)
    return is_waited or _FUTURE.search(module.text, block.start, block.end) is not None
