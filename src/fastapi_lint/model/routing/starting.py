"""Apps whose handlers for events the program runs by hand, or whose lifespan it replaces later. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import attributes
from fastapi_lint.model.names.symbols import FunctionObject, Instance, Module
from fastapi_lint.model.routing.routes import Router, RouterKey
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.tracking.queries import gathered

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_RUN = ("startup", "shutdown", "on_startup", "on_shutdown")
_REPLACED = "lifespan_context"
_ADDERS = frozenset({"append", "extend", "insert"})


def runs_handlers(project: Project, app: Router) -> bool:
    """Whether the program runs the handlers of an app (`await app.router.startup()`), or replaces its lifespan.

    So it is taken to be where it does that to an app of which it is not known which one it is.
    """
    run = _run_by_hand(project)
    return app.origin in run or None in run


@gathered
def _run_by_hand(project: Project, module: Module) -> Iterator[RouterKey | None]:
    """The routers to which a module does that; None among them is one that is not known."""
    if not module.is_test:
        for owner, where in _owners(project, module):
            yield from _routers(project, owner, where)


def _owners(project: Project, module: Module) -> Iterator[tuple[f.Expr, Where]]:
    """What handlers are run of, or the lifespan is replaced of: the app itself, or its router."""
    found = [*attributes(module, *_RUN)]
    added = {(part.value, block, at) for part, block, at in attributes(module, *_ADDERS)} if found else set()
    added |= {(each.target, each.block, each.start) for each in module.facts.assigns if found}
    for part, block, at in found:
        if (part, block, at) not in added:  # `app.router.on_startup.append(...)` and `+=` only register
            yield part.value, (module, block, at)
    for entry in module.facts.assigns:
        if isinstance(entry.target, f.Attr) and entry.target.attr == _REPLACED:
            yield entry.target.value, (module, entry.block, entry.start)
    for call in module.facts.calls:
        if f.last_name(call.func) == "_DefaultLifespan" and call.args:
            yield call.args[0].value, (module, call.block, call.start)


def _routers(project: Project, owner: f.Expr, where: Where) -> Iterator[RouterKey | None]:
    """The routers that an expression can be; None when it may be any, nothing when it is something else."""
    is_router = isinstance(owner, f.Attr) and owner.attr == "router"
    expr = owner.value if isinstance(owner, f.Attr) and is_router else owner
    value = project.types.infer(expr, where)
    if not project.routes.is_router(value) and not (value is None and is_router):
        return
    if isinstance(value, Instance) and value.origin is not None:
        yield value.origin
        return
    if (apps := list(_started_by(project, where))) and isinstance(expr, f.Name):
        yield from apps
        return
    environments = project.routes.expansion.environments(*where, (expr,)) or [NOWHERE]
    keys = [key for each in environments for key in project.routes.keys(expr, where, each)]
    if keys:
        yield from keys
    else:
        yield None


def _started_by(project: Project, where: Where) -> Iterator[RouterKey]:
    """The apps whose lifespan is the function around a place: what it is given is that app."""
    around = [*where[0].functions_around(where[1])]
    for router in project.routes.routers.values() if around else ():
        given = router.keyword("lifespan")
        value = project.infer(given.value, *router.where) if given is not None else None
        if isinstance(value, FunctionObject) and value.function in around:
            yield router.origin
