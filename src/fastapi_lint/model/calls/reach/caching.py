"""Whether what a function gives is kept by its decorators, so that it does not run whenever it is called.

A decorator of the project is read: its wrapper keeps what the function gave, or it does not, whatever its name says
(`no_cache` sets a header). Of one that cannot be read the name is all there is.
"""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.decorators import made_by, put_in_place
from fastapi_lint.model.calls.reach.keeping import is_kept
from fastapi_lint.model.names.expressions import decorated_by
from fastapi_lint.model.names.symbols import Function
from fastapi_lint.model.types.inference.inference import Inference

_SAID = ("cache", "singleton")


def is_cached(types: Inference, function: Function) -> bool:
    """Whether a decorator keeps what a function gives, as far as decorators are known."""
    return any(_keeps(types, function, decorator) for decorator in function.facts.decorators)


def _keeps(types: Inference, function: Function, decorator: f.Expr) -> bool:
    wrappers = put_in_place(types, function, decorator)
    if wrappers is not None:
        return any(map(_keeps_what_it_calls, wrappers))
    name = made_by(types, function, decorator) or types.name_of_type(types.decorator(function, decorator))
    name = name or f.last_name(decorated_by(function.module, decorator))  # which nobody knows
    return any(word in name.lower() for word in _SAID)


def _keeps_what_it_calls(wrapper: Function) -> bool:
    """Whether a wrapper keeps what it is given by the function around which it is put."""
    given = {param.name for param in wrapper.parent.params} if wrapper.parent is not None else set()
    return any(
        isinstance(call.func, f.Name) and call.func.id in given and is_kept(wrapper, call) for call in wrapper.calls
    )
