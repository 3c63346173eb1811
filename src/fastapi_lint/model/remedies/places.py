"""What forbids that an async function waits at a place where it did not wait before. Reads one function.

At an `await` other tasks run, and the function may be cancelled. Both can be wrong: in a clean-up, which then does not
happen; below a lock of threads or in a transaction, which then stays held while others run; and between two writes that
belong together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.sharing import Write
from fastapi_lint.model.names.symbols import Function, Instance, Module
from fastapi_lint.model.types.inference.inference import Inference

Forbidden = Literal["cleanup", "held", "between", "inside", "stopping"]
"""cleanup: it may be cancelled there; held: below a lock or in a transaction; between: two writes belong together;
inside: an `await` cannot be written there; stopping: a StopIteration is waited for, which no coroutine lets out."""

_CANCELLED = frozenset({"BaseException", "CancelledError", "GeneratorExit", "get_cancelled_exc_class"})
_STOPS = frozenset({"StopIteration"})
_EXCLUSIVE = re.compile(
    r"(?:^|_)\w?lock|Lock|mutex|semaphore|^(?:catch_warnings|redirect_std\w+|chdir)$"
    r"|session|transaction|atomic|^begin|^connect$|cursor",
    re.I,
)
"""Names of what a plain `with` takes from every other task until it ends: a thread's lock, the state of the process,
a database's transaction and what it locks."""
_HARMLESS = ("requests.", "httpx.", "httpx2.", "curl_cffi.", "aiohttp.", "botocore.", "boto3.", "urllib3.")
"""Libraries whose sessions lock nothing."""
_OF_THREADS = frozenset({
    "torch.no_grad", "torch.inference_mode", "torch.enable_grad", "torch.set_grad_enabled", "torch.autocast",
    "torch.amp.autocast", "torch.cuda.amp.autocast", "torch.device", "torch.cuda.device", "torch.cuda.stream",
    "tensorflow.device", "jax.default_device", "numpy.errstate",
})  # fmt: skip
"""What is entered for this thread alone: what another one runs meanwhile does not have it, and other tasks do."""
_AWAIT = re.compile(rb"\bawait\b|\basync\s+(?:for|with)\b")
_MANAGER = "contextlib.asynccontextmanager"


def forbidden(
    function: Function,
    types: Inference,
    block: int,
    start: int,
    end: int,
    written: Callable[[Function], Sequence[Write]],
) -> Forbidden | None:
    """What forbids an `await` at a place of an async function; None when nothing is seen that does.

    `written` gives the writes of shared state in it: many places are asked about, and they are the same for all.
    """
    module = function.module
    blocks = module.facts.blocks
    if _is_cleanup(function, types, start):
        return "cleanup"
    index = block
    while index >= 0 and blocks[index].kind not in ("function", "class", "module"):
        each = blocks[index]
        if each.kind in ("comprehension", "lambda"):
            return "inside"
        if each.kind == "finally" or (
            each.kind == "except" and (each.test is None or _names(module, each.test, _CANCELLED))
        ):
            return "cleanup"
        if each.kind == "body" and module.mentions("StopIteration"):
            caught = (other.test for other in blocks if other.kind == "except" and other.parent == each.parent)
            if any(_names(module, test, _STOPS) for test in caught):
                return "stopping"
        if each.kind == "with" and not each.is_async:
            if _is_exclusive(each, module, types) or is_of_thread(each, module, types):
                return "held"
        index = each.parent
    if _is_between(function, written(function), block, start, end):
        return "between"
    return None


def is_of_thread(block: f.Block, module: Module, types: Inference) -> bool:
    """Whether a `with` enters what only holds for the thread that enters it."""
    if not isinstance(block.test, f.CallRef):
        return False
    return types.name_of_type(types.callee(module, module.facts.calls[block.test.index])) in _OF_THREADS


def _is_cleanup(function: Function, types: Inference, start: int) -> bool:
    """Whether a function leaves a context there: `__aexit__`, or behind the `yield` of an async context manager."""
    if function.name in ("__aexit__", "aclose"):
        return True
    if not function.is_generator or _MANAGER not in types.decorators(function):
        return False
    return any(entry.kind == "yield" and entry.start < start for entry in function.exits)


def _names(module: Module, test: f.Expr | None, names: frozenset[str]) -> bool:
    """Whether what an `except` catches is one of some exceptions, or what a call of that name gives."""
    match test:
        case None:
            return False
        case f.Display(items=items):
            return any(_names(module, item, names) for item in items)
        case f.CallRef(index=index):
            return f.last_name(module.facts.calls[index].func) in names
    return f.last_name(test) in names


def _is_exclusive(block: f.Block, module: Module, types: Inference) -> bool:
    if block.test is None or _EXCLUSIVE.search(_last_name(block.test, module)) is None:
        return False
    value = types.infer(block.test, (module, max(block.parent, 0), block.start))
    known = value.cls if isinstance(value, Instance) and isinstance(value.cls, str) else types.name_of_type(value) or ""
    return not known.startswith(_HARMLESS)


def _last_name(expr: f.Expr, module: Module) -> str:
    match expr:
        case f.CallRef(index=index):
            return _last_name(module.facts.calls[index].func, module)
        case f.Sub(value=value):
            return _last_name(value, module)
    return f.last_name(expr)


def _is_between(function: Function, found: Sequence[Write], block: int, start: int, end: int) -> bool:
    """Whether shared state is written before and after a place with no `await` between, or tested there and then set.

    In a loop what stands behind the place in the loop's body also comes before it.
    """
    module = function.module
    if not found:
        return False
    text = module.text
    loop = _loop_around(module, block)
    after = [write for write in found if write.start >= start and _AWAIT.search(text, end, write.start) is None]
    # What a statement writes that the place stands in comes after it as well: `version = load()`.
    around = [write.start for write in found if write.start < start and end <= write.end]
    if not after and not around:
        return False
    since = max((each.end() for each in _AWAIT.finditer(text, function.facts.head_end, start)), default=0)
    since = since or function.facts.head_end
    if any(since <= write.start < min([start, *around]) for write in found):
        return True
    if loop is not None and _AWAIT.search(text, *loop) is None and any(_is_in(write, loop) for write in after):
        return True
    head = text[since:start].decode("utf-8", "replace")
    return any(
        re.search(rf"(?<![\w.]){re.escape(write.target.partition('[')[0])}(?!\w)", head) is not None for write in after
    )


def _loop_around(module: Module, block: int) -> tuple[int, int] | None:
    for each in module.block_chain(block):
        if each.kind in ("for", "while"):
            return each.start, each.end
    return None


def _is_in(write: Write, place: tuple[int, int] | None) -> bool:
    return place is not None and place[0] <= write.start < place[1]
