"""Where a function reads an iterator that a call gives: making it costs nothing, reading it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import External, Function, Module, Type

_READERS = frozenset({
    "list", "tuple", "set", "frozenset", "dict", "sorted", "sum", "min", "max", "any", "all", "next", "len", "join",
    "extend", "update", "deque", "Counter", "enter_context",
})  # fmt: skip
_WRAPPERS = frozenset({"enumerate", "zip", "map", "filter", "reversed", "islice", "chain", "iter"})
"""What gives an iterator over what it is given, and reads nothing either."""
CONSUMERS = frozenset({
    "list", "tuple", "set", "dict", "sum", "any", "all", "sorted", "max", "min", "next", "frozenset", "deque",
})  # fmt: skip
_KEYED = frozenset({"sorted", "min", "max", "sort"})
_MAPPING = frozenset({"map", "filter"})
CALLERS = CONSUMERS | _KEYED | _MAPPING | {"functools.reduce"}
"""Built-ins that may call at once what they are given."""


def reads_on(module: Module, call: f.Call) -> bool:
    """Whether the function that makes an iterator also reads it: in a loop, by a built-in that goes through it.

    An iterator that is handed on (to a thread, for example) or returned is read by somebody else.
    """
    if call.use in ("iter", "with") or module.text[: call.start].rstrip().endswith(b"[*"):
        return True
    outer = _given_to(module, call)
    if outer is not None:
        return _is_read_by(module, outer)
    function = module.facts.blocks[call.block].function
    for assign in module.assigns_in.get(function, ()):
        if assign.start <= call.start < assign.end and isinstance(assign.target, f.Name):
            return _is_read_by_name(module, function, assign.target.id, assign.end)
    # a, b = path.iterdir()
    return any(assign.start <= call.start < assign.end for assign in module.assigns_in.get(function, ()))


def gives_generator(function: Function) -> bool:
    """Whether a call of a plain function only makes what does its work when it is gone through: it is a generator
    function, or all that it returns are generator expressions."""
    if function.is_generator or function.is_async:
        return function.is_generator
    given = [leave.value for leave in function.exits if leave.kind == "return"]
    return bool(given) and all(isinstance(value, f.Each) and value.kind == "generator" for value in given)


def waits_in_generator(module: Module, block: int) -> bool:
    """Whether a place stands in a generator expression that its function hands on, and does not go through itself.

    Of a plain function that returns nothing else it is known where it is gone through: by whoever calls it.
    """
    blocks = module.facts.blocks
    function = module.enclosing(block)
    while block >= 0 and blocks[block].kind not in ("function", "lambda", "class", "module"):
        each = blocks[block]
        if each.kind == "comprehension" and module.text[each.start : each.start + 1] == b"(":
            if not _is_gone_through(module, each) and not _is_returned(function, each):
                return True
        block = each.parent
    return False


def _is_returned(function: Function | None, generator: f.Block) -> bool:
    if function is None or function.is_async or not gives_generator(function):
        return False
    return any(leave.start <= generator.start and generator.end <= leave.end for leave in function.exits)


def _is_gone_through(module: Module, generator: f.Block) -> bool:
    calls = module.calls_in.get(generator.function, ())
    around = [call for call in calls if call.start <= generator.start and generator.end <= call.end]
    for call in sorted(around, key=lambda each: each.end - each.start):
        if any(arg.start <= generator.start and generator.end <= arg.end for arg in call.args):
            return _is_read_by(module, call)
    for other in module.blocks_in.get(generator.function, ()):
        if other.kind in ("for", "comprehension") and other is not generator and isinstance(other.test, f.Each):
            return True
    for assign in module.assigns_in.get(generator.function, ()):
        if assign.start <= generator.start < assign.end:
            return isinstance(assign.target, f.Name) and _is_read_by_name(
                module, generator.function, assign.target.id, assign.end
            )
    return False


def _is_read_by(module: Module, outer: f.Call) -> bool:
    name = f.last_name(outer.func)
    if name in _READERS:
        return True
    return name in _WRAPPERS and reads_on(module, outer)


def _given_to(module: Module, call: f.Call) -> f.Call | None:
    """The call that gets what another one gives as an argument, unpacked or not."""
    calls = module.facts.calls
    for outer in module.calls_in.get(module.facts.blocks[call.block].function, ()):
        if outer.start > call.start:
            break
        for arg in outer.args:
            value = arg.value.value if isinstance(arg.value, f.Star) else arg.value
            if isinstance(value, f.CallRef) and calls[value.index] is call:
                return outer
    return None


def _is_read_by_name(module: Module, function: int, name: str, after: int) -> bool:
    for block in module.blocks_in.get(function, ()):
        if block.kind in ("for", "comprehension") and block.start >= after:
            if isinstance(block.test, f.Name) and block.test.id == name:
                return True
            if isinstance(block.test, f.CallRef):
                outer = module.facts.calls[block.test.index]
                if f.last_name(outer.func) in _WRAPPERS and _has(outer, name):
                    return True
    return any(
        call.start >= after and f.last_name(call.func) in _READERS and _has(call, name)
        for call in module.calls_in.get(function, ())
    )


def _has(call: f.Call, name: str) -> bool:
    return any(isinstance(arg.value, f.Name) and arg.value.id == name for arg in call.args)


def called_in(name: str, module: Module, call: f.Call, callee: Callable[[Module, f.Call], Type]) -> Iterator[f.Arg]:
    """The arguments that a built-in, of which the name is known, calls itself: `sorted(names, key=rank)`.

    A `map` by itself calls nothing: what goes through it does.
    """
    if name == "functools.reduce" and call.args:
        yield call.args[0]
    if name in _MAPPING and call.args and not _is_consumed(module, call) and reads_on(module, call):
        yield call.args[0]  # `[*map(load, names)]`, `for row in map(load, names)`
    if name in _KEYED and (key := f.keyword(call, "key")) is not None:
        yield key
    if name in CONSUMERS:
        for arg in call.args:
            inner = module.facts.calls[arg.value.index] if isinstance(arg.value, f.CallRef) else None
            if inner is not None and f.last_name(inner.func) in _MAPPING and inner.args:
                called = callee(module, inner)
                if isinstance(called, External) and called.name in _MAPPING:
                    yield inner.args[0]


def _is_consumed(module: Module, call: f.Call) -> bool:
    """Whether a call stands as an argument in one of a built-in that goes through it, which answers for it."""
    itself = f.CallRef(module.call_numbers[call.start, call.end])
    function = module.facts.blocks[call.block].function
    return any(
        f.last_name(outer.func) in CONSUMERS and any(arg.value == itself for arg in outer.args)
        for outer in module.calls_in.get(function, ())
    )
