"""FAPI337: addresses that are asked for by a name that no route has."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.application import route_names
from fastapi_lint.model.routing import argument
from fastapi_lint.rule import Check, rule

_REQUESTS = ("fastapi.Request", "fastapi.WebSocket", "fastapi.requests.HTTPConnection")
_APPS = ("fastapi.FastAPI", "fastapi.APIRouter", "starlette.applications.Starlette")


@rule("FAPI337", severity=Severity.ERROR, since="0.2.0")
def unknown_route_name(module: Module, check: Check) -> Iterator[Finding]:
    """`url_for` or `url_path_for` names no route, or does not give what its path needs.

    Why is this bad?
    A name that no route has, a path parameter too few or too many: each raises `NoMatchFound`, and the request answers
    500. A name that two routes have always means the first.

    Known limits
    The name has to be a text. Where a project includes routers that are not its own, makes routes at run time, or gives
    names that cannot be read, unknown names are not reported.

    References
    - [Starlette: reverse URL lookups](https://www.starlette.io/routing/#reverse-url-lookups)
    """
    if not module.mentions("url_for", "url_path_for"):
        return
    for call in module.facts.calls:
        if not isinstance(call.func, f.Attr) or call.func.attr not in ("url_for", "url_path_for"):
            continue
        given = next((arg for arg in call.args[:1] if arg.name == ""), None) or argument(call, 0, "name")
        name = check.project.values.text(given.value, (module, call.block, call.start)) if given is not None else None
        owner = check.project.infer(call.func.value, module, call.block, call.start)
        kinds = _REQUESTS if call.func.attr == "url_for" else _APPS
        if given is None or name is None or not check.project.types.is_instance(owner, *kinds):
            continue
        found = _judged(name, call, given, check)
        if found is not None:
            title, why, instead, severity = found
            yield check.finding(given, title, why=why, instead=instead, severity=severity)


def _judged(name: str, call: f.Call, named: f.Arg, check: Check) -> tuple[str, str, str, Severity | None] | None:
    """What is wrong with a look-up: title, why, instead and severity; None when nothing is known to be."""
    names = route_names(check.project)
    routes = names.by_name.get(name)
    raises = "it raises `NoMatchFound`, so that the request is answered with a 500"
    if routes is None:
        mounted, colon, below = name.partition(":")
        if not names.complete or (colon and "" in names.by_name):
            return None  # a name of what is mounted under no name
        if colon and mounted in names.by_name and (below in names.by_name or mounted not in names.apps):
            return None  # a name of what is mounted under the first part
        return (
            f"no route is named `{name}`",
            raises,
            "give the name of a route: its `name=`, or that of its handler",
            None,
        )
    if any(arg.name in ("*", "**") for arg in call.args) or any(route.parameters is None for route in routes):
        return None
    # Where the route's name stands first, `name=` is a path parameter of that name.
    given = frozenset(arg.name for arg in call.args if arg.name and arg is not named)
    fitting = [route for route in routes if route.parameters == given]
    if not fitting:
        needed = routes[0].parameters or frozenset()
        shown = ", ".join(f"`{each}`" for each in sorted(needed)) or "none"
        return f"the route `{name}` needs other path parameters", raises, f"give exactly these: {shown}", None
    for route in fitting:
        if route.hides and not any(route.path in other.hides for other in fitting):
            why = f"`{route.path}` is registered first and always meant, `{route.hides[0]}` never"
            return f"two routes are named `{name}`", why, "name one of them", Severity.INFO
    return None
