"""What is put into the state of an app, of a request or of a WebSocket. Judges nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.application.middleware import middleware_in
from fastapi_lint.model.calls.concurrent.using import only_value
from fastapi_lint.model.names.expressions import attributes
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
)
from fastapi_lint.model.types.inference.stores import STATE
from fastapi_lint.tracking.queries import gathered, query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_HARMLESS = ("starlette.", "fastapi.", "slowapi.", "asgi_correlation_id.", "prometheus", "brotli", "uvicorn.", "secure")
"""Packages whose middleware puts nothing into the state that is not known."""
_RUNNERS = frozenset({"uvicorn", "hypercorn", "granian", "gunicorn", "httpx", "asgi_lifespan", "mangum", "anyio"})
"""Packages that get an app to run or call it."""
_ASKING = frozenset({"getattr", "hasattr", "isinstance", "print", "repr", "str", "id", "type", "bool", "dir"})
_OF_PACKAGES = frozenset({"view_rate_limit", "_state", "rate_limit_reset"})
"""What slowapi and Starlette themselves put there."""


@dataclass(frozen=True)
class States:
    """The names that the project puts into some state; `is_open` where it puts others there that are not known.
    `is_filled`: it fills one, or has code that runs at start-up."""

    names: frozenset[str]
    is_filled: bool
    is_open: bool


def is_state(project: Project, expr: f.Expr, module: Module, block: int, at: int) -> bool:
    """Whether an expression is known to be a state of Starlette."""
    if not isinstance(expr, (f.Attr, f.Name)):
        return False
    value = project.infer(expr, module, block, at)
    return isinstance(value, Instance) and value.cls == STATE


@query
def states_of(project: Project) -> States:
    """What the project puts into states, tests included."""
    found = _written_in(project)
    names = _OF_PACKAGES.union(name for what, name in found if what == "put" and name is not None)
    is_filled = ("started", None) in found or names != _OF_PACKAGES
    return States(names, is_filled, ("put", None) in found)


@query
def opened_states(project: Project) -> frozenset[str]:
    """Which states others than the project may fill: "all", "requests" (of these and of WebSockets), "apps"."""
    opened = frozenset(_opened_in(project))
    foreign = not all(name.startswith(_HARMLESS) for name in project.dependencies.foreign)
    return opened | {"requests"} if foreign else opened


@gathered
def _written_in(project: Project, module: Module) -> Iterator[tuple[str, str | None]]:
    """The names that a module puts into states ("put"), None for one that is not known; "started" if it has code that
    runs at start-up."""
    if module.mentions("state"):
        if module.is_recovered:
            yield "put", None
        yield from (("put", name) for name in _put(project, module))
    for function in module.functions:
        if project.is_lifespan(function):
            if not module.is_test:
                yield "started", None
            if function.is_generator:
                yield from (("put", name) for name in _yielded(project, function) if name is not None)


@gathered
def _opened_in(project: Project, module: Module) -> Iterator[str]:
    """Which states a module has others fill."""
    if module.mentions("state") and _hands_state_on(project, module):
        yield "all"
    if _hands_app_on(project, module):
        yield "apps"
    for function in module.functions if module.mentions("yield") else ():
        if function.is_generator and project.is_lifespan(function) and None in _yielded(project, function):
            yield "requests"
    if not module.is_test and module.mentions("iddleware"):
        if any(_is_foreign(project, each.what) for each in middleware_in(project, module)):
            yield "requests"


def _is_foreign(project: Project, what: object) -> bool:
    """Whether a middleware is of a package that may put something into the state of requests."""
    match what:
        case FunctionObject():
            return False
        case ClassObject(cls=cls):
            order = project.types.mro(cls)
            return not all(isinstance(base, Class) or base == "object" or base.startswith(_HARMLESS) for base in order)
        case External(name=name):
            return not name.startswith(_HARMLESS)
    return True


def _hands_app_on(project: Project, module: Module) -> bool:
    """Whether a module gives an app to code of a package that may put something into its state."""
    if module.is_test or not module.mentions("FastAPI", "app"):
        return False
    for call in module.facts.calls:
        given = [arg for arg in call.args if isinstance(arg.value, (f.Name, f.Attr))]
        callee = project.callee(module, call) if given else None
        match callee:
            case External(name=name) | Method(cls=name) if "." in name:
                root = name.partition(".")[0]
                if name.startswith(_HARMLESS) or root in _RUNNERS or root in sys.stdlib_module_names:
                    continue
                if any(project.is_app(arg.value, module, call.block, call.start) for arg in given):
                    return True
    return False


def _put(project: Project, module: Module) -> Iterator[str | None]:
    """The names that a module puts into states; None for one that is not known."""
    for entry in module.facts.assigns:
        where = (module, entry.block, entry.start)
        match entry.target:
            case f.Attr(attr="state", value=owner) if _is_connection(project, owner, where):
                yield None  # another state in its place
            case f.Attr(attr=attr, value=owner) if entry.op in ("=", ":=") and may_be_state(project, owner, where):
                yield attr
            case f.Sub(value=f.Sub(items=(f.Const(value="state"),)), items=(key,)):
                yield _text(key)
            case f.Sub(value=f.CallRef(index=index), items=(key,)) if _is_scope_state(module.facts.calls[index]):
                yield _text(key)
            case f.Sub(items=(f.Const(value="state"),)):
                yield from _keys(entry.value)
            case f.Sub(value=owner, items=(key,)) if is_state(project, owner, *where):
                yield _text(key)
            case f.Display(items=items):
                for item in items:
                    if isinstance(item, f.Attr) and may_be_state(project, item.value, where):
                        yield item.attr
    for block in module.facts.blocks:
        if block.kind in ("for", "with") and isinstance(block.target, f.Attr):
            if may_be_state(project, block.target.value, (module, max(block.parent, 0), block.start)):
                yield block.target.attr
    for call in module.calls_named(("setattr", "setdefault")):
        where = (module, call.block, call.start)
        if _is_scope_state(call):
            if call.use != "value":
                yield None
        elif f.last_name(call.func) == "setattr" and len(call.args) == 3:
            if may_be_state(project, call.args[0].value, where):
                yield _text(call.args[1].value)


def _hands_state_on(project: Project, module: Module) -> bool:
    """Whether a module gives a state to code that is not known, or changes what it keeps its names in."""
    for call in module.facts.calls:
        last = f.last_name(call.func)
        if call.args and last not in _ASKING and (last != "setattr" or len(call.args) != 3):
            if any(is_state(project, arg.value, module, call.block, call.start) for arg in call.args):
                if not isinstance(project.callee(module, call), FunctionObject):
                    return True
    inside = attributes(module, "_state", "__dict__")
    return any(is_state(project, part.value, module, block, at) for part, block, at in inside)


def _is_scope_state(call: f.Call) -> bool:
    """Whether a call gives the state in a scope: `scope.setdefault("state", {})`."""
    return f.last_name(call.func) == "setdefault" and bool(call.args) and call.args[0].value == f.Const("state")


def may_be_state(project: Project, expr: f.Expr, where: tuple[Module, int, int]) -> bool:
    """Whether an expression is a state, or has the name of one and is not known to be anything else."""
    value = project.infer(expr, *where)
    if value is None:
        return isinstance(expr, (f.Name, f.Attr)) and f.last_name(expr).endswith("state")
    return isinstance(value, Instance) and value.cls == STATE


def _is_connection(project: Project, expr: f.Expr, where: tuple[Module, int, int]) -> bool:
    value = project.infer(expr, *where)
    owners = ("starlette.applications.Starlette", "fastapi.FastAPI", "fastapi.requests.HTTPConnection")
    return project.types.is_instance(value, *owners)


def _text(key: f.Expr) -> str | None:
    return key.value if isinstance(key, f.Const) and isinstance(key.value, str) else None


def _keys(value: f.Expr | None) -> Iterator[str | None]:
    if isinstance(value, f.Mapping):
        yield from (_text(key) if key is not None else None for key, _ in value.items)
    else:
        yield None


def _yielded(project: Project, function: Function) -> Iterator[str | None]:
    """The keys of the mappings that a lifespan yields, for the state of each request."""
    module = function.module
    for leave in function.exits:
        if leave.kind != "yield" or leave.value in (None, f.Const(None)):
            continue
        value: f.Expr | None = leave.value
        if isinstance(value, f.Name):
            where = (module, leave.block, leave.start)
            value = only_value(project.types.find_bindings(value.id, where), value.id)
            for entry in module.assigns_in.get(function.index, ()):
                if isinstance(entry.target, f.Sub) and entry.target.value == leave.value:
                    yield _text(entry.target.items[0]) if entry.target.items else None
        if isinstance(value, f.CallRef):
            args = module.facts.calls[value.index].args
            yield from (arg.name if arg.name not in ("", "*", "**") else None for arg in args)
            if not args:
                yield None
        else:
            yield from _keys(value)
