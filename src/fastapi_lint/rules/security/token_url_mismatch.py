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
    Only the last segment is compared, since proxies and `root_path` put something in front; an address that is shorter
    than that of every route with this ending is reported as well, unless an app has a `root_path`, `servers` or, for
    relative addresses, an `openapi_url` of its own. Silent where routes are added that are not all known, and where no
    route of the project takes a login form.

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
        if known is None or not known.forms:
            continue
        meant = known.forms
        if last in known.endings:
            meant = known.longer_than(text)
        elif known.may_end_with(text):
            continue
        if not meant:
            continue
        where = " or ".join(f"`{path}`" for path in meant[:2])
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
    addresses: tuple[str, ...]
    """Every address, from the first segment on; none where one of them is not known as a whole."""
    is_moved: bool
    """What stands in front of addresses is not said by the routes alone."""
    is_documented_elsewhere: bool
    """Relative addresses begin where the OpenAPI document is."""

    def longer_than(self, path: str) -> tuple[str, ...]:
        """The login forms among the addresses with the same ending, if all of them have more segments."""
        if self.is_moved or (self.is_documented_elsewhere and not path.startswith("/")):
            return ()
        same = [each for each in self.addresses if _last(each) == _last(path)]
        if not all(len(_segments(each)) > len(_segments(path)) for each in same):
            return ()
        return tuple(each for each in same if each in self.forms)

    def may_end_with(self, path: str) -> bool:
        """Whether a route with a parameter at its end may be meant."""
        before = _last(_without_last(path))
        if not before:
            return bool(self.before_parameters)
        return before in self.before_parameters or any("{" in each or not each for each in self.before_parameters)


def _last(path: str) -> str:
    return path.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1]


def _segments(path: str) -> list[str]:
    return [each for each in path.split("?", 1)[0].split("/") if each not in ("", ".")]


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
    whole: dict[str, None] = {}
    is_known = True
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
        whole.update(dict.fromkeys(paths))
        is_known = is_known and bool(route.addresses) and not any(UNKNOWN in path for path in paths)
        kinds = [parameter.type for parameter in project.dependencies.parameters(route.handler)]
        if any(project.types.is_instance(kind, *_FORMS) for kind in kinds):
            logins.update(dict.fromkeys(paths))
    apps = [app for app in project.routes.apps if not app.module.is_test]
    is_moved = any(app.given(name) is not None for app in apps for name in ("root_path", "openapi_prefix", "servers"))
    return _Logins(
        frozenset(endings),
        frozenset(before),
        tuple(logins),
        tuple(whole) if is_known else (),
        is_moved,
        any(app.given("openapi_url") is not None for app in apps),
    )
