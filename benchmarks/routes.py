"""Compares what `fastapi-lint routes` says with what a running application answers; it imports that application.

Run it with the interpreter of an environment in which the application is installed:

    python benchmarks/routes.py routes.json package.main:app
    python benchmarks/routes.py routes.json package.main:create_app --call '"argument"' --name package.main:create_app

where `routes.json` is the output of `fastapi-lint routes --output-format json`. The running application's routes are
those of its OpenAPI document, its hidden HTTP routes and its websockets, without FastAPI's documentation pages. Rows
with an unknown piece (`…`) in the path are neither found nor invented; rows that only some configurations have
(`conditional`) can be found but not invented.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

OWN = {"openapi", "swagger_ui_html", "swagger_ui_redirect", "redoc_html"}
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"}
UNKNOWN = "…"
Operation = tuple[str, str]


def plain(path: str) -> str:
    """The path with placeholders bare of their convertors, as OpenAPI writes it."""
    return re.sub(r"{(\w+):[^}]*}", r"{\1}", path) or "/"


def contexts(app: object) -> Iterable[object]:
    """The application's routes with the prefixes of included routers."""
    routing = importlib.import_module("fastapi.routing")
    routes: Iterable[object] = app.routes  # type: ignore[attr-defined]
    # Since FastAPI 0.137 `app.routes` holds included routers, not their routes.
    if not hasattr(routing, "iter_route_contexts"):
        return routes
    found: Iterable[object] = routing.iter_route_contexts(routes)
    return found


def running(app: object) -> Iterator[Operation]:
    """Every operation and websocket the application answers."""
    document = app.openapi()  # type: ignore[attr-defined]
    for path, operations in document.get("paths", {}).items():
        yield from ((method.upper(), plain(path)) for method in operations if method in METHODS)
    for route in contexts(app):
        original = getattr(route, "original_route", route)
        path = getattr(route, "path", None)
        if path is None or getattr(original, "name", "") in OWN:
            continue
        if "WebSocket" in type(original).__name__:
            yield "WEBSOCKET", plain(path)
        elif methods := getattr(route, "methods", None):
            # Starlette adds HEAD to every GET.
            implied = {"HEAD"} if "GET" in methods else set()
            yield from ((method, plain(path)) for method in methods - implied)


def load(reference: str, arguments: list[str] | None) -> object:
    """The object that "module:attribute" names, called when arguments (literals) are given."""
    module, _, attribute = reference.partition(":")
    found: object = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    if arguments is None:
        return found
    return found(*(ast.literal_eval(text) for text in arguments))  # type: ignore[operator]


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare listed routes with a running application.")
    parser.add_argument("listing", help="JSON from `fastapi-lint routes --output-format json`")
    parser.add_argument("app", help="module:attribute of the application or of a factory")
    parser.add_argument("--call", nargs="*", metavar="LITERAL", help="call the attribute with these literals")
    parser.add_argument("--attribute", default="", help="attribute of the result that is the application")
    parser.add_argument("--then", default="", help="module:function to call with the application before it is asked")
    parser.add_argument("--name", help="the application's name in the listing (default: the same)")
    parser.add_argument("--verbose", action="store_true", help="name what is missing and invented")
    options = parser.parse_args()
    sys.path.insert(0, str(Path.cwd()))
    app = load(options.app, options.call)
    for part in filter(None, options.attribute.split(".")):
        app = getattr(app, part)
    if options.then:
        load(options.then, None)(app)  # type: ignore[operator]
    name = options.name or options.app
    with Path(options.listing).open(encoding="utf-8") as file:
        rows = [row for row in json.load(file) if row["app"] == name and row["kind"] != "mount"]
    if not rows:
        print(f"no rows of {name} in {options.listing}", file=sys.stderr)
        return 2
    real = set(running(app))
    listed: set[Operation] = set()
    certain: set[Operation] = set()
    for row in rows:
        if UNKNOWN in row["path"]:
            continue
        operations = {(method, plain(row["path"])) for method in row["methods"] or ["WEBSOCKET"]}
        listed |= operations
        if not row.get("conditional"):
            certain |= operations
    missing, invented = sorted(real - listed), sorted(certain - real)
    absent = sorted(listed - certain - real)
    counts = f"routes {len(real)} found {len(real & listed)} missing {len(missing)} invented {len(invented)}"
    print(f"{counts} conditional {len(listed - certain)} of which absent {len(absent)}")
    if options.verbose:
        for label, operations_ in (("missing", missing), ("invented", invented), ("absent", absent)):
            for method, path in operations_:
                print(f"  {label} {method} {path}")
    return 1 if missing or invented else 0


if __name__ == "__main__":
    sys.exit(main())
