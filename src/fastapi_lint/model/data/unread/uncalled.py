"""Functions and classes that nothing in an application mentions: nobody uses them. Unknown is used; judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fastapi_lint.model.data.unread.occurrences import occurring, reads
from fastapi_lint.model.names.symbols import Class, Function, Module
from fastapi_lint.model.routing.serving import app_roots
from fastapi_lint.tracking.queries import query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_INERT = frozenset({"object", "abc.ABC", "typing.Protocol"})


@query
def uncalled(project: Project) -> frozenset[Function]:
    """The functions of the packages with an app whose name stands nowhere but in their own definition: not in code, nor
    as a text, nor in a file that declares commands. Tests do not count."""
    roots = app_roots(project)
    modules = [module for module in project.modules if not module.is_test]
    if not roots:
        return frozenset()
    imported = {entry.name for module in modules for entry in module.facts.imports}
    calls, values = project.modules.calls_by_name, project.modules.values_by_name
    candidates: dict[str, list[Function]] = {}
    for module in modules:
        if any(module.parts[: len(root)] == root for root in roots) and project.effects.serving.is_served(module):
            for function in _plain(module, project):
                name = function.name
                mentions = (*calls.get(name, ()), *values.get(name, ()))
                if name not in imported and all(other.is_test for other, *_ in mentions):
                    candidates.setdefault(name, []).append(function)
    commands = b"\n".join(text.encode() for text in project.declared.values())
    single = {
        name: found for name, (found, *others) in candidates.items() if not others and name.encode() not in commands
    }
    places = occurring(single, modules)
    return frozenset(function for name, function in single.items() if not _is_read(function, places[name]))


def _is_read(function: Function, modules: Iterable[Module]) -> bool:
    """Whether the name of a function stands anywhere but in its definition."""
    for module in modules:
        at = function.facts.name_start if function.module is module else -1
        if any(place != at for place in reads(module, function.name, home=True, is_attribute=False)):
            return True
    return False


def _plain(module: Module, project: Project) -> Iterator[Function]:
    """The functions of a module that nothing but a call by their name may run."""
    for function in module.functions:
        if function.facts.decorators or function.name == "<lambda>" or function.name.startswith("__"):
            continue
        if function.cls is None:
            if function.parent is None:
                yield function
        elif all(not isinstance(base, str) or base in _INERT for base in project.types.mro(function.cls)):
            yield function


def uncalled_around(project: Project, module: Module, at: int) -> str | None:
    """The function around a place that nobody calls; None where there is none."""
    around = (each for each in uncalled(project) if each.module is module)
    return next((each.name for each in around if each.facts.first <= at < each.facts.end), None)


def is_unused(project: Project, cls: Class) -> bool:
    """Whether nothing in a package with an app mentions a class, but its own definition; imports are mentions."""
    module = cls.module
    if not any(module.parts[: len(root)] == root for root in app_roots(project)):
        return False
    return not any(
        other is not module or at != cls.facts.name_start
        for other in project.modules
        if not other.is_test
        for at in reads(other, cls.name, home=True, is_attribute=False)
    )
