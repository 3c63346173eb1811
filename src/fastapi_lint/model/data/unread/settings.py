"""Where an application reads a setting: a field of a class, or a constant of a module.

A project without an app is a library, whose users may read anything; so may whoever gets a whole object, or a whole
module: a library, `model_dump()`, `getattr()` by a name that is worked out, an answer to a client.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.reach.aside import is_for_tests
from fastapi_lint.model.data.unread.escaping import gives_away, gives_module_away
from fastapi_lint.model.data.unread.occurrences import reads
from fastapi_lint.model.names.symbols import Class, Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_BASES = frozenset({"object", "BaseSettings", "BaseModel"})


def is_unread(module: Module, entry: f.Assign, project: Project) -> bool:
    """Whether nothing reads what an assignment gives a name, in the body of a class or at the top of a module."""
    return read_at(module, entry, project) == ()


def read_at(module: Module, entry: f.Assign, project: Project) -> Sequence[tuple[Module, int]] | None:
    """The places that may read what an assignment gives a name; None where others may read it."""
    if not isinstance(entry.target, f.Name) or all(is_for_tests(project, app.module) for app in project.routes.apps):
        return None
    block = module.facts.blocks[entry.block]
    if block.kind == "class":
        return _field_read_at(module.classes[block.cls], entry.target.id, project)
    return _constant_read_at(module, entry.target.id, project) if entry.block == 0 else None


def _field_read_at(cls: Class, name: str, project: Project) -> Sequence[tuple[Module, int]] | None:
    objects = project.routes.expansion.objects
    family = (cls, *objects.subclasses(cls))
    bases = [base for one in family for base in project.types.mro(one)]
    if any(isinstance(base, str) and base.rsplit(".", 1)[-1] not in _BASES for base in bases):
        return None
    if any(one.facts.decorators or one.name in (one.module.facts.exported or ()) for one in family):
        return None
    homes = {base.module for base in bases if isinstance(base, Class)}
    found = [
        (module, at)
        for module in project.modules
        if not is_for_tests(project, module)
        for at in reads(module, name, home=module in homes, is_attribute=True)
    ]
    return None if not objects.makers(cls) or gives_away(cls, project) else tuple(found)


def _constant_read_at(module: Module, name: str, project: Project) -> Sequence[tuple[Module, int]] | None:
    if name in (module.facts.exported or ()) or name.startswith("__") or module.is_package:
        return None
    others = [one for one in project.modules if one is not module and not is_for_tests(project, one)]
    is_used = any(app.module is module for app in project.routes.apps) or any(
        project.modules.imported_from(one, entry) is module for one in others for entry in one.facts.imports
    )
    if not is_used or gives_module_away(module, project):
        return None
    return tuple((one, at) for one in (module, *others) for at in reads(one, name, home=True, is_attribute=False))
