"""Packages whose modules code goes through, and modules that it loads by name. Loads nothing, lists no folder."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import External, Module, ModuleObject
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.constants import UNKNOWN
from fastapi_lint.model.values.environment import NOWHERE, Environment
from fastapi_lint.model.values.written.folders import files_of
from fastapi_lint.model.values.written.rounds import Rounds

_WALKING = {"pkgutil.iter_modules": False, "pkgutil.walk_packages": True}
_BY_NAME = frozenset({
    "import_module", "__import__", "getattr", "iter_modules", "walk_packages", "listdir", "iterdir", "glob",
})  # fmt: skip
FIELDS = {"module_finder": 0, "name": 1, "ispkg": 2}
"""What `pkgutil.ModuleInfo` calls its items, which a loop may unpack as well."""


def is_by_name(call: f.Call) -> bool:
    """Whether a call looks something up by a name that it is given, as far as its own name says."""
    return f.last_name(call.func) in _BY_NAME


def modules_of(
    rounds: Rounds, call: f.Call, where: Where, environment: Environment
) -> Iterator[tuple[f.Expr, Where, Environment]]:
    """What a loop over `pkgutil.iter_modules(package.__path__)` sees: one tuple for every module of a known package; of
    a loop over the files of a folder their names, which stand for paths as well."""
    for file in files_of(rounds, call, where, environment):
        yield f.Const(file), where, NOWHERE
    callee = rounds.types.callee(where[0], call)
    if not isinstance(callee, External) or callee.name not in _WALKING:
        return
    given = {arg.name or ("prefix" if index else "path"): arg.value for index, arg in enumerate(call.args)}
    package = _package(rounds, given.get("path"), where, environment)
    prefix = rounds.pieces(given.get("prefix"), where, environment)
    if package is not None and UNKNOWN not in prefix and {*given} <= {"path", "prefix", "onerror"}:
        for name, is_package in _inside(rounds, package, prefix, is_deep=_WALKING[callee.name]):
            yield f.Display("tuple", (f.Unknown(), f.Const(name), f.Const(is_package))), where, NOWHERE


def loaded(rounds: Rounds, call: f.Call, where: Where, environment: Environment) -> ModuleObject | None:
    """The module that `importlib.import_module(name)` gives in one round of a loop."""
    callee = rounds.types.callee(where[0], call)
    if callee == External("__import__") and f.keyword(call, "fromlist") is None:
        return None  # the package at the top, whatever stands behind it
    if callee not in (External("importlib.import_module"), External("__import__")) or not call.args:
        return None
    name, *rest = [arg.value for arg in call.args]
    dotted = rounds.pieces(name, where, environment)
    if dotted.startswith(".") and rest:
        anchor = rounds.pieces(rest[0], where, environment)
        depth = len(dotted) - len(dotted.lstrip(".")) - 1
        dotted = ".".join((*anchor.split(".")[: -depth or None], dotted.lstrip(".")))
    if UNKNOWN in dotted or dotted.startswith("."):
        return None
    found = rounds.types.named_module(dotted, where[0])
    return found if isinstance(found, ModuleObject) else None


def own_name(rounds: Rounds, expr: f.Expr, where: Where, environment: Environment) -> str:
    """What `__name__`, `__package__` or `package.__name__` is."""
    modules = rounds.types.modules
    match expr:
        case f.Name(id="__name__" | "__package__" as name):
            own = modules.import_name(where[0])
            return own if name == "__name__" or where[0].is_package else own.rpartition(".")[0]
        case f.Attr(value=value, attr="__name__" | "__package__"):
            held = rounds.values(value, where, environment)
            if len(held) == 1 and isinstance(held[0], ModuleObject):
                if expr.attr == "__name__" or held[0].module.is_package:
                    return modules.import_name(held[0].module)
    return UNKNOWN


def has_name(rounds: Rounds, call: f.Call, where: Where, environment: Environment) -> bool | None:
    """What `hasattr(module, "router")` says of a module of the project; None for anything else."""
    if call.func != f.Name("hasattr") or [arg.name for arg in call.args] != ["", ""]:
        return None
    owners = rounds.values(call.args[0].value, where, environment)
    name = rounds.pieces(call.args[1].value, where, environment)
    if len(owners) != 1 or not isinstance(owners[0], ModuleObject) or UNKNOWN in name:
        return None
    module = owners[0].module
    if name in rounds.types.bindings(module).get((-1, -1), {}):
        return True
    return None if module.star_imports or rounds.types.modules.submodule(module, name) else False


def _package(rounds: Rounds, path: f.Expr | None, where: Where, environment: Environment) -> Module | None:
    """The package whose `__path__` an expression is."""
    if path is None:
        return None
    expr, where, environment = rounds.source(path, where, environment)
    match expr:
        case f.Name(id="__path__"):
            return where[0] if where[0].is_package else None
        case f.Attr(value=value, attr="__path__"):
            held = rounds.values(value, where, environment)
            if len(held) == 1 and isinstance(held[0], ModuleObject) and held[0].module.is_package:
                return held[0].module
    return None


def _inside(rounds: Rounds, package: Module, prefix: str, *, is_deep: bool) -> Iterator[tuple[str, bool]]:
    for name, is_package in rounds.types.modules.inside(package.parts):
        yield prefix + name, is_package
        inner = rounds.types.modules.submodule(package, name) if is_deep and is_package else None
        if inner is not None:
            yield from _inside(rounds, inner, f"{prefix}{name}.", is_deep=True)
