"""The fixtures of fastapi-vscode: which routes its tests expect in them, and which ones `fastapi-lint routes` shows.

Their tests are written in TypeScript; `ROUTES` says what they assert (routes of an app, of its routers and of what is
mounted, with all prefixes), by the name of the fixture's folder and the app. Their Python files are only read.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

_STANDARD = (
    "GET / | GET /health | GET /users/ | GET /users/{user_id} | POST /users/ | GET /items/ | GET /items/{item_id}"
)
_MOUNTED = _STANDARD.replace(" /", " /v1/")
_USERS = "GET /users/ | POST /users/"
ROUTES: dict[tuple[str, str], str] = {
    ("standard", "app.main:app"): _STANDARD,
    ("standard", "main:app"): f"GET /health | mount /v1 | {_MOUNTED}",
    ("flat", "main:app"): "GET / | GET /api/users | GET /api/items",
    ("namespace", "app.main:app"): "GET / | GET /users/ | GET /users/{user_id} | GET /items/",
    ("reexport", "app.main:app"): "GET / | GET /integrations/github | GET /integrations/slack | "
    "POST /integrations/webhook | GET /integrations/neon/ | POST /integrations/neon/connect",
    ("same-file", "main:app"): "GET / | GET /health | GET /api/items | POST /api/items",
    ("multi-app", "main:public_app"): "GET / | GET /products",
    ("multi-app", "main:admin_app"): "GET / | GET /users | DELETE /users/{user_id}",
    ("aliased-import", "app.main:app"): "GET / | GET /tokens/ | POST /tokens/ | DELETE /tokens/{token_id}",
    ("nested-router", "app.main:app"): "GET / | GET /api/apps/ | GET /api/apps/{app_id} | "
    "GET /api/apps/{app_id}/tokens/ | POST /api/apps/{app_id}/tokens/ | GET /api/apps/{app_id}/settings/ | "
    "PUT /api/apps/{app_id}/settings/",
    ("error-cases", "main:app"): "GET /",
    ("monorepo", "myapp.main:app"): "GET /users/ | GET /users/{user_id}",
    ("factory-func", "main:app"): "GET /1 | GET /2",
    ("factory-func", "factory_main:app"): "GET /users/ | GET /users/{user_id}",
    ("src-layout", "app.main:app"): "GET / | GET /api/v1/users/ | POST /api/v1/users/",
    ("custom-subclass", "main:app"): "GET /admin/users | POST /admin/users",
    ("aliased-class", "main:app"): _USERS,
    ("aliased-module", "main:app"): _USERS,
    ("multi-router-same-file", "main:app"): "GET /v1/items | GET /v2/items",
}


def shown(folder: Path) -> list[tuple[str, str]]:
    """The routes that ours shows of a fixture: the app, method and path."""
    command = [sys.executable, "-m", "fastapi_lint", "routes", ".", "--isolated", "--output-format", "csv"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return [(row["app"], f"{row['methods']} {row['path']}") for row in csv.DictReader(done.stdout.splitlines())]


def compare_routes(folder: Path, *, shows_lines: bool) -> int:
    print("| fixture | theirs | agreed | missed | extra |\n|---|---:|---:|---:|---:|")
    total = [0] * 4
    for name in dict.fromkeys(name for name, _ in ROUTES):
        place = next((each for each in sorted(folder.rglob(name)) if each.parent.name == "fixtures"), None)
        if place is None:
            continue
        expected = {
            (app, route.strip()) for (of, app), routes in ROUTES.items() if of == name for route in routes.split("|")
        }
        ours = set(shown(place))
        row = [len(expected), len(expected & ours), len(expected - ours), len(ours - expected)]
        total = [one + two for one, two in zip(total, row, strict=True)]
        print(f"| {name} | {' | '.join(map(str, row))} |")
        for kind, routes in (("missed", expected - ours), ("extra", ours - expected)) if shows_lines else ():
            for app, route in sorted(routes):
                print(f"    {kind} {app} {route}")
    print(f"| all | {' | '.join(map(str, total))} |")
    return 0 if sum(total) else 1
