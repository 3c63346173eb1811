"""Start-up and shut-down handlers: what is registered on which app or router, and what never runs. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import ClassObject, Function, FunctionObject, Instance, Module, Partial
from fastapi_lint.model.routing.routes import Mount, Router, argument
from fastapi_lint.model.routing.starting import runs_handlers
from fastapi_lint.model.types.inference.inference import is_none
from fastapi_lint.tracking.queries import gathered, query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

EVENTS = ("startup", "shutdown")
ROUTER_HANDLERS_KEPT = "0.112.2"
"""From this FastAPI on, handlers of an included router run beside the lifespan of the app: the lifespans are merged."""


@dataclass(frozen=True, eq=False)
class Handler:
    """One registration for an event. `router` is the app or router when its construction was found in the project.

    `how` is "decorator", "call" (`add_event_handler`), "list" (`app.router.on_startup.append`, `+=`) or "argument"
    (`on_startup=`); `call` is that call (for an argument the construction), or the assignment. `function` is None when
    it is not known.
    """

    module: Module = field(repr=False)
    event: str
    how: str
    call: f.Call | f.Assign
    router: Router | None
    is_app: bool
    function: Function | None
    argument: f.Arg | None = None

    @property
    def start(self) -> int:
        return self.argument.start if self.argument else self.call.start

    @property
    def end(self) -> int:
        return self.argument.end if self.argument else self.call.end

    @property
    def name(self) -> str:
        """What the handler is called, for messages."""
        return self.function.name if self.function is not None else self.event


@query
def handlers(project: Project) -> tuple[Handler, ...]:
    """Every registration of the project, in order of path and place."""
    return tuple(sorted(_handlers_in(project), key=lambda each: (each.module.path, each.start)))


@gathered
def _handlers_in(project: Project, module: Module) -> Iterator[Handler]:
    if _mentions(module):
        yield from in_module(project, module)


def _mentions(module: Module) -> bool:
    return module.mentions("on_event", "add_event_handler", "on_startup", "on_shutdown")


def in_module(project: Project, module: Module) -> Iterator[Handler]:
    """The registrations that are written in a module."""
    if not _mentions(module):
        return
    decorated = {
        decorator.index: function
        for function in module.functions
        for decorator in function.facts.decorators
        if isinstance(decorator, f.CallRef)
    }
    for index, call in enumerate(module.facts.calls):
        match call.func:
            case f.Attr(value=receiver, attr="on_event" | "add_event_handler" as attr):
                value = project.infer(receiver, module, call.block, call.start)
                event = argument(call, 0, "event_type")
                if not project.routes.is_router(value) or not isinstance(value, Instance) or event is None:
                    continue
                name = project.values.text(event.value, (module, call.block, call.start))
                if name not in EVENTS:
                    continue
                router = _router_of(project, value, receiver, module, call)
                is_app = _is_app(project, value, router)
                if attr == "on_event":
                    yield Handler(module, name, "decorator", call, router, is_app, decorated.get(index))
                else:
                    given = argument(call, 1, "func")
                    function = _function(project, given.value, module, call) if given else None
                    yield Handler(module, name, "call", call, router, is_app, function)
            case f.Attr(value=f.Attr(attr="on_startup" | "on_shutdown") as listed, attr="append" | "insert") if (
                call.args
            ):
                yield from _listed(project, module, call, listed, (call.args[-1].value,))
            case f.Attr(value=f.Attr(attr="on_startup" | "on_shutdown") as listed, attr="extend") if call.args:
                yield from _listed(project, module, call, listed, _items(call.args[-1].value))
            case f.Name() | f.Attr() if any(arg.name in ("on_startup", "on_shutdown") for arg in call.args):
                value = project.types.call_type(module, index)
                if project.routes.is_router(value) and isinstance(value, Instance) and value.origin is not None:
                    router = project.routes.router_of(value.origin)
                    is_app = project.types.is_instance(value, "fastapi.FastAPI")
                    for arg in call.args:
                        if arg.name in ("on_startup", "on_shutdown") and not _is_passed_on(arg.value, module, call):
                            event_name = arg.name.removeprefix("on_")
                            yield Handler(module, event_name, "argument", call, router, is_app, None, arg)
    for entry in module.facts.assigns:
        match entry.target:
            case f.Attr(attr="on_startup" | "on_shutdown") as listed if entry.op in ("=", "+=") and entry.value:
                yield from _listed(project, module, entry, listed, _items(entry.value))


def _items(value: f.Expr) -> tuple[f.Expr, ...]:
    """What is put into a list, one by one where that is written out."""
    return value.items if isinstance(value, f.Display) else (value,)


def _listed(
    project: Project, module: Module, by: f.Call | f.Assign, listed: f.Attr, added: tuple[f.Expr, ...]
) -> Iterator[Handler]:
    """The registrations in a list of an app or router (`app.router.on_startup`)."""
    value = project.infer(listed.value, module, by.block, by.start)
    if project.routes.is_router(value) and isinstance(value, Instance):
        router = _router_of(project, value, listed.value, module, by)
        is_app = _is_app(project, value, router)
        for each in added:
            function = _function(project, each, module, by)
            yield Handler(module, listed.attr.removeprefix("on_"), "list", by, router, is_app, function)


def _router_of(
    project: Project, value: Instance, receiver: f.Expr, module: Module, call: f.Call | f.Assign
) -> Router | None:
    """The router that is meant, also where it is a parameter for which all callers hand over the same one."""
    if value.origin is not None:
        return project.routes.router_of(value.origin)
    where = (module, call.block, call.start)
    around = project.routes.expansion.environments(*where, (receiver,))
    keys = {key for environment in around for key in project.routes.keys(receiver, where, environment)}
    return project.routes.router_of(next(iter(keys))) if len(keys) == 1 else None


def _is_app(project: Project, value: Instance, router: Router | None) -> bool:
    """Whether an object is an app; the router of an app (`app.router`) counts as the app."""
    return router.is_app if router is not None else project.types.is_instance(value, "fastapi.FastAPI")


def _is_passed_on(value: f.Expr, module: Module, call: f.Call) -> bool:
    """Whether an argument registers nothing by itself: it is empty, or a parameter of the function around."""
    if is_none(value) or (isinstance(value, f.Display) and not value.items):
        return True
    function = module.enclosing(call.block)
    return isinstance(value, f.Name) and function is not None and any(p.name == value.id for p in function.params)


def _function(project: Project, value: f.Expr, module: Module, call: f.Call | f.Assign) -> Function | None:
    found = project.infer(value, module, call.block, call.start)
    return found.function if isinstance(found, FunctionObject) else None


def lifespan_of(project: Project, router: Router) -> Function | None:
    """The function given as `lifespan=`; None when there is none, or it is not known to be one."""
    given = router.keyword("lifespan")
    value = project.infer(given.value, *router.where) if given is not None else None
    return value.function if isinstance(value, FunctionObject) else None


def has_lifespan(project: Project, router: Router) -> bool:
    """Whether an app is certainly made with a lifespan."""
    given = router.keyword("lifespan")
    if given is None or is_none(given.value):
        return False
    value = project.infer(given.value, *router.where)
    return isinstance(value, (FunctionObject, ClassObject, Partial)) or (
        isinstance(value, Instance) and isinstance(value.cls, (str,)) and value.cls == "contextmanager"
    )


def app_that_ignores(project: Project, handler: Handler) -> Router | None:
    """The app with a lifespan on account of which a handler never runs; None when it runs, or that is not known.

    A handler of an app is never run beside a lifespan. One of an included router was not either, before FastAPI merged
    the lifespans of routers into that of the app.
    """
    if handler.router is None:
        return None
    if handler.is_app:
        apps = [handler.router]
    else:
        versions = project.versions.for_path(handler.module.path)
        if not versions.never_at_least("fastapi", ROUTER_HANDLERS_KEPT, default=False):
            return None
        apps = list(_apps_of(project, handler.router))
    if not apps or not all(has_lifespan(project, app) and not runs_handlers(project, app) for app in apps):
        return None
    return apps[0]


def mounted_in_vain(project: Project, mount: Mount) -> tuple[Router, str] | None:
    """The app that is mounted, and what of it never runs: "lifespan", or "startup handler"; None when nothing is lost.

    Starlette runs the lifespan of the outermost app alone. Somebody may do so by hand, or give both apps one lifespan.
    """
    child = project.routes.router_of(mount.child) if mount.child is not None else None
    if child is None or not child.is_app or runs_handlers(project, child):
        return None
    own = lifespan_of(project, child)
    if own is not None:
        sharing = [router for router in project.routes.routers.values() if lifespan_of(project, router) is own]
        called = [call for module, call in project.routes.expansion.objects.callers(own.name) if not module.is_test]
        return None if called or len(sharing) > 1 else (child, "lifespan")
    found = [each for each in handlers(project) if each.router is child and each.event == "startup"]
    return (child, "startup handler") if found else None


def _apps_of(project: Project, router: Router) -> Iterator[Router]:
    """The apps in which a router is included, however deep."""
    seen = {router.origin}
    queue = [router.origin]
    for key in queue:
        for inclusion in project.routes.inclusions:
            if inclusion.child == key and inclusion.parent not in seen:
                seen.add(inclusion.parent)  # type: ignore[arg-type]
                queue.append(inclusion.parent)  # type: ignore[arg-type]
                parent = project.routes.router_of(inclusion.parent)
                if parent is not None and parent.is_app:
                    yield parent
