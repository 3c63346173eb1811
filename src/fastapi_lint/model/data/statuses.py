"""Whether somebody has decided on the status of an operation's success, or means 200 by the shape of the interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.data.exchange import response_types
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance
from fastapi_lint.model.routing.answering.responses import returns_response
from fastapi_lint.model.routing.answering.wording import manages, wording
from fastapi_lint.model.routing.routers import Route
from fastapi_lint.model.types.alternatives import admitted

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_FLAGS = frozenset({"success", "ok", "succeeded", "is_success", "successful"})
_CODES = frozenset({"code", "status", "errcode", "err_code", "error_code", "errno"})
_FAILURES = frozenset({"error", "errors", "err", "error_message", "err_msg"})
_FAILED = frozenset({"failed", "failure", "fail", "error", "err", "bad"})
_ENVELOPE_CODES = frozenset({"code", "errcode", "err_code", "error_code", "errno", "status_code"})
_ENVELOPE_TEXTS = frozenset({"data", "msg", "message", "result", "detail", "error"})
_MANY = 3


def status_is_decided(project: Project, route: Route, handler: Function) -> bool:
    """Whether 200 is what is meant, or the status is chosen elsewhere.

    By the handler, for another of its paths, for old clients, by documenting it, by answering failures with it, or by
    an interface in which all is a POST.
    """
    routes = project.routes.by_handler.get(handler, ())
    return (
        any(each.status_code == 201 or _documents_200(each) for each in routes)
        or _is_old(project, route)
        or _sets_status(handler, project)
        or any(
            _shares_status(each) or _tells_by_class(each, project) for each in (handler, *_answering(handler, project))
        )
        or _is_remote_call(project, route)
        or _is_enveloped(project, route)
    )


def _documents_200(route: Route) -> bool:
    """Whether the operation says itself what its 200 means."""
    given = route.given("responses")
    return (
        given is not None
        and isinstance(given[0], f.Mapping)
        and any(isinstance(key, f.Const) and key.value in (200, "200") for key, _ in given[0].items)
    )


def _is_old(project: Project, route: Route) -> bool:
    """Whether a route is kept for old clients: it, its router, or a router or an inclusion on the way is deprecated."""
    router = route.router
    calls = [route.call]
    if route.partial is not None:
        calls.append(route.partial.facts)
    if router is not None:
        calls.append(router.call)
    for address in route.addresses[:1]:
        calls += [inclusion.call for inclusion in address.inclusions]
        above = (project.routes.router_of(key) for key in address.routers)
        calls += [each.call for each in above if each is not None]
    for call in calls:
        given = f.keyword(call, "deprecated")
        if given is not None and given.value != f.Const(False) and given.value != f.Const(None):
            return True
    hidden = f.keyword(route.call, "include_in_schema")
    others = project.routes.by_handler.get(route.handler, ()) if route.handler is not None else ()
    return hidden is not None and hidden.value == f.Const(False) and len(others) > 1


def _sets_status(handler: Function, project: Project) -> bool:
    """Whether the handler decides on the status itself: it sets it, or gives a response object back."""
    for entry in handler.module.assigns_in.get(handler.index, ()):
        if isinstance(entry.target, f.Attr) and entry.target.attr == "status_code":
            return True
    return any(returns_response(each, project.types) for each in (handler, *_answering(handler, project)))


def _answering(handler: Function, project: Project) -> Iterator[Function]:
    """The project's functions whose result the handler returns as it is."""
    for leaving in handler.exits:
        value = leaving.value.value if isinstance(leaving.value, f.Await) else leaving.value
        if leaving.kind == "return" and isinstance(value, f.CallRef):
            callee = project.callee(handler.module, handler.module.facts.calls[value.index])
            if isinstance(callee, FunctionObject):
                yield callee.function


def _shares_status(function: Function) -> bool:
    """Whether a function answers a failure as it answers success: it returns in an `except`, or says `ok=False`."""
    module = function.module
    for leaving in function.exits:
        if leaving.kind != "return" or leaving.value is None:
            continue
        if any(block.kind == "except" for block in module.block_chain(leaving.block)):
            return True
        if _says_failure(leaving.value, function):
            return True
    return False


def _tells_by_class(function: Function, project: Project) -> bool:
    """Whether a function is declared to give one of several classes of the project: success and failure."""
    where = (function.module, function.facts.outer, function.start)
    found = admitted(project.types, function.facts.returns, where)
    return len({one.cls for one in found if isinstance(one, Instance) and isinstance(one.cls, Class)}) > 1


def _says_failure(value: f.Expr, function: Function) -> bool:
    calls = function.module.facts.calls
    pairs: list[tuple[str, f.Expr]] = []
    match value:
        case f.Await(value=inner):
            return _says_failure(inner, function)
        case f.Choice(options=options):
            return any(_says_failure(option, function) for option in options)
        case f.Mapping(items=items):
            pairs = [
                (key.value, each) for key, each in items if isinstance(key, f.Const) and isinstance(key.value, str)
            ]
        case f.CallRef(index=index):
            call = calls[index]
            if isinstance(call.func, f.Attr) and call.func.attr.lower() in _FAILED:
                return True
            pairs = [(arg.name, arg.value) for arg in call.args if arg.name.isidentifier()]
    for name, given in pairs:
        if name in _FLAGS and (given == f.Const(False) or not isinstance(given, f.Const)):
            return True
        if (
            name in _CODES
            and isinstance(given, f.Const)
            and given.value not in (0, 200, "0", "200", "ok", "success", None)
        ):
            if isinstance(given.value, int) or str(given.value).lower() in ("error", "fail", "failed"):
                return True
        if name in _FAILURES and given not in (f.Const(None), f.Const(""), f.Const(False)):
            return True
    return False


def _is_remote_call(project: Project, route: Route) -> bool:
    """Whether an interface has verbs in its paths that belong into the method: some of a router's POSTs end in one that
    changes what is there, and this one in one as well, or nothing but POST and GET is used. (A POST that only searches
    says little: its filters stand in the body.)"""
    routes = [each for each in project.routes.registered.get(route.key, ()) if isinstance(each, Route)]
    http = [each for each in routes if each.kind == "http"]
    posts = [each for each in http if each.methods == ("POST",)]
    if not any(each is not route and manages(each.path) for each in posts):
        return False
    is_verb = wording("", route.path).verb != ""
    managing = any(each is not route and manages(each.path, searching=False) for each in posts)
    return is_verb or (
        managing and len(http) >= _MANY and len(posts) + sum(e.methods == ("GET",) for e in http) == len(http)
    )


def _is_enveloped(project: Project, route: Route) -> bool:
    """Whether the answer declares a code of its own beside data or a message, which tells success from failure."""
    for declared in response_types(project.schemas, route):
        cls = declared.cls if isinstance(declared, Instance) else None
        names = (
            {name for base in project.types.mro(cls) if isinstance(base, Class) for name in base.assigns}
            if isinstance(cls, Class)
            else set()
        )
        if names & _ENVELOPE_CODES and names & _ENVELOPE_TEXTS:
            return True
    return False
