"""Functions and classes that nothing in an application mentions: nobody uses them. Unknown is used; judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.model.data.unread.occurrences import reads
from fastapi_lint.model.names.symbols import Class, Function, Module
from fastapi_lint.model.routing.serving import app_roots
from fastapi_lint.tracking import memoized

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_INERT = frozenset({"object", "abc.ABC", "typing.Protocol"})


class Uncalled:
    """Answers "does nobody call this", about one function after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project

    @memoized
    def has(self, function: Function) -> bool:
        """Whether a function of a package with an app has a name that stands nowhere but in its own definition: not in
        code, nor as a text, nor in a file that declares commands. Tests do not count."""
        project, name, home = self.project, function.name, function.module
        if home.is_test or not self._is_plain(function):
            return False
        if not any(home.parts[: len(root)] == root for root in app_roots(project)):
            return False
        calls, values = project.modules.calls_by_name, project.modules.values_by_name
        mentions = (*calls.get(name, ()), *values.get(name, ()))
        if not all(module.is_test for module, *_ in mentions) or not project.effects.serving.is_served(home):
            return False
        if any(name in text for text in project.declared.values()):
            return False
        modules = project.modules.with_word(name)
        return not any(_is_read(function, module) for module in modules if not module.is_test)

    def _is_plain(self, function: Function) -> bool:
        """Whether nothing but a call by its name may run a function."""
        if function.facts.decorators or function.name == "<lambda>" or function.name.startswith("__"):
            return False
        if function.cls is None:
            return function.parent is None
        return all(not isinstance(base, str) or base in _INERT for base in self.project.types.mro(function.cls))


def _is_read(function: Function, module: Module) -> bool:
    """Whether the name of a function stands in a module, anywhere but in its definition."""
    at = function.facts.name_start if function.module is module else -1
    return any(place != at for place in reads(module, function.name, home=True, is_attribute=False))


def uncalled_around(project: Project, module: Module, at: int) -> str | None:
    """The function around a place that nobody calls; None where there is none."""
    around = (each for each in module.functions if each.facts.first <= at < each.facts.end)
    return next((each.name for each in around if project.uncalled.has(each)), None)


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
