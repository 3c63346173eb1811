"""Functions and classes that nothing in an application mentions: nobody uses them. Unknown is used; judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.model.data.unread.occurrences import reads
from fastapi_lint.model.names.symbols import Class, Function, Module
from fastapi_lint.model.routing.serving import app_roots
from fastapi_lint.tracking.queries import query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_WORD = re.compile(rb"[^\W\d]\w*")
_INERT = frozenset({"object", "abc.ABC", "typing.Protocol"})


@query
def uncalled(project: Project) -> frozenset[Function]:
    """The functions of the packages with an app whose name stands nowhere but in their own definition: not in code, nor
    as a text, nor in a file that declares commands. Tests do not count."""
    roots = app_roots(project)
    modules = [module for module in project.modules if not module.is_test]
    candidates: dict[bytes, list[Function]] = {}
    for module in modules if roots else ():
        if any(module.parts[: len(root)] == root for root in roots) and project.effects.serving.is_served(module):
            for function in _plain(module, project):
                candidates.setdefault(function.name.encode(), []).append(function)
    candidates = {name: found for name, found in candidates.items() if len(found) == 1}
    for module in modules if candidates else ():
        for name in candidates.keys() & set(_WORD.findall(module.text)):
            own = candidates[name][0]
            at = own.facts.name_start if own.module is module else -1
            if any(place != at for place in reads(module, own.name, home=True, is_attribute=False)):
                del candidates[name]
    for text in project.declared.values() if candidates else ():
        for name in candidates.keys() & set(_WORD.findall(text.encode())):
            del candidates[name]
    return frozenset(function for found in candidates.values() for function in found)


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
    for function in module.functions:
        if function.facts.first <= at < function.facts.end and function.name != "<lambda>":
            if function in uncalled(project):
                return function.name
    return None


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
