"""Executes plugins: imports what the configuration names, and all modules below it. Judges no rule.

Of the project nothing else becomes importable: `sys.path` stays as it is, and no byte code is written into the project.
What is imported stays until its files change, or another project brings a plugin of the same name.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.run.plugins.places import Plugin, is_first_file

_HELD: dict[str, tuple[bytes, Path | None]] = {}
"""The outermost names that were imported here, with the content and the place of what they stand for."""


def imported(plugin: Plugin) -> list[ModuleType]:
    """The module of a plugin and, if it is a package, all modules below it but `__main__`.

    Raises `ConfigurationError` with the reason when one of them cannot be imported.
    """
    _make_room(plugin)
    try:
        with _without_traces(plugin):
            if plugin.is_local and plugin.top not in sys.modules:
                _execute(plugin)
            modules = list(_with_all_below(importlib.import_module(plugin.module)))
    except (Exception, SystemExit) as error:
        _forget(plugin.top)
        raise ConfigurationError(f"plugin '{plugin.name}' cannot be imported: {_reason(error, plugin)}") from None
    _HELD[plugin.top] = (plugin.content, plugin.file)
    return modules


def _make_room(plugin: Plugin) -> None:
    """Forget what is imported under the plugin's name if it is something else, or what it was before it changed."""
    there = sys.modules.get(plugin.top)
    if there is None:
        return
    held = _HELD.get(plugin.top)
    if held is not None:
        if held != (plugin.content, plugin.file):
            _forget(plugin.top)
        return
    file = getattr(there, "__file__", None)
    if plugin.is_local and not is_first_file(file, plugin):
        raise ConfigurationError(
            f"plugin '{plugin.name}': the name '{plugin.top}' is taken by {file or 'a module without a file'}, "
            f"which runs already; give {plugin.file or plugin.path[0]} another name"
        )


def _forget(top: str) -> None:
    for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
        del sys.modules[name]
    _HELD.pop(top, None)
    importlib.invalidate_caches()


@contextmanager
def _without_traces(plugin: Plugin) -> Iterator[None]:
    """Modules of the project leave no byte code beside them."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = before or plugin.is_local
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _execute(plugin: Plugin) -> None:
    """Import the outermost package (or module) of a plugin from where it was found."""
    if plugin.file is None:  # a folder without an `__init__.py`
        module = ModuleType(plugin.top)
        module.__path__ = list(plugin.path)
        sys.modules[plugin.top] = module
        return
    locations = list(plugin.path) or None
    spec = spec_from_file_location(plugin.top, plugin.file, submodule_search_locations=locations)
    if spec is None or spec.loader is None:
        raise ImportError(f"{plugin.file} is nothing that Python can import")
    module = module_from_spec(spec)
    sys.modules[plugin.top] = module
    spec.loader.exec_module(module)


def _with_all_below(module: ModuleType) -> Iterator[ModuleType]:
    yield module
    for each in pkgutil.iter_modules(getattr(module, "__path__", None) or (), f"{module.__name__}."):
        if not each.name.endswith(".__main__"):
            yield from _with_all_below(importlib.import_module(each.name))


def _reason(error: BaseException, plugin: Plugin) -> str:
    """What went wrong, and the last line of the plugin that ran."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, ModuleNotFoundError) and plugin.is_local:
        said += "; of the project only what `plugins` names can be imported"
    if isinstance(error, SyntaxError):
        return said  # which says where
    place = _last_place(traceback.extract_tb(error.__traceback__), plugin.files)
    return said + (f" [{place}]" if place else "")


def _last_place(frames: Sequence[traceback.FrameSummary], files: Sequence[Path]) -> str:
    own = {str(file) for file in files}
    return next((f"{each.filename}, line {each.lineno}" for each in reversed(frames) if each.filename in own), "")
