"""Which modules can run in the process of an application: those with FastAPI, and what they import. Infers no types."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.index.purposes import can_be_application, is_test_by_path, uses_test_framework
from fastapi_lint.model.names.modules import Modules
from fastapi_lint.model.names.symbols import Module

_SERVED = frozenset({
    "fastapi", "starlette", "fastapi_users", "fastapi_pagination", "sqladmin", "gradio", "nicegui",
})  # fmt: skip
_OTHERS = frozenset({
    "litestar", "quart", "sanic", "flask", "django", "tornado", "blacksheep", "robyn", "falcon", "aiohttp.web",
    "bottle",
})  # fmt: skip
"""Other web frameworks: a project that imports one of these and no FastAPI is not ours to judge."""
_COMMANDS = frozenset({"click", "typer", "cappa", "cyclopts", "asyncclick", "fire", "docopt"})
_TERMINAL = frozenset({"rich", "argparse", "prompt_toolkit", "questionary", "inquirer", "InquirerPy", "textual"})
_LOADERS = ("import_module(", "import_string(")
_QUEUES = frozenset({"celery", "dramatiq", "taskiq", "huey"})
"""Where these are at work, names of modules are those of what a worker process loads."""
_NAMED = re.compile(
    rb"""["'](?:(?P<inner>(?:\.[A-Za-z_]\w*)+)|(?P<outer>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)[.:][A-Z]\w*)["']"""
)
"""A module, relative to its package (".stores.redis"), or a class in one ("shop.stores.redis.Store")."""
_APPLICATION = frozenset({"FastAPI", "APIRouter", "Depends", "Request", "WebSocket"})


def served(modules: Modules) -> frozenset[Module]:
    """The modules that import FastAPI, and all that they import; tests do not count.

    A script or a worker that no module of the application imports has no requests that could wait, nor has a command
    line, even when something of it is imported, nor what only a command line imports. When nothing imports
    FastAPI (a library of services in a repository of its own), every module counts, unless another framework does.
    """
    everything = [module for module in modules if not module.is_test and not _is_command_line(module)]
    roots = [module for module in everything if _imports(module, _SERVED) and not _only_looks_at_routes(module)]
    if not roots:
        return frozenset() if any(_imports(module, _OTHERS) for module in everything) else frozenset(everything)
    found = set(roots)
    todo = list(roots)
    is_loaded = any(module.mentions(*_LOADERS) for module in everything)
    while todo:
        current = todo.pop()
        for module in (*imported_by(current, modules), *(_named(current, modules) if is_loaded else ())):
            if module not in found and not module.is_test and not _is_command_line(module):
                found.add(module)
                todo.append(module)
    return frozenset(found)


def settled(modules: Modules) -> frozenset[str]:
    """Settles which modules are called like tests and are none, and gives their paths: a module of the application
    imports them, or somebody a router of theirs (the tests of a laboratory, a school), and they test nothing.

    This is asked before anything else, and nobody depends on it: if it comes out otherwise, nothing known holds.
    """
    found: set[str] = set()
    todo = [each for each in modules.by_path.values() if each.imports_tests and not _is_command_line(each)]
    while todo:
        current = todo.pop()
        is_part = current.path in found or (_has_application(current) and not uses_test_framework(current.facts))
        for module in imported_by(current, modules):
            if module.path in found or is_test_by_path(module.path) is False:
                continue
            if (is_part or module.offers_routes) and can_be_application(module.path, module.facts):
                found.add(module.path)
                todo.append(module)
    for module in modules.by_path.values():
        if module.is_application != (module.path in found):
            module.settle(module.path in found)
    return frozenset(found)


def imports_of(module: Module) -> list[object]:
    """Everything of a module on which it depends what it imports, as plain data."""
    dead = frozenset(module.facts.dead)
    return [
        [entry.level, entry.module, entry.name, bool(dead) and _is_dead(module, entry, dead)]
        for entry in module.facts.imports
    ]


def what_matters(module: Module) -> object:
    """Everything of a module on which the answer depends, as plain data."""
    named = sorted({found[0] for found in _NAMED.finditer(module.source.data)})
    said = [module.mentions("uvicorn"), module.mentions(*_LOADERS), module.is_test]
    return [imports_of(module), named, said]


def _is_command_line(module: Module) -> bool:
    """Whether a module is a command line: it uses a library for one, or lies in `cli` and talks to a terminal.

    Not when it has routes or an application, nor when it imports FastAPI and does not lie in `cli`.
    """
    if _has_application(module):
        return False
    if any(part in ("cli", "__main__") or part.endswith("_cli") for part in module.parts):
        return _imports(module, _COMMANDS) or _imports(module, _TERMINAL)
    return _imports(module, _COMMANDS) and not _imports(module, _SERVED)


def _only_looks_at_routes(module: Module) -> bool:
    """Whether a module of a command line (in `cli`) uses FastAPI for something else than an application."""
    return "cli" in module.parts and not _has_application(module) and not module.mentions("uvicorn")


def _has_application(module: Module) -> bool:
    return any(
        not entry.level and entry.module.startswith("fastapi") and entry.name in _APPLICATION
        for entry in module.facts.imports
    )


def _imports(module: Module, names: frozenset[str]) -> bool:
    return any(
        not entry.level and (entry.module.split(".", 1)[0] in names or entry.module in names)
        for entry in module.facts.imports
    )


def imported_by(module: Module, modules: Modules) -> Iterator[Module]:
    """The modules of the project that one imports when it runs, packages around them included."""
    dead = frozenset(module.facts.dead)
    for entry in module.facts.imports:
        if dead and _is_dead(module, entry, dead):
            continue
        if entry.level:
            found = modules.relative(module, entry.level, entry.module)
            folder = module.parts if module.is_package else module.parts[:-1]
            folder = folder[: len(folder) - (entry.level - 1)] + tuple(entry.module.split(".") if entry.module else ())
            inner = modules.in_folder(folder, entry.name)
        else:
            found = modules.find(entry.module, module)
            inner = modules.find(f"{entry.module}.{entry.name}", module) if entry.name else None
        for each in (found, inner):
            if each is not None:
                yield each
        leaf = inner or found
        package = leaf.parts[:-1] if leaf else ()
        while package:
            if outer := modules.in_folder(package[:-1], package[-1]):
                yield outer
            package = package[:-1]


def _named(module: Module, modules: Modules) -> Iterator[Module]:
    """The modules of the project that a module names in texts, or whose classes it names so, to load them later."""
    if _imports(module, _QUEUES):
        return
    for inner, outer in {(found["inner"], found["outer"]) for found in _NAMED.finditer(module.text)}:
        above = (module.parts[:end] for end in range(len(module.parts) - 1, 0, -1))
        names = [".".join(folder) + inner.decode() for folder in above] if inner else [outer.decode()]
        found = (modules.find(name, module) for name in names)
        yield from (each for each in found if each is not None and each.parts[0] == module.parts[0])


def _is_dead(module: Module, entry: f.Import, dead: frozenset[int]) -> bool:
    block = entry.block
    while block >= 0:
        if block in dead:
            return True
        block = module.facts.blocks[block].parent
    return False
