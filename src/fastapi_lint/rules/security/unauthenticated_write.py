"""FAPI613: routes that change something without authentication, in an app whose other routes have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from fastapi_lint.catalog.secrecy import openness
from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Project, Route
from fastapi_lint.model.injection import Depends, Protection, browsing
from fastapi_lint.model.names import walk
from fastapi_lint.model.routing import Address, App, Router, wording
from fastapi_lint.rule import Check, rule

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OF_OWNERS = frozenset({"PUT", "PATCH", "DELETE"})
"""What a stranger seldom may do, even where strangers come: to register is a POST."""
_ENOUGH = 3


@dataclass(frozen=True)
class _Standing:
    """An address with its dependencies: `guards` are those that authenticate; `known` whether that is all.

    `certain` are the guards that can tell callers apart: these alone say what is to be expected of others.
    """

    address: Address
    route: Route
    guards: tuple[Depends, ...]
    known: bool
    certain: tuple[Depends, ...] = ()


@rule("FAPI613", severity=Severity.ERROR, options={"public-paths": ()}, needs_requests=True)
def unauthenticated_write(project: Project, check: Check) -> Iterator[Finding]:
    """A route that changes something has no authentication, while its siblings have it.

    Why is this bad?
    Anyone who finds the path can create, change or delete. Mostly the dependency was forgotten with a new route:
    nothing fails, and every other test passes. Authentication is looked for everywhere it can stand: in the signature,
    `dependencies=` of the route, of its router, of every inclusion and of the app, in class-based views, decorators and
    middleware.

    The option `public-paths` lists path patterns (`/public/*`) that are meant to be open.

    Known limits
    Only POST, PUT, PATCH, DELETE and websockets are judged, and only where the router's other routes authenticate, or
    most of the app's (three in four of them, for a PUT, PATCH or DELETE on a router of which some do). Paths and names
    that say they are public (login, registration, webhooks, health), unless a PUT, PATCH or DELETE names a row by its
    number, or a POST makes the web hook or invitation that it is called for; operations that only read or compute,
    handlers that look at the request themselves, and everything that cannot be resolved are left alone. A dependency
    or middleware of the project that can know nobody is no authentication, whatever it is called.

    References
    - [FastAPI: dependencies in path operation decorators](https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-in-path-operation-decorators/)
    - [OWASP API2:2023 Broken Authentication](https://owasp.org/API-Security/editions/2023/en/0xa2-broken-authentication/)
    """
    protection = project.protection
    open_routes: dict[Route, tuple[_Standing, str]] = {}
    others: set[Route] = set()
    for app in (*project.routes.apps, *_alone(project)):
        if app.module.is_test or protection.by_middleware(app):
            others.update(a.route for a in project.routes.addresses(app) if isinstance(a.route, Route))
            continue
        standings = list(_standings(app, project))
        writes = _Writes(standings, project)
        taken: set[tuple[str, str]] = set()
        for standing in standings:
            called = {(standing.address.path, method) for method in (standing.route.methods or ("",))}
            if called <= taken:  # an earlier route answers there
                others.add(standing.route)
                continue
            taken |= called
            reason = _sibling_reason(standing, writes) if not standing.guards and standing.known else ""
            if reason and not _is_public(standing, writes, check):
                open_routes.setdefault(standing.route, (standing, reason))
            else:
                others.add(standing.route)
    for route, (standing, reason) in open_routes.items():
        handler = route.handler
        if route in others or handler is None or _may_be_checked(protection, standing, handler):
            continue
        if _changes_nothing(route, project):
            continue
        method = "websocket" if route.kind == "websocket" else "/".join(m for m in route.methods if m in _WRITES)
        yield check.finding(
            route,
            f"anyone can call `{handler.name}` (`{method} {standing.address.path}`)",
            why=f"nothing in front of it authenticates, while {reason}",
            instead="let it depend on the same, or list the path in `public-paths`",
            module=route.module,
        )


def _alone(project: Project) -> Iterator[Router]:
    """The routers that nothing includes: what an application adds at the inclusion holds for all of their routes."""
    included = {inclusion.child for inclusion in project.routes.inclusions}
    for key, router in project.routes.routers.items():
        if key not in included and not router.is_app:
            yield router


def _standings(app: Router, project: Project) -> Iterator[_Standing]:
    """Every address of an app that could matter, with what is known of its authentication."""
    for address in project.routes.addresses(app):
        route = address.route
        if not isinstance(route, Route) or route.module.is_test:
            continue
        dependencies, complete = project.dependencies.effective(address)
        verdicts = [(one, project.dependencies.authenticates(one)) for one in dependencies]
        guards = tuple(one for one, verdict in verdicts if verdict)
        certain = tuple(one for one in guards if project.dependencies.identifies(one))
        known = complete and all(verdict is not None for _, verdict in verdicts)
        yield _Standing(address, route, guards, known, certain)


def _changes(route: Route) -> bool:
    return route.kind == "websocket" or bool(_WRITES.intersection(route.methods))


def _changes_nothing(route: Route, project: Project) -> bool:
    """Whether all that comes of a request is an answer: a change in the caller's own browser, or what is computed.

    A handler that takes nothing and does nothing but return a constant gives the same answer to everybody.
    """
    handler = route.handler
    if handler is None:
        return False
    if handler.is_empty:
        return True  # still to be written
    does = handler.params or handler.calls or handler.module.assigns_in.get(handler.index)
    given = [part for leave in handler.exits for part in walk(leave.value)]
    if given and not does and all(isinstance(part, (f.Const, f.Display, f.Mapping)) for part in given):
        return True
    return browsing.changes_only_the_browser(handler, project) or (
        route.methods == ("POST",) and browsing.only_computes(handler, project)
    )


class _Writes:
    """The writes of an app that are not for everybody: how many there are, and by what they authenticate."""

    def __init__(self, standings: Sequence[_Standing], project: Project) -> None:
        writes = (
            one
            for one in standings
            if _changes(one.route)
            and (one.guards or not (_is_for_everybody(one) or _changes_nothing(one.route, project)))
        )
        self._by_router: dict[Hashable, dict[Route, list[_Standing]]] = {None: {}}
        for one in writes:
            for key in (one.route.key, None):
                self._by_router.setdefault(key, {}).setdefault(one.route, []).append(one)
        self._counts = {key: _count(found.values()) for key, found in self._by_router.items()}
        paths = [one.address.path for found in self._by_router[None].values() for one in found if one.certain]
        parts = {part[0] for path in paths for part in openness.CAPABILITY.finditer(path)}
        self.guarded_parts = {part for part in parts if openness.SECRET.search(part) is None}
        """Parts of paths that might be secrets, and are none: other routes with them authenticate."""
        self.guarded_pieces = frozenset(piece for path in paths for piece in path.split("/"))
        """Pieces of the paths of those that authenticate."""

    def but(self, route: Route, key: Hashable) -> tuple[int, int, Counter[str]]:
        """Those on a router (None: all): how many, how many of them authenticate, and by what; without one route's."""
        routes = self._by_router.get(key, {})
        size, guarded, names = self._counts.get(key, (0, 0, Counter()))
        own = routes.get(route, ())
        if any(one.certain for one in own):
            return _count(found for other, found in routes.items() if other is not route)
        return size - len(own), guarded, names


def _count(routes: Iterable[list[_Standing]]) -> tuple[int, int, Counter[str]]:
    found = [one for standings in routes for one in standings]
    guarded = [one for one in found if one.certain]
    names = Counter(name for one in guarded for name in dict.fromkeys(guard.shown for guard in one.certain))
    return len(found), len(guarded), names


def _sibling_reason(standing: _Standing, writes: _Writes) -> str:
    """Why authentication is to be expected, naming the dependency of the siblings; "" when it is not."""
    if not _changes(standing.route):
        return ""
    size, guarded, names = writes.but(standing.route, standing.route.key)
    where = "on the same router"
    if 2 * guarded < size or not guarded:
        for_owners = bool(guarded) and _OF_OWNERS.issuperset(standing.route.methods or ("",))
        is_privileged = not size or _makes_privileged(standing)
        if not isinstance(standing.address.app, App) or not (is_privileged or for_owners):
            return ""
        size, guarded, names = writes.but(standing.route, None)
        where = "in the app"
        if guarded < _ENOUGH or 2 * guarded < size or (not is_privileged and 4 * guarded < 3 * size):
            return ""
    name, count = names.most_common(1)[0]
    if count == guarded:
        return f"{count} of {size} other writes {where} depend on `{name}`"
    known = " or ".join(f"`{name}`" for name, _ in names.most_common(2))
    return f"{guarded} of {size} other writes {where} do, by {known}"


def _texts(standing: _Standing) -> tuple[str, str]:
    return standing.address.path, standing.route.handler.name if standing.route.handler else ""


def _is_for_everybody(standing: _Standing, guarded: Collection[str] = ()) -> bool:
    """Whether path or name say that strangers come here: to register, to sign in, to be asked for their health.

    What a part of the application is called says nothing if others below it authenticate: `guarded` are such pieces.
    """
    path, name = _texts(standing)
    pieces = path.split("/")
    said = "/".join(each for each in pieces if each not in guarded or not openness.PLACES.fullmatch(each))
    return any(map(openness.PUBLIC.search, (said, name))) and not _makes_privileged(standing)


def _acts_on_numbered(standing: _Standing, project: Project) -> bool:
    """Whether a POST does something with the row whose number stands in front of that in its path, of what a stranger
    may do who was given a link or a code: whoever can count does it to all of them."""
    route, pieces = standing.route, standing.address.path.rstrip("/").split("/")
    if (
        route.handler is None
        or route.methods != ("POST",)
        or len(pieces) < 2
        or not openness.HELD.fullmatch(pieces[-1])
    ):
        return False
    texts = ("/".join(pieces[:-1]), openness.HELD.sub("", route.handler.name))
    if not _is_of_number(pieces[-2], route.handler) or any(map(openness.PUBLIC.search, texts)):
        return False
    sent = [each for each in project.dependencies.parameters(route.handler) if not each.marker.endswith("Depends")]
    return all(project.types.is_instance(each.type, "int") for each in sent)


def _changes_numbered(standing: _Standing) -> bool:
    """Whether a route changes or deletes the row whose number ends its path: whoever can count names all of them."""
    route = standing.route
    last = standing.address.path.rstrip("/").rsplit("/", 1)[-1]
    if route.handler is None or not route.methods or not _OF_OWNERS.issuperset(route.methods) or last[:1] != "{":
        return False
    return _is_of_number(last, route.handler)


def _is_of_number(piece: str, handler: Function) -> bool:
    """Whether a piece of a path stands for a number that a handler takes."""
    return any(piece == f"{{{one.name}}}" and _is_number(one.annotation) for one in handler.params)


def _is_number(annotation: f.Expr | None) -> bool:
    if isinstance(annotation, f.Sub) and f.last_name(annotation.value) == "Annotated":
        annotation = annotation.items[0]
    return annotation == f.Name("int")


def _makes_privileged(standing: _Standing) -> bool:
    """Whether path or name speak of administrators, and not of how they sign in."""
    texts = _texts(standing)
    return any(map(openness.PRIVILEGED.search, texts)) and not any(map(openness.SIGNS_IN.search, texts))


def _is_public(standing: _Standing, writes: _Writes, check: Check) -> bool:
    """Whether a route says that it is open, only reads, or exists in some configurations only."""
    address, route = standing.address, standing.route
    path, name = address.path, route.handler.name if route.handler else ""
    if not address.known or address.conditional:
        return True
    if any(fnmatchcase(path, pattern) for pattern in check.names("public-paths")):
        return True
    last = path.rstrip("/").rsplit("/", 1)[-1]
    collection = _without_many(path).rstrip("/").rsplit("/", 1)[-1]
    if any(one[0] not in writes.guarded_parts for one in openness.CAPABILITY.finditer(path)):
        return True
    makes_it = _makes_what_it_is_for(standing, check.project)
    if _is_for_everybody(standing, writes.guarded_pieces) and not (makes_it and openness.KEPT.fullmatch(collection)):
        if _acts_on_numbered(standing, check.project):
            return False
        return not _changes_numbered(standing) or any(map(openness.OPEN.search, _texts(standing)))
    if route.methods == ("POST",) or route.kind == "websocket":
        reads = openness.READS.search(name) or openness.READS.search(last)
        if makes_it and openness.MADE.fullmatch(collection):
            return False
        return bool(
            openness.PUBLIC_END.search(last) or (reads and not (makes_it or _makes_what_it_names(standing, check)))
        )
    return False


def _makes_what_it_is_for(standing: _Standing, project: Project) -> bool:
    """Whether a POST inserts a row of what its path is a collection of, each time: a `Country` by `POST /countries`."""
    handler = standing.route.handler
    made = _made(standing, project)
    said = wording(handler.name, _without_many(standing.address.path)) if handler is not None and made else None
    return said is not None and bool(said.collection) and said.collection in made


def _without_many(path: str) -> str:
    """A path without the piece behind a collection that says that many are made at once."""
    return openness.MANY.sub("", path)


def _makes_what_it_names(standing: _Standing, check: Check) -> bool:
    """Whether a POST inserts a row of what its name speaks of, each time: `list_offer` an `Offer`, not a search."""
    handler = standing.route.handler
    made = _made(standing, check.project)
    said = {word for word in made if openness.READS.search(word) is None}
    return handler is not None and bool(said) and made <= wording(handler.name, "").singulars


def _made(standing: _Standing, project: Project) -> frozenset[str]:
    """The words of the name of the class of which a POST inserts a row each time, in the singular."""
    handler = standing.route.handler
    if handler is None or standing.route.methods != ("POST",):
        return frozenset()
    trail = project.inserts.insertion(handler)
    thing = trail.effect.thing if trail is not None else None
    if trail is None or thing is None or not project.inserts.is_sure(handler, trail):
        return frozenset()
    return wording(thing.name, "").singulars


def _may_be_checked(protection: Protection, standing: _Standing, handler: Function) -> bool:
    return (
        protection.by_router(standing.address)
        or protection.by_decorator(handler)
        or protection.takes_credential(handler, hashing=not _makes_privileged(standing))
        or protection.in_handler(handler)
    )
