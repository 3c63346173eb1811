"""What the start-up of an app puts in place, and which routes need it. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.application.states import is_state, may_be_state
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Function, FunctionObject, Module
from fastapi_lint.model.routing.events import handlers
from fastapi_lint.model.routing.routes import App, Route
from fastapi_lint.model.testing.overrides import overrides
from fastapi_lint.tracking.queries import query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DEEPEST = 6
_MOST = 400


@dataclass(frozen=True)
class Provided:
    """What start-up alone puts in place: a name in a state (`home` None), or a variable of a module."""

    home: Module | None
    name: str
    by: str
    maker: Function


# ---------------------------------------------------------------- what start-up provides


def provided(project: Project, app: App) -> Iterator[Provided]:
    """What the lifespan or the start-up handlers of an app put in place, and nothing else does."""
    starting = []
    lifespan = app.keyword("lifespan")
    if lifespan is not None:
        value = project.infer(lifespan.value, *app.where)
        if isinstance(value, FunctionObject):
            starting.append(value.function)
    for handler in handlers(project):
        if handler.event == "startup" and handler.function is not None and handler.router is not None:
            if handler.router.origin == app.origin:
                starting.append(handler.function)
    everywhere = set(_starting(project))
    for function in starting:
        until = min((leave.start for leave in function.exits if leave.kind == "yield"), default=function.facts.end)
        reached = [function, *_reached(project, function, until)]
        for each in reached:
            yield from _put(project, each, until if each is function else each.facts.end, function.name, everywhere)


@query
def _starting(project: Project) -> frozenset[Function]:
    """Everything that runs at the start of some app of the project."""
    found = set(project.lifespans)
    found |= {each.function for each in handlers(project) if each.event == "startup" and each.function is not None}
    for function in tuple(found):
        until = min((leave.start for leave in function.exits if leave.kind == "yield"), default=function.facts.end)
        found.update(_reached(project, function, until))
    return frozenset(found)


def _reached(project: Project, function: Function, until: int) -> list[Function]:
    """The functions of the project that a start-up function runs before it yields."""
    found: list[Function] = []
    queue = [(function, until)]
    for current, end in queue:
        for step in project.effects.execution.steps(current):
            target = step.function
            if target is not None and step.start < end and target not in found and target is not function:
                found.append(target)
                if len(found) < _MOST:
                    queue.append((target, target.facts.end))
    return found


def _put(project: Project, function: Function, until: int, by: str, starting: set[Function]) -> Iterator[Provided]:
    module = function.module
    declared = {name for name, block in module.facts.globals if module.facts.blocks[block].function == function.index}
    for entry in module.assigns_in.get(function.index, ()):
        if entry.start >= until or entry.value in (None, f.Const(None)):
            continue
        match entry.target:
            case f.Attr(value=owner, attr=attr) if may_be_state(project, owner, (module, entry.block, entry.start)):
                if not _is_stored_elsewhere(project, attr, starting):
                    yield Provided(None, attr, by, function)
            case f.Name(id=name) if name in declared and _is_empty(module, name, starting):
                yield Provided(module, name, by, function)
            case f.Sub(value=f.Name(id=name)) if not function.rebinds(name) and _is_empty(module, name, starting):
                yield Provided(module, name, by, function)
    for leave in function.exits:
        if leave.kind == "yield" and isinstance(leave.value, f.Mapping):
            for key, _ in leave.value.items:
                if isinstance(key, f.Const) and isinstance(key.value, str):
                    if not _is_stored_elsewhere(project, key.value, starting):
                        yield Provided(None, key.value, by, function)


def _is_stored_elsewhere(project: Project, attr: str, starting: set[Function]) -> bool:
    """Whether an attribute of that name is set outside of start-up, by tests or by the project itself."""
    for module, kind, index in project.types.modules.stores_by_name.get(attr, ()):
        facts = module.facts
        if kind == "assign":
            block = facts.assigns[index].block
        else:
            block = facts.calls[index].block if kind == "call" else facts.exits[index].block
        if module.enclosing(block) not in starting:
            return True
    return False


def _is_empty(module: Module, name: str, starting: set[Function]) -> bool:
    """Whether a variable of a module holds nothing until start-up: it is None, empty, or only declared."""
    own = [
        entry
        for entry in module.facts.assigns
        if entry.target == f.Name(name) and module.facts.blocks[entry.block].function < 0
    ]
    empty = (None, f.Const(None), f.Mapping(()))
    if not own or any(entry.value not in empty for entry in own):
        return False
    for other, block in module.facts.globals:
        if other == name and module.enclosing(block) not in starting:
            return False
    return not any(
        isinstance(entry.target, f.Sub)
        and entry.target.value == f.Name(name)
        and module.enclosing(entry.block) not in starting
        for entry in module.facts.assigns
    )


def is_set_by_tests(project: Project, provided: Provided) -> bool:
    """Whether tests put something in its place: `monkeypatch.setattr(main, "pool", ...)`, `patch("main.pool")`."""
    for module in project.modules:
        if not module.is_test or not module.mentions(provided.name):
            continue
        for call in module.facts.calls:
            for arg in call.args:
                if isinstance(arg.value, f.Const) and isinstance(arg.value.value, str):
                    if arg.value.value.rpartition(".")[2] == provided.name:
                        return True
        for entry in module.facts.assigns:
            if isinstance(entry.target, f.Attr) and entry.target.attr == provided.name:
                return True
    return False


# ---------------------------------------------------------------- what routes need


def overridden(project: Project) -> set[Function]:
    """The dependencies that some test replaces."""
    found = set()
    for module in project.modules:
        if module.is_test:
            for each in overrides(module):
                key = project.infer(each.key, module, each.block, each.start)
                if isinstance(key, FunctionObject):
                    found.add(key.function)
    return found


def needs(project: Project, route: Route, need: Provided, replaced: set[Function]) -> bool:
    """Whether a route, or what runs for it, reads something."""
    if route.handler is None:
        return False
    queue = [(route.handler, 0)]
    seen = {route.handler, *replaced}
    depends = list(project.dependencies.of_handler(route))
    for address in route.addresses:
        depends += project.dependencies.effective(address)[0]
    pending = list(depends)
    while pending:
        function = pending.pop().function
        if function is not None and function not in seen:
            seen.add(function)
            queue.append((function, 0))
            pending += project.dependencies.of_function(function)
    is_read = False
    for function, depth in queue:
        if function is need.maker:
            return False  # the request makes it, where it is missing
        is_read = is_read or _reads(project, function, need)
        for step in project.effects.execution.steps(function) if depth < _DEEPEST else ():
            if step.function is not None and step.function not in seen and len(seen) < _MOST:
                seen.add(step.function)
                queue.append((step.function, depth + 1))
    return is_read


def _does_without(function: Function, need: Provided) -> bool:
    """Whether a function asks whether a variable is set, and never refuses: it then has another way."""
    if need.home is not function.module or any(leave.kind == "raise" for leave in function.exits):
        return False
    tests = (
        block.test for block in function.module.blocks_in.get(function.index, ()) if block.kind in ("if", "choice")
    )
    return any(f.Name(need.name) in walk(test) for test in tests if test is not None)


def _reads(project: Project, function: Function, need: Provided) -> bool:
    module = function.module
    if not module.mentions(need.name) or _does_without(function, need):
        return False
    for expr, block, at in evaluated(function):
        for part in walk(expr):
            match part:
                case f.Attr(value=owner, attr=attr) if need.home is None and attr == need.name:
                    if is_state(project, owner, module, block, at):
                        return True
                case f.Name(id=name) if need.home is module and name == need.name and not function.rebinds(name):
                    if not any(param.name == name for param in function.params):
                        return True
                case f.Attr(value=owner, attr=attr) if need.home is not None and attr == need.name:
                    value = project.infer(owner, module, block, at)
                    if getattr(value, "module", None) is need.home:
                        return True
    return False
