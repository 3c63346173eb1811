"""FAPI906: clients of tests for an app that was never started, and that needs to be."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.model import App, Module, Project, Route
from fastapi_lint.model.application import Provided, is_set_by_tests, needs, overridden, provided
from fastapi_lint.model.routing import PathIndex, places
from fastapi_lint.model.testing import InProcess, in_process, is_started, requests_of
from fastapi_lint.rule import Check, rule


@rule("FAPI906", words={"TestClient", "ASGITransport"}, since="0.2.0")
def test_client_without_lifespan(module: Module, check: Check) -> Iterator[Finding]:
    """A test requests a route that needs what start-up makes, and the app is never started.

    Why is this bad?
    `TestClient(app)` runs the lifespan when it is entered by `with`, an `AsyncClient` with `ASGITransport` never does.
    Without it the state is empty: the route raises AttributeError or finds None, and the test fails, or passes by a
    branch that production never takes.

    Known limits
    Followed are requests with the client by its name, and in tests that get it from a fixture, whose path is written
    there. What tests set by themselves, what a request makes where it is missing, and what an override keeps from
    running, is left alone.

    References
    - [Testing events: lifespan](https://fastapi.tiangolo.com/advanced/testing-events/)
    - [Async tests](https://fastapi.tiangolo.com/advanced/async-tests/)
    """
    if not module.is_test:
        return
    project = check.project
    for client in in_process(project, module):
        app = project.routes.routers.get(client.app.origin) if client.app.origin is not None else None
        if not isinstance(app, App) or is_started(project, client):
            continue
        made = [each for each in provided(project, app) if not is_set_by_tests(project, each)]
        found = _first_need(project, client, app, made) if made else None
        if found is not None:
            route, need = found
            shown = f"`app.state.{need.name}`" if need.home is None else f"`{need.name}`"
            yield check.finding(
                (client.call.start, client.call.name_end),
                f"this client never runs `{need.by}`, and `{route.name}` needs it",
                why=f"{shown} is set there alone, and the test sees another app than production",
                instead="wrap the app in `LifespanManager`"
                if client.is_async
                else "use it as `with TestClient(app) as client`",
            )


def _first_need(project: Project, client: InProcess, app: App, made: list[Provided]) -> tuple[Route, Provided] | None:
    index: PathIndex[Route] = PathIndex(
        (place.pattern, place.route)
        for place in places(app, project.routes)
        if isinstance(place.route, Route) and not place.anchor
    )
    replaced = overridden(project)
    for method, path in requests_of(project, client):
        for route in index.covering(path):
            if route.kind == "http" and (not route.methods or not method or method in route.methods):
                for need in made:
                    if needs(project, route, need, replaced):
                        return route, need
                break
    return None
