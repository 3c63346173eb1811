"""FAPI810: what only works for HTTP, in the handler of a WebSocket or in front of it."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import (
    Class,
    ClassObject,
    Coroutine,
    Depends,
    Function,
    FunctionObject,
    Instance,
    Module,
    Route,
    Type,
)
from fastapi_lint.model.routing import Leaving, acceptances, comes_after, socket_of
from fastapi_lint.rule import Check, rule

_REQUEST = ("fastapi.Request", "starlette.requests.Request")
_SCHEMES_TAKE_SOCKETS = "0.144"
Need = tuple[Module, f.Param] | str
"""Why a dependency needs a request: the parameter that is one, or the name of the security scheme that it is."""


@rule("FAPI810", severity=Severity.ERROR, since="0.2.0")
def http_only_in_websocket(route: Route, check: Check) -> Iterator[Finding]:
    """The handler of a WebSocket raises, needs or is what only works for HTTP requests.

    Why is this bad?
    Once a WebSocket is accepted there is no response any more that could carry a status: an `HTTPException` ends in
    `RuntimeError`, and the client sees a broken connection. A dependency with a `Request` parameter gets none from a
    WebSocket and raises TypeError at the first connection; so do security schemes before FastAPI 0.144. A handler that
    is a plain `def` cannot be awaited: TypeError as well.

    Raise `WebSocketException`, let dependencies take `HTTPConnection`, and make the handler an `async def`.

    Known limits
    An `HTTPException` before `accept()` is a proper refusal and is left alone; so is one that is caught. Security
    schemes are reported when all declared versions of FastAPI are older than 0.144.

    References
    - [WebSockets](https://fastapi.tiangolo.com/advanced/websockets/)
    - [Starlette: WebSockets, send denial response](https://www.starlette.io/websockets/)
    """
    handler = route.handler
    if route.kind != "websocket" or handler is None:
        return
    if not handler.is_async and len(handler.facts.decorators) <= 1 and not _gives_coroutine(handler, check):
        yield check.finding(
            handler,
            f"the WebSocket handler `{handler.name}` is a plain `def`",
            why="FastAPI awaits it, and the first connection ends in TypeError",
            instead="make it an `async def`",
            module=handler.module,
        )
    yield from _parameters(route, handler, check)
    yield from _raised(route, handler, check)


def _gives_coroutine(handler: Function, check: Check) -> bool:
    """Whether a plain handler gives what can be awaited, or what is not known."""
    types = check.project.types
    for leave in handler.exits:
        if leave.kind == "return" and leave.value not in (None, f.Const(None)):
            value = types.infer(leave.value, (handler.module, leave.block, leave.start))
            if value is None or isinstance(value, Coroutine):
                return True
    return False


# ---------------------------------------------------------------- what is injected


def _parameters(route: Route, handler: Function, check: Check) -> Iterator[Finding]:
    own = _request_parameter(handler, check)
    if own is not None:
        yield check.finding(
            own,
            f"the WebSocket handler `{handler.name}` takes a `Request`",
            why="a WebSocket has none, and the first connection ends in TypeError",
            instead="take the `WebSocket`, or an `HTTPConnection`",
            module=handler.module,
        )
    dependencies = check.project.dependencies
    places: list[tuple[Depends, tuple[int, int]]] = []
    for parameter in dependencies.parameters(handler):
        if parameter.marker_call is not None:
            found = [one for one in dependencies.of_function(handler) if one.call is parameter.marker_call]
            places += [(one, (parameter.start, parameter.end)) for one in found]
    in_signature = {(one.module, one.call.start) for one, _ in places}
    listed = [one for address in route.addresses for one in dependencies.effective(address)[0]]
    place = (handler.start, handler.end)
    places += [(one, place) for one in listed if (one.module, one.call.start) not in in_signature]
    reported: set[object] = set()
    for one, at in places:
        for inner in dependencies.closure(one):
            if inner.target is None or inner.target in reported:
                continue
            found_there = _http_only(inner.target, route, check)
            if found_there is not None:
                reported.add(inner.target)
                yield _of_dependency(handler, one, inner, at, found_there, check)


def _of_dependency(
    handler: Function,
    one: Depends,
    inner: Depends,
    at: tuple[int, int],
    param: tuple[Module, f.Param] | str,
    check: Check,
) -> Finding:
    through = "" if inner is one else f", by `{inner.name}`,"
    if isinstance(param, str):
        return check.finding(
            at,
            f"`{one.name}`{through} needs a request, and `{handler.name}` serves a WebSocket",
            why=f"before FastAPI {_SCHEMES_TAKE_SOCKETS} `{param}` takes requests only: TypeError at each connection",
            instead=f"use FastAPI {_SCHEMES_TAKE_SOCKETS} or newer, or read the credentials off the `WebSocket`",
            module=handler.module,
        )
    module, fact = param
    return check.finding(
        at,
        f"`{one.name}`{through} needs a `Request`, and `{handler.name}` serves a WebSocket",
        why="a WebSocket has none, and the first connection ends in TypeError",
        instead="let it take an `HTTPConnection`, which both are",
        module=handler.module,
        related=[check.related((fact.start, fact.end), f"`{fact.name}` stands here", module=module)],
    )


def _http_only(target: Type, route: Route, check: Check) -> Need | None:
    """The parameter by which a dependency needs a request, or the name of the security scheme that it is."""
    types = check.project.types
    match target:
        case FunctionObject(function=function):
            param = _request_parameter(function, check)
            return (function.module, param) if param is not None else None
        case Instance(cls=Class() as cls) | ClassObject(cls=cls):
            name = "__call__" if isinstance(target, Instance) else "__init__"
            method = types.member(cls, name, Instance(cls))
            if isinstance(method, FunctionObject):
                param = _request_parameter(method.function, check)
                return (method.function.module, param) if param is not None else None
            return cls.name if isinstance(target, Instance) and _is_scheme(cls, route, check) else None
        case Instance(cls=str(name)):
            return name.rsplit(".", 1)[-1] if _is_scheme(name, route, check) else None
    return None


def _is_scheme(cls: Class | str, route: Route, check: Check) -> bool:
    """Whether a class is a security scheme that only takes requests in every declared FastAPI."""
    if not check.project.types.is_subclass(cls, "fastapi.security.base.SecurityBase") and not (
        isinstance(cls, str) and cls.startswith("fastapi.security.")
    ):
        return False
    versions = check.project.versions.for_path(route.module.path)
    return versions.never_at_least("fastapi", _SCHEMES_TAKE_SOCKETS, default=False) is True


def _request_parameter(function: Function, check: Check) -> f.Param | None:
    """The parameter of a function that is a request and has no default."""
    for parameter in check.project.dependencies.parameters(function):
        if parameter.marker or parameter.fact.default is not None:
            continue
        if isinstance(parameter.type, Instance) and check.project.types.is_instance(parameter.type, *_REQUEST):
            return parameter.fact
    return None


# ---------------------------------------------------------------- what is raised


def _raised(route: Route, handler: Function, check: Check) -> Iterator[Finding]:
    """Where an `HTTPException` leaves the handler after the socket was accepted."""
    types = check.project.types
    name = socket_of(types, handler)
    if name is None or not handler.is_async:
        return
    sure = [each for each in acceptances(types, handler, name) if each.is_sure]
    if not sure:
        return
    for block, start, end, by in Leaving(check.project).places(handler):
        if not any(comes_after(types, handler, each, block, start) for each in sure):
            continue
        subject = f"`{by}` raises" if by else f"`{handler.name}` raises"
        yield check.finding(
            (start, end),
            f"{subject} `HTTPException` after the WebSocket was accepted",
            why="no status can be sent any more: it becomes RuntimeError, and the client sees code 1006",
            instead="raise `WebSocketException(code=..., reason=...)`",
            module=handler.module,
        )
