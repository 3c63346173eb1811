"""What a project looks like to the linter, in sentences: its apps, and what could not be resolved. For `-v`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from fastapi_lint.finding import counted
from fastapi_lint.model.listing import app_name
from fastapi_lint.model.project import Project
from fastapi_lint.model.routing.routes import App, Router

_MOST = 8
"""So many of a kind are named."""


def understanding(project: Project) -> Iterator[str]:
    """Sentences about apps and their routes, about routers that no app has, and about dependencies that are unknown."""
    apps = [app for app in project.routes.apps if not app.module.is_test]
    for app in apps:
        addresses = list(project.routes.addresses(app))
        unsure = sum(not address.known for address in addresses)
        said = f"app {app_name(project, app)} ({_place(app)}): {counted(len(addresses), 'route')}"
        yield said + (f", {unsure} of them under a path that is not fully known" if unsure else "")
    if not apps:
        yield _no_app(project)
    yield from _named("routers that no app includes, or that are included in a way that is not known", _alone(project))
    unknown = [f"`{name}`" for name in project.dependencies.unresolved]
    yield from _named("dependencies that are not known, so that rules are silent about them", unknown)


def _no_app(project: Project) -> str:
    modules = list(project.modules)
    users = sum(
        any(one.module.partition(".")[0] == "fastapi" and not one.level for one in module.facts.imports)
        for module in modules
    )
    if not users:
        return f"no FastAPI application: none of {counted(len(modules), 'file')} imports fastapi"
    return (
        f"no FastAPI application: fastapi is imported in {users} of {counted(len(modules), 'file')}, "
        "but outside tests nothing was found that calls `FastAPI()`"
    )


def _alone(project: Project) -> Iterator[str]:
    """The routers with routes that are in no app."""
    inside = {key for app in project.routes.apps for each in project.routes.addresses(app) for key in each.routers}
    counts = Counter(route.key for route in project.routes.all if not route.module.is_test)
    for key, router in project.routes.routers.items():
        if isinstance(router, App) or router.module.is_test or key in inside or not counts[key]:
            continue
        yield f"`{router.variable or '?'}` ({_place(router)}, {counted(counts[key], 'route')})"


def _named(what: str, names: Sequence[str] | Iterator[str]) -> Iterator[str]:
    names = list(names)
    if names:
        rest = f", and {len(names) - _MOST} more" if len(names) > _MOST else ""
        yield f"{what}: {', '.join(names[:_MOST])}{rest}"


def _place(router: Router) -> str:
    return f"{router.module.path}:{router.module.source.line_of(router.call.start)}"
