"""Classes that get the names in their forward references from elsewhere: rebuilt by hand, or used where they exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, Instance, Module
from fastapi_lint.tracking.queries import gathered

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_REBUILDS = frozenset({"model_rebuild", "update_forward_refs", "rebuild_dataclass"})


def is_rebuilt(project: Project, cls: Class) -> bool:
    """Whether the project resolves the forward references of a class, or of classes that are not known, by hand."""
    known = _rebuilt(project)
    return any(
        one is None or project.types.is_subclass(one, cls) or (is_any and project.types.is_subclass(cls, one))
        for one, is_any in known
    )


def is_imported_by_a_user(project: Project, cls: Class, name: str) -> bool:
    """Whether a function imports the name for itself where the class is in use: Pydantic looks for it at the first call
    in the names of whoever calls."""
    for module in project.modules:
        if module.mentions(cls.name):
            for entry in module.facts.imports:
                in_function = module.facts.blocks[entry.block].function >= 0
                if in_function and name == (entry.alias or entry.name or entry.module):
                    return True
    return False


@gathered
def _rebuilt(project: Project, module: Module) -> Iterator[tuple[Class | None, bool]]:
    """The classes for which a module calls `model_rebuild` or its kin; None among them is one that is not known.

    Each with whether it may be any class below, as the value of a variable (`schema: type[Base]`) may.
    """
    if not module.mentions(*_REBUILDS):
        return
    for call in module.facts.calls:
        last = call.func.attr if isinstance(call.func, f.Attr) else getattr(call.func, "id", "")
        if last in _REBUILDS:
            owner = call.func.value if isinstance(call.func, f.Attr) else call.args[0].value if call.args else None
            value = project.infer(owner, module, call.block, call.start)
            cls = value.cls if isinstance(value, ClassObject) and isinstance(value.cls, Class) else None
            yield cls, cls is not None and _is_variable(owner, module, call, project)


def _is_variable(owner: f.Expr | None, module: Module, call: f.Call, project: Project) -> bool:
    """Whether an expression is no class by its own name, but a parameter, a variable or an attribute that holds one."""
    match owner:
        case f.Name(id=name):
            found = project.types.find_bindings(name, (module, call.block, call.start))
            return any(not isinstance(each.entry, (Class, f.Import)) for each in found)
        case f.Attr(value=value):
            return isinstance(project.infer(value, module, call.block, call.start), Instance)
    return True
