"""When the annotations of a function are evaluated, and which names mean then what they mean now. Judges nothing.

`from __future__ import annotations` makes strings of them, which FastAPI evaluates in the globals of the module when a
route is registered or a dependency is first used: names of functions and classes around, of type-checking blocks, and
of what comes later in the module are not there. A default is evaluated at once, where it stands.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.modules import Binding
from fastapi_lint.model.names.symbols import Function
from fastapi_lint.model.types.inference.inference import Inference


@dataclass(frozen=True)
class Deferral:
    """The annotations of one function."""

    function: Function
    types: Inference

    @cached_property
    def is_deferred(self) -> bool:
        """Whether the module makes strings of all annotations."""
        imports = self.function.module.facts.imports
        return any(entry.module == "__future__" and entry.name == "annotations" for entry in imports)

    def settled(self, names: Iterable[str]) -> bool:
        """Whether names are bound in the module for good before the function, and by no scope in between."""
        module, start = self.function.module, self.function.facts.start
        for name in names:
            if self._is_local(name):
                return False
            found = self._bindings(name)
            if any(one.start >= start for one in found):
                return False
            if found and all(one.block in module.facts.dead for one in found):
                return False
            # Neither bound nor builtin: of a star import, if it can be resolved.
            if not found and not hasattr(builtins, name) and self.types.infer(f.Name(name), (module, 0, start)) is None:
                return False
        return True

    def is_dead(self, name: str) -> bool:
        """Whether only type checkers see a name of the module."""
        found = self._bindings(name)
        return bool(found) and all(one.block in self.function.module.facts.dead for one in found)

    @property
    def is_in_loop(self) -> bool:
        """Whether the function is defined once for each round of a loop, which may change the names it uses."""
        chain = self.function.module.block_chain(self.function.facts.outer)
        return any(block.kind in ("for", "while") for block in chain)

    def _bindings(self, name: str) -> list[Binding]:
        return self.types.bindings(self.function.module).get((-1, -1), {}).get(name, [])

    def _is_local(self, name: str) -> bool:
        """Whether a function or class around binds a name."""
        module = self.function.module
        table = self.types.bindings(module)
        block = self.function.facts.outer
        while block >= 0:
            entry = module.facts.blocks[block]
            scope = (entry.function, entry.cls)
            if scope != (-1, -1) and name in table.get(scope, {}):
                return True
            block = entry.parent
        return False
