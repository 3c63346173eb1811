"""Packages whose modules code goes through, and modules that it loads by name. Loads nothing, lists no folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import External, Module, ModuleObject, Type
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import UNKNOWN
from fastapi_lint.model.values.environment import NOWHERE, Bound, Environment

_WALKING = {"pkgutil.iter_modules": False, "pkgutil.walk_packages": True}
_BY_NAME = frozenset({"import_module", "getattr", "iter_modules", "walk_packages"})
FIELDS = {"module_finder": 0, "name": 1, "ispkg": 2}
"""What `pkgutil.ModuleInfo` calls its items, which a loop may unpack as well."""


class Rounds(Protocol):
    """Who knows what expressions stand for in one round of a loop, or one call of a function."""

    types: Inference

    def values(self, expr: f.Expr, where: Where, environment: Environment, depth: int = 0) -> list[Type]:
        """Every value an expression can have."""

    def pieces(self, expr: f.Expr | None, where: Where, environment: Environment, depth: int = 0) -> str:
        """A folded text."""

    def source(self, expr: f.Expr, where: Where, environment: Environment) -> Bound:
        """What a name stands for."""


def is_by_name(call: f.Call) -> bool:
    """Whether a call looks something up by a name that it is given, as far as its own name says."""
    return f.last_name(call.func) in _BY_NAME


def modules_of(
    expansion: Rounds, call: f.Call, where: Where, environment: Environment
) -> Iterator[tuple[f.Expr, Where, Environment]]:
    """What a loop over `pkgutil.iter_modules(package.__path__)` sees: one tuple for every module of a known package."""
    callee = expansion.types.callee(where[0], call)
    if not isinstance(callee, External) or callee.name not in _WALKING:
        return
    given = {arg.name or ("prefix" if index else "path"): arg.value for index, arg in enumerate(call.args)}
    package = _package(expansion, given.get("path"), where, environment)
    prefix = expansion.pieces(given.get("prefix"), where, environment)
    if package is not None and UNKNOWN not in prefix and {*given} <= {"path", "prefix", "onerror"}:
        for name, is_package in _inside(expansion, package, prefix, is_deep=_WALKING[callee.name]):
            yield f.Display("tuple", (f.Unknown(), f.Const(name), f.Const(is_package))), where, NOWHERE


def loaded(expansion: Rounds, call: f.Call, where: Where, environment: Environment) -> ModuleObject | None:
    """The module that `importlib.import_module(name)` gives in one round of a loop."""
    if expansion.types.callee(where[0], call) != External("importlib.import_module") or not call.args:
        return None
    name, *rest = [arg.value for arg in call.args]
    dotted = expansion.pieces(name, where, environment)
    if dotted.startswith(".") and rest:
        anchor = expansion.pieces(rest[0], where, environment)
        depth = len(dotted) - len(dotted.lstrip(".")) - 1
        dotted = ".".join((*anchor.split(".")[: -depth or None], dotted.lstrip(".")))
    if UNKNOWN in dotted or dotted.startswith("."):
        return None
    found = expansion.types.named_module(dotted, where[0])
    return found if isinstance(found, ModuleObject) else None


def own_name(expansion: Rounds, expr: f.Expr, where: Where) -> str:
    """What `__name__`, `__package__` or `package.__name__` is."""
    modules = expansion.types.modules
    match expr:
        case f.Name(id="__name__" | "__package__" as name):
            own = modules.import_name(where[0])
            return own if name == "__name__" or where[0].is_package else own.rpartition(".")[0]
        case f.Attr(value=value, attr="__name__" | "__package__"):
            held = expansion.types.infer(value, where)
            if isinstance(held, ModuleObject) and (expr.attr == "__name__" or held.module.is_package):
                return modules.import_name(held.module)
    return UNKNOWN


def has_name(expansion: Rounds, call: f.Call, where: Where, environment: Environment) -> bool | None:
    """What `hasattr(module, "router")` says of a module of the project; None for anything else."""
    if call.func != f.Name("hasattr") or [arg.name for arg in call.args] != ["", ""]:
        return None
    owners = expansion.values(call.args[0].value, where, environment)
    name = expansion.pieces(call.args[1].value, where, environment)
    if len(owners) != 1 or not isinstance(owners[0], ModuleObject) or UNKNOWN in name:
        return None
    module = owners[0].module
    if name in expansion.types.bindings(module).get((-1, -1), {}):
        return True
    return None if module.star_imports or expansion.types.modules.submodule(module, name) else False


def _package(expansion: Rounds, path: f.Expr | None, where: Where, environment: Environment) -> Module | None:
    """The package whose `__path__` an expression is."""
    if path is None:
        return None
    expr, where, environment = expansion.source(path, where, environment)
    match expr:
        case f.Name(id="__path__"):
            return where[0] if where[0].is_package else None
        case f.Attr(value=value, attr="__path__"):
            held = expansion.values(value, where, environment)
            if len(held) == 1 and isinstance(held[0], ModuleObject) and held[0].module.is_package:
                return held[0].module
    return None


def _inside(expansion: Rounds, package: Module, prefix: str, *, is_deep: bool) -> Iterator[tuple[str, bool]]:
    for name in expansion.types.modules.inside(package):
        module = expansion.types.modules.submodule(package, name)
        if module is not None:
            yield prefix + name, module.is_package
            if is_deep and module.is_package:
                yield from _inside(expansion, module, f"{prefix}{name}.", is_deep=True)
