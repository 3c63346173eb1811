"""FAPI305: routes behind an earlier one that matches every URL of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Project, Route
from fastapi_lint.model.names import same_call
from fastapi_lint.model.routing import Mount, PathIndex, Place, Routes, is_versioned, matches_by_itself, places, roots
from fastapi_lint.rule import Check, rule

_MOST_RIVALS = 200
_PREFLIGHT = ("OPTIONS",)


@rule("FAPI305", severity=Severity.ERROR)
def shadowed_route(project: Project, check: Check) -> Iterator[Finding]:
    """A route can never be reached, because an earlier one matches every URL that it matches.

    Why is this bad?
    Routes are tried in the order of their registration, and the first match wins: after `/users/{user_id}` a request
    for `/users/me` never gets to its own handler, it is answered with 422 or by the wrong code. Typing the parameter as
    `int` or `UUID` does not help, since types are validated after the route was chosen. A `{path:path}` route or a
    mount swallows everything below it.

    Known limits
    Reported only where the order is certain: within one module or function, or along the `include_router` calls of
    one. Earlier routes that are registered only under a condition are left alone, mounts of static files excepted.
    So are handlers without a body behind a mount: they show in the document what the mount answers. Handlers of OPTIONS
    behind one of all OPTIONS are information: preflights are answered either way.

    References
    - [FastAPI: order matters](https://fastapi.tiangolo.com/tutorial/path-params/#order-matters)
    - [Starlette: route priority](https://www.starlette.io/routing/#route-priority)
    """
    routes = project.routes
    reported: set[tuple[str, int]] = set()
    for root in roots(routes):
        groups: dict[object, list[Place]] = {}
        for place in places(root, routes):
            if not matches_by_itself(place.route, routes):
                groups.setdefault(place.anchor, []).append(place)
        for group in groups.values():
            index = PathIndex((_own_pattern(place), place) for place in group if _is_known(place))
            winners = {place.index: _winner(place, index, routes) for place in group}
            reached = {_served(place) for place in group if winners[place.index] is None}
            for place in group:
                key = (place.route.module.path, place.route.start)
                winner = winners[place.index]
                if winner is None or _is_shown_only(place, winner):
                    continue
                if key not in reported and _served(place) not in reached:
                    reported.add(key)
                    yield _report(place, winner, check)


def _is_shown_only(place: Place, winner: Place) -> bool:
    """Whether a handler does nothing and a mount answers: the route is there for the document, as it is meant."""
    handler = place.route.handler if isinstance(place.route, Route) else None
    return isinstance(winner.route, Mount) and handler is not None and handler.is_empty


def _served(place: Place) -> object:
    """What answers at which path: a route that is registered more than once is only lost if each of them is."""
    route = place.route
    handler = route.handler if isinstance(route, Route) else None
    return (route.call if handler is None else handler, place.pattern, getattr(route, "methods", ()))


def _own_pattern(place: Place) -> str:
    """What the place matches: a mount takes everything below its path."""
    return place.rest.rstrip("/") + "/{_:path}" if isinstance(place.route, Mount) else place.rest


def _is_known(place: Place) -> bool:
    route = place.route
    return isinstance(route, Mount) or route.kind == "websocket" or bool(route.methods)


def _winner(place: Place, index: PathIndex[Place], routes: Routes) -> Place | None:
    """The first earlier place that takes every request of this one: for each method there must be one."""
    route = place.route
    if not _is_known(place) or is_versioned(route, routes.types):
        return None
    wanted = {"GET"} if isinstance(route, Mount) else set(route.methods)
    websocket = isinstance(route, Route) and route.kind == "websocket"
    first: Place | None = None
    rivals = [rival for rival in index.covering(_own_pattern(place)) if rival is not place]
    for rival in sorted(rivals, key=lambda rival: rival.index)[:_MOST_RIVALS]:
        other = rival.route
        if isinstance(other, Route) and (other.kind == "websocket") != websocket:
            continue
        taken = wanted if isinstance(other, Mount) else wanted & set(other.methods)
        if not (taken or websocket) or not _takes_all(rival, place, routes):
            continue
        first = first or rival
        wanted = wanted - taken
        if not wanted:
            return first
    return None


def _takes_all(rival: Place, place: Place, routes: Routes) -> bool:
    """Whether an earlier place with a wider pattern really stands before this one in every run."""
    one, other = rival.route, place.route
    if isinstance(one, Route) and isinstance(other, Route):
        if rival.pattern == place.pattern:
            return False  # a duplicate: another rule's finding
        if one.handler is not None and one.handler is other.handler:
            return False  # the same code answers either way
    if same_call(one, other) or is_versioned(one, routes.types):
        return False
    if rival.sometimes(place) and not _is_static(one):
        return False
    return rival.address.registered_before(place.address) is True and not rival.address.exclusive_with(place.address)


def _is_static(route: Route | Mount) -> bool:
    name = getattr(getattr(route, "target", None), "cls", "")
    return isinstance(route, Mount) and isinstance(name, str) and name.rsplit(".", 1)[-1] == "StaticFiles"


def _report(place: Place, winner: Place, check: Check) -> Finding:
    route, other = place.route, winner.route
    is_preflight = (
        isinstance(route, Route) and isinstance(other, Route) and route.methods == other.methods == _PREFLIGHT
    )
    return check.finding(
        route,
        f"{_described(place)} is never reached, behind {_described(winner)}",
        why="that is registered before it and takes every such request",
        instead=f"{'take it away, or ' if is_preflight else ''}register `{place.shown or '/'}` first",
        module=route.module,
        severity=Severity.INFO if is_preflight else None,
        related=[check.related(other, "this takes its requests", module=other.module)],
    )


def _described(place: Place) -> str:
    route = place.route
    if isinstance(route, Mount):
        return f"the mount at `{place.shown or '/'}`"
    methods = "WebSocket" if route.kind == "websocket" else _joined(route.methods)
    name = f" (`{route.handler.name}`)" if route.handler is not None else ""
    return f"`{methods} {place.shown}`{name}"


def _joined(methods: Iterable[str]) -> str:
    found = list(methods)
    return ", ".join(found) if len(found) <= 3 else f"{found[0]}, ..."
