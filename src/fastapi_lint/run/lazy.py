"""Lazy imports: a module is loaded when something of it is asked for, not when it is imported.

What PEP 810 (`lazy import`) will do for Python 3.15. `importlib.util.LazyLoader` does not help: a second `import` of
the module asks for its `__spec__`, which loads it.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


def put_off(name: str) -> None:
    """Make `import name` give a stand-in from now on, unless the module is loaded already."""
    if name not in sys.modules:
        sys.modules[name] = _LazyModule(name)


class _LazyModule(ModuleType):
    """Stands in for a module until it is asked for an attribute, and has all of those from then on."""

    def __getattr__(self, attr: str) -> object:
        name = self.__name__
        if sys.modules.get(name) is self:
            del sys.modules[name]
            self.__dict__.update(vars(importlib.import_module(name)))
            return getattr(self, attr)
        return getattr(importlib.import_module(name), attr)
