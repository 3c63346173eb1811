"""What parameters stand for in a call: also those that gather the rest, and what a `partial` has bound before."""

from __future__ import annotations

from msgspec import structs

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Origin
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.construction import collected_by_name
from fastapi_lint.model.values.environment import NOWHERE, Environment
from fastapi_lint.model.values.expansion import Expansion


def bound_by(function: Function, call: f.Call, where: Where, environment: Environment, shift: int) -> Environment:
    """What the parameters of a function stand for in a call, those included that gather the rest."""
    bound = Expansion.given(function, call, where, environment, shift)
    for param in function.params[shift:]:
        rest: f.Expr = f.Unknown()
        if param.kind == "args":  # where it has collected nothing
            rest = f.Display("tuple", ())
        elif param.kind == "kwargs":
            rest = collected_by_name(function, call, shift)
        bound.setdefault(param.name, (rest, where, environment))
    return NOWHERE.with_bound(bound)


def with_bound(call: f.Call, made: Origin) -> f.Call:
    """A call of a `partial` with what that has bound in front, as far as it can be told without its module."""
    bound = tuple(
        arg if isinstance(arg.value, f.Const) else _unknown(arg)
        for arg in made.facts.args[1:]
        if all(arg.name != other.name or not arg.name for other in call.args)
    )
    return structs.replace(call, args=(*bound, *call.args))


def _unknown(arg: f.Arg) -> f.Arg:
    """An argument of which nothing is known but where it goes."""
    return structs.replace(arg, value=f.Unknown())
