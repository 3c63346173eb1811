"""Which functions run in front of routes whose path has a placeholder of a name: their parameter of that name is a
piece of the path there. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.model.injection.dependencies import Dependencies, Depends
from fastapi_lint.model.injection.parameters import called_for
from fastapi_lint.model.names.symbols import Function
from fastapi_lint.model.routing.routes import Route, Routes
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.model.values.constants import UNKNOWN


def in_front(types: Inference, routes: Routes, dependencies: Dependencies, name: str) -> frozenset[Function] | None:
    """The functions that are injected where a path has `{name}`, or a piece that is not known; None when not all of
    the dependencies of such a route are known."""
    found: set[Function] = set()
    for route in routes.all:
        if not any(UNKNOWN in path for path in route.paths) and name not in route.placeholders:
            continue
        for given, is_complete in _lists(route, dependencies):
            if not is_complete:
                return None
            for depends in given:
                called = (called_for(one.target, types) for one in dependencies.closure(depends))
                found.update(function for function in called if function is not None)
    return frozenset(found)


def _lists(route: Route, dependencies: Dependencies) -> Iterator[tuple[tuple[Depends, ...], bool]]:
    if addresses := route.addresses:
        yield from (dependencies.effective(address) for address in addresses)
        return
    yield dependencies.of_handler(route), route.handler is not None
    yield dependencies.holder_dependencies(route)
    if route.router is not None:
        yield dependencies.holder_dependencies(route.router)
