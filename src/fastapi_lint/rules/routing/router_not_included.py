"""FAPI314: routers whose routes no app has."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Project, Route
from fastapi_lint.model.routing import Event
from fastapi_lint.model.routing.serving import Repeated, commented_out, left_out
from fastapi_lint.rule import Check, rule


@rule("FAPI314")
def router_not_included(project: Project, check: Check) -> Iterator[Finding]:
    """A router with routes is included in no app.

    Why is this bad?
    Its routes answer 404 and are missing from the OpenAPI document. Nothing fails: the module may be imported, tested
    and maintained for years. Mostly an `include_router` was forgotten or lost in a merge; else the router is dead code.

    Before FastAPI 0.137 `include_router` takes a copy of the routes: what is registered on the router afterwards is
    not served. Where every declared FastAPI is older, that is reported, too.

    Where the code that includes it, or imports its module, stands in a comment, it is information.

    What other rules say of requests (a leak, a delay, a missing check) is information in the handlers of such a router.

    Known limits
    Only routers that are used for nothing else are reported: one that is handed to a function, kept in a list,
    returned, or exported by a package is left alone, and so are all routers of a package beside or in which code
    imports modules by name (`importlib`, `pkgutil`, `getattr(module, "router")`), or that imports such code. So is a
    file into which other modules of the project were copied.

    References
    - [FastAPI: bigger applications](https://fastapi.tiangolo.com/tutorial/bigger-applications/)
    """
    routes = project.routes
    yield from _late(project, check)
    for router in left_out(project):
        if project.about(Repeated).repeats(router.module):
            continue
        found = [address.route for address in routes.addresses(router) if isinstance(address.route, Route)]
        example = next(iter((*router.routes, *found)))
        number = f"{len(found)} route{'s' if len(found) != 1 else ''}"
        parked = commented_out(router, project)
        yield check.finding(
            router,
            f"`{router.variable}` has {number}, such as `{example.name}`, but no app includes it",
            why="requests for them are answered with 404",
            instead="add `include_router`, or remove the router"
            if parked is None
            else "include it again, or remove the router",
            severity=Severity.INFO if parked is not None else None,
            module=router.module,
            related=[check.related(parked[1:], "this is commented out", module=parked[0])] if parked else [],
        )


def _late(project: Project, check: Check) -> Iterator[Finding]:
    """What is registered on a router after it was included, where that takes a copy, and is served no other way."""
    for inclusion in project.routes.inclusions:
        late = (
            [] if inclusion.module.is_test else [e for e in project.routes.late(inclusion) if not _served(e, project)]
        )
        if not late:
            continue
        first = late[0]
        child = project.routes.router_of(inclusion.child)
        name = child.variable if child is not None and child.variable else "the router"
        what = f"`{first.name}`" if isinstance(first, Route) else "another router"
        more = f" and {len(late) - 1} more" if len(late) > 1 else ""
        yield check.finding(
            first,
            f"{what}{more} gets into `{name}` after that was included",
            why="FastAPI before 0.137 copies what is there at that moment: the rest is answered with 404",
            instead="include the router below what is registered on it",
            module=first.module,
            related=[check.related(inclusion, "included here", module=inclusion.module)],
        )


def _served(event: Event, project: Project) -> bool:
    addresses = project.routes.all_addresses
    return any(address.route is event or event in address.inclusions for address in addresses)
