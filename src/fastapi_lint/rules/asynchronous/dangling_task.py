"""FAPI105: tasks that nobody keeps."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint import catalog
from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, FunctionObject, Instance, Module
from fastapi_lint.model.application import is_served, role_of
from fastapi_lint.model.calls import never_runs, reads_of
from fastapi_lint.model.names import with_values
from fastapi_lint.rule import Check, rule

_STARTS = frozenset({"create_task", "ensure_future"})
_GROUP = "asyncio.TaskGroup."
_VALUES = frozenset({"bool", "str", "int", "float", "dict", "list", "tuple", "bytes"})
_CALLS_BACK = frozenset({"call_soon", "call_later", "call_at", "call_soon_threadsafe", "add_done_callback"})


@rule("FAPI105", words={"create_task", "ensure_future"}, since="0.2.0")
def dangling_task(function: Function, check: Check) -> Iterator[Finding]:
    """A task is started for a request, and nobody keeps it.

    Why is this bad?
    The event loop holds tasks weakly: one that nobody else refers to can be collected in the middle of its work. Its
    exception is never seen either, for nobody asks the task.

    Keep it in a set, and take it out with `add_done_callback(tasks.discard)`; start it in a `TaskGroup`; or use
    `BackgroundTasks`.

    Known limits
    Only code that requests are seen to reach is looked at. A task that is handed to anything, put into a collection or
    an attribute, or given a callback is taken to be kept.

    References
    - [asyncio.create_task](https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task)
    """
    module = function.module
    if not is_served(check.project, module):
        return
    is_asked = False
    for call in _dropped(function, check):
        if never_runs(module, call.block):
            continue
        if not is_asked and role_of(check.project, function) is None:
            return
        is_asked = True
        shown = module.source.slice(call.start, call.name_end)
        yield check.finding(
            (call.start, call.name_end),
            f"the task of `{shown}` in `{function.name}` is kept nowhere"
            if function.name != "<lambda>"
            else f"the task of `{shown}` is kept nowhere",
            why="the loop holds it weakly: it can vanish while it runs, and its exception is never seen",
            instead="keep it in a set until it is done (`add_done_callback(tasks.discard)`), or await it",
        )


def _dropped(function: Function, check: Check) -> Iterator[f.Call]:
    """The calls of a function that start a task, or get one from a helper, whose result nobody takes."""
    module = function.module
    calls = module.facts.calls
    for call in function.calls:
        if call.use == "statement" and not call.awaited and _starts(module, call, check):
            yield call
    for test in module.facts.tests:
        if test.kind == "statement" and module.facts.blocks[test.block].function == function.index:
            yield from (calls[index] for index in _made(test.value) if _starts(module, calls[index], check))
    outside = {name for name, block in module.facts.globals if module.facts.blocks[block].function == function.index}
    for entry in module.assigns_in.get(function.index, ()):
        if entry.op != "=" or entry.value is None or module.facts.blocks[entry.block].cls >= 0:
            continue
        for target, value in with_values(entry.target, entry.value):
            if isinstance(target, f.Name) and target.id not in outside and not _is_nonlocal(function, target.id):
                made = [calls[index] for index in _made(value) if _starts(module, calls[index], check)]
                if made and reads_of(function, target.id) == 0:
                    yield made[0]
    if function.name == "<lambda>" and _is_called_back(function):
        for leave in function.exits:
            if isinstance(leave.value, f.CallRef) and _starts(module, calls[leave.value.index], check):
                yield calls[leave.value.index]


def _starts(module: Module, call: f.Call, check: Check) -> bool:
    """Whether a call gives a task that nobody else keeps: of asyncio, or of a helper that only passes it on."""
    if _is_start(module, call, check):
        return True
    callee = check.project.callee(module, call)
    if not isinstance(callee, FunctionObject) or callee.function.is_async or callee.function.facts.decorators:
        return False
    index = module.call_numbers[call.start, call.end]
    given = list(check.project.types.given_back(module, index))
    return bool(given) and all(
        isinstance(expr, f.CallRef)
        and _is_start(where[0], where[0].facts.calls[expr.index], check)
        and not _is_kept(where[0], expr)
        for expr, where in given
    )


def _is_start(module: Module, call: f.Call, check: Check) -> bool:
    if f.last_name(call.func) not in module.words_for(_STARTS):
        return False
    name = check.project.called_name(module, call) or ""
    if not name.startswith("asyncio.") or name.startswith(_GROUP):
        return False
    given = call.args[0].value if call.args else None
    return not isinstance(given, f.CallRef) or not _is_plain(module, module.facts.calls[given.index], check)


def _is_plain(module: Module, call: f.Call, check: Check) -> bool:
    """Whether a call surely gives no coroutine: no task comes of it, but a TypeError."""
    callee = check.project.callee(module, call)
    if not isinstance(callee, FunctionObject) or callee.function.is_async or callee.function.facts.decorators:
        return False
    given = check.project.types.return_type(callee.function)
    values = [leave.value for leave in callee.function.exits if leave.kind == "return"]
    nothing = all(value in (None, f.Const(None)) for value in values)
    return nothing or (isinstance(given, Instance) and given.cls in _VALUES)


def _is_kept(module: Module, made: f.CallRef) -> bool:
    """Whether a helper has its task in a variable, with which it may do more than to return it."""
    return any(entry.value == made for entry in module.facts.assigns)


def _made(expr: f.Expr | None) -> Iterator[int]:
    """The calls whose results a value consists of, when it is not used for anything else."""
    match expr:
        case f.CallRef(index=index):
            yield index
        case f.Each(kind="list" | "set", element=element):
            yield from _made(element)
        case f.Display(items=items):
            for item in items:
                yield from _made(item)
        case f.Choice(options=options, op="if"):
            for option in options:
                yield from _made(option)
        case f.Choice(options=(*_, last)):
            yield from _made(last)


def _is_nonlocal(function: Function, name: str) -> bool:
    """Whether a function around this one has a variable of that name, which a nested one may assign."""
    outer = function.parent
    while outer is not None:
        if outer.rebinds(name) or any(param.name == name for param in outer.params):
            return True
        outer = outer.parent
    return False


def _is_called_back(function: Function) -> bool:
    """Whether a lambda is given to what calls it and drops its result."""
    module = function.module
    return any(
        arg.value == f.Lambda(function.index)
        and (f.last_name(call.func) in _CALLS_BACK or f.last_name(call.func) in catalog.callback_words())
        for call in module.facts.calls
        for arg in call.args
    )
