"""Coroutines that run at the same time: those of one `gather`, of a task group, of tasks that nobody awaits in between,
and a task beside what is awaited meanwhile.

Says which calls make them, whether one call makes several, and who waits for them. Judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Instance, Module
from fastapi_lint.model.types.inference.inference import Inference

_GATHERING = frozenset({"asyncio.gather", "asyncio.wait", "asyncio.as_completed"})
_STARTERS = frozenset({"create_task", "ensure_future", "start_soon"})
_WORDS = ("gather", "create_task", "ensure_future", "start_soon", "as_completed", "asyncio.wait")

_WAITING = frozenset({"asyncio.gather", "asyncio.wait_for", "asyncio.shield", "asyncio.wait"})
_GIVEN = frozenset({"gather", "wait_for", "shield", "wait"})
_TASKS = frozenset({"create_task", "ensure_future"})
_GROUP = "asyncio.TaskGroup"

Waiters = dict[tuple[int, int], f.Call]
"""The calls of a module whose coroutines another call gets, by start and end, each with that call."""


@dataclass(frozen=True)
class Member:
    """A call whose coroutine runs beside others; `repeated`: it stands in a loop, and runs beside itself."""

    call: f.Call
    repeated: bool


@dataclass(frozen=True)
class Together:
    """What runs at the same time; `call` is what runs all of it (`gather`), None for tasks started one by one."""

    call: f.Call | None
    members: tuple[Member, ...]


def together(types: Inference, function: Function) -> Iterator[Together]:
    """What a function's own body has run at the same time."""
    if not function.is_async or not function.module.mentions(*_WORDS):
        return
    started: list[Member] = []
    gathered: set[tuple[int, int]] = set()
    for call in function.calls:
        called = f.last_name(call.func)
        if called in ("gather", "wait", "as_completed"):
            if types.name_of_type(types.callee(function.module, call)) in _GATHERING:
                found = [one for arg in call.args for one in coroutines_in(arg.value, function, (arg.start, arg.end))]
                gathered.update((one.call.start, one.call.end) for one in found)
                yield Together(call, tuple(found))
        elif called in _STARTERS and (not call.awaited or call.later) and call.args:
            first = call.args[0].value
            repeated = is_in_loop(function, call.block)
            if called == "start_soon":
                started.append(Member(call, repeated))
            elif isinstance(first, f.CallRef):
                started.append(Member(function.module.facts.calls[first.index], repeated))
    started = [one for one in started if (one.call.start, one.call.end) not in gathered]
    for run in _unbroken(function, started) if started else ():
        yield Together(None, run)
    yield from _beside(function, started)


def _beside(function: Function, started: list[Member]) -> Iterator[Together]:
    """A task and what the function itself awaits, in the same run of statements, before it looks at the task again."""
    module = function.module
    for one in started:
        for entry in module.assigns_in.get(function.index, ()):
            if not isinstance(entry.target, f.Name) or not entry.start < one.call.start < entry.end:
                continue
            word = re.compile(rb"\b" + re.escape(entry.target.id.encode()) + rb"\b")
            asked = word.search(module.text, entry.end, function.facts.end)
            own = (
                call
                for call in function.calls
                if asked is not None and entry.end < call.start and call.end <= asked.start()
            )
            for call in own:
                if call.awaited and not call.later and call.block == entry.block:
                    yield Together(None, (one, Member(call, repeated=False)))


def _unbroken(function: Function, members: list[Member]) -> Iterator[tuple[Member, ...]]:
    """Tasks that are started one by one, those apart between which something is awaited."""
    source = function.module.source
    run = members[:1]
    for one, other in pairwise(members):
        if re.search(r"\bawait\b", source.slice(one.call.end, other.call.start)):
            yield tuple(run)
            run = []
        run.append(other)
    yield tuple(run)


def coroutines_in(value: f.Expr, function: Function, place: tuple[int, int], depth: int = 0) -> Iterator[Member]:
    """The coroutines that an argument of `gather` stands for."""
    calls = function.module.facts.calls
    match value:
        case f.CallRef(index=index):
            yield from _made(function, calls[index], repeated=False)
        case f.Each(element=f.CallRef(index=index)):
            yield from _made(function, calls[index], repeated=True)
        case f.Display(items=items):
            for item in items:
                inner = item.value if isinstance(item, f.Star) else item
                yield from coroutines_in(inner, function, place, depth + 1)
        case f.Name(id=name) if depth < 3:
            for entry in function.module.assigns_in.get(function.index, ()):
                if entry.target == f.Name(name) and entry.value is not None and entry.start < place[0]:
                    yield from coroutines_in(entry.value, function, place, depth + 1)
            for added in function.calls:
                match added.func:
                    case f.Attr(value=f.Name(id=found), attr="append" | "add") if found == name and added.args:
                        inner = added.args[0].value
                        if isinstance(inner, f.CallRef) and added.start < place[0]:
                            yield from _made(function, calls[inner.index], repeated=is_in_loop(function, added.block))


def _made(function: Function, call: f.Call, *, repeated: bool) -> Iterator[Member]:
    """The call that makes a coroutine, where a task is made of it first."""
    if f.last_name(call.func) in _STARTERS and f.last_name(call.func) != "start_soon":
        if call.args and isinstance(call.args[0].value, f.CallRef):
            yield from _made(function, function.module.facts.calls[call.args[0].value.index], repeated=repeated)
        return
    if f.last_name(call.func) == "map":  # *map(f, xs)
        repeated = True
    yield Member(call, repeated)


def is_in_loop(function: Function, block: int) -> bool:
    """Whether a block of a function lies in a loop or comprehension."""
    return any(entry.kind in ("for", "while", "comprehension") for entry in function.module.block_chain(block))


def is_made_in_loop(function: Function, name: str, block: int) -> bool:
    """Whether the loop around a block makes a new object under a name each time; comprehensions included."""
    module = function.module
    blocks = module.facts.blocks
    loop = block
    while loop >= 0 and blocks[loop].kind == "comprehension":
        if name in names_in_target(blocks[loop].target):
            return True
        loop = blocks[loop].parent
    while loop >= 0 and loop != function.facts.block and blocks[loop].kind not in ("for", "while"):
        loop = blocks[loop].parent
    if loop < 0 or loop == function.facts.block:
        return False
    start, end = blocks[loop].start, blocks[loop].end
    targets = [e.target for e in module.assigns_in.get(function.index, ()) if start <= e.start < end]
    targets += [
        b.target
        for b in module.blocks_in.get(function.index, ())
        if start <= b.start < end and b.kind in ("for", "with") and b.target is not None
    ]
    return any(name in names_in_target(target) for target in targets)


def names_in_target(target: f.Expr | None) -> frozenset[str]:
    """The names that a target binds."""
    match target:
        case f.Name(id=name):
            return frozenset({name})
        case f.Display(items=items):
            return frozenset(name for item in items for name in names_in_target(item))
        case f.Star(value=value):
            return names_in_target(value)
    return frozenset()


def waiters(module: Module) -> Waiters:
    """What may wait for calls of a module, as far as their names say."""
    found: Waiters = {}
    for call in module.calls_named(_GIVEN):
        function = module.enclosing(call.block)
        if function is None or not call.awaited:
            continue
        for arg in call.args:
            for one in coroutines_in(arg.value, function, (arg.start, arg.end)):
                found[one.call.start, one.call.end] = call
    for call, inner in _starting(module, module.calls_named(_TASKS)):
        found.setdefault((inner.start, inner.end), call)
    return found


def started_in(function: Function) -> list[f.Call]:
    """The calls whose coroutines a function starts as tasks."""
    return [inner for _, inner in _starting(function.module, function.calls_named(_TASKS))]


def _starting(module: Module, calls: Iterable[f.Call]) -> Iterator[tuple[f.Call, f.Call]]:
    """Calls such as `create_task(work())`, each with the call whose coroutine it starts."""
    for call in calls:
        first = call.args[0].value if call.args else None
        if isinstance(first, f.CallRef):
            yield call, module.facts.calls[first.index]


def is_waiting(types: Inference, module: Module, waiter: f.Call) -> bool:
    """Whether a call that is given coroutines is known to wait for them, or a task group at its end."""
    callee = types.callee(module, waiter)
    if types.name_of_type(callee) in _WAITING:
        return True
    group = waiter.func.value if isinstance(waiter.func, f.Attr) and f.last_name(waiter.func) in _TASKS else None
    made = types.infer(group, (module, waiter.block, waiter.start)) if group is not None else None
    return isinstance(made, Instance) and made.cls == _GROUP
