"""FAPI306: one method and path registered twice in one app."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.model import Project, Route
from fastapi_lint.model.names import same_call
from fastapi_lint.model.routing import Place, Routes, is_versioned, matches_by_itself, places, replaces_routes, roots
from fastapi_lint.rule import Check, rule

_MOST_RIVALS = 50


@rule("FAPI306")
def duplicate_route(project: Project, check: Check) -> Iterator[Finding]:
    """The same method and path are registered twice in one app.

    Why is this bad?
    Only the route that was registered first ever answers; the other is dead code, and a change made there does nothing.
    The OpenAPI document shows the last one, so that it describes an operation which is never called. Names of path
    parameters make no difference: `/users/{id}` and `/users/{user_id}` match the same URLs.

    Known limits
    Registrations in different branches or under a condition, versioned routes, tests, and one router that is included
    several times are left alone, and so are routers of a class that looks at its routes in `add_api_route`.

    References
    - [FastAPI: order matters](https://fastapi.tiangolo.com/tutorial/path-params/#order-matters)
    """
    routes = project.routes
    reported: set[tuple[str, int]] = set()
    for root in roots(routes):
        groups: dict[object, list[Place]] = {}
        for place in places(root, routes):
            if (
                not isinstance(place.route, Route)
                or matches_by_itself(place.route, routes)
                or is_versioned(place.route, routes.types)
            ):
                continue
            for method in place.route.methods or ([""] if place.route.kind == "websocket" else ()):
                key = (place.route.kind, method, place.anchor, place.pattern)
                groups.setdefault(key, []).append(place)
        for (_, method, *_), group in groups.items():  # type: ignore[misc]
            yield from _pairs(group, method, check, routes, reported)


def _pairs(
    group: list[Place], method: str, check: Check, routes: Routes, reported: set[tuple[str, int]]
) -> Iterator[Finding]:
    group = group[:_MOST_RIVALS]
    for number, place in enumerate(group):
        for rival in group[:number]:
            if same_call(place.route, rival.route) or not _both_exist(place, rival):
                continue
            if replaces_routes(place.address, routes) or replaces_routes(rival.address, routes):
                continue
            before = rival.address.registered_before(place.address)
            second, first = (rival, place) if before is False else (place, rival)
            key = (second.route.module.path, second.route.start)
            if key not in reported:
                reported.add(key)
                yield _report(first, second, method, check, certain=before is not None)
            break


def _both_exist(place: Place, rival: Place) -> bool:
    exclusive = place.address.exclusive_with(rival.address)
    return not (exclusive or place.sometimes(rival) or rival.sometimes(place))


def _report(first: Place, second: Place, method: str, check: Check, *, certain: bool) -> Finding:
    one, other = first.route, second.route
    assert isinstance(one, Route) and isinstance(other, Route)
    where = f"{one.module.path}:{one.module.source.line_of(one.start)}"
    if one.handler is not None and one.handler is other.handler:
        why, instead = "the second registration is never used", "remove one of them"
    else:
        this = "this" if one.name == other.name else f"`{other.name}`"
        others = len(check.project.routes.by_handler.get(other.handler, ())) > 1 if other.handler is not None else False
        never = f"{this} is never called" + (" for it" if others else "")
        why = never if certain else "only the one that is registered first is ever called"
        instead = "remove one of them, or give it a path of its own"
    already = f"already, for `{one.name}` in {where}" if certain else f"twice, also for `{one.name}` in {where}"
    return check.finding(
        other,
        f"`{method or 'WebSocket'} {second.shown}` is registered {already}",
        why=why,
        instead=instead,
        module=other.module,
        related=[check.related(one, "registered here as well", module=one.module)],
    )
