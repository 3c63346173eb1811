"""What stands around endpoints: the functions that decorators of the project put in their place. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.model.names.symbols import Function, FunctionObject, Module
from fastapi_lint.tracking.queries import gathered

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


def wraps_endpoint(project: Project, function: Function) -> bool:
    """Whether a function inside of a decorator answers in the place of an endpoint."""
    return function.parent is not None and function in _wrappers(project)


@gathered
def _wrappers(project: Project, module: Module) -> Iterator[Function]:
    """The functions that run in the place of a module's endpoints."""
    for function in module.functions:
        if not function.facts.decorators or function not in project.routes.by_handler:
            continue
        for decorator in function.facts.decorators:
            factory = project.effects.serving.receiver_of(function, decorator)
            if factory is None:
                continue
            for leave in factory.exits:
                if leave.kind == "return" and leave.value is not None:
                    given = project.infer(leave.value, factory.module, leave.block, leave.start)
                    if isinstance(given, FunctionObject) and given.function.parent is factory:
                        yield given.function
