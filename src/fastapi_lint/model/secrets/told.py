"""Whether the texts of a dict are only told to people: what a check of the settings suggests for a variable that is
missing. Judges none, and what it does not know is a use."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.data.unread.occurrences import reads
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.secrets.logs import writes_log
from fastapi_lint.model.values.texts import BoundText

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_TELLS = frozenset({"print", "echo", "secho"})
_COUNTS = frozenset({"len", "sorted", "set", "list", "bool"})


def is_only_told(bound: BoundText, project: Project) -> bool:
    """Whether a text stands in a dict of a module, and all that is done with the values of that is to print or to log
    them."""
    entry, module = bound.binding, bound.module
    if bound.how != "key" or entry is None or entry.block != 0 or not isinstance(entry.target, f.Name):
        return False
    if not isinstance(entry.value, f.Mapping):
        return False
    own = entry.target
    values = _values(module, own, entry)
    if not values or not _are_told(module, values, project):
        return False
    others = project.modules.with_word(own.id)
    return not any(_may_read(other, own.id, module, project) for other in others if other is not module)


def _may_read(other: Module, name: str, module: Module, project: Project) -> bool:
    """Whether another module imports a name from a module, or asks something for an attribute of that name."""
    if other.is_test or not other.mentions(name):
        return False
    imported = (entry for entry in other.facts.imports if entry.name in (name, "*"))
    if any(project.types.modules.imported_from(other, entry) is module for entry in imported):
        return True
    return next(reads(other, name, home=False, is_attribute=True), None) is not None


def _values(module: Module, own: f.Name, entry: f.Assign) -> Collection[f.Name] | None:
    """The variables that hold values of a dict; None where something else becomes of it."""
    found: list[f.Name] = []
    facts = module.facts
    loops = {each.test.index: each.target for each in facts.blocks if isinstance(each.test, f.CallRef)}
    for index, call in enumerate(facts.calls):
        if any(own in walk(arg.value) for arg in call.args):
            if f.last_name(call.func) not in _COUNTS or [arg.value for arg in call.args] != [own]:
                return None
        match call.func:
            case f.Attr(value=owner, attr="items") if owner == own:
                target = loops.get(index)
                if not isinstance(target, f.Display) or len(target.items) != 2:
                    return None
                found += map(f.Name, target_names(target.items[1]))
            case f.Attr(value=owner, attr="values") if owner == own:
                found += map(f.Name, target_names(loops.get(index)))
            case f.Attr(value=owner, attr=attr) if owner == own and attr != "keys":
                return None
    for one in facts.assigns:
        if one is entry or one.value is None or own not in walk(one.value):
            continue
        if not isinstance(one.value, f.Sub) or one.value.value != own or not isinstance(one.target, f.Name):
            return None
        found.append(one.target)
    return None if any(own in walk(leave.value) for leave in facts.exits) else found


def _are_told(module: Module, values: Collection[f.Name], project: Project) -> bool:
    """Whether values are given to nothing but what prints or logs them; a script may collect them before it does."""
    facts = module.facts
    tells = _TELLS if project.effects.serving.is_served(module) else _TELLS | {"append"}
    for call in facts.calls:
        if any(value in walk(arg.value) for arg in call.args for value in values) and not (
            f.last_name(call.func) in tells or writes_log(project, module, call)
        ):
            return False
        if any(value in walk(call.func) for value in values):
            return False
    for expr in (*(entry.value for entry in facts.assigns), *(leave.value for leave in facts.exits)):
        if any(value in walk(expr) for value in values):
            return False
    return True
