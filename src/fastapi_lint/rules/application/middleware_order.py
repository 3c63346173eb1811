"""FAPI704: CORS middleware inside of middleware that answers by itself."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module, Project
from fastapi_lint.model.application import CORS, Middleware, passes_on, refuses, stacks, writes_cors_headers
from fastapi_lint.rule import Check, rule
from fastapi_lint.tracking.queries import gathered

_HOSTS = ("fastapi.middleware.trustedhost.TrustedHostMiddleware",)
_AUTHENTICATION = "starlette.middleware.authentication.AuthenticationMiddleware"
_OF_LIBRARIES = (
    "fastapi.middleware.httpsredirect.HTTPSRedirectMiddleware",
    "asgi_csrf.asgi_csrf",
    "starlette_csrf.CSRFMiddleware",
    "starlette_csrf.middleware.CSRFMiddleware",
)
"""Middleware of libraries that answers requests in the place of the app."""
_LIMITERS = ("slowapi.Limiter", "slowapi.extension.Limiter")
_FOR_ALL = frozenset({"default_limits", "application_limits", "in_memory_fallback", "config_filename"})
"""Arguments that bring limits for every route, or may."""
_OF_LIMITS = ("slowapi.middleware.SlowAPIMiddleware", "slowapi.middleware.SlowAPIASGIMiddleware")


@rule("FAPI704", since="0.2.0")
def middleware_order(module: Module, check: Check) -> Iterator[Finding]:
    """CORS middleware stands inside of middleware that answers by itself.

    Why is this bad?
    What is added last is outermost. An answer that a middleware outside of `CORSMiddleware` makes by itself (a 401, a
    429) carries no CORS headers: the browser hides it and reports a CORS error in its place. Such a middleware may also
    refuse the preflight request, which never carries credentials.

    Known limits
    Only apps whose middleware is added in one straight run of statements, in one list, or by functions that are handed
    the app, have an order that is looked at. Of middleware of libraries only those count that are known to answer; for
    `TrustedHostMiddleware` this is information, because requests to foreign hosts seldom come from a browser's page.
    What a middleware raises is no answer (that is FAPI705's), nor is there one where the backend of an
    `AuthenticationMiddleware` raises no `AuthenticationError`, nor of slowapi where no `Limiter` has limits for all
    routes: those of single routes are raised by their decorators.

    References
    - [Starlette: middleware](https://www.starlette.io/middleware/#using-middleware)
    - [FastAPI: CORS](https://fastapi.tiangolo.com/tutorial/cors/)
    """
    project = check.project
    seen: set[tuple[Module, int]] = set()
    for stack in stacks(project, module):
        outside: list[Middleware] = []
        for each in stack:
            if each.is_a(project, CORS):
                place = (each.module, each.start)
                if place not in seen and not _tells_itself(each, outside, module):
                    seen.add(place)
                    yield from _judged(each, outside, check)
                break
            outside.append(each)


def _tells_itself(cors: Middleware, outside: list[Middleware], module: Module) -> bool:
    """Whether another module adds both in one function, and so tells of them itself. Lists never do."""
    own = [each for each in outside if each.module is cors.module and each.block == cors.block]
    return cors.how != "list" and cors.module is not module and bool(own)


def _judged(cors: Middleware, outside: list[Middleware], check: Check) -> Iterator[Finding]:
    answering = [each for each in outside if _answers(each, check.project)]
    if not answering:
        return
    only_hosts = all(each.is_a(check.project, name) for each in answering for name in _HOSTS)
    first = answering[-1]
    where = "in front of it in the list" if cors.how == "list" else "after it"
    yield check.finding(
        cors,
        f"`{cors.name}` stands inside of `{first.name}`, which answers by itself",
        why="these answers have no CORS headers, so that the browser hides them",
        instead=f"put `{cors.name}` first in the list" if cors.how == "list" else f"add `{cors.name}` last",
        related=[check.related(each, f"`{each.name}` is added {where}", module=each.module) for each in answering],
        severity=Severity.INFO if only_hosts else None,
        module=cors.module,
    )


def _answers(each: Middleware, project: Project) -> bool:
    """Whether a middleware is known to answer requests itself; one that allows every host never does."""
    if any(isinstance(arg.value, f.Display) and f.Const("*") in arg.value.items for arg in each.arguments):
        return not any(each.is_a(project, name) for name in _HOSTS)
    if each.is_a(project, _AUTHENTICATION):
        return refuses(each, project)
    if any(each.is_a(project, name) for name in _OF_LIMITS):
        found = _limiting(project)
        return not found or any(found)
    if any(each.is_a(project, name) for name in (*_HOSTS, *_OF_LIBRARIES)):
        return True
    return passes_on(each, project) is False and not writes_cors_headers(each)


@gathered
def _limiting(project: Project, module: Module) -> Iterator[bool]:
    """Whether the limiters that a module makes have limits for the routes that name none, or may."""
    if module.is_test or not module.mentions("Limiter"):
        return
    for call in module.facts.calls:
        if project.called_name(module, call) in _LIMITERS:
            behind = [arg.name for arg in call.args[1:]]  # the first one alone, by position, is the key
            yield not {"", "*", "**"}.isdisjoint(behind) or any(arg.name in _FOR_ALL for arg in call.args)
