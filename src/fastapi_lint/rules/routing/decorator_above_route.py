"""FAPI310: a decorator above a route decorator. Asks the model what the decorator gives back."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Finding, Fix, Safety, Severity, Span
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.calls import function_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Route
from fastapi_lint.model.calls import decorator_effect, passes_through
from fastapi_lint.rule import Check, rule


@rule("FAPI310", severity=Severity.ERROR, fix=Safety.UNSAFE)
def decorator_above_route(route: Route, check: Check) -> Iterator[Finding]:
    """A decorator stands above a route decorator, so that FastAPI never calls what it makes.

    Why is this bad?
    Decorators are applied from the inside out. The route decorator registers the function below it and gives it back
    unchanged; a decorator above wraps it afterwards, and only the module's name refers to the wrapper. Requests reach
    the bare function: no check, cache, limit or transaction of that decorator ever runs.

    Fix safety
    The decorator is moved below the route decorators. The fix is unsafe because the decorator now runs, and because
    FastAPI reads the parameters from what it returns: it must use `functools.wraps`. Where a decorator is seen not to
    do so, there is none.

    Known limits
    Decorators of the project that give back the function they get or a wrapper that only calls it, and known markers
    and registrations, are left alone; so is a decorator that cannot be resolved.

    References
    - [Path operation decorators](https://fastapi.tiangolo.com/tutorial/first-steps/#define-a-path-operation-decorator)
    - [Function definitions: decorators](https://docs.python.org/3/reference/compound_stmts.html#function-definitions)
    """
    handler = route.handler
    if handler is None or not route.by_decorator or handler.module is not route.module:
        return
    calls = handler.module.facts.calls
    decorators = handler.facts.decorators
    routes = {i for i, each in enumerate(decorators) if _is_route(each, handler, check)}
    lowest = max(routes, default=-1)
    if lowest < 0 or not isinstance(last := decorators[lowest], f.CallRef) or calls[last.index] is not route.call:
        return  # of several route decorators the lowest reports
    wrong = {}
    is_hidden = False
    for i, decorator in enumerate(decorators[:lowest]):
        if i in routes:
            continue
        effect, name = decorator_effect(check.project.types, handler, decorator)
        if effect in ("wraps", "replaces", "external") and name.rsplit(".", 1)[-1] != "deprecated":
            if not passes_through(check.project.types, handler, decorator):
                wrong[i] = name
                is_hidden = is_hidden or effect == "replaces"
    if not wrong:
        return
    found = function_node(handler)
    if found is not None and len(found[1].decorators) != len(decorators):
        found = None
    fix = _moved(*found, sorted(wrong), lowest) if found is not None and not is_hidden else None
    for i, name in wrong.items():
        written = decorators[i]
        written = calls[written.index].func if isinstance(written, f.CallRef) else written
        shown = f.last_name(written) or name.rsplit(".", 1)[-1]
        yield check.finding(
            handler if found is None else _place(found[0].span_of(found[1].decorators[i]), found[0]),
            f"`@{shown}` stands above the route decorator of `{handler.name}`",
            why="FastAPI registered the bare function and never calls the decorated one",
            instead="put it below the route decorator"
            + (", with `functools.wraps` for its wrapper, whose parameters FastAPI reads" if is_hidden else ""),
            fix=fix,
        )


def _is_route(decorator: f.Expr, handler: Function, check: Check) -> bool:
    if not isinstance(decorator, f.CallRef):
        return False
    call = handler.module.facts.calls[decorator.index]
    return any(
        route.module is handler.module and route.call is call
        for route in check.project.routes.by_handler.get(handler, ())
    )


def _place(span: Span, source: Source) -> tuple[int, int]:
    return source.byte_offset(span.line, span.column), source.byte_offset(span.end_line, span.end_column)


def _moved(source: Source, node: cst.FunctionDef, wrong: list[int], lowest: int) -> Fix | None:
    """One edit that writes the decorators' lines down to the lowest route in the order they should have."""
    ends = [edits.next_line_start(source, edits.extent(source, each)[1]) for each in node.decorators]
    begin = edits.line_start(source, edits.extent(source, node.decorators[wrong[0]])[0])
    if ends[lowest] >= len(source.text):
        return None
    lines = {i: source.text[begin if i == wrong[0] else ends[i - 1] : ends[i]] for i in range(wrong[0], lowest + 1)}
    order = [i for i in lines if i not in wrong] + wrong
    edit = edits.between(source, begin, ends[lowest], "".join(lines[i] for i in order))
    return Fix("Move it below the route decorator", Safety.UNSAFE, (edit,))
