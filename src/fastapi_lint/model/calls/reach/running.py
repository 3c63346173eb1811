"""How a coroutine gets to run that a call makes: in place, as a task, or on a loop of its own. Reads one function."""

from __future__ import annotations

import re

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.names.symbols import Function, Instance, Module
from fastapi_lint.model.types.inference.inference import Inference

_TASKS = frozenset({"create_task", "ensure_future", "run_coroutine_threadsafe"})
_SENT = frozenset({"run_coroutine_threadsafe", "create_task", "ensure_future", "call_soon_threadsafe"})
_RUNS = frozenset({"run_until_complete"})
_THREADS = frozenset({"Thread", "Timer", "Process"})
_NEW_LOOP = "asyncio.new_event_loop"


def own_loop(module: Module, call: f.Call, types: Inference, *, itself: bool = False) -> bool:
    """Whether what a call makes runs on another loop than the one that serves: one that is started for it.

    `itself`: the call is the one that runs a function that it is given.
    """
    outer = call if itself else _receiver(module, call)
    if outer is None:
        return False
    if f.last_name(outer.func) in _RUNS or _starts_loop(types.name_of_type(types.callee(module, outer))):
        return True
    where = (module, outer.block, outer.start)
    if any(
        _starts_loop(types.name_of_type(types.infer(arg.value, where))) for arg in outer.args if _is_name(arg.value)
    ):
        return True  # executor.submit(asyncio.run, f())
    if f.last_name(outer.func) not in _SENT:
        return False
    loops = [arg.value for arg in outer.args if _is_name(arg.value)]
    if isinstance(outer.func, f.Attr):
        loops.append(outer.func.value)
    return any(_is_new_loop(types.infer(loop, where), types) for loop in loops)


def _is_name(expr: f.Expr) -> bool:
    return isinstance(expr, (f.Name, f.Attr))


def _starts_loop(name: str | None) -> bool:
    entry = catalog.reentry(name) if name else None
    return entry is not None and entry.gives == "result"


def _is_new_loop(value: object, types: Inference) -> bool:
    if not isinstance(value, Instance) or value.origin is None:
        return False
    made = value.origin
    return types.name_of_type(types.callee(made.module, made.facts)) == _NEW_LOOP


def _receiver(module: Module, call: f.Call) -> f.Call | None:
    """The call that is given what another one makes, alone or in a display."""
    calls = module.facts.calls
    for outer in module.calls_in.get(module.facts.blocks[call.block].function, ()):
        if outer.start > call.start:
            break
        if call.end <= outer.end and outer is not call and any(_holds(arg.value, call, calls) for arg in outer.args):
            return outer
    return None


def _holds(expr: f.Expr, call: f.Call, calls: tuple[f.Call, ...]) -> bool:
    match expr:
        case f.CallRef(index=index):
            return calls[index] is call
        case f.Display(items=items):
            return any(_holds(item, call, calls) for item in items)
    return False


def starts_thread(function: Function) -> bool:
    """Whether its own module makes a thread or a process of a function."""
    return any(
        f.last_name(call.func) in _THREADS
        and any(_is_name(arg.value) and f.last_name(arg.value) == function.name for arg in call.args)
        for call in function.module.facts.calls
    )


def outlives_startup(module: Module, call: f.Call) -> bool:
    """Whether what start-up code calls goes on as a task: nothing there awaits it before the application serves."""
    outer = _receiver(module, call)
    if outer is None or f.last_name(outer.func) not in _TASKS or (outer.awaited and not outer.later):
        return False
    function = module.enclosing(outer.block)
    if function is None:
        return False
    above = _receiver(module, outer)
    if above is not None and above.awaited:
        return False
    text = module.text
    stop = min(
        (e.start for e in function.exits if e.kind == "yield" and e.start > outer.end), default=function.facts.end
    )
    for assign in module.assigns_in.get(function.index, ()):
        if assign.start <= outer.start < assign.end:
            word = f.last_name(assign.target)
            if word and re.search(rb"\bawait\b[^\n]*\b" + word.encode() + rb"\b", text[outer.end : stop]):
                return False
    return True


def passes_through(function: Function, call: f.Call, arg: f.Arg) -> bool:
    """Whether a function only calls, in its own body, what a call gives it as an argument."""
    name = next((name for name, value in bound(function, call) if value is arg.value), None)
    return name is not None and only_called(function, name)


def only_called(function: Function, name: str) -> bool:
    """Whether a body does nothing with a variable but to call it, or what it holds."""
    text = function.module.text[function.facts.head_end : function.facts.end]
    word = re.escape(name.encode())
    all_of_them = len(re.findall(rb"(?<![\w.])" + word + rb"\b", text))
    fine = rb"\bin\s+" + word + rb"\b|(?<![\w.])" + word + rb"(?:\s*\(|\s*=[^=]|\s*\.\s*(?:items|values)\s*\()"
    return all_of_them > 0 and len(re.findall(fine, text)) == all_of_them
