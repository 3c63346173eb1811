"""Variables of modules that functions change: which, where, and what says that they are meant for one process only.

A dict of open connections, a memo, an object that is made when it is first asked for: none of these can or must be
shared with other processes. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.sparing import never_runs, runs_until_filled
from fastapi_lint.model.names.expressions import targets, walk, with_values
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, Module
from fastapi_lint.model.routing.answering.holders import Change as Added
from fastapi_lint.model.routing.answering.holders import Holder, changes, source_of

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_ADDING = frozenset({"append", "add", "insert", "appendleft", "update", "extend", "__setitem__"})
_TAKING = frozenset({"remove", "discard", "pop", "popitem", "popleft", "clear", "difference_update", "sort", "reverse"})
_MAKERS = frozenset({
    "dict", "list", "set", "collections.defaultdict", "collections.deque", "collections.Counter",
    "collections.OrderedDict",
})  # fmt: skip
_OF_ONE_PROCESS = (
    "asyncio.", "threading.", "multiprocessing.", "concurrent.", "subprocess.", "queue.", "anyio.", "contextvars.",
    "starlette.websockets.", "fastapi.websockets.", "fastapi.WebSocket", "socket.", "socketio.", "aiohttp.", "httpx.",
    "weakref.",
)  # fmt: skip
"""Packages whose objects nobody can keep anywhere else: tasks, locks, connections."""
_LOCKS = (
    "threading.Lock", "threading.RLock", "threading.Condition", "threading.Semaphore", "threading.BoundedSemaphore",
    "asyncio.Lock", "asyncio.locks.Lock", "asyncio.Condition", "asyncio.Semaphore", "anyio.Lock", "anyio.Semaphore",
    "multiprocessing.Lock", "multiprocessing.RLock",
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One place where a function changes a variable of a module. `value` is what is added or bound; `how` is "bound"
    (a new value through `global`), "added" or "taken"."""

    owner: Module = field(repr=False)
    name: str
    how: str
    start: int
    end: int
    block: int
    value: f.Expr | None = None


def changes_of(function: Function, project: Project) -> Iterator[Change]:
    """The variables of modules that a function's own body binds anew, and the plain containers that it changes."""
    module = function.module
    names = {name for name, block in module.facts.globals if module.facts.blocks[block].function == function.index}
    for entry in module.assigns_in.get(function.index, ()):
        for whole, value in with_values(entry.target, entry.value):
            for target in targets(whole):
                if isinstance(target, f.Name) and target.id in names and entry.value is not None:
                    if _bindings(project, module, target.id):
                        yield Change(module, target.id, "bound", entry.start, entry.end, entry.block, value)
                elif isinstance(target, f.Sub):
                    yield from _of_container(project, target.value, module, entry, "added", value)
    for leaving in function.exits:
        if leaving.kind == "del" and isinstance(leaving.value, f.Sub):
            yield from _of_container(project, leaving.value.value, module, leaving, "taken", None)
    for call in function.calls:
        if isinstance(call.func, f.Attr) and call.func.attr in _ADDING | _TAKING:
            adds = call.func.attr in _ADDING
            value = call.args[-1].value if adds and call.args else None
            yield from _of_container(project, call.func.value, module, call, "added" if adds else "taken", value)


def _of_container(
    project: Project, expr: f.Expr, module: Module, at: f.Call | f.Assign | f.Exit, how: str, value: f.Expr | None
) -> Iterator[Change]:
    found = source_of(project.types, expr, (module, at.block, at.start))
    if found is None or found.is_copy or found.view or not isinstance(found.holder.owner, Module):
        return
    owner, name = found.holder.owner, found.holder.name
    if _is_container(project, owner, name):
        end = at.name_end if isinstance(at, f.Call) else at.end
        yield Change(owner, name, how, at.start, end, at.block, value)


def _bindings(project: Project, module: Module, name: str) -> list[f.Assign]:
    """The assignments of a name at the level of its module."""
    found = project.types.bindings(module).get((-1, -1), {}).get(name, [])
    blocks = module.facts.blocks
    return [each.entry for each in found if isinstance(each.entry, f.Assign) and blocks[each.entry.block].function < 0]


def _is_container(project: Project, module: Module, name: str) -> bool:
    """Whether a variable of a module is a plain dict, list, set or the like from the start."""
    made = [entry for entry in _bindings(project, module, name) if entry.op == "=" and entry.value is not None]
    return bool(made) and all(_makes_container(project, module, entry) for entry in made)


def _makes_container(project: Project, module: Module, entry: f.Assign) -> bool:
    match entry.value:
        case f.Mapping() | f.Display(kind="list" | "set") | f.Each(kind="list" | "set" | "dict"):
            return True
        case f.CallRef(index=index):
            return project.called_name(module, module.facts.calls[index]) in _MAKERS
    return False


def is_told_by_signals(function: Function, project: Project) -> bool:
    """Whether a function inside another one is a handler of signals, or runs when the process ends."""
    module = function.module
    for call in module.facts.calls if module.mentions("signal", "atexit") and function.parent is not None else ():
        if any(f.last_name(arg.value) == function.name for arg in call.args):
            name = project.called_name(module, call) or f.last_name(call.func)
            if name in ("signal.signal", "atexit.register") or name.endswith("add_signal_handler"):
                return True
    return False


# ---------------------------------------------------------------- what is meant for one process


def is_kept_for_a_process(change: Change, project: Project) -> bool:
    """Whether what a variable holds is of one process only: tasks, locks, connections, functions; or all that is put
    into it is put there when it is missed (a memo), so that taking it out again forgets nothing."""
    owner, name = change.owner, change.name
    if change.how == "bound":
        others = [found for each in owner.functions for found in _rebindings(each, name)]
        if any(_is_of_one_process(project, each.value, owner, each.block, each.start) for _, each in others):
            return True
        resets = change.value in (f.Const(None), f.Const(False), f.Mapping(()), f.Display("list", ()))
        return resets and any(is_until_filled(one, each.block, each.start, name) for one, each in others)
    added = [each for depth in (0, 1) for each in changes(project.types, Holder(owner, name, depth)) if each.value]
    if any(_is_of_one_process(project, each.value, each.module, each.block, each.start) for each in added):
        return True
    inside = [(each.function, each) for each in added if each.function is not None and not _adds_missing(each)]
    return bool(inside) and all(_is_missed(one, each.block, each.start, name) for one, each in inside)


def _adds_missing(change: Added) -> bool:
    """Whether a place is a call of `setdefault`."""
    calls = change.function.calls if change.function is not None else ()
    return any(call.start == change.start and f.last_name(call.func) == "setdefault" for call in calls)


def _rebindings(function: Function, name: str) -> Iterator[tuple[Function, f.Assign]]:
    module = function.module
    if any(each == name and module.facts.blocks[b].function == function.index for each, b in module.facts.globals):
        for entry in module.assigns_in.get(function.index, ()):
            if entry.target == f.Name(name):
                yield function, entry


def _is_of_one_process(project: Project, value: f.Expr | None, module: Module, block: int, at: int) -> bool:
    match value:
        case f.Lambda():
            return True
        case f.Display(items=items):
            return any(_is_of_one_process(project, item, module, block, at) for item in items)
        case f.Mapping(items=pairs):
            return any(_is_of_one_process(project, item, module, block, at) for _, item in pairs)
    found = project.infer(value, module, block, at)
    match found:
        case FunctionObject() | ClassObject():
            return True
        case Instance(cls=str(name)):
            return name.startswith(_OF_ONE_PROCESS)
        case Instance(cls=Class() as cls):
            order = project.types.mro(cls)
            return any(isinstance(base, str) and base.startswith(_OF_ONE_PROCESS) for base in order)
    return False


def is_spared(change: Change, function: Function, project: Project) -> bool:
    """Whether a change runs only until something is there, or for a key that is missed, or holds a lock."""
    module = function.module
    if never_runs(module, change.block) or _is_locked(change, function, project):
        return True
    if change.how == "bound":
        return is_until_filled(function, change.block, change.start, change.name)
    return _is_missed(function, change.block, change.start, change.name)


def is_until_filled(function: Function, block: int, at: int, name: str) -> bool:
    """Whether a variable is bound only when it has no value yet, or no fresh one: the function gives it back then."""
    if runs_until_filled(function, block, at) or _is_missed(function, block, at, name):
        return True
    module = function.module
    bound = {name for name, b in module.facts.globals if module.facts.blocks[b].function == function.index}
    given = [
        leave for leave in function.exits if leave.kind == "return" and f.last_name(leave.value or f.Unknown()) in bound
    ]
    if not given or any(entry.op != "=" for _, entry in _rebindings(function, name)):
        return False
    return any(each.kind in ("if", "else") for each in module.block_chain(block)) or any(
        each.kind == "if" and each.start <= leave.start < each.end
        for each in module.blocks_in.get(function.index, ())
        for leave in given
    )


def _is_locked(change: Change, function: Function, project: Project) -> bool:
    module = function.module
    for each in module.block_chain(change.block):
        if each.kind == "with" and each.test is not None:
            if project.types.is_instance(project.infer(each.test, module, each.parent, each.start), *_LOCKS):
                return True
    return False


def _is_missed(function: Function, block: int, at: int, name: str) -> bool:
    """Whether a place is reached when a key is not in a container, or it has nothing in it."""
    module = function.module
    got = _got(function, name)
    for each in module.block_chain(block):
        if each.kind == "if" and _asks(each.test, name, got, module, is_there=False):
            return True
        if each.kind == "except" and _names_key_error(each.test):
            return True
        if each.kind == "else":
            tests = [module.facts.blocks[number] for number in module.children.get(each.parent, ())]
            if any(_asks(other.test, name, got, module, is_there=True) for other in tests if other.kind == "if"):
                return True
    for other in module.blocks_in.get(function.index, ()):  # if key in memo: return memo[key]
        if other.kind == "if" and other.end <= at and _mentions(other.test, name, got, module):
            for leave in function.exits:
                if leave.kind == "return" and other.start <= leave.start < other.end:
                    if leave.value in (None, f.Const(None)) or _mentions(leave.value, name, got, module):
                        return True
    return False


def _got(function: Function, name: str) -> frozenset[str]:
    """The variables that hold what a function has looked up in a container."""
    module = function.module
    found = set()
    for entry in module.assigns_in.get(function.index, ()):
        if isinstance(entry.target, f.Name) and _mentions(entry.value, name, frozenset(), module):
            found.add(entry.target.id)
    return frozenset(found)


def _mentions(expr: f.Expr | None, name: str, got: frozenset[str], module: Module, depth: int = 5) -> bool:
    for part in walk(expr):
        if isinstance(part, f.Name) and (part.id == name or part.id in got):
            return True
        if isinstance(part, f.Attr) and part.attr == name:
            return True
        if isinstance(part, f.CallRef) and depth:
            call = module.facts.calls[part.index]
            inside = (call.func, *(arg.value for arg in call.args))
            if any(_mentions(each, name, got, module, depth - 1) for each in inside):
                return True
        if isinstance(part, f.Each) and depth:
            loop = module.facts.blocks[part.block]
            tests = [test.value for test in module.facts.tests if test.kind == "filter" and test.block == part.block]
            if any(_mentions(each, name, got, module, depth - 1) for each in (loop.test, *tests)):
                return True
    return False


def _asks(test: f.Expr | None, name: str, got: frozenset[str], module: Module, *, is_there: bool) -> bool:
    """Whether a test asks that something is in a container (or is not there)."""
    match test:
        case f.Compare(operators=("not in",), operands=(_, held)):
            return not is_there and _mentions(held, name, got, module)
        case f.Compare(operators=("in",), operands=(_, held)):
            return is_there and _mentions(held, name, got, module)
        case f.Compare(operators=("is",), operands=(value, f.Const(value=None))):
            return not is_there and _mentions(value, name, got, module)
        case f.Compare(operators=("is not",), operands=(value, f.Const(value=None))):
            return is_there and _mentions(value, name, got, module)
        case f.Unary(op="not", value=value):
            return _asks(value, name, got, module, is_there=not is_there)
        case f.Choice(op="and" | "or", options=options):
            return any(_asks(each, name, got, module, is_there=is_there) for each in options)
        case f.Name() | f.Attr() | f.CallRef():
            return is_there and _mentions(test, name, got, module)
    return False


def _names_key_error(test: f.Expr | None) -> bool:
    return any(f.last_name(part) in ("KeyError", "LookupError") for part in walk(test))
