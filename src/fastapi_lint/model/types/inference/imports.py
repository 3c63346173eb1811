"""What imported names are, and what a module offers to others."""

from __future__ import annotations

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.modules import Binding
from fastapi_lint.model.names.symbols import External, Module, ModuleObject, Namespace, Type
from fastapi_lint.model.types.inference.questions import Questions, is_none
from fastapi_lint.tracking import memoized


class Imports(Questions):
    """What imported names are, and what a module offers to others."""

    def imported(self, importer: Module, entry: f.Import) -> Type:
        """What one imported name is."""
        if entry.level:
            module = self.modules.relative(importer, entry.level, entry.module)
            if module is not None:
                return self.export(module, entry.name)
            folder = importer.parts if importer.is_package else importer.parts[:-1]
            folder = folder[: len(folder) - (entry.level - 1)] + tuple(entry.module.split(".") if entry.module else ())
            inner = self.modules.in_folder(folder, entry.name)
            return ModuleObject(inner) if inner else None
        if not entry.name:
            dotted = entry.module if entry.alias else entry.module.split(".", 1)[0]
            return self.named_module(dotted, importer)
        module = self.modules.find(entry.module, importer)
        if module is not None:
            if module is importer:
                inner = self.modules.submodule(module, entry.name)
                return ModuleObject(inner) if inner else None
            return self.export(module, entry.name)
        if self.modules.is_folder(entry.module, importer):
            inner = self.modules.find(f"{entry.module}.{entry.name}", importer)
            if inner is not None:
                return ModuleObject(inner)
            if self.modules.is_folder(f"{entry.module}.{entry.name}", importer):
                return Namespace(f"{entry.module}.{entry.name}", importer)
            return None
        return External(catalog.canonical(f"{entry.module}.{entry.name}"))

    def named_module(self, dotted: str, importer: Module) -> Type:
        """The module that `import dotted` binds, as a whole."""
        if module := self.modules.find(dotted, importer):
            return ModuleObject(module)
        if self.modules.is_folder(dotted, importer):
            return Namespace(dotted, importer)
        return External(catalog.canonical(dotted))

    def inner_module(self, dotted: str, importer: Module) -> Type:
        if module := self.modules.find(dotted, importer):
            return ModuleObject(module)
        return Namespace(dotted, importer) if self.modules.is_folder(dotted, importer) else None

    @memoized
    def export(self, module: Module, name: str) -> Type:
        """What a name of a module is, seen from outside: its own bindings, submodules, star imports."""
        return self.guarded(("export", module, name), lambda: self._exported(module, name), is_short=True)

    def _exported(self, module: Module, name: str) -> Type:
        found = self.bindings(module).get((-1, -1), {}).get(name)
        if found:
            inner = self.modules.submodule(module, name)
            merged = self.merge(module, name, found)
            if merged is None and inner is None and all(is_unfilled(binding) for binding in found):
                return self.stored(module, name)
            return merged if merged is not None or inner is None else ModuleObject(inner)
        if inner := self.modules.submodule(module, name):
            return ModuleObject(inner)
        return self.starred(module, name)

    def starred(self, module: Module, name: str) -> Type:
        for entry in module.star_imports:
            if entry.level:
                source = self.modules.relative(module, entry.level, entry.module)
            else:
                source = self.modules.find(entry.module, module)
            if source is None:
                if not entry.level and entry.module.split(".")[0] in (
                    "fastapi",
                    "sqlalchemy",
                    "sqlmodel",
                    "pydantic",
                    "typing",
                ):
                    dotted = catalog.canonical(f"{entry.module}.{name}")
                    if dotted != f"{entry.module}.{name}" or name[:1].isupper():
                        return External(dotted)
                continue
            if name.startswith("_") or (source.facts.exported is not None and name not in source.facts.exported):
                continue
            if found := self.export(source, name):
                return found
        return None


def is_unfilled(binding: Binding) -> bool:
    """Whether a binding says nothing yet: `client = None`, to be filled from elsewhere."""
    return isinstance(binding.entry, f.Assign) and binding.entry.annotation is None and is_none(binding.entry.value)
