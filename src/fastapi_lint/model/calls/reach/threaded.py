"""What a body has a thread run, and waits for: as if it called that itself, with the arguments that go along.

What blocks there holds up nobody, but what it does (to a database) is done when the body goes on. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.arguments import with_bound
from fastapi_lint.model.calls.execution import Execution
from fastapi_lint.model.calls.steps import Step
from fastapi_lint.model.names.symbols import Function, Partial, Type

_ELSEWHERE = frozenset({"thread", "process"})


def threaded(execution: Execution, function: Function) -> Iterator[Step]:
    """The plain functions that a body hands over to threads or processes and waits for, each with the call of it that
    is made there: `store(name)` of `await to_thread(store, name)`."""
    module, types = function.module, execution.types
    for call in function.calls_named(module.words_for(catalog.handoff_names())):
        name = types.name_of_type(types.callee(module, call)) if call.awaited else None
        handoff = catalog.handoff(name) if name else None
        if handoff is None or handoff.gives != "result" or handoff.to not in _ELSEWHERE:
            continue
        if len(call.args) <= handoff.argument or call.args[handoff.argument].name not in ("", handoff.keyword):
            continue
        given = types.infer(call.args[handoff.argument].value, (module, call.block, call.start))
        made = _completed(msgspec.structs.replace(call, args=call.args[handoff.argument + 1 :]), given)
        for each in execution.handed(given):
            yield Step(module, call.start, call.name_end, each, made, block=call.block)


def _completed(call: f.Call, given: Type) -> f.Call:
    """A call with what the `partial` that is called binds."""
    while isinstance(given, Partial):
        call = with_bound(call, given) or call
        given = given.callable
    return call
