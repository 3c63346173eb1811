"""What a `functools.partial` gives a function before it is called. Judges nothing."""

from __future__ import annotations

import msgspec

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Partial
from fastapi_lint.model.types.inference.inference import Inference, Where


def bound_before(types: Inference, caller: Function, call: f.Call) -> tuple[tuple[f.Arg, ...], Where] | None:
    """The arguments that a partial holds which a call completes, and where they stand; None for another callee."""
    callee = types.callee(caller.module, call)
    if not isinstance(callee, Partial) or callee.made is None or isinstance(callee.callable, Partial):
        return None
    made = callee.made
    if f.last_name(made.facts.func) != "partial":
        return None
    return made.facts.args[1:], (made.module, made.facts.block, made.facts.start)


def completed(call: f.Call, before: tuple[f.Arg, ...]) -> f.Call:
    """A call of a partial as the function gets it: what is given again by name counts as it is given last."""
    named = {arg.name for arg in call.args if arg.name}
    return msgspec.structs.replace(call, args=(*(arg for arg in before if arg.name not in named), *call.args))
