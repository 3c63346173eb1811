"""ACME001: every route that writes declares a permission."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial

from fastapi_lint.api import Address, Check, Finding, Fix, Route, Safety, call_node, importing, rule, with_argument

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@rule(
    "ACME001",
    fix=Safety.UNSAFE,
    options={"permission": "permissions.permitted", "public-paths": ()},
    page="https://rules.acme.example/ACME001",
)
def write_without_permission(route: Route, check: Check) -> Iterator[Finding]:
    """A route that writes declares no permission dependency.

    Why is this bad?
    Whoever is signed in may call it: signing in says who somebody is, a permission says what they may do.

    A permission is declared by a dependency on the function that the option `permission` names, anywhere in front of
    the route: in its signature or decorator, at its router, where that is included, at the app, or below another
    dependency. Paths that match one of `public-paths` need none.

    Fix safety
    Requests without the permission are refused from then on, which is what the rule is for.

    Known limits
    A route is left alone where one of the lists of dependencies in front of it cannot be read, and where it is not
    known under which path it answers.
    """
    if route.module.is_test or not _WRITES.intersection(route.methods):
        return
    permission = str(check.option("permission"))
    for address in route.addresses:
        if address.known and not _is_public(address, check) and _is_open(address, check, permission):
            yield check.finding(
                route,
                f"`{route.name}` writes without a permission: {route.methods[0]} {address.path}",
                why="whoever is signed in may call it",
                instead=f"declare `Depends({permission.rpartition('.')[2]})`",
                fix=partial(_fix, route, permission),
            )
            return  # one finding for each route, however many addresses it has


def _is_public(address: Address, check: Check) -> bool:
    return any(fnmatchcase(address.path, pattern) for pattern in check.names("public-paths"))


def _is_open(address: Address, check: Check, permission: str) -> bool:
    """Whether certainly nothing in front of an address asks for the permission."""
    dependencies = check.project.dependencies
    found, complete = dependencies.effective(address)
    every = [inner for depends in found for inner in dependencies.closure(depends)]
    names = {check.project.full_name(depends.target) for depends in every}
    return complete and None not in names and permission not in names


def _fix(route: Route, permission: str) -> Fix | None:
    """Declare it in the decorator, unless there is a list of dependencies already."""
    opened = call_node(route.module, route.call)
    if opened is None or route.keyword("dependencies") is not None or route.has_unpacked:
        return None
    source, node = opened
    module, _, name = permission.rpartition(".")
    depends = importing(source, "fastapi", "Depends", at=node)
    permitted = importing(source, module, name, at=node)
    if depends is None or permitted is None:
        return None
    declared = with_argument(source, node, f"dependencies=[{depends[0]}({permitted[0]})]")
    return Fix("Declare the permission", Safety.UNSAFE, (*depends[1], *permitted[1], *declared))
