"""FAPI312: `route` and `websocket_route` of Starlette on a router or app of FastAPI."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.rule import Check, rule

_GENERAL = frozenset({"route", "websocket_route"})
_UNKNOWN = ", and the OpenAPI document does not know it"


@rule("FAPI312", since="0.2.0")
def generic_route_decorator(module: Module, check: Check) -> Iterator[Finding]:
    """A handler is registered with `route` or `websocket_route`, the decorators of Starlette.

    Why is this bad?
    Such a handler gets the bare request: nothing is validated, no dependency runs, authentication of the router
    included, and the OpenAPI document does not know it. On an app `route` is gone since Starlette 1.0.

    Known limits
    The receiver has to be known as a router or app of FastAPI; those of Starlette are right to use it.

    References
    - [Path operation decorators](https://fastapi.tiangolo.com/tutorial/first-steps/#define-a-path-operation-decorator)
    - [Starlette release notes: 1.0](https://www.starlette.io/release-notes/)
    """
    decorators = {
        decorator.index
        for function in module.functions
        for decorator in function.facts.decorators
        if isinstance(decorator, f.CallRef)
    }
    for index in sorted(decorators):
        call = module.facts.calls[index]
        if not isinstance(call.func, f.Attr) or call.func.attr not in _GENERAL:
            continue
        owner = check.project.infer(call.func.value, module, call.block, call.start)
        is_app = check.project.types.is_instance(owner, "fastapi.FastAPI")
        if not is_app and not check.project.types.is_instance(owner, "fastapi.APIRouter"):
            continue
        is_http = call.func.attr == "route"
        gone = is_app and is_http and check.project.versions.for_path(module.path).reaches("starlette", "1.0")
        shown = module.source.slice(call.start, call.name_end)
        yield check.finding(
            (call.start, call.name_end),
            f"`{shown}` registers a bare Starlette handler",
            why="the decorator is gone since Starlette 1.0"
            if gone
            else "nothing is validated, no dependency runs" + _UNKNOWN * is_http,
            instead="use `get`, `post` or `api_route`" if is_http else "use `websocket`",
            severity=Severity.ERROR if gone else None,
        )
