"""FAPI628: a `tokenUrl` that no route answers."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module, Project
from fastapi_lint.model.application import route_names
from fastapi_lint.model.values import UNKNOWN
from fastapi_lint.rule import Check, rule
from fastapi_lint.tracking.queries import query

_SCHEMES = frozenset({"fastapi.security.OAuth2PasswordBearer", "fastapi.security.oauth2.OAuth2PasswordBearer"})
_FORMS = ("fastapi.security.OAuth2PasswordRequestForm", "fastapi.security.OAuth2PasswordRequestFormStrict")


@rule("FAPI628", severity=Severity.INFO, hint=r"OAuth2PasswordBearer")
def token_url_mismatch(module: Module, check: Check) -> Iterator[Finding]:
    """The `tokenUrl` of a security scheme names no route of the project.

    Why is this bad?
    The documentation page logs in at this address: its "Authorize" button answers with an error, and clients that are
    generated from the OpenAPI document do not find the login either.

    Known limits
    Only the last segment is compared, since proxies and `root_path` put something in front. Silent where routes
    are added that are not all known, and where no route of the project takes a login form.

    References
    - [OAuth2 with password and bearer](https://fastapi.tiangolo.com/tutorial/security/simple-oauth2/)
    - [Security: first steps](https://fastapi.tiangolo.com/tutorial/security/first-steps/)
    """
    if module.is_test:
        return
    for call in module.facts.calls:
        if check.project.called_name(module, call) not in _SCHEMES:
            continue
        given = f.keyword(call, "tokenUrl") or next((arg for arg in call.args if arg.name == ""), None)
        if given is None:
            continue
        text = check.project.values.pieces(given.value, (module, call.block, call.start))
        last = _last(text)
        if "://" in text or not last or UNKNOWN in last:
            continue
        endings = _logins(check.project)
        if endings is None or not endings[1] or last in endings[0]:
            continue
        where = " or ".join(f"`{path}`" for path in endings[1][:2])
        yield check.finding(
            given,
            f"No route answers POST at `{text}`",
            why="the documentation page cannot log in, and neither can clients that are generated",
            instead=f"name the route that takes the login: {where}",
        )


def _last(path: str) -> str:
    return path.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1]


@query
def _logins(project: Project) -> tuple[frozenset[str], tuple[str, ...]] | None:
    """The last segments of all POST routes, and where login forms are taken; None when not all routes are known."""
    if not route_names(project).complete:
        return None
    endings: set[str] = set()
    logins: dict[str, None] = {}
    for route in project.routes.all:
        if route.module.is_test:
            continue
        if not route.path_known or route.handler is None or route.has_unpacked:
            return None
        if route.methods and "POST" not in route.methods:
            continue
        paths = [address.path for address in route.addresses] or [route.path]
        endings |= {_last(path) for path in paths}
        kinds = [parameter.type for parameter in project.dependencies.parameters(route.handler)]
        if any(project.types.is_instance(kind, *_FORMS) for kind in kinds):
            logins.update(dict.fromkeys(paths))
    if any(UNKNOWN in ending or "{" in ending for ending in endings):
        return None
    return frozenset(endings), tuple(logins)
