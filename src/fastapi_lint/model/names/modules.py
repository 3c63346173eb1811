"""Which module an import means, and which bindings a scope has. Infers no types.

A module's file gives it many possible names (src layouts, namespace packages, several roots in one repository); an
import is matched against path suffixes, and the root nearest to the importing file wins. Ambiguous means unresolved.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Union, cast

import msgspec

from fastapi_lint.files.naming import folders_of
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Function, Module
from fastapi_lint.model.names.tabled import entries
from fastapi_lint.tracking import recording
from fastapi_lint.tracking.tables import Tables, collected, grouped

Bound = Union[f.Import, f.Assign, f.Param, f.Block, Function, Class]

FRAMEWORKS = frozenset({
    "fastapi", "starlette", "pydantic", "pydantic_settings", "pydantic_core", "sqlalchemy", "sqlmodel",
    "typing_extensions",
    "httpx", "requests", "aiohttp", "redis", "celery", "boto3", "uvicorn", "anyio", "click", "typer", "jwt", "jose",
    "passlib", "bcrypt", "psycopg2", "psycopg", "asyncpg", "pymongo", "motor", "docker", "openai", "anthropic",
    "stripe", "numpy", "pandas", "yaml", "jinja2", "kafka", "elasticsearch", "opentelemetry", "sentry_sdk",
})  # fmt: skip
"""Packages whose names stay external even if the project has a module of that name beside the importing file."""


class Binding(msgspec.Struct, frozen=True, gc=False):
    """One place where a scope binds a name. A Block stands for the target of a for, with, except or comprehension."""

    entry: Bound
    block: int
    start: int


Scope = tuple[int, int]
"""(function index, class index) of a block: (-1, -1) is the module."""


class _Searched(Mapping[str, list[Module]]):
    """The modules in whose text a word stands: each word is looked for when somebody asks, all of them never."""

    def __init__(self, by_path: Mapping[str, Module]) -> None:
        self._by_path = by_path

    def __getitem__(self, word: str) -> list[Module]:
        if found := [module for module in self._by_path.values() if module.has_word(word)]:
            return found
        raise KeyError(word)

    def __iter__(self) -> Iterator[str]:
        raise TypeError("words are not listed")

    def __len__(self) -> int:
        raise TypeError("words are not counted")


class Modules:
    """All modules of the project by path, and the answer to "which file does this import mean".

    `tables` is what is known about the tables that are collected from them.
    """

    TABLES = "tables"

    def __init__(self, modules: Iterable[Module], roots: Iterable[str] = ()) -> None:
        self.by_path: dict[str, Module] = {module.path: module for module in sorted(modules, key=lambda m: m.path)}
        self.tables = Tables(self.by_path)
        self._packages = {m.parts for m in self.by_path.values() if m.is_package}
        self._by_parts: dict[tuple[str, ...], Module] = {}
        self._by_suffix: dict[str, list[Module]] = {}
        self._folders: dict[str, list[tuple[str, ...]]] = {}
        self._found: dict[tuple[tuple[str, ...], str], tuple[Module, tuple[str, ...]] | None] = {}
        self._roots = [tuple(part for part in root.split("/") if part not in ("", ".")) for root in roots]
        for module in self.by_path.values():
            if module.path.endswith(".pyi") and module.parts in self._by_parts:
                continue
            if not module.is_package and module.parts in self._packages:
                continue  # a package of that name is what Python imports
            self._by_parts.setdefault(module.parts, module)
            for i in range(len(module.parts)):
                self._by_suffix.setdefault(".".join(module.parts[i:]), []).append(module)
        for folder in sorted(folders_of((module.parts, module.is_package) for module in self.by_path.values())):
            for i in range(len(folder)):
                self._folders.setdefault(".".join(folder[i:]), []).append(folder)

    def replace(self, changed: Iterable[Module]) -> None:
        """Other states of some modules take the places of those with their paths."""
        self._found.clear()
        replaced = []
        for module in changed:
            before = self.by_path[module.path]
            replaced.append((before, module))
            self.by_path[module.path] = module
            if self._by_parts.get(module.parts) is before:
                self._by_parts[module.parts] = module
            for i in range(len(module.parts)):
                named = self._by_suffix.get(".".join(module.parts[i:]), [])
                named[:] = [module if each is before else each for each in named]
        self.tables.turn(replaced)

    def __iter__(self) -> Iterator[Module]:
        recording.depend_on(recording.EVERYTHING)
        return iter(self.by_path.values())

    @collected("modules.calls_by_name", pairs=entries.calls)
    def calls_by_name(self) -> Mapping[str, list[tuple[Module, int]]]:
        """Every call of the project, by the last name of its callee: its module and its index there."""
        return cast("dict[str, list[tuple[Module, int]]]", grouped(self.tables, "modules.calls_by_name"))

    @collected("modules.files", pairs=entries.itself, is_searched=True)
    def files(self) -> Mapping[str, list[Module]]:
        """The module in a file, by its path."""
        return cast("dict[str, list[Module]]", grouped(self.tables, "modules.files"))

    def at(self, path: str) -> Module | None:
        """The module in a file, if there is one."""
        return next(iter(self.files.get(path, ())), None)

    @collected("modules.words", pairs=entries.words, is_searched=True)
    def words(self) -> Mapping[str, list[Module]]:
        """The modules in whose text a word of ASCII letters, digits and underscores stands, by that."""
        return _Searched(self.by_path)

    def with_word(self, word: str) -> Iterable[Module]:
        """The modules in whose text a word may stand: of one with other letters than ASCII's all."""
        return self.words.get(word, ()) if word.isascii() else self

    @collected("modules.decorating_calls", pairs=entries.decorating_calls)
    def decorating_calls(self) -> Mapping[str, list[tuple[Module, int]]]:
        """The calls that are decorators, as `calls_by_name`."""
        return cast("dict[str, list[tuple[Module, int]]]", grouped(self.tables, "modules.decorating_calls"))

    @collected("modules.values_by_name", pairs=entries.values)
    def values_by_name(self) -> Mapping[str, list[tuple[Module, str, int]]]:
        """Where a function or class of a name may be used as a value: "call", "assign" or "exit", and its index."""
        return cast("dict[str, list[tuple[Module, str, int]]]", grouped(self.tables, "modules.values_by_name"))

    @collected("modules.stores_by_name", pairs=entries.stores)
    def stores_by_name(self) -> Mapping[str, list[tuple[Module, str, int]]]:
        """Where an attribute of a name is assigned from outside: "assign", "call" (setattr) or "yield" (of a dict)."""
        return cast("dict[str, list[tuple[Module, str, int]]]", grouped(self.tables, "modules.stores_by_name"))

    @collected("modules.classes_by_base", pairs=entries.derived)
    def classes_by_base(self) -> Mapping[str, list[Class]]:
        """The classes that name a base by its last name."""
        return cast("dict[str, list[Class]]", grouped(self.tables, "modules.classes_by_base"))

    @collected("modules.aliases", pairs=entries.aliases)
    def aliases(self) -> Mapping[str, list[str]]:
        """The other names under which a name is imported somewhere, as often as it is."""
        return cast("dict[str, list[str]]", grouped(self.tables, "modules.aliases"))

    @collected("modules.convertors", whole=True, pairs=entries.convertors)
    def convertors(self) -> frozenset[str]:
        """The names of the path convertors that the project registers; "?" among them is one that is not known."""
        return frozenset(grouped(self.tables, "modules.convertors"))

    def package_root(self, module: Module) -> tuple[str, ...]:
        """The folder from which a module is imported when every folder with an `__init__.py` is a package."""
        folder = module.parts if module.is_package else module.parts[:-1]
        while folder and folder in self._packages:
            folder = folder[:-1]
        return folder

    def find(self, dotted: str, importer: Module) -> Module | None:
        """The module an absolute import names, seen from `importer`; None when external or ambiguous."""
        found = self._find(dotted, importer)
        if found is None:
            return None
        if recording.active:
            recording.depend_on(found[0])
        return found[0]

    def _find(self, dotted: str, importer: Module) -> tuple[Module, tuple[str, ...]] | None:
        folder = importer.parts if importer.is_package else importer.parts[:-1]
        key = (folder, dotted)
        if key not in self._found:
            self._found[key] = self._search(dotted, folder, self.package_root(importer))
        found = self._found[key]
        return self._beside(dotted, folder, importer) if found is None and "." not in dotted else found

    def _beside(self, name: str, folder: tuple[str, ...], importer: Module) -> tuple[Module, tuple[str, ...]] | None:
        """What a single name means in a folder from which the importer certainly takes longer names."""
        if name in sys.stdlib_module_names or name in FRAMEWORKS:
            return None
        near = self.package_root(importer)
        while len(folder) > len(near):
            if found := self._by_parts.get((*folder, name)):
                others = (entry.module for entry in importer.facts.imports if not entry.level and "." in entry.module)
                if any((other := self._find(each, importer)) is not None and other[1] == folder for each in others):
                    return found, folder
            folder = folder[:-1]
        return None

    def _search(
        self, dotted: str, folder: tuple[str, ...], near: tuple[str, ...]
    ) -> tuple[Module, tuple[str, ...]] | None:
        """The module, and the folder from which it is imported, by a module in `folder`, a package below `near`."""
        top = dotted.split(".", 1)[0]
        if top in sys.stdlib_module_names or top in FRAMEWORKS:
            return None
        candidates = self._by_suffix.get(dotted)
        if not candidates:
            return None
        parts = tuple(dotted.split("."))
        for root in self._roots:
            if found := self._by_parts.get(root + parts):
                return found, root
        root = near
        while True:
            if found := self._by_parts.get(root + parts):
                return found, root
            if root + parts[:1] in self._packages:
                return None  # Python looks for the rest in this package, and nowhere else
            if not root:
                break
            root = root[:-1]
        # The folder of a script is a root, too, whatever lies in it. A single name is more likely that of a library
        # (see `_beside`).
        while len(parts) > 1 and len(folder) > len(near):
            if found := self._by_parts.get(folder + parts):
                return found, folder
            folder = folder[:-1]
        # Elsewhere in the repository: only if the folder can be a root (is no package itself) and it is the only one.
        others = [m for m in candidates if m.parts[: len(m.parts) - len(parts)] not in self._packages]
        if len(others) == 1:
            return others[0], others[0].parts[: len(others[0].parts) - len(parts)]
        return None

    def is_folder(self, dotted: str, importer: Module) -> bool:
        """Whether a dotted name can be a namespace package of the project."""
        top = dotted.split(".", 1)[0]
        return top not in sys.stdlib_module_names and top not in FRAMEWORKS and dotted in self._folders

    def relative(self, importer: Module, level: int, dotted: str) -> Module | None:
        """The module that `from ..dotted import` names."""
        folder = importer.parts if importer.is_package else importer.parts[:-1]
        if level - 1 > len(folder):
            return None
        folder = folder[: len(folder) - (level - 1)]
        return self._read(folder + tuple(dotted.split(".") if dotted else ()))

    def imported_from(self, importer: Module, entry: f.Import) -> Module | None:
        """The module of the project from which `from module import name` takes a name."""
        if entry.level:
            return self.relative(importer, entry.level, entry.module)
        return self.find(entry.module, importer)

    def submodule(self, module: Module, name: str) -> Module | None:
        """A module inside a package."""
        return self._read((*module.parts, name)) if module.is_package else None

    def inside(self, folder: tuple[str, ...]) -> list[tuple[str, bool]]:
        """The names of the modules in a folder, in the order in which `pkgutil` lists them, and whether each is a
        package."""
        found = set(self.in_folders.get("/".join(folder), ()))
        return sorted((name, is_package) for name, is_package in found if is_package or (name, True) not in found)

    @collected("modules.in_folders", pairs=entries.in_its_folder, is_searched=True)
    def in_folders(self) -> Mapping[str, list[tuple[str, bool]]]:
        """The name of each module in a folder, and whether that is a package, by the path of the folder."""
        return cast("dict[str, list[tuple[str, bool]]]", grouped(self.tables, "modules.in_folders"))

    def in_folder(self, folder: tuple[str, ...], name: str) -> Module | None:
        """A module directly inside a folder, with or without `__init__.py`."""
        return self._read((*folder, name))

    def _read(self, parts: tuple[str, ...]) -> Module | None:
        found = self._by_parts.get(parts)
        if found is not None and recording.active:
            recording.depend_on(found)
        return found

    @collected("modules.used_roots", whole=True, extract=entries.imported)
    def used_roots(self) -> Mapping[tuple[str, ...], int]:
        """The folders from which the modules of the project import each other, and how often."""
        used: dict[tuple[str, ...], int] = {}
        for module in self.by_path.values():
            for entry in module.facts.imports:
                if not entry.level and (found := self._find(entry.module, module)) is not None:
                    used[found[1]] = used.get(found[1], 0) + 1
        return used

    def import_name(self, module: Module) -> str:
        """The dotted name by which the program most likely imports a module: `backend/app/main.py` -> "app.main"."""
        root = self.package_root(module)
        if root == (module.parts if module.is_package else module.parts[:-1]):  # not in a package
            used = self.used_roots
            prefixes = [r for r in used if module.parts[: len(r)] == r and len(r) < len(module.parts)]
            root = min(prefixes, key=lambda r: (-used[r], len(r)), default=root)
        if root[:1] == ("src",) and len(root) == 1:
            return ".".join(module.parts[1:])
        return ".".join(module.parts[len(root) :]) or module.name


def bindings(module: Module) -> dict[Scope, dict[str, list[Binding]]]:
    """Every binding of every scope of a module, in source order within a name. Comprehension targets are left out."""
    table: dict[Scope, dict[str, list[Binding]]] = {}
    facts = module.facts
    blocks = facts.blocks
    global_names = {(blocks[block].function, name) for name, block in facts.globals}

    def bind(name: str, entry: Bound, block: int, start: int) -> None:
        holder = blocks[block]
        scope = (holder.function, holder.cls)
        if holder.function >= 0 and (holder.function, name) in global_names:
            scope = (-1, -1)
        table.setdefault(scope, {}).setdefault(name, []).append(Binding(entry, block, start))

    for entry in facts.imports:
        if entry.name != "*":
            bind(entry.alias or entry.name or entry.module.split(".", 1)[0], entry, entry.block, entry.start)
    for function in module.functions:
        if function.name != "<lambda>":
            bind(function.name, function, function.facts.outer, function.facts.start)
        for param in function.params:
            bind(param.name, param, function.facts.block, param.start)
    for cls in module.classes:
        bind(cls.name, cls, cls.facts.outer, cls.facts.start)
    for assign in facts.assigns:
        for name in f.target_names(assign.target):
            bind(name, assign, assign.block, assign.end)
    for index, block in enumerate(blocks):
        if block.target is not None and block.kind in ("for", "with", "except", "case"):
            for name in f.target_names(block.target):
                bind(name, block, index, block.start)
    for scope in table.values():
        for found in scope.values():
            found.sort(key=lambda b: b.start)
    return table
