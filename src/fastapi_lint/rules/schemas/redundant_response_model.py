"""FAPI402: a response_model that says what the return annotation says. Compares after name resolution."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.calls import argument_node, value_text
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, Route
from fastapi_lint.model.calls import decorator_effect
from fastapi_lint.model.names import place_of
from fastapi_lint.model.routing import Unplaced
from fastapi_lint.model.types import classes_in, identity, is_none, survives_as_text
from fastapi_lint.rule import Check, rule

_WIDTH = 88
"""A decorator that was broken over lines becomes one line again when it is shorter than this."""


@rule("FAPI402", severity=Severity.INFO, fix=Safety.SAFE)
def redundant_response_model(route: Route, check: Check) -> Iterator[Finding]:
    """`response_model` repeats the return annotation.

    Why is this bad?
    FastAPI takes the response model from the return annotation. Said twice, the two drift apart: an editor checks the
    function against the annotation, while the response and the documentation follow the other one.

    `response_model` is for handlers that return something else than what is sent, such as a database row.

    Known limits
    Reported only when both resolve to the same classes (through aliases, `Optional` and `X | None`, `List` and `list`),
    and when FastAPI sees the annotation: not below decorators that hide the signature, and not for quoted names that
    exist only for type checkers or inside a function. `response_model=None` beside a deferred `-> None` is left alone
    unless the project declares FastAPI 0.117 or newer: older ones make a model of that, which a 204 refuses.

    References
    - [Response model: return type](https://fastapi.tiangolo.com/tutorial/response-model/)
    """
    given, handler = route.keyword("response_model"), route.handler
    if given is None or handler is None or handler.is_generator or route.kind != "http":
        return
    returns = handler.facts.returns
    if returns is None or (isinstance(given.value, f.Const) and given.value.value is not None):
        return
    types, module = check.project.types, handler.module
    versions = check.project.versions.for_path(route.module.path)
    if versions.always_at_least("fastapi", "0.89", default=True) is not True:
        return  # older ones do not read the return annotation
    if is_none(given.value) and _is_text(returns, handler):
        if versions.always_at_least("fastapi", "0.117", default=False) is not True:
            return  # older ones make a model of a deferred `-> None`, which a 204 refuses
    where = (module, handler.facts.outer, handler.facts.start)
    meaning = identity(types, returns, where)
    if meaning is None or meaning != identity(types, given.value, route.where):
        return
    if any(types.is_subclass(cls, "fastapi.Response") for cls in classes_in(meaning)):
        return
    if _is_text(returns, handler) and not survives_as_text(types, returns, where):
        return
    if _hides_annotation(route, handler, check) or _router_reads_it(route, check):
        return
    text = value_text(route.module, given)
    yield check.finding(
        given,
        f"`response_model={' '.join(text.split())}` repeats the return annotation of `{handler.name}`",
        why="FastAPI takes the response model from the annotation anyway, and the two can drift apart",
        instead="remove the argument",
        module=route.module,
        fix=partial(_fix, route, given),
    )


def _fix(route: Route, given: f.Arg) -> Fix | None:
    found = argument_node(route.module, route.call, given)
    if found is None or edits.comments_in(found[0], found[2]):
        return None
    return Fix("Remove the argument", Safety.SAFE, (_removed(*found),))


def _removed(source: Source, call: cst.Call, arg: cst.Arg) -> Edit:
    """Without the argument; a line of arguments that was only broken for it goes back between the parentheses."""
    others = [each for each in call.args if each is not arg]
    start = source.text.index("(", edits.extent(source, call.func, parenthesised=True)[1]) + 1
    end = edits.extent(source, call)[1] - 1
    inside = source.text[start:end]
    if others and "#" not in inside and len(inside.strip().splitlines()) == 1 and inside[:1] in "\r\n":
        line = edits.line_start(source, start)
        text = ", ".join(source.code_of(each) for each in others)
        if not inside.rstrip().endswith(",") and start - line + len(text) < _WIDTH:
            return edits.between(source, start, end, text)
    return edits.remove_argument(source, call, arg)


def _is_text(returns: f.Expr, handler: Function) -> bool:
    future = any(i.module == "__future__" and i.name == "annotations" for i in handler.module.facts.imports)
    return future or _quoted(returns)


def _quoted(expr: f.Expr) -> bool:
    match expr:
        case f.Const(value=str()):
            return True
        case f.Sub(items=items):
            return any(_quoted(item) for item in items)
        case f.Binary(left=left, right=right):
            return _quoted(left) or _quoted(right)
    return False


def _hides_annotation(route: Route, handler: Function, check: Check) -> bool:
    """Whether a decorator between the route and the function may give FastAPI another signature."""
    calls = handler.module.facts.calls
    routes = {place_of(other.module, other.call) for other in check.project.routes.by_handler.get(handler, ())}
    below = not route.by_decorator
    for decorator in handler.facts.decorators:
        here = place_of(handler.module, calls[decorator.index]) if isinstance(decorator, f.CallRef) else None
        if here in routes:
            below = below or here == place_of(route.module, route.call)
        elif below and decorator_effect(check.project.types, handler, decorator)[0] not in ("same", "wraps"):
            return True
    return False


def _router_reads_it(route: Route, check: Check) -> bool:
    """Whether the router's class is one of the project that looks at `response_model` itself."""
    key, router = route.key, route.router
    cls = key if isinstance(key, Class) else key.cls if isinstance(key, Unplaced) else router.cls if router else None
    if cls is None:
        return True
    bases = check.project.types.mro(cls) if isinstance(cls, Class) else ()
    for base in bases:
        if isinstance(base, Class):
            facts = base.facts
            if "response_model" in base.module.source.slice(facts.start, facts.end):
                return True
    return False
