"""Which endpoint or dependency runs a function with each request, and through whom. Judges nothing.

Goes up from the function, from each caller to its callers: of most functions nobody asks. A caller counts when the
function is among what it runs at once (`Execution.steps`), and the result is not kept by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.wrapping import CACHED_PROPERTIES
from fastapi_lint.model.calls.concurrent.together import started_in
from fastapi_lint.model.calls.reach.caching import is_cached
from fastapi_lint.model.calls.reach.keeping import for_want_of, hands_back, is_kept, is_on_miss
from fastapi_lint.model.calls.steps import Step
from fastapi_lint.model.calls.ways.branches import NO_SETTINGS
from fastapi_lint.model.calls.ways.constants import UNKNOWN, Value
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.names.symbols import Class, External, Function, FunctionObject, Instance, Method
from fastapi_lint.model.routing.routes import Route
from fastapi_lint.model.types.inference.inference import is_none

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DEEPEST = 10
_MOST = 300
_MADE = (
    "__init__",
    "__post_init__",
    "__new__",
    "__enter__",
    "__aenter__",
    "__exit__",
    "__aexit__",
    "__call__",
    "__iter__",
)


_OTHERS = (type(None), External, Method)
"""What is called that is no function of the project, and runs none."""


@dataclass(frozen=True)
class Root:
    """The nearest endpoint or dependency; `steps` are those from there to the function, the first call first."""

    function: Function
    kind: Literal["endpoint", "dependency"]
    steps: tuple[tuple[Function, Step], ...] = field(default=())
    routes: tuple[Route, ...] = field(default=(), repr=False)

    @property
    def functions(self) -> tuple[Function, ...]:
        """The functions on the way, without the one that was asked about."""
        return tuple(caller for caller, _ in self.steps)


def nearest_root(
    project: Project, function: Function, *, carries: bool, unless_given: str | None = None
) -> Root | None:
    """What runs a function with each request; None when nothing is known to.

    `carries`: it gives its callers what this is about, so that one who keeps it does not count. `unless_given`: a
    parameter with which a call of the function does not count; what is called for want of a parameter further up is
    seen here.
    """
    return next(roots(project, function, carries=carries, unless_given=unless_given), None)


def roots(project: Project, function: Function, *, carries: bool, unless_given: str | None = None) -> Iterator[Root]:
    """All that runs a function with each request, as `nearest_root`, in the order of their distance."""
    queue: list[tuple[Function, tuple[tuple[Function, Step], ...], bool, str | None]]
    queue = [(function, (), carries, unless_given)]
    seen = {function}
    for current, steps, carried, wanted in queue:
        if kind := _kind(project, current):
            yield Root(current, kind, steps, tuple(project.routes.by_handler.get(current, ())))
            continue
        if len(steps) >= _DEEPEST or not _runs_each_time(project, current):
            continue
        for caller, step in _callers(project, current, carried):
            if caller in seen or len(seen) > _MOST or _is_cached(project, caller):
                continue
            if wanted and _gives(current, step, wanted):
                continue
            if steps and _is_ruled_out(project, caller, step, current, steps[0][1]):
                continue
            seen.add(caller)
            on = carried and step.call is not None and hands_back(caller, step.call)
            above = for_want_of(caller, step.call) if step.call is not None else None
            queue.append((caller, ((caller, step), *steps), on, above))


def _is_ruled_out(project: Project, caller: Function, step: Step, current: Function, inner: Step) -> bool:
    """Whether a function never comes to a step of its own when a caller calls it with what that passes."""
    if step.call is None or inner.call is None:
        return False
    branches = project.effects.branches
    settings = branches.settings(current, step.call, caller, NO_SETTINGS)
    asked = branches.relevant(current)  # of a coroutine function nothing, and never what is made of a copy
    settings |= {(name, value) for name, value in _passed(project, caller, step.call, current) if name not in asked}
    return branches.is_ruled_out(current, settings, inner.call.block, inner.call.start)


def _passed(project: Project, caller: Function, call: f.Call, current: Function) -> Iterator[tuple[str, Value]]:
    """What a call passes for the parameters of a function, as far as it is constant."""
    callee = project.types.callee(caller.module, call)
    if isinstance(callee, FunctionObject) and callee.function is current:
        where = (caller.module, call.block, call.start)
        yield from project.effects.branches.constants.given(current, call, where)
    else:
        yield from ((param.name, UNKNOWN) for param in current.params)


def _kind(project: Project, function: Function) -> Literal["endpoint", "dependency"] | None:
    routes = project.routes.by_handler.get(function, ())
    if any(route.kind == "http" and not route.module.is_test for route in routes):
        return "endpoint"
    if function in project.dependencies.injected and project.effects.is_served(function.module):
        return None if _is_cached(project, function) else "dependency"
    return None


def _callers(project: Project, function: Function, carried: bool) -> Iterator[tuple[Function, Step]]:
    """The functions that run a function at once, in order of path and place; not those that keep what is carried."""
    found: dict[Function, None] = {}
    modules = project.types.modules
    for name in _names(project, function):
        for module, index in modules.calls_by_name.get(name, ())[:_MOST]:
            call = module.facts.calls[index]
            caller = module.enclosing(call.block)
            if caller is not None and not module.is_test and caller not in found:
                if type(project.callee(module, call)) not in _OTHERS:  # all of its steps take longer
                    found[caller] = None
    found.update(dict.fromkeys(_choosing(project, function)))
    if function.cls is not None and function.name == "__call__":  # any variable may hold such an object
        for use in project.callers.uses(function):
            caller = use.module.function_before(use.start)
            while caller is not None and caller.facts.end <= use.start:
                caller = caller.parent
            if caller is not None and not use.module.is_test:
                found[caller] = None
    if any(name.endswith("property") for name in project.types.decorators(function)):  # no call has its name
        for module in project.modules:
            if not module.is_test and module.mentions(function.name):
                found.update(dict.fromkeys(module.functions))
    for caller in sorted(found, key=lambda each: (each.module.path, each.start)):
        for step in project.effects.execution.steps(caller):
            if step.function is function and caller is not function:
                kept = carried and step.call is not None and is_kept(caller, step.call)
                if not kept and (step.call is None or not is_on_miss(caller, step.call)):
                    yield caller, step
                    break
        else:
            yield from ((caller, step) for step in _starting(project, caller, function))


def _choosing(project: Project, function: Function) -> Iterator[Function]:
    """The functions that may take a function out of a table in which it is kept: `TABLE[name]()` names the table."""
    for mention in project.effects.serving.mentions.get(function.name, ()):
        if mention.kind != "value" or mention.holder in ("", "for"):
            continue
        for module in project.types.modules.with_word(mention.holder):
            word = mention.holder.encode()
            for each in () if module.is_test else module.functions:
                if each.calls and module.text.find(word, each.facts.head_end, each.facts.end) >= 0:
                    yield each


def _starting(project: Project, caller: Function, function: Function) -> Iterator[Step]:
    """Where a function starts a task of another one, which does its work and is over."""
    module = caller.module
    if not function.is_async or any(one.kind == "while" for one in function.module.blocks_in.get(function.index, ())):
        return
    for call in started_in(caller):
        if function in (project.effects.execution.may_run(project.callee(module, call)) or ()):
            yield Step(module, call.start, call.name_end, function, call, block=call.block)
            return


def _names(project: Project, function: Function) -> Iterator[str]:
    """The names under which the project may call a function; objects of its class run the special ones."""
    names = [function.name]
    if function.cls is not None and function.name in _MADE:
        family: tuple[Class, ...] = (function.cls, *project.routes.expansion.objects.subclasses(function.cls))
        names = [*(cls.name for cls in family), "cls", function.name]  # `cls(...)`, `super().__init__(...)`
    for name in names:
        yield from (name, *dict.fromkeys(project.types.modules.aliases.get(name, ())))


def _runs_each_time(project: Project, function: Function) -> bool:
    """Whether a function runs whenever it is called, as far as its decorators say, and not at start-up alone."""
    decorators = project.types.decorators(function)
    return "?" not in decorators and not _is_cached(project, function) and not project.is_lifespan(function)


def _is_cached(project: Project, function: Function) -> bool:
    if function.cls is not None and not CACHED_PROPERTIES.isdisjoint(project.types.decorators(function)):
        init = project.types.member(function.cls, "__init__", Instance(function.cls))
        if isinstance(init, FunctionObject) and init.function in project.dependencies.injected:
            return False  # kept for as long as the object, which is made for each request
    return is_cached(project.types, function)


def _gives(function: Function, step: Step, name: str) -> bool:
    """Whether a call of a function passes something for a parameter."""
    return step.call is not None and any(
        each == name and not is_none(value) for each, value in bound(function, step.call)
    )
