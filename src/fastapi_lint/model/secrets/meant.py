"""Classes that are named for tests, and that the application makes all the same: what stands in them is in use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, Module
from fastapi_lint.model.values.texts import BoundText, is_named_for_tests, texts_of_tests

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


def texts_in_use(module: Module, project: Project) -> Iterator[BoundText]:
    """The texts in the settings of a laboratory's tests: of classes called so that the application makes."""
    for bound in texts_of_tests(module):
        if bound.cls is not None and is_made(bound.cls, project):
            yield bound


def is_spared_as_test(module: Module, offset: int, project: Project) -> bool:
    """Whether a place is in a class or function that is named for tests, and not in a class that the application
    makes."""
    symbol = module.symbol_at(offset)
    if not is_named_for_tests(symbol):
        return False
    return not any(cls.qualname == symbol and is_made(cls, project) for cls in module.classes)


def is_made(cls: Class, project: Project) -> bool:
    """Whether a module of the application makes an object of a class for good: for itself, or to give it back, and not
    in one of several cases."""
    for module, index in project.modules.calls_by_name.get(cls.name, ()):
        call = module.facts.calls[index]
        if module.is_test or not project.effects.is_served(module) or not _is_certain(module, call, index):
            continue
        callee = project.callee(module, call)
        if isinstance(callee, ClassObject) and callee.cls is cls:
            return True
    return False


def _is_certain(module: Module, call: f.Call, index: int) -> bool:
    """Whether a call is all that a statement keeps or gives back, whatever is configured."""
    if any(each.kind not in ("module", "function") for each in module.block_chain(call.block)):
        return False
    made = f.CallRef(index)
    return any(each.value == made for each in module.facts.assigns) or any(
        leave.kind == "return" and leave.value == made for leave in module.facts.exits
    )
