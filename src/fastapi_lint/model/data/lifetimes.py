"""How often objects of a class are made: once for the process, or again and again for requests. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


CACHES = frozenset({"functools.lru_cache", "functools.cache"})
"""Decorators with which a function runs once for the same arguments."""


def is_made_anew(project: Project, cls: Class) -> bool:
    """Whether requests make objects of a class (or of one that inherits from it): a route reads or sends it, or a
    function makes one that can run while the application serves."""
    return any(_is_made_for_requests(project, one) for one in _family(project, cls))


def is_made_once(project: Project, cls: Class) -> bool:
    """Whether objects of a class seem to live as long as the process: they are variables of modules, made at start-up
    or by a cached function without parameters, or a part of settings, read once; and nothing makes another one."""
    if is_made_anew(project, cls):
        return False
    family = _family(project, cls)
    places = [place for one in family if not project.schemas.is_settings(one) for place in makings(project, one)]
    if places:
        return all(_is_for_the_process(project, module, call) for module, call in places)
    return any(project.schemas.is_settings(one) for one in family) or cls in project.schemas.groups


def _family(project: Project, cls: Class) -> tuple[Class, ...]:
    return cls, *project.routes.expansion.objects.subclasses(cls)


def _is_made_for_requests(project: Project, cls: Class) -> bool:
    if project.exchange.is_exchanged(cls):
        return True
    if project.schemas.is_settings(cls):
        return False  # read from the environment, wherever that happens
    for module, call in makings(project, cls):
        function = module.enclosing(call.block)
        if function is not None and project.effects.is_served(module) and not _runs_once(project, function):
            return True
    return False


def _runs_once(project: Project, function: Function) -> bool:
    """Whether a function runs once for the process: a lifespan, or a cached function without parameters."""
    if project.is_lifespan(function):
        return True
    return not function.params and not CACHES.isdisjoint(project.types.decorators(function))


def _is_for_the_process(project: Project, module: Module, call: f.Call) -> bool:
    function = module.enclosing(call.block)
    return _is_kept(module, call) if function is None else _runs_once(project, function)


def makings(project: Project, cls: Class) -> Iterator[tuple[Module, f.Call]]:
    """The calls that make an object of a class, tests aside."""
    modules = project.types.modules
    for name in (cls.name, *dict.fromkeys(modules.aliases.get(cls.name, ()))):
        for module, index in modules.calls_by_name.get(name, ()):
            call = module.facts.calls[index]
            callee = project.callee(module, call)
            if not module.is_test and isinstance(callee, ClassObject) and callee.cls is cls:
                yield module, call


def _is_kept(module: Module, call: f.Call) -> bool:
    """Whether what a call gives is bound to a name."""
    calls = module.facts.calls
    values = (entry.value for entry in module.facts.assigns)
    return any(isinstance(value, f.CallRef) and calls[value.index] is call for value in values)
