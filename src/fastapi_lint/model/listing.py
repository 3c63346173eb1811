"""The routes of a project as rows: what `fastapi-lint routes` prints. Formats nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypedDict

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Instance
from fastapi_lint.model.project import Project
from fastapi_lint.model.routing.routes import Address, Inclusion, Mount, Route, Router, RouterKey
from fastapi_lint.model.types.inference.inference import is_none


class RouteRow(TypedDict):
    """One route or mount of one app. `app` is "module:variable"; lines start at 1; unknown pieces of a path are `…`.

    `conditional` rows exist in some configurations only; `optional_authentication` lets strangers in, too. `project` is
    the folder of a project of its own below the one that is listed."""

    project: str
    app: str
    methods: list[str]
    path: str
    kind: str
    name: str
    handler: str
    file: str
    line: int
    is_async: bool | None
    status_code: int | None
    tags: list[str]
    dependencies: list[str]
    authenticated_by: list[str]
    optional_authentication: list[str]
    response_model: str | None
    include_in_schema: bool | None
    conditional: bool
    findings: list[str]


def listing(project: Project, findings: Sequence[Finding] = ()) -> list[RouteRow]:
    """Every route and mount of the apps outside tests, in order of registration, with `findings` by handler."""
    by_line: dict[tuple[str, int], list[str]] = {}
    for finding in findings:
        by_line.setdefault((finding.path, finding.span.line), []).append(finding.code)
    rows = []
    for app in project.routes.apps:
        if app.module.is_test:
            continue
        name = app_name(project, app)
        for prefix, address in _served(project, app, "", frozenset({app.origin})):
            row = _row(project, name, address, by_line)
            row["path"] = prefix + address.path or "/"
            rows.append(row)
    return rows


def _served(project: Project, app: Router, prefix: str, inside: frozenset[RouterKey]) -> Iterator[tuple[str, Address]]:
    """The addresses of an app, each with what stands before it, and behind a mount those of the app that is mounted."""
    for address in project.routes.addresses(app):
        yield prefix, address
        mount = address.route
        child = project.routes.router_of(mount.child) if isinstance(mount, Mount) and mount.child is not None else None
        if child is not None and child.origin not in inside:
            below = prefix + address.path.rstrip("/")
            yield from _served(project, child, below, inside | {child.origin})


def app_name(project: Project, app: Router) -> str:
    """The app as uvicorn is told it: "package.module:variable"; the function that makes it if no variable holds it."""
    function = app.module.enclosing(app.call.block)
    if function is None:
        return f"{project.modules.import_name(app.module)}:{app.variable or '?'}"
    for module in project.modules:
        for entry in module.facts.assigns:
            if module.facts.blocks[entry.block].function < 0 and isinstance(entry.target, f.Name):
                if isinstance(entry.value, (f.CallRef, f.Name)):
                    made = project.types.infer(entry.value, (module, entry.block, entry.start))
                    if isinstance(made, Instance) and made.origin == app.origin:
                        return f"{project.modules.import_name(module)}:{entry.target.id}"
    return f"{project.modules.import_name(app.module)}:{function.qualname}"


def _row(project: Project, app: str, address: Address, by_line: dict[tuple[str, int], list[str]]) -> RouteRow:
    route = address.route
    source = route.module.source
    dependencies, _ = project.dependencies.effective(address)
    guards = [depends for depends in dependencies if project.dependencies.authenticates(depends)]
    row = RouteRow(
        project="",
        app=app,
        methods=list(address.methods),
        path=address.path or "/",
        kind="mount",
        name="",
        handler="",
        file=route.module.path,
        line=source.line_of(route.start),
        is_async=None,
        status_code=None,
        tags=[],
        dependencies=list(dict.fromkeys(depends.name for depends in dependencies)),
        authenticated_by=list(dict.fromkeys(d.name for d in guards if project.dependencies.demands_authentication(d))),
        optional_authentication=list(
            dict.fromkeys(d.name for d in guards if not project.dependencies.demands_authentication(d))
        ),
        response_model=None,
        include_in_schema=None,
        conditional=address.conditional,
        findings=[],
    )
    if not isinstance(route, Route):
        value = route.target
        if isinstance(value, Instance):
            row["handler"] = value.cls if isinstance(value.cls, str) else value.cls.name
        return row
    row["kind"] = route.kind
    handler = route.handler
    name = route.keyword("name")
    row["name"] = (project.values.text(name.value, route.where) if name else None) or (handler.name if handler else "")
    if handler is not None:
        row["handler"] = f"{project.modules.import_name(handler.module)}.{handler.qualname}"
        row["file"], row["line"] = handler.module.path, handler.module.source.line_of(handler.start)
        row["is_async"] = handler.is_async
        first = handler.module.source.line_of(route.start) if route.by_decorator else row["line"]
        last = handler.module.source.line_of(handler.facts.end)
        row["findings"] = sorted(
            {
                code
                for (path, line), codes in by_line.items()
                if path == handler.module.path and first <= line <= last
                for code in codes
            }
        )
    if route.kind == "http":
        row["status_code"] = route.status_code or (200 if route.keyword("status_code") is None else None)
        row["response_model"] = _response_model(route)
        row["include_in_schema"] = _in_schema(project, address, route)
    row["tags"] = _tags(project, address, route)
    return row


def _response_model(route: Route) -> str | None:
    """The response model as it is written."""
    argument = route.keyword("response_model")
    if argument is not None:
        if is_none(argument.value):
            return None
        return " ".join(route.module.source.slice(argument.start, argument.end).partition("=")[2].split())
    if route.handler is not None and route.handler.facts.returns is not None:
        facts, source = route.handler.facts, route.handler.module.source
        head = source.slice(facts.start, facts.head_end)
        return " ".join(head.rpartition("->")[2].rstrip(": \n").split()) if "->" in head else None
    return None


def _in_schema(project: Project, address: Address, route: Route) -> bool | None:
    holders: list[Router | Inclusion | Route] = [*address.inclusions, route]
    holders += [r for key in address.routers[1:] if (r := project.routes.router_of(key))]
    answer: bool | None = True
    for holder in holders:
        argument = next((a for a in holder.call.args if a.name == "include_in_schema"), None)
        if argument is None:
            continue
        if isinstance(argument.value, f.Const) and argument.value.value is False:
            return False
        if not isinstance(argument.value, f.Const):
            answer = None
    return answer


def _tags(project: Project, address: Address, route: Route) -> list[str]:
    tags: list[str] = []
    holders: list[Router | Inclusion | Route] = []
    for inclusion in address.inclusions:
        holders.append(inclusion)
        if child := project.routes.router_of(inclusion.child):
            holders.append(child)
    for holder in (*holders, route):
        argument = next((a for a in holder.call.args if a.name == "tags"), None)
        if argument is not None and isinstance(argument.value, f.Display):
            where = holder.where
            tags += [project.values.pieces(item, where) for item in argument.value.items]
    return list(dict.fromkeys(tags))
