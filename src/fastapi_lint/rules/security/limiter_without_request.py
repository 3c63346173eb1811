"""FAPI636: functions that slowapi limits, and that do not take what it needs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import importing, insert_before
from fastapi_lint.fixing.edits.calls import function_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.rule import Check, rule

_LIMITERS = ("slowapi.Limiter", "slowapi.extension.Limiter")
_NAMES = frozenset({"request", "websocket"})


@rule("FAPI636", severity=Severity.ERROR, fix=Safety.UNSAFE, words={"limit", "shared_limit"})
def limiter_without_request(function: Function, check: Check) -> Iterator[Finding]:
    """A function that slowapi limits has no parameter named `request`.

    Why is this bad?
    The decorator looks for a parameter of that name (or `websocket`) when it is applied, and raises an exception when
    there is none: the module cannot be imported. A `Request` under another name does not count.

    Fix safety
    The fix adds `request: Request` as the first parameter. It is unsafe because whoever calls the function by hand
    has to pass it then.

    Known limits
    With another decorator between, which may add the parameter, nothing is said.

    References
    - [SlowAPI: quick start](https://slowapi.readthedocs.io/en/latest/#quick-start)
    """
    if _NAMES.intersection(param.name for param in function.params):
        return
    module, decorators = function.module, function.facts.decorators
    for number, decorator in enumerate(decorators):
        if not isinstance(decorator, f.CallRef):
            continue
        call = module.facts.calls[decorator.index]
        if f.last_name(call.func) not in ("limit", "shared_limit") or not isinstance(call.func, f.Attr):
            continue
        owner = check.project.infer(call.func.value, module, call.block, call.start)
        if not check.project.types.is_instance(owner, *_LIMITERS):
            continue
        if not all(_keeps(each, function, check) for each in decorators[number + 1 :]):
            continue
        other = next((param for param in function.params if _is_request(function, param, check)), None)
        yield check.finding(
            (call.start, call.name_end),
            f"`{function.name}` is limited, and has no parameter named `request`",
            why="slowapi raises an exception when the module is imported",
            instead=f"rename `{other.name}` to `request`" if other is not None else "add `request: Request`",
            fix=partial(_fix, function) if other is None else None,
        )
        return


def _keeps(decorator: f.Expr, function: Function, check: Check) -> bool:
    """Whether a decorator gives the function back as it is: one that registers a route, or another limit."""
    if not isinstance(decorator, f.CallRef):
        return False
    call = function.module.facts.calls[decorator.index]
    if any(route.call is call for route in check.project.routes.by_handler.get(function, ())):
        return True
    owner = (
        check.project.infer(call.func.value, function.module, call.block, call.start)
        if isinstance(call.func, f.Attr)
        else None
    )
    return check.project.types.is_instance(owner, *_LIMITERS)


def _is_request(function: Function, param: f.Param, check: Check) -> bool:
    kind = check.project.types.parameter(function, param)
    return check.project.types.is_instance(kind, "fastapi.Request", "fastapi.WebSocket")


def _fix(function: Function) -> Fix | None:
    found = function_node(function)
    if found is None:
        return None
    source, node = found
    made = importing(source, "fastapi", "Request", at=node)
    params = [*node.params.posonly_params, *node.params.params]
    skip = 1 if function.cls is not None else 0
    if made is None or node.params.posonly_params:
        return None
    name, edits = made
    if not function.params:  # nothing stands between the brackets
        text, at = function.module.text, function.facts.name_end
        if text[at : at + 2] != b"()":
            return None
        empty = Edit(function.module.source.span(at + 1, at + 1), f"request: {name}")
        return Fix("Take the request", Safety.UNSAFE, (*edits, empty))
    if len(params) <= skip:
        return None
    return Fix("Take the request", Safety.UNSAFE, (*edits, insert_before(source, params[skip], f"request: {name}, ")))
