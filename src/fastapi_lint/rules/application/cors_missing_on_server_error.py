"""FAPI722: the last error handler, whose answers a browser cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import ClassObject, External, Function, FunctionObject, Module, Project
from fastapi_lint.model.application import CORS, app_of, catches_errors, middleware_in, writes_cors
from fastapi_lint.model.names import Origin
from fastapi_lint.model.routing import argument
from fastapi_lint.rule import Check, rule
from fastapi_lint.tracking.queries import gathered, query


@rule("FAPI722", severity=Severity.INFO, since="0.2.0")
def cors_missing_on_server_error(module: Module, check: Check) -> Iterator[Finding]:
    """A handler for `Exception` or 500 is registered in an app with CORS middleware.

    Why is this bad?
    Such a handler runs outside of all middleware. Its answer has no CORS headers, so that the browser hides it, and the
    front end sees a CORS error where the server failed.

    Known limits
    Handlers that write the header themselves, apps that are wrapped in `CORSMiddleware(app, ...)`, and apps with a
    middleware of their own that catches exceptions are left alone, and so are handlers that another one replaces.

    References
    - [Starlette: errors and handled exceptions](https://www.starlette.io/exceptions/#errors-and-handled-exceptions)
    - [CORS](https://fastapi.tiangolo.com/tutorial/cors/)
    """
    if not module.mentions("exception_handler"):
        return
    decorated = {
        decorator.index: function
        for function in module.functions
        for decorator in function.facts.decorators
        if isinstance(decorator, f.CallRef)
    }
    last: list[tuple[Origin, f.Call, Function]] = []
    replaced: dict[Origin, int] = {}
    for index, call in enumerate(module.facts.calls):
        if not isinstance(call.func, f.Attr) or call.func.attr not in ("exception_handler", "add_exception_handler"):
            continue
        where = (module, call.block, call.start)
        handled = argument(call, 0, "exc_class_or_status_code")
        app = app_of(check.project, call.func.value, *where)
        if handled is None or app is None or app not in _with_cors(check.project):
            continue
        key = check.project.infer(handled.value, *where)
        if key != External("Exception") and handled.value != f.Const(500):
            if not isinstance(key, (External, ClassObject)) and not isinstance(handled.value, f.Const):
                replaced[app] = call.start  # a status that may be 500: of two last handlers the later one runs
            continue
        given = argument(call, 1, "handler")
        value = check.project.infer(given.value, *where) if given is not None else None
        handler = value.function if isinstance(value, FunctionObject) else decorated.get(index)
        if handler is None or writes_cors(handler):
            replaced[app] = call.start
        else:
            last.append((app, call, handler))
    for app, call, handler in last:
        if call.start >= replaced.get(app, 0) and not _is_replaced(app, call, module, check.project):
            yield check.finding(
                call,
                f"answers of `{handler.name}` have no CORS headers",
                why="it runs outside of all middleware, so that a browser reports a CORS error in its place",
                instead="wrap the app, `CORSMiddleware(app, ...)`, or catch in a middleware that is added before CORS",
            )


def _is_replaced(app: Origin, call: f.Call, module: Module, project: Project) -> bool:
    """Whether another handler is registered for the same app later, in the order of the code that does both."""
    mine = [each for each in _last_handlers(project) if each.app == app and each.module is module]
    own = next((each for each in mine if each.start == call.start), None)
    if own is None or own.home is None:
        return False
    others = (each for each in _last_handlers(project) if each.app == app and each.home is own.home)
    return any(each.block == own.block and each.at > own.at for each in others)


@dataclass(frozen=True)
class _Registration:
    """A handler for `Exception` that is registered for an app; `home`, `block` and `at` are where that happens: the
    place itself, or the one call of the function around it."""

    app: Origin
    module: Module
    start: int
    home: Module | None
    block: int
    at: int


@gathered
def _last_handlers(project: Project, module: Module) -> Iterator[_Registration]:
    """The handlers for `Exception` that a module registers."""
    if not module.mentions("exception_handler") or module.is_test:
        return
    for call in module.facts.calls:
        if not isinstance(call.func, f.Attr) or call.func.attr not in ("exception_handler", "add_exception_handler"):
            continue
        where = (module, call.block, call.start)
        handled = argument(call, 0, "exc_class_or_status_code")
        if handled is None or project.infer(handled.value, *where) != External("Exception"):
            continue
        app = app_of(project, call.func.value, *where)
        if app is None:
            continue
        function = module.enclosing(call.block)
        if function is None or (app.module is module and app.facts.block == call.block):
            yield _Registration(app, module, call.start, module, call.block, call.start)
            continue
        callers = [
            (other, each)
            for other, each in project.routes.expansion.objects.callers(function.name)
            if not other.is_test and project.callee(other, each) == FunctionObject(function)
        ]
        home, made = callers[0] if len(callers) == 1 else (None, call)
        yield _Registration(app, module, call.start, home, made.block, made.start)


@query
def _with_cors(project: Project) -> frozenset[Origin]:
    """The apps with CORS middleware in which nothing catches exceptions, and that nothing wraps."""
    found = _around_apps(project)
    spared = {app for app, how in found if how in ("wraps", "catches")}
    return frozenset(app for app, how in found if how == "cors" and app is not None and app not in spared)


@gathered
def _around_apps(project: Project, module: Module) -> Iterator[tuple[Origin | None, str]]:
    """The apps (None: not known) that a module gives CORS middleware ("cors"), or middleware that "catches" exceptions,
    and those that CORS middleware "wraps" from outside."""
    if not module.mentions("iddleware"):
        return
    for each in middleware_in(project, module):
        if each.app is not None and each.is_a(project, CORS):
            yield each.app, "cors"
        if each.app is not None and each.function is not None and catches_errors(each.function):
            yield each.app, "catches"
    for call in module.facts.calls if module.mentions("CORS", "Cors", "cors") else ():
        callee = project.callee(module, call) if call.args else None
        if type(callee) is External and callee.name == CORS:
            yield app_of(project, call.args[0].value, module, call.block, call.start), "wraps"
