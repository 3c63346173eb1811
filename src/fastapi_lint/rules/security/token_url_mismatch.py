"""FAPI628: a `tokenUrl` that no route answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
        known = _logins(check.project)
        if known is None or not known.forms or last in known.endings or known.may_end_with(text):
            continue
        where = " or ".join(f"`{path}`" for path in known.forms[:2])
        yield check.finding(
            given,
            f"No route answers POST at `{text}`",
            why="the documentation page cannot log in, and neither can clients that are generated",
            instead=f"name the route that takes the login: {where}",
        )


@dataclass(frozen=True)
class _Logins:
    """The last segments of all POST routes, the segments before those that are parameters, and where login forms are
    taken."""

    endings: frozenset[str]
    before_parameters: frozenset[str]
    forms: tuple[str, ...]

    def may_end_with(self, path: str) -> bool:
        """Whether a route with a parameter at its end may be meant."""
        before = _last(_without_last(path))
        if not before:
            return bool(self.before_parameters)
        return before in self.before_parameters or any("{" in each or not each for each in self.before_parameters)


def _last(path: str) -> str:
    return path.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1]


def _without_last(path: str) -> str:
    return path.split("?", 1)[0].rstrip("/").rpartition("/")[0]


@query
def _logins(project: Project) -> _Logins | None:
    """Where POST is answered; None when not all routes are known."""
    if not route_names(project).complete:
        return None
    endings: set[str] = set()
    before: set[str] = set()
    logins: dict[str, None] = {}
    for route in project.routes.all:
        if route.module.is_test:
            continue
        if not route.path_known or route.handler is None or route.has_unpacked:
            return None
        if route.kind != "http" or (route.methods and "POST" not in route.methods):
            continue
        paths = [address.path for address in route.addresses] or [route.path]
        if any(UNKNOWN in _last(path) for path in paths):
            return None
        endings |= {_last(path) for path in paths if "{" not in _last(path)}
        before |= {_last(_without_last(path)) for path in paths if "{" in _last(path)}
        kinds = [parameter.type for parameter in project.dependencies.parameters(route.handler)]
        if any(project.types.is_instance(kind, *_FORMS) for kind in kinds):
            logins.update(dict.fromkeys(paths))
    return _Logins(frozenset(endings), frozenset(before), tuple(logins))
