"""FAPI705: middleware that loses its response, its errors or the body of the request."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.application import in_stack
from fastapi_lint.model.calls import Endings, is_tried, raised_call
from fastapi_lint.rule import Check, rule


@rule("FAPI705", severity=Severity.ERROR, since="0.2.0")
def broken_middleware(module: Module, check: Check) -> Iterator[Finding]:
    """A middleware does not await `call_next`, returns nothing, or raises what nobody turns into an answer.

    Why is this bad?
    `call_next(request)` without `await` is a coroutine, no response. A path that ends without returning a response
    answers 500. So does an HTTPException that a middleware raises: the handlers of the app stand further inside.
    `request.stream()` in front of `call_next` uses up the body, and the endpoint finds none. `add_middleware` in a
    lifespan or start-up handler raises RuntimeError: the stack is built by then.

    Known limits
    Functions of `@app.middleware("http")` and `dispatch` of `BaseHTTPMiddleware` are looked at, ASGI middleware is not.
    A plain `def` that only returns `call_next(request)` works. `request.body()`, `json()` and `form()` keep the body.

    References
    - [FastAPI: middleware](https://fastapi.tiangolo.com/tutorial/middleware/)
    - [Starlette: BaseHTTPMiddleware](https://www.starlette.io/middleware/#basehttpmiddleware)
    """
    if not module.mentions("iddleware"):
        return
    for function in in_stack(check.project, module):
        yield from _judged(function, check)
    for call in module.facts.calls:
        if isinstance(call.func, f.Attr) and call.func.attr == "add_middleware":
            around = module.enclosing(call.block)
            is_app = check.project.is_app(call.func.value, module, call.block, call.start)
            if around is not None and is_app and check.project.is_lifespan(around):
                yield check.finding(
                    call,
                    f"`add_middleware` is called in `{around.name}`, after the start",
                    why="it raises RuntimeError, because the stack of middleware is built by then",
                    instead="add it where the app is made",
                )


def _judged(function: Function, check: Check) -> Iterator[Finding]:
    params = [param.name for param in function.params if param.kind in ("positional-only", "normal")]
    if len(params) < 2:
        return
    request, following = params[-2:]
    passing = [call for call in function.calls if call.func == f.Name(following)]
    if function.is_async:
        yield from _unawaited(function, passing, check)
        if not function.is_generator and _ends_empty(function, check):
            yield check.finding(
                function,
                f"middleware `{function.name}` has a path that returns no response",
                why="these requests are answered with a 500",
                instead=f"return the response, or `await {following}({request})`",
            )
    for entry in function.exits:
        if (
            entry.kind == "raise"
            and _is_http_exception(entry, function, check)
            and not is_tried(function.module, entry.block)
        ):
            yield check.finding(
                entry,
                f"middleware `{function.name}` raises an HTTPException",
                why="nobody makes an answer of it here, so that the client gets a 500",
                instead="return a `JSONResponse` with the status",
            )
    first = min((call.start for call in passing), default=None)
    for call in function.calls:
        is_stream = isinstance(call.func, f.Attr) and call.func == f.Attr(f.Name(request), "stream")
        if is_stream and first is not None and call.start < first:
            yield check.finding(
                call,
                f"`{request}.stream()` uses up the body before `{following}`",
                why="the endpoint finds an empty body",
                instead=f"read `await {request}.body()`, which is kept",
            )


def _unawaited(function: Function, passing: list[f.Call], check: Check) -> Iterator[Finding]:
    calls = function.module.facts.calls
    returned = [entry.value for entry in function.exits if entry.kind == "return"]
    for call in passing:
        if call.awaited:
            continue
        value = f.CallRef(calls.index(call))
        kept = [each.target for each in function.module.assigns_in.get(function.index, ()) if each.value == value]
        is_lost = call.use == "statement" or value in returned or any(target in returned for target in kept)
        if is_lost:
            yield check.finding(
                call,
                f"`{f.last_name(call.func)}` is called without `await` in middleware `{function.name}`",
                why="a coroutine is no response, so that every request fails",
                instead=f"write `await {f.last_name(call.func)}(...)`",
            )


def _ends_empty(function: Function, check: Check) -> bool:
    bare = any(entry.kind == "return" and entry.value in (None, f.Const(None)) for entry in function.exits)
    return bare or check.project.types.shared(Endings).falls_through(function)


def _is_http_exception(entry: f.Exit, function: Function, check: Check) -> bool:
    raised = raised_call(check.project.values, function.module, entry)
    if raised is None:
        return False
    made = check.project.types.call_type(function.module, raised)
    return check.project.types.is_instance(made, "fastapi.HTTPException", "starlette.exceptions.HTTPException")
