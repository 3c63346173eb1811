"""Which functions run for requests: endpoints, dependencies, middleware, and all that they call or hand over.

Goes up from a function to who names it; of most functions nobody asks. What nobody is seen to reach is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from fastapi_lint.index import facts as f
from fastapi_lint.model.application.middleware import in_stack, middleware_in
from fastapi_lint.model.calls.bodies.protocols import is_protocol
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Function,
    FunctionObject,
    Instance,
    Module,
    OneOf,
    Partial,
    Type,
)
from fastapi_lint.tracking.queries import gathered, query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

Role = Literal["endpoint", "websocket", "dependency", "middleware", "handler", "lifespan"]
_DEEPEST = 10
_MOST = 300
_MADE = frozenset({"__init__", "__post_init__", "__new__", "__enter__", "__aenter__", "__exit__", "__aexit__"})
_JOBS = ("celery.", "dramatiq.", "taskiq.", "procrastinate.", "huey.", "rq.", "saq.", "arq.", "typer.", "click.")
_PLAIN_JOBS = ("celery.", "dramatiq.", "huey.", "rq.", "typer.", "click.")
"""Queues and command lines that call what they are given, and await nothing."""
_WITHOUT = frozenset({"enqueue", "enqueue_in", "enqueue_at", "delay", "apply_async", "Process", "add_typer", "command"})
"""Last names of what runs a function elsewhere."""


def role_of(project: Project, function: Function, *, startup: bool = False) -> Role | None:
    """For what a function runs, itself or through its callers; None when it is not seen to run for requests.

    With `startup`, a lifespan and what it runs count as well, when nothing else is found.
    """
    queue = [(function, 0)]
    seen = {function}
    found: Role | None = None
    for current, depth in queue:
        role = _role(project, current)
        if role == "lifespan":
            found = role if startup else None
            continue
        if role is not None:
            return role
        if depth >= _DEEPEST or len(seen) > _MOST or _runs_elsewhere(project, current):
            continue
        for caller in _named_by(project, current):
            if caller not in seen:
                seen.add(caller)
                queue.append((caller, depth + 1))
    return found


def _role(project: Project, function: Function) -> Role | None:
    if function.module.is_test:
        return None
    routes = project.routes.by_handler.get(function, ())
    if routes:
        return "websocket" if all(route.kind == "websocket" for route in routes) else "endpoint"
    if function in project.dependencies.injected:
        return "dependency"
    if function in project.failures.handlers:
        return "handler"
    if project.is_lifespan(function):
        return "lifespan"
    return "middleware" if function in _middleware(project) else None


@query
def _middleware(project: Project) -> frozenset[Function]:
    """The functions through which requests go, those of plain ASGI middleware included."""
    return frozenset(_middleware_in(project))


@gathered
def _middleware_in(project: Project, module: Module) -> Iterator[Function]:
    if module.is_test or not module.mentions("iddleware"):
        return
    yield from in_stack(project, module)
    for each in middleware_in(project, module):
        if each.function is not None:
            yield each.function
        if isinstance(each.what, ClassObject) and "__call__" in each.what.cls.methods:
            yield each.what.cls.methods["__call__"]


def _runs_elsewhere(project: Project, function: Function) -> bool:
    """Whether a decorator makes a function a job of a queue or a command: who names it does not run it."""
    return any(name.startswith(_JOBS) for name in project.types.decorators(function))


def stays_plain(project: Project, function: Function) -> bool:
    """Whether a function is a job or a command of what awaits nothing: as an `async def` it would never run."""
    types = project.types
    for decorator, name in zip(function.facts.decorators, types.decorators(function), strict=True):
        if name.startswith(_PLAIN_JOBS):
            return True
        made = types.decorator(function, decorator)
        if isinstance(made, FunctionObject) and _gives_job(project, made.function):
            return True
    return False


def is_called_by_hand(project: Project, function: Function) -> bool:
    """Whether code calls a function that FastAPI is not seen to call: its markers mean nothing there."""
    if project.routes.by_handler.get(function) or function in project.dependencies.injected:
        return False
    return any(not use.module.is_test for use in project.callers.uses(function))


def _gives_job(project: Project, decorator: Function) -> bool:
    """Whether a decorator of the project returns what the decorator of such a queue gives."""
    return any(
        isinstance(leave.value, f.CallRef)
        and (project.called_name(decorator.module, decorator.module.facts.calls[leave.value.index]) or "").startswith(
            _PLAIN_JOBS
        )
        for leave in decorator.exits
        if leave.kind == "return"
    )


def _named_by(project: Project, function: Function) -> Iterator[Function]:
    """The functions in whose bodies a function is called, or given to something that calls it."""
    if function.parent is not None:
        yield function.parent
    modules = project.types.modules
    for name in _names(project, function):
        for module, index in modules.calls_by_name.get(name, ())[:_MOST]:
            call = module.facts.calls[index]
            caller = module.enclosing(call.block)
            if caller is not None and not module.is_test and _means(project, project.callee(module, call), function):
                yield caller
        for module, kind, index in modules.values_by_name.get(name, ())[:_MOST]:
            if kind != "call" or module.is_test:
                continue
            call = module.facts.calls[index]
            caller = module.enclosing(call.block)
            if caller is None or f.last_name(call.func) in _WITHOUT:
                continue
            for arg in call.args:
                for expr in _parts(arg.value):
                    if f.last_name(expr) == name and _means(
                        project, project.infer(expr, module, call.block, call.start), function
                    ):
                        yield caller
    if any(name.endswith("property") for name in project.types.decorators(function)):
        for caller in function.module.functions:
            if any(step.function is function for step in project.effects.execution.steps(caller)):
                yield caller


def _parts(expr: f.Expr) -> Iterator[f.Expr]:
    if isinstance(expr, f.Display):
        yield from expr.items
    else:
        yield expr


def _names(project: Project, function: Function) -> Iterator[str]:
    names = [function.name]
    if function.cls is not None and function.name in _MADE:
        names = [function.cls.name, *(cls.name for cls in project.types.subclasses(function.cls))]
    for name in names:
        yield from (name, *dict.fromkeys(project.types.modules.aliases.get(name, ())))


def _means(project: Project, value: Type, function: Function) -> bool:
    """Whether a value is a function, the class whose objects run it, or a method that it stands in for."""
    match value:
        case FunctionObject(function=found):
            return found is function or _stands_for(project, found, function)
        case ClassObject(cls=cls) | Instance(cls=Class() as cls) if function.cls is not None:
            made = project.types.member(cls, function.name, Instance(cls))
            return function.name in _MADE and isinstance(made, FunctionObject) and made.function is function
        case Partial(callable=inner):
            return _means(project, inner, function)
        case OneOf(options=options):
            return any(_means(project, option, function) for option in options)
    return False


def _stands_for(project: Project, named: Function, function: Function) -> bool:
    one, other = named.cls, function.cls
    if one is None or other is None or named.name != function.name or one is other:
        return False
    if named.is_async != function.is_async:
        return False  # what is awaited there would fail
    return one in project.types.mro(other) or is_protocol(project.types, one)


def is_served(project: Project, module: Module) -> bool:
    """Whether a module can run in the process of an application, and is no test."""
    return not module.is_test and project.effects.is_served(module)
