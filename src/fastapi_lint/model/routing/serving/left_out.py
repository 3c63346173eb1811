"""Routers whose routes no app of a project has. Unknown is included; judges nothing.

Only routers that are used for nothing else: one that is handed to a function, kept in a list, returned, or exported by
a package may be included by what gets it, and so may all routers beside code that imports modules by name.
"""

from __future__ import annotations

import io
import tokenize
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.reach.aside import stands_aside
from fastapi_lint.model.names.expressions import attributes
from fastapi_lint.model.names.symbols import Module, ModuleObject
from fastapi_lint.model.routing.discovery import finds_routers, reached
from fastapi_lint.model.routing.routes import HTTP_METHODS, Route, Router
from fastapi_lint.tracking.queries import query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_REGISTERS = frozenset({
    *HTTP_METHODS, "api_route", "route", "websocket", "websocket_route", "add_api_route", "add_api_websocket_route",
    "add_route", "add_websocket_route",
    "include_router", "mount", "on_event", "add_event_handler", "exception_handler", "middleware",
})  # fmt: skip
_EXAMPLES = frozenset(
    {"docs_src", "docs", "examples", "example", "samples", "templates", "template", "cookbook", "benchmarks", "scripts"}
)


@query
def left_out(project: Project) -> tuple[Router, ...]:
    """The routers with routes that no app includes, in a project with an app that is no example."""
    routes = project.routes
    roots = app_roots(project)
    if not roots:
        return ()
    found: list[Router] = []
    included = {inclusion.child for inclusion in routes.inclusions}
    dynamic: dict[tuple[str, ...], bool] = {}
    for router in routes.routers.values():
        module = router.module
        if router.is_app or router.origin in included or _is_aside(module, project) or not router.events:
            continue
        if module.is_recovered:
            continue
        inner = sorted(roots, key=len, reverse=True)
        root = next((one for one in inner if module.parts[: len(one)] == one), None)
        if root is None:
            root = next((one for one in inner if _stands_beside(module, one, project)), None)
        if root is None:
            continue
        name = _module_variable(router)
        if not name or name in (module.facts.exported or ()):
            continue
        if root not in dynamic:
            dynamic[root] = _is_dynamic(root, project)
        if dynamic[root] or _is_used(module, name, project, set()):
            continue
        if any(isinstance(address.route, Route) for address in routes.addresses(router)):
            found.append(router)
    return tuple(found)


def app_roots(project: Project) -> frozenset[tuple[str, ...]]:
    """The packages in which an app is made that is no example, as folders."""
    apps = (app.module for app in project.routes.apps)
    return frozenset(_root(module, project) for module in apps if not _is_aside(module, project))


def _root(module: Module, project: Project) -> tuple[str, ...]:
    """The folder from which the module is imported, and its top-level package."""
    folder = project.modules.package_root(module)
    return (*folder, module.parts[len(folder)]) if len(module.parts) > len(folder) + 1 else folder


def _stands_beside(module: Module, root: tuple[str, ...], project: Project) -> bool:
    """Whether a module lies beside the package of an app, and takes from it what it works with."""
    if not root or module.parts[:-1] != root[:-1] or module.is_package:
        return False
    taken = (project.modules.imported_from(module, entry) for entry in module.facts.imports)
    return any(each is not None and each.parts[: len(root)] == root for each in taken)


def _is_aside(module: Module, project: Project) -> bool:
    return module.is_test or stands_aside(project, module, _EXAMPLES)


def _module_variable(router: Router) -> str:
    """The module-level name it is bound to, when that is all that is done with it; "" otherwise."""
    module = router.module
    found = [
        entry.target.id
        for entry in module.facts.assigns
        if isinstance(entry.value, f.CallRef)
        and entry.value.index == router.origin.call
        and entry.block == 0
        and isinstance(entry.target, f.Name)
    ]
    return found[0] if len(found) == 1 else ""


def _is_dynamic(root: tuple[str, ...], project: Project) -> bool:
    """Whether a module beside those routers, or one that the package imports, finds routers at run time."""
    parts = root[:-1]
    beside = {each: None for each in project.modules if not each.is_test and each.parts[: len(parts)] == parts}
    if any(finds_routers(project, module) for module in beside):
        return True
    package = [each for each in beside if each.parts[: len(root)] == root]
    return any(finds_routers(project, module) for module in reached(project, package) if module not in beside)


def _is_used(module: Module, name: str, project: Project, seen: set[tuple[str, str]]) -> bool:
    """Whether a name is used, there or where it is imported, for more than registering routes on it."""
    if (module.path, name) in seen:
        return False
    seen.add((module.path, name))
    if _mentions(module, name):
        return True
    for other in project.modules:
        if other is module or other.is_test:
            continue
        for entry in other.facts.imports:
            if entry.name == "*":
                if project.types.imported(other, entry) is not None and _refers(entry, module, other, project):
                    return True
                continue
            bound = entry.alias or entry.name or entry.module.split(".")[0]
            if entry.name == name and _refers(entry, module, other, project):
                if bound in (other.facts.exported or ()) or _is_used(other, bound, project, seen):
                    return True
            elif _names_module(entry, module, other, project) and _attribute_used(other, entry, module, name, project):
                return True
    return False


def _refers(entry: f.Import, module: Module, importer: Module, project: Project) -> bool:
    """Whether `from X import name` (or `*`) means this module."""
    if entry.level:
        return project.modules.relative(importer, entry.level, entry.module) is module
    return project.modules.find(entry.module, importer) is module


def _names_module(entry: f.Import, module: Module, importer: Module, project: Project) -> bool:
    """Whether an import binds the module, or a package on the way to it."""
    dotted = f"{entry.module}.{entry.name}".strip(".") if entry.name else entry.module
    return bool(module.parts) and dotted.rsplit(".", 1)[-1] in module.parts


def _attribute_used(other: Module, entry: f.Import, module: Module, name: str, project: Project) -> bool:
    """Whether the code of a module says `module.router` for it anywhere."""
    words = {entry.alias or module.parts[-1:][0], *module.parts[-1:]} if module.parts else set()
    for part, block, at in attributes(other, name):
        owner = project.infer(part.value, other, block, at)
        if owner == ModuleObject(module) or (owner is None and f.last_name(part.value) in words):
            return True
    return False


def _mentions(module: Module, name: str) -> bool:
    """Whether the code of a module names something otherwise than to assign it, import it or register on it."""
    try:
        tokens = [
            token
            for token in tokenize.generate_tokens(io.StringIO(module.source.text).readline)
            if token.type in (tokenize.NAME, tokenize.OP, tokenize.NEWLINE)
        ]
    except (tokenize.TokenError, SyntaxError, ValueError):
        return True
    importing = False
    for index, token in enumerate(tokens):
        if token.type == tokenize.NEWLINE:
            importing = False
        elif token.string in ("import", "from"):
            importing = True
        if token.type != tokenize.NAME or token.string != name or importing:
            continue
        before = tokens[index - 1].string if index else ""
        after = [one.string for one in tokens[index + 1 : index + 3]]
        if before == "." or after[:1] in (["="], [":"]):
            continue  # an attribute of something else, the assignment itself, or a keyword argument
        if after[:1] == ["."] and len(after) == 2 and after[1] in _REGISTERS:
            continue
        return True
    return False
