"""Which endpoints run the functions in which something was found. Judges nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from fastapi_lint.finding import Endpoints, Finding
from fastapi_lint.model.names.symbols import Function, Module
from fastapi_lint.model.project import Project


def endpoints(project: Project, findings: Sequence[Finding]) -> Endpoints:
    """The endpoints that come to findings, at once, through calls, tasks and dependencies; tests have none."""
    lines: dict[str, set[int]] = {}
    for finding in findings:
        lines.setdefault(finding.path, set()).add(finding.span.line)
    around: dict[Function, set[tuple[str, int]]] = {}
    for path, wanted in lines.items():
        for function, line in _functions_at(project.modules.by_path[path], wanted):
            around.setdefault(function, set()).add((path, line))
    found: dict[tuple[str, int], set[str]] = {}
    for route in project.routes.all:
        handler = route.handler
        if handler is None or handler.module.is_test or (code := project.requests.of(route)) is None:
            continue
        name = f"{handler.module.path}:{handler.module.source.line_of(handler.start)}"
        for function in code.functions:
            for place in around.get(function, ()):
                found.setdefault(place, set()).add(name)
    return {place: frozenset(names) for place, names in found.items()}


def _functions_at(module: Module, lines: Collection[int]) -> Iterator[tuple[Function, int]]:
    """The innermost function around each line, lambdas and lines outside of functions excepted."""
    source = module.source
    named = [function for function in module.functions if function.name != "<lambda>"]
    spans = [(source.line_of(each.start), source.line_of(each.facts.end), each) for each in named]
    for line in lines:
        inside = [(first, -last, each.index, each) for first, last, each in spans if first <= line <= last]
        if inside:
            yield max(inside)[-1], line
