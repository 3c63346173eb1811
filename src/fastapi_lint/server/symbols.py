"""Routes as symbols of a file and of the workspace, as lenses above their handlers, and where requests are handled."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from fastapi_lint.model import pointing
from fastapi_lint.model.routing.routes import Address, Route
from fastapi_lint.server.hovers import authentication, label, plain, verbs
from fastapi_lint.server.projects import View

_MOST_ADDRESSES = 3
"""Addresses of one route that a lens names."""
_MOST_SYMBOLS = 500


def of_document(view: View) -> list[types.DocumentSymbol]:
    """The routes that are registered in a file, in order."""
    found = []
    for route in view.model.routes.by_module.get(view.module, ()):
        start, end = route.start, route.call.end
        if route.handler is not None and route.by_decorator and route.handler.module is view.module:
            start, end = min(start, route.handler.facts.first), route.handler.facts.end
        selection = view.positions.of_bytes(route.start, route.call.end)
        found.append(
            types.DocumentSymbol(
                _name(route),
                types.SymbolKind.Method,
                view.positions.of_bytes(start, end),
                selection,
                detail=route.handler.name if route.handler is not None else None,
            )
        )
    return found


def of_workspace(view: View, query: str) -> Iterator[types.WorkspaceSymbol]:
    """The routes of a project whose methods, paths and handlers hold the letters of a query, in their order."""
    for number, route in enumerate(view.model.routes.all):
        handler = route.handler.name if route.handler is not None else ""
        name = _name(route)
        if not route.module.is_test and _fits(query, f"{name} {handler}"):
            yield types.WorkspaceSymbol(
                name=name,
                kind=types.SymbolKind.Method,
                location=view.location(route.module, route.start, route.call.end),
                container_name=handler or None,
            )
        if number > _MOST_SYMBOLS and not query:
            return


def lenses(view: View) -> list[types.CodeLens]:
    """Above each route: its full paths, and who is asked for credentials."""
    found = []
    for route in view.model.routes.by_module.get(view.module, ()):
        if not route.addresses:
            continue
        lines = list(dict.fromkeys(plain([label(address)]) for address in route.addresses))
        more = f" and {len(lines) - _MOST_ADDRESSES} more" if len(lines) > _MOST_ADDRESSES else ""
        title = f"{', '.join(lines[:_MOST_ADDRESSES])}{more} · {_guarded(view, route.addresses)}"
        place = view.positions.of_bytes(route.start, route.call.end)
        found.append(types.CodeLens(place, types.Command(title, "")))
    return found


def definition(view: View, position: types.Position) -> list[types.Location]:
    """The handlers of what is asked for at a position: by `client.get("/users/1")` in a test, or by `url_for`."""
    handlers = pointing.handlers_at(view.model, view.module, view.positions.byte_offset(position))
    return [view.location(each.module, each.facts.name_start, each.facts.name_end) for each in handlers]


def _guarded(view: View, addresses: tuple[Address, ...]) -> str:
    """Who is asked for credentials at all addresses of a route: of several that differ, each once."""
    said = {authentication(view, address) for address in addresses[:_MOST_ADDRESSES]}
    nobody = {"none that is known"}
    if said == nobody:
        return "no authentication"
    return f"authentication: {plain(sorted(said - nobody))}{' (not everywhere)' if said & nobody else ''}"


def _name(route: Route) -> str:
    addresses = route.addresses
    path = next((address.path for address in addresses), route.path) or "/"
    more = f" (+{len(addresses) - 1})" if len(addresses) > 1 else ""
    return f"{verbs(route)} {path}{more}"


def _fits(query: str, name: str) -> bool:
    letters = iter(name.lower())
    return all(letter in letters for letter in query.lower() if letter != " ")
