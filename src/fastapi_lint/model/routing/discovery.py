"""Modules that find routers at run time: they load modules by name, or look through what one holds. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import attributes, walk, written
from fastapi_lint.model.names.symbols import Module, ModuleObject

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_LOADERS = frozenset({
    "importlib.import_module", "importlib.util.spec_from_file_location", "importlib.metadata.entry_points",
    "pkg_resources.iter_entry_points", "pkgutil.iter_modules", "pkgutil.walk_packages", "pkgutil.resolve_name",
    "werkzeug.utils.find_modules", "werkzeug.utils.import_string", "inspect.getmembers", "runpy.run_path",
    "runpy.run_module", "__import__", "vars", "globals",
})  # fmt: skip
_CALLED = frozenset({name.rpartition(".")[2] for name in _LOADERS} | {"getattr", "isinstance"})
_ROUTERS = frozenset({"include_router", "APIRouter", "router", "routers"})


def finds_routers(project: Project, module: Module) -> bool:
    """Whether the code of a module looks for modules or their content by name, and deals with routers."""
    return _looks_around(project, module) and any(
        (isinstance(part, (f.Name, f.Attr)) and f.last_name(part) in _ROUTERS)
        or (isinstance(part, f.Const) and isinstance(part.value, str) and part.value.endswith("router"))
        for expr, _, _ in written(module)
        for part in walk(expr)
    )


def reached(project: Project, starts: Iterable[Module]) -> list[Module]:
    """Modules of the project and what they import, however far."""
    found = dict.fromkeys(starts)
    waiting = list(found)
    while waiting:
        module = waiting.pop()
        for entry in module.facts.imports:
            owner = project.modules.imported_from(module, entry)
            inside = project.modules.submodule(owner, entry.name) if owner is not None and entry.name else None
            new = [each for each in (owner, inside) if each is not None and each not in found]
            found.update(dict.fromkeys(new))
            waiting.extend(new)
    return list(found)


def _looks_around(project: Project, module: Module) -> bool:
    for call in module.facts.calls:
        called = f.last_name(call.func)
        if called not in _CALLED:
            continue
        second = call.args[1].value if len(call.args) > 1 else None
        match called, second:
            case "getattr", f.Const(value=str(name)):
                found = name.endswith("router")
            case "isinstance", _:
                where = (module, call.block, call.start)
                found = any(project.name(part, *where) == "fastapi.APIRouter" for part in walk(second))
            case _:
                name_of_callee = project.called_name(module, call)
                found = name_of_callee in _LOADERS or (name_of_callee is None and called == "import_module")
        if found:
            return True
    return any(
        isinstance(project.infer(part.value, module, block, at), ModuleObject)  # not what an object holds
        if part.attr == "__dict__"
        else project.name(part, module, block, at) == "sys.modules"
        for part, block, at in attributes(module, "__dict__", "modules")
    )
