"""Whether an import would close a circle of modules that load each other."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.modules import Modules
from fastapi_lint.model.names.symbols import Module

_MOST_MODULES = 3000


def imports_back(modules: Modules, module: Module, entry: f.Import) -> bool:
    """Whether what would be imported imports this module in turn while it is loaded."""
    queue = list(_targets(modules, module, entry))
    seen = set(queue)
    for current in queue:
        if current is module or len(queue) > _MOST_MODULES:
            return True
        for other in current.facts.imports:
            if current.facts.blocks[other.block].function >= 0 or _is_dead(current, other.block):
                continue
            for target in _targets(modules, current, other):
                if target not in seen:
                    seen.add(target)
                    queue.append(target)
    return False


def _targets(modules: Modules, importer: Module, entry: f.Import) -> Iterator[Module]:
    """The modules of the project that an import loads."""
    found = (
        modules.relative(importer, entry.level, entry.module) if entry.level else modules.find(entry.module, importer)
    )
    if found is not None and found is not importer:
        yield found
        if entry.name and (inner := modules.submodule(found, entry.name)) is not None:
            yield inner


def _is_dead(module: Module, block: int) -> bool:
    """Whether only type checkers run a block."""
    while block >= 0:
        if block in module.facts.dead:
            return True
        block = module.facts.blocks[block].parent
    return False
