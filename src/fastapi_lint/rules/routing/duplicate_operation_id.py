"""FAPI307: operations of one app that share their id."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Address, App, Route
from fastapi_lint.model.application import has_document
from fastapi_lint.model.routing import returns_response
from fastapi_lint.rule import Check, rule

_READING = frozenset({"GET", "HEAD"})
_PAGES = frozenset({"HTMLResponse", "PlainTextResponse", "FileResponse", "RedirectResponse"})


@rule("FAPI307", severity=Severity.INFO, since="0.2.0")
def duplicate_operation_id(app: App, check: Check) -> Iterator[Finding]:
    """Two operations of an app have the same operation id.

    Why is this bad?
    Generated clients name their methods by it. With two of one id one of them is lost, or the generator refuses the
    document.

    Known limits
    Ids that are not written as texts are not compared, and neither are those that a `generate_unique_id_function`
    makes. Operations that are not in the schema have no id, nor have those of an app whose document nobody makes
    (`openapi_url=None`). Neither is a page for GET and HEAD: no generated client asks for it.

    References
    - [Path operation advanced configuration](https://fastapi.tiangolo.com/advanced/path-operation-advanced-configuration/#openapi-operationid)
    - [OpenAPI: operationId](https://spec.openapis.org/oas/v3.1.0#operation-object)
    """
    if not has_document(app, check.project):
        return
    seen: dict[str, Address] = {}
    told: set[Route] = set()
    for address in check.project.routes.addresses(app):
        route = address.route
        if not isinstance(route, Route) or route.kind != "http" or not route.takes_prefix or _is_hidden(address, check):
            continue
        given = route.keyword("operation_id")
        value = check.project.values.text(given.value, route.where) if given is not None else None
        if _is_one_of_several_methods(route) and route not in told and not _is_page(route, check):
            told.add(route)
            yield check.finding(
                given or route,
                f"the {len(route.methods)} operations of `{route.name}` get one operation id",
                why="generated clients keep only one of them",
                instead="register each method with a decorator of its own, or leave them out of the schema",
                module=route.module,
            )
        if given is None or value is None:
            continue
        first = seen.setdefault(value, address)
        if (
            first is address
            or route in told
            or first.exclusive_with(address)
            or first.conditional
            or address.conditional
        ):
            continue
        told.add(route)
        again = first.route is route
        yield check.finding(
            given,
            f"the operation id `{value}` is given {'to both inclusions of this route' if again else 'twice'}",
            why="generated clients keep only one of the two",
            instead="leave it out, so that FastAPI makes one of name, path and method"
            if again
            else "give each its own",
            module=route.module,
            related=[] if again else [check.related(first.route, "this has it as well", module=first.route.module)],
        )


def _is_one_of_several_methods(route: Route) -> bool:
    """Whether a registration makes several operations; of the router of a library only the addresses are known."""
    made = route.router.call if route.router is not None else None
    return len(route.methods) > 1 and not route.has_unpacked and route.path_known and route.call is not made


def _is_page(route: Route, check: Check) -> bool:
    """Whether a route answers GET and HEAD with a response of its own: no generated client calls it."""
    if route.handler is None or not _READING.issuperset(route.methods):
        return False
    types, given = check.project.types, route.keyword("response_class")
    declared = types.infer(given.value, route.where) if given is not None else None
    named = check.project.full_name(declared) or ""
    return named.rsplit(".", 1)[-1] in _PAGES or returns_response(route.handler, types)


def _is_hidden(address: Address, check: Check) -> bool:
    """Whether an operation is left out of the schema, by itself or with a router on the way."""
    holders = [address.route.call, *(inclusion.call for inclusion in address.inclusions)]
    for key in address.routers:
        router = check.project.routes.router_of(key)
        if router is not None:
            holders.append(router.call)
    hidden = (f.keyword(call, "include_in_schema") for call in holders)
    return any(given is not None and given.value != f.Const(True) for given in hidden)
