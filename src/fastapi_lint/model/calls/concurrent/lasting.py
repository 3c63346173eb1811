"""What goes on for as long as something else lives: loops without end, servers, waiting for a process that somebody
else started. Judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.binding import argument_at, filled
from fastapi_lint.model.names.expressions import attributes_of
from fastapi_lint.model.names.symbols import Class, External, Function, FunctionObject, Instance, Method, Type
from fastapi_lint.model.types.inference.inference import Inference, Where

_PROCESSES = ("subprocess.Popen",)
_FOLLOWING = frozenset({"wait", "communicate", "poll", "stdout", "stderr"})
"""What is asked of a process by whom it keeps busy until it ends."""
_EVENTS = ("threading.Event", "multiprocessing.Event", "multiprocessing.synchronize.Event")
_SERVING = {
    "serve_forever": (
        "socketserver.BaseServer",
        "xmlrpc.server.SimpleXMLRPCServer",
        "wsgiref.simple_server.WSGIServer",
    ),
    "run_forever": ("asyncio.AbstractEventLoop",),
    "loop_forever": ("paho.mqtt.client.Client",),
    "run": ("uvicorn.Server",),
}
_SERVERS = frozenset({"uvicorn.run", "uvicorn.main.run"})
_LEAVING = re.compile(rb"\b(?:break|return|raise)\b")
_MOST = 40
"""How many functions are looked at, one calling the other."""


def lasts(types: Inference, target: Type, values: Iterable[Type]) -> bool:
    """Whether what is run goes on until something else ends; `values` are the positional arguments that it is given.

    `while True`, `while not event.is_set()`, `server.serve_forever()`, and waiting for a process that others have
    started, by the function itself or by what it calls.
    """
    if not isinstance(target, FunctionObject):
        return _is_lasting(types, target)
    first = target.function
    names = first.positional[filled(types, target) :]
    given = frozenset(name for name, value in zip(names, values, strict=False) if types.is_instance(value, *_PROCESSES))
    where = (first.module, first.facts.block, first.facts.head_end)
    typed = frozenset(one.name for one in first.params if _is_process(types, f.Name(one.name), where))
    waiting = [(first, given | typed)]
    inside = {first: None}
    for function, processes in waiting:
        if _loops(types, function, is_first=function is first):
            return True
        called = [(call, types.callee(function.module, call)) for call in function.calls]
        if any(_is_lasting(types, callee) for call, callee in called if _is_foreign(types, function, call)):
            return True
        found = [(call, callee) for call, callee in called if isinstance(callee, FunctionObject)]
        inside.update({callee.function: None for _, callee in found})
        for call, callee in found:
            following = (callee.function, _handed(types, callee, call, function, processes, inside))
            if following not in waiting and len(waiting) < _MOST:
                waiting.append(following)
    return any(_follows(types, function, processes, inside) for function, processes in waiting)


def runs(types: Inference, cls: Class) -> FunctionObject | None:
    """The `run` of a class of threads or processes."""
    for each in types.mro(cls):
        if isinstance(each, Class) and "run" in each.methods:
            return FunctionObject(each.methods["run"], Instance(cls))
    return None


def _is_lasting(types: Inference, callee: Type) -> bool:
    if isinstance(callee, External):
        return callee.name in _SERVERS
    if not isinstance(callee, Method):
        return False
    owner = Instance(callee.cls)
    is_following = callee.name in ("wait", "communicate") and types.is_instance(owner, *_PROCESSES)
    return is_following or types.is_instance(owner, *_SERVING.get(callee.name, ()))


def _loops(types: Inference, function: Function, *, is_first: bool) -> bool:
    """Whether a function has a loop that ends by no test of its own, and further inside by nothing else either."""
    module = function.module
    for number in module.block_numbers_in.get(function.index, ()):
        block = module.facts.blocks[number]
        if block.kind != "while":
            continue
        if block.test in (f.Const(True), f.Const(1)) and (is_first or not _is_left(function, block)):
            return True
        match block.test:
            case f.Unary(op="not", value=f.CallRef(index=index)):
                asked = module.facts.calls[index].func
                if isinstance(asked, f.Attr) and asked.attr in ("is_set", "wait"):
                    if types.is_instance(types.infer(asked.value, (module, number, block.start)), *_EVENTS):
                        return True
    return False


def _is_left(function: Function, loop: f.Block) -> bool:
    """Whether a loop has a `break`, or the function is left inside of it."""
    return _LEAVING.search(function.module.source.utf8, loop.start, loop.end) is not None


def _is_foreign(types: Inference, function: Function, call: f.Call) -> bool:
    """Whether a method that is called is not that of a process: of those it matters who has started them."""
    where = (function.module, call.block, call.start)
    return not (isinstance(call.func, f.Attr) and _is_process(types, call.func.value, where))


def _is_process(types: Inference, expr: f.Expr, where: Where) -> bool:
    return types.is_instance(types.infer(expr, where), *_PROCESSES)


def _follows(types: Inference, function: Function, processes: frozenset[str], inside: Mapping[Function, None]) -> bool:
    """Whether a function waits for a process, or reads what it writes, that was started elsewhere."""
    return any(
        _is_from_outside(types, part.value, (function.module, block, at), function, processes, inside)
        for part, block, at in attributes_of(function)
        if part.attr in _FOLLOWING
    )


def _is_from_outside(
    types: Inference,
    expr: f.Expr,
    where: Where,
    function: Function,
    processes: frozenset[str],
    inside: Mapping[Function, None],
) -> bool:
    """Whether an expression is a process that none of the functions that run here has started."""
    if isinstance(expr, f.Name) and any(one.name == expr.id for one in function.params):
        return expr.id in processes
    value = types.infer(expr, where)
    if not isinstance(value, Instance) or not types.is_instance(value, *_PROCESSES):
        return False
    if value.origin is not None:
        return value.origin.module.enclosing(value.origin.facts.block) not in inside
    return isinstance(expr, f.Attr) or not any(_starts_one(types, each) for each in inside)


def _starts_one(types: Inference, function: Function) -> bool:
    called = (types.callee(function.module, call) for call in function.calls)
    return any(isinstance(one, External) and one.name in _PROCESSES for one in called)


def _handed(
    types: Inference,
    callee: FunctionObject,
    call: f.Call,
    function: Function,
    processes: frozenset[str],
    inside: Mapping[Function, None],
) -> frozenset[str]:
    """The parameters of a function that a call gives a process which was started elsewhere."""
    where = (function.module, call.block, call.start)
    names = callee.function.positional[filled(types, callee) :]
    given = {name: argument_at(call, position, name) for position, name in enumerate(names)}
    return frozenset(
        name
        for name, arg in given.items()
        if arg is not None and _is_from_outside(types, arg.value, where, function, processes, inside)
    )
