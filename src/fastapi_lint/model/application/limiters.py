"""Whether the middleware of slowapi refuses anything: the limits of single routes are those of their decorators, whose
errors the app answers. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.model.names.symbols import Module
from fastapi_lint.tracking.queries import gathered

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_LIMITERS = ("slowapi.Limiter", "slowapi.extension.Limiter")
_FOR_ALL = frozenset({"default_limits", "application_limits", "in_memory_fallback", "config_filename"})
"""Arguments that bring limits for every route, or may."""


def limits_every_route(project: Project) -> bool:
    """Whether a limiter of the project has limits for the routes that name none, as far as it is known."""
    found = _limiting(project)
    return not found or any(found)


@gathered
def _limiting(project: Project, module: Module) -> Iterator[bool]:
    if module.is_test or not module.mentions("Limiter"):
        return
    for call in module.facts.calls:
        if project.called_name(module, call) in _LIMITERS:
            behind = [arg.name for arg in call.args[1:]]  # the first one alone, by position, is the key
            yield not {"", "*", "**"}.isdisjoint(behind) or any(arg.name in _FOR_ALL for arg in call.args)
