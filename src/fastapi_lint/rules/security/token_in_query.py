"""FAPI618: credentials that are read from the query of a URL."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.catalog.secrecy.secrets import words
from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Instance, Module, Parameter, Project, Route
from fastapi_lint.model.injection import path_name
from fastapi_lint.model.names import evaluated, walk
from fastapi_lint.model.tokens import token_calls
from fastapi_lint.model.types import is_none, options
from fastapi_lint.rule import Check, rule
from fastapi_lint.tracking.queries import query

_CERTAIN = frozenset({
    "accesstoken", "authtoken", "bearertoken", "apitoken", "idtoken", "sessiontoken", "jwt", "jwttoken", "apikey",
    "apisecret", "secret", "secretkey", "clientsecret", "refreshtoken", "authorization",
})  # fmt: skip
_TOKEN = "token"
"""May be a word of a text, or a coin: it counts where it is looked at as a credential."""
_LINKS = re.compile(
    r"verif|confirm|reset|recover|invit|unsubscribe|magic|activat|download|export|shar(?:e|ing)|stream|feed|callback|"
    r"webhook|mail[-_]?(?:update|change)|(?:update|change)[-_]?e?mail",
    re.IGNORECASE,
)
"""Paths and handlers that are reached by a link, or by what cannot set headers."""
_OF_PEOPLE = ("password", "passwd")
"""How names of passwords end: of one that somebody has, and of one that somebody chooses."""
_NOT_OF_LINKS = frozenset({"PUT", "PATCH", "DELETE"})
_LOOKS = frozenset({
    "decode", "verify", "validate", "check", "auth", "authenticate", "authorize", "authorized", "jwt", "user",
    "session", "login", "token", "digest", "compare", "principal", "identity",
})  # fmt: skip
_TEXTS = ("str", "bytes", "pydantic.SecretStr", "pydantic.StrictStr", "pydantic.SecretBytes")
_WHY = "URLs stand in logs of servers and proxies, in histories and in `Referer` headers"
_SOCKET = "browsers cannot set headers for a WebSocket, but URLs stand in logs of servers and proxies"


@rule("FAPI618", hint=r"(?i)token|key|jwt|secret|passw|authorization", needs_requests=True)
def token_in_query(module: Module, check: Check) -> Iterator[Finding]:
    """A token, key or password is read from the query of the URL.

    Why is this bad?
    URLs are written down: in access logs of servers and proxies, in the history of browsers, in the `Referer` that is
    sent to other sites. Who reads one of these has the credential. Headers and bodies are not logged. For a WebSocket,
    where browsers cannot set headers, hand out a ticket that is valid once and for a minute, or use the subprotocol.

    Known limits
    Links that are sent to people or tools (verify, confirm, reset, invite, unsubscribe, download, export, share,
    stream, feed, callback, webhook in the path or the name) are fine, but not with a password, nor for a PUT, PATCH or
    DELETE with a key. `token` alone counts in dependencies, WebSockets and where code checks it, and any name in a
    dependency that decodes it with a key.

    References
    - [OWASP: sensitive data in URLs](https://owasp.org/www-community/vulnerabilities/Information_exposure_through_query_strings_in_url)
    - [RFC 6750: URI query parameter](https://datatracker.ietf.org/doc/html/rfc6750#section-2.3)
    - [FastAPI: security](https://fastapi.tiangolo.com/tutorial/security/)
    """
    if module.is_test:
        return
    project = check.project
    for function in module.functions:
        if function in project.routes.by_handler or function in project.dependencies.injected:
            yield from _of_parameters(function, check)
    seen: set[tuple[int, str]] = set()
    for call in module.calls_named(("get", *module.words_for(frozenset({"APIKeyQuery"})))):
        for found in _of_call(module, call, check):
            place = (module.facts.blocks[call.block].function, found.title)
            if place not in seen:
                seen.add(place)
                yield found


def _of_parameters(function: Function, check: Check) -> Iterator[Finding]:
    for parameter in check.project.dependencies.parameters(function):
        name = path_name(parameter)
        spelled = "".join(words(name)) if name else ""
        is_named = spelled == _TOKEN or _is_certain(spelled)
        if not is_named and not _is_read(function, parameter.name, check):
            continue
        if not _is_in_query(parameter, name or "", check) or _is_refused(function, parameter.name):
            continue
        routes = _routes_of(function, check.project)
        if _is_link(function, routes, spelled):
            continue
        is_socket = _is_socket(function, routes, check)
        if is_socket and not is_named:
            continue  # a ticket, as it should be
        if spelled == _TOKEN and not is_socket and not _is_credential(function, parameter.name, check):
            continue
        yield check.finding(
            parameter,
            f"`{parameter.name}` of `{function.name}` is read from the query",
            why=_SOCKET if is_socket else _WHY,
            instead="hand out a ticket that is valid once, or use the subprotocol"
            if is_socket
            else "read it from a header (`HTTPBearer`, `APIKeyHeader`), or from the body where somebody logs in",
            severity=Severity.INFO if is_socket else None,
        )


def _of_call(module: Module, call: f.Call, check: Check) -> Iterator[Finding]:
    """`APIKeyQuery(...)`, and `request.query_params.get("token")`."""
    if check.project.called_name(module, call) == "fastapi.security.APIKeyQuery":
        yield check.finding(
            call, "A key is read from the query", why=_WHY, instead="read it from a header (`APIKeyHeader`)"
        )
        return
    match call.func, call.args:
        case f.Attr(value=f.Attr(value=owner, attr="query_params"), attr="get"), (
            f.Arg(value=f.Const(value=str(name))),
            *_,
        ):
            pass
        case _:
            return
    function = module.enclosing(call.block)
    connection = check.project.infer(owner, module, call.block, call.start)
    if function is None or not check.project.types.is_instance(connection, "fastapi.requests.HTTPConnection"):
        return
    spelled = "".join(words(name))
    if spelled != _TOKEN and not _is_certain(spelled):
        return
    routes = _routes_of(function, check.project)
    if _is_link(function, routes, spelled):
        return
    is_socket = check.project.types.is_instance(connection, "fastapi.WebSocket")
    yield check.finding(
        call,
        f"`{name}` is read from the query in `{function.name}`",
        why=_SOCKET if is_socket else _WHY,
        instead="hand out a ticket that is valid once, or use the subprotocol"
        if is_socket
        else "read it from a header",
        severity=Severity.INFO if is_socket else None,
    )


def _is_certain(spelled: str) -> bool:
    return spelled in _CERTAIN or spelled.endswith(_OF_PEOPLE)


def _is_in_query(parameter: Parameter, name: str, check: Check) -> bool:
    """Whether FastAPI reads a parameter from the query: it is marked so, or a text without a marker."""
    function = parameter.function
    if parameter.fact.kind in ("args", "kwargs") or parameter.marker not in ("", "fastapi.Query"):
        return False
    if any(arg.name == "include_in_schema" for arg in (parameter.marker_call.args if parameter.marker_call else ())):
        return False
    annotation = parameter.fact.annotation
    if parameter.marker == "":
        routes = check.project.routes.by_handler.get(function, ()) or check.project.routes.all
        if any(name in route.placeholders for route in routes):
            return False
        if annotation is None and function not in check.project.routes.by_handler:
            return False  # of a class, perhaps by hand
    where = (function.module, function.facts.outer, parameter.start)
    for option, place in options(check.project.types, annotation, where):
        value = check.project.types.annotation(option, place) if isinstance(option, (f.Name, f.Attr)) else None
        if not is_none(option) and not (isinstance(value, Instance) and value.cls in _TEXTS):
            return False
    return True


def _is_refused(function: Function, name: str) -> bool:
    """Whether a request is refused when a parameter is there: it is only taken to say so."""
    module = function.module
    for index, block in enumerate(module.facts.blocks):
        if block.kind != "if" or block.function != function.index:
            continue
        match block.test:
            case f.Name(id=found) if found == name:
                pass
            case f.Compare(operators=("is not",), operands=(f.Name(id=found), other)) if found == name and is_none(
                other
            ):
                pass
            case _:
                continue
        if any(leave.kind == "raise" and leave.block == index for leave in function.exits):
            return True
    return False


def _is_link(function: Function, routes: list[Route], spelled: str) -> bool:
    """Whether a function, or every route that it stands before, is reached by a link.

    No link has a password in it. Who follows one asks with GET, and who calls back with POST, but neither with DELETE.
    """
    if spelled.endswith(_OF_PEOPLE):
        return False
    if spelled != _TOKEN and routes and all(_NOT_OF_LINKS.issuperset(route.methods or ("GET",)) for route in routes):
        return False
    if _LINKS.search(function.name):
        return True
    return bool(routes) and all(
        _LINKS.search(f"{route.router.prefix if route.router is not None else ''}{route.path} {route.name}")
        or (bool(route.addresses) and all(_LINKS.search(address.path) for address in route.addresses))
        for route in routes
    )


def _routes_of(function: Function, project: Project) -> list[Route]:
    """The routes that a function answers, or stands before as a dependency."""
    own = project.routes.by_handler.get(function)
    return list(own) if own else list(_behind(project).get(function, ()))


@query
def _behind(project: Project) -> dict[Function, list[Route]]:
    """The routes behind each dependency: of the handler, the route, and the routers and inclusions around it."""
    table: dict[Function, list[Route]] = {}
    for route in project.routes.all:
        if route.handler is None or route.module.is_test:
            continue
        given = [one for address in route.addresses for one in project.dependencies.effective(address)[0]]
        own = given or project.dependencies.holder_dependencies(route)[0]
        for depends in dict.fromkeys((*own, *project.dependencies.of_handler(route))):
            for one in project.dependencies.closure(depends):
                if one.function is not None and route not in table.setdefault(one.function, []):
                    table[one.function].append(route)
    return table


def _is_socket(function: Function, routes: list[Route], check: Check) -> bool:
    if routes and all(route.kind == "websocket" for route in routes):
        return True
    kinds = (parameter.type for parameter in check.project.dependencies.parameters(function))
    return any(check.project.types.is_instance(kind, "fastapi.WebSocket") for kind in kinds)


def _is_read(function: Function, name: str, check: Check) -> bool:
    """Whether a dependency decodes a parameter as a token with a key, and reads whose it is: then it is one, whatever
    it is called. A link to a file may be signed as well."""
    module = function.module
    if function not in check.project.dependencies.injected or not module.mentions("jwt", "jose"):
        return False
    return _names_somebody(function) and any(
        read.token == f.Name(name) and read.flaw is None and module.enclosing(read.call.block) is function
        for read in token_calls(module, check.project)
    )


def _names_somebody(function: Function) -> bool:
    return any(part == f.Const("sub") for expr, _, _ in evaluated(function) for part in walk(expr))


def _is_credential(function: Function, name: str, check: Check) -> bool:
    """Whether code looks at a `token` as at a credential."""
    if function in check.project.dependencies.injected or check.project.dependencies.refuses(function):
        return True
    value = f.Name(name)
    for call in function.calls:
        if any(arg.value == value for arg in call.args) and not _LOOKS.isdisjoint(words(f.last_name(call.func))):
            return True
    return any(
        isinstance(part, f.Compare) and value in part.operands and {"==", "!="}.intersection(part.operators)
        for expr, _, _ in evaluated(function)
        for part in walk(expr)
    )
