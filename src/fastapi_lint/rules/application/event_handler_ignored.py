"""FAPI702: start-up and shut-down handlers that never run, because the app has a lifespan."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Module
from fastapi_lint.model.routing import app_that_ignores, in_module, mounted_in_vain
from fastapi_lint.rule import Check, rule


@rule("FAPI702", severity=Severity.ERROR)
def event_handler_ignored(module: Module, check: Check) -> Iterator[Finding]:
    """A start-up or shut-down handler is registered on an app that has a lifespan, and never runs.

    Why is this bad?
    An app has either a lifespan or event handlers. With `lifespan=`, handlers of `on_event`, `add_event_handler` and
    `on_startup=` are accepted and forgotten: no error, no warning, only that the pool is not opened or the cache not
    filled. It happens when an app is moved to a lifespan and one handler stays behind, often in another module.

    Move what the handler does into the lifespan.

    Of an app that is given to `mount`, neither the lifespan nor the handlers run: the server starts the outermost app
    only. Enter its lifespan in that of the outer app, or include its router instead.

    Known limits
    Handlers of an included router are reported only when the declared FastAPI is older than 0.112.2: since then they
    run, because the lifespans of routers are merged into that of the app. Silent when the lifespan may be None, or when
    the program runs the handlers itself.

    References
    - [Lifespan events](https://fastapi.tiangolo.com/advanced/events/)
    - [FastAPI 0.112.2: lifespans of routers](https://fastapi.tiangolo.com/release-notes/#01122-2024-08-24)
    """
    for handler in in_module(check.project, module):
        app = app_that_ignores(check.project, handler)
        if app is None:
            continue
        given = app.keyword("lifespan")
        variable = app.variable or "the app"
        what = (
            "its router is included in an app" if not handler.is_app else f"`{variable}`" if app.variable else "the app"
        )
        verb = "has" if handler.is_app else "with"
        related = [check.related(given, "the lifespan is given here", module=app.module)] if given else []
        yield check.finding(
            handler,
            f"the {handler.event} handler `{handler.name}` never runs: {what} {verb} a lifespan",
            why="a lifespan replaces all event handlers, without an error or a warning",
            instead="move it into the lifespan",
            related=related,
        )
    for mount in check.project.routes.mounts.get(module, ()):
        lost = None if module.is_test else mounted_in_vain(check.project, mount)
        if lost is None:
            continue
        child, what = lost
        yield check.finding(
            mount,
            f"the {what} of `{child.variable or 'the app'}` never runs: it is mounted at `{mount.path}`",
            why="the server starts the outermost app only",
            instead="enter its lifespan in that of the outer app, or include its router instead",
            related=[check.related(child, "the app is made here", module=child.module)],
        )
