"""Locks of threads that a coroutine holds while it waits. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.steps import Step
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Function, Instance
from fastapi_lint.model.types.inference.inference import Inference

_LOCKS = (
    "threading.Lock", "threading.RLock", "threading.Semaphore", "threading.BoundedSemaphore", "threading.Condition",
    "multiprocessing.Lock", "multiprocessing.RLock",
)  # fmt: skip


@dataclass(frozen=True)
class Held:
    """A lock that is held while its function waits: where it is taken, the name of its class, a place of waiting.

    `is_reentrant`: the thread that holds it may take it again, as all coroutines of a loop are in one.
    """

    start: int
    end: int
    kind: str
    waiting: tuple[int, int]
    is_reentrant: bool


def held_across_await(function: Function, types: Inference) -> Iterator[Held]:
    """The locks of `threading` that an async function holds while it waits: by `with`, by a stack, or from
    `acquire()` on."""
    module = function.module
    for block in module.blocks_in.get(function.index, ()) if function.is_async else ():
        if block.kind != "with" or block.is_async or block.test is None:
            continue
        lock = types.infer(block.test, (module, block.parent, block.start))
        if isinstance(lock, Instance) and types.is_instance(lock, *_LOCKS):
            if (waiting := _waits(function, block)) is not None:
                yield _held(block.start, block.start + len("with"), lock, waiting)
    for call in function.calls if function.is_async else ():
        match call.func:
            case f.Attr(attr="enter_context") if call.args:
                lock = types.infer(call.args[0].value, (module, call.block, call.start))
                if isinstance(lock, Instance) and types.is_instance(lock, *_LOCKS):
                    around = next((each for each in module.block_chain(call.block) if each.kind == "with"), None)
                    waiting = _first_between(function, call.end, around.end) if around is not None else None
                    if waiting is not None:
                        yield _held(call.start, call.end, lock, waiting)
            case f.Attr(value=receiver, attr="acquire") if not call.awaited:
                lock = types.infer(receiver, (module, call.block, call.start))
                if isinstance(lock, Instance) and types.is_instance(lock, *_LOCKS) and not _returns_at_once(call):
                    if (waiting := _waits_before_release(function, call, receiver)) is not None:
                        yield _held(call.start, call.end, lock, waiting)


def _held(start: int, end: int, lock: Instance, waiting: tuple[int, int]) -> Held:
    kind = str(lock.cls).rsplit(".", 1)[-1]
    is_bare = lock.origin is None or not lock.origin.facts.args  # a Condition makes an RLock unless it is given a lock
    return Held(start, end, kind, waiting, kind == "RLock" or (kind == "Condition" and is_bare))


def _returns_at_once(call: f.Call) -> bool:
    return any(arg.name in ("", "blocking") and arg.value == f.Const(False) for arg in call.args)


def _waits_before_release(function: Function, taken: f.Call, lock: f.Expr) -> tuple[int, int] | None:
    """A place between a lock's `acquire()` and the next `release()` at which the function waits."""
    let_go = (call.start for call in function.calls if call.func == f.Attr(lock, "release") and call.start > taken.end)
    end = next(let_go, None)
    return None if end is None else _first_between(function, taken.end, end)


def _first_between(function: Function, start: int, end: int) -> tuple[int, int] | None:
    """The first place between two others at which a function awaits: a call, or what stands in a variable."""
    return min((place for place in _awaits(function) if start < place[0] < end), default=None)


def _awaits(function: Function) -> Iterator[tuple[int, int]]:
    """Where a function awaits: the call, or the argument or statement in which a task or coroutine is awaited."""
    facts = function.module.facts
    for call in function.calls:
        if call.awaited and not call.later:
            yield call.start, call.end
        yield from ((arg.start, arg.end) for arg in call.args if _awaits_kept(arg.value))
    own = (*function.module.assigns_in.get(function.index, ()), *function.exits)
    yield from ((each.start, each.end) for each in own if _awaits_kept(each.value))
    for test in facts.tests:
        if facts.blocks[test.block].function == function.index and _awaits_kept(test.value):
            yield test.start, test.end


def _awaits_kept(expr: f.Expr | None) -> bool:
    """Whether an expression awaits what is no call: a call says of itself that it is awaited."""
    return any(isinstance(part, f.Await) and not isinstance(part.value, f.CallRef) for part in walk(expr))


def _waits(function: Function, block: f.Block) -> tuple[int, int] | None:
    """A place inside a block at which its own function waits."""
    if (waiting := _first_between(function, block.start, block.end)) is not None:
        return waiting
    for leave in function.exits:  # an async generator waits until it is asked for more
        if leave.kind == "yield" and block.start < leave.start < block.end:
            return leave.start, leave.end
    for inner in function.module.blocks_in.get(function.index, ()):
        if inner.is_async and block.start < inner.start < block.end and inner.kind in ("for", "with", "comprehension"):
            return inner.start, inner.start + len("async")
    return None


def lock_of(function: Function, step: Step) -> int | None:
    """Where the `with` starts whose lock a step takes, or it takes the lock itself; None for other steps."""
    if step.name.endswith(".acquire"):
        return step.start
    if not step.name.endswith(".__enter__"):
        return None
    around = (block for block in function.module.blocks_in.get(function.index, ()) if block.kind == "with")
    return max((block.start for block in around if block.start <= step.start < block.end), default=None)
