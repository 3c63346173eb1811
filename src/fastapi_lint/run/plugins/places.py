"""Where plugins are, and what stands in their files. Imports and executes none of them.

A name of an entry point in the group `fastapi_lint.rules` means the module that it leads to; any other name is that of
a module: of the project (in its root, its `src` folders, beside the configuration) or of the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.config.suggestions import hint
from fastapi_lint.config.vocabulary import Plugged

GROUP = "fastapi_lint.rules"
_OURS = frozenset({
    "click", "fastapi_lint", "libcst", "msgspec", "packaging", "rich", "tomli", "tree_sitter", "tree_sitter_python",
})  # fmt: skip
"""What fastapi-lint itself is made of, and may import after a plugin."""


@dataclass(frozen=True)
class Plugin:
    """A plugin that was found: its name in the configuration, its module, and where the outermost package of that is.

    `files` are all files that its content is made of, `content` is a digest of them. `path` are the folders of a
    package (of a module: none), `file` is what is executed first (None for a folder without an `__init__.py`).
    `is_local`: it is a part of the project, not of the environment.
    """

    name: str
    module: str
    file: Path | None
    path: tuple[str, ...]
    files: tuple[Path, ...]
    content: bytes
    is_local: bool

    @property
    def top(self) -> str:
        """The name of the outermost package, or of the module itself."""
        return self.module.partition(".")[0]


def found(settings: Plugged) -> tuple[Plugin, ...]:
    """The plugins that settings name, each once. Raises `ConfigurationError` for a name that leads to nothing."""
    folders = _folders(settings)
    return tuple(_found(name, folders) for name in dict.fromkeys(settings.plugins))


def _folders(settings: Plugged) -> list[str]:
    """Where modules of the project are looked for."""
    src = [settings.root / each for each in settings.src or ("src",)]
    return list(dict.fromkeys(str(each) for each in (settings.root, *src, *settings.folders)))


def _found(name: str, folders: Sequence[str]) -> Plugin:
    entries = _entry_points(tuple(sys.path))
    module, _, attribute = entries.get(name, name).partition(":")
    if attribute:
        raise ConfigurationError(
            f"plugin '{name}': its entry point is '{module}:{attribute}'; it has to name a module and nothing in it"
        )
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in _OURS:
        owner = "fastapi-lint" if top in _OURS else "Python"
        raise ConfigurationError(f"plugin '{name}': the module '{top}' is a part of {owner}, and no plugin")
    if not all(part.isidentifier() for part in module.split(".")):
        raise ConfigurationError(_missing(name, entries, folders))
    spec = local = PathFinder.find_spec(top, folders)
    if local is None or local.origin is None:  # a folder without an `__init__.py` hides no module
        spec = _of_environment(top) or local
    if spec is None:
        raise ConfigurationError(_missing(name, entries, folders))
    named = sorted(_files(spec, module))
    return Plugin(
        name,
        module,
        Path(spec.origin) if spec.has_location and spec.origin else None,
        tuple(spec.submodule_search_locations or ()),
        tuple(file for _, file in named),
        _digest(named),
        spec is local,
    )


def is_first_file(file: str | None, plugin: Plugin) -> bool:
    """Whether a file is the one with which a plugin's execution begins."""
    return file is not None and plugin.file is not None and os.path.realpath(file) == os.path.realpath(plugin.file)


def example(plugin: Plugin, folder: str) -> tuple[str, ...]:
    """The texts of `bad.py`, `good.py` and `fixed.py` in a rule's folder of fixtures; () where there is none.

    It lies below `examples/` in the package (in a wheel) or below `fixtures/` beside it or beside its `src` folder.
    """
    around = Path(plugin.path[0]) if plugin.path else plugin.file and plugin.file.parent
    if around is None:
        return ()
    for place in ("examples", "fixtures", "../fixtures", "../../fixtures"):
        texts = [_text(around / place / folder / f"{each}.py") for each in ("bad", "good", "fixed")]
        if texts[0] and texts[1]:
            return tuple(texts)
    return ()


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def _missing(name: str, entries: Mapping[str, str], folders: Sequence[str]) -> str:
    return (
        f"plugin '{name}': there is no module of this name in {', '.join(folders)} or in the environment of "
        f"fastapi-lint ({sys.prefix}), and no entry point '{GROUP}'{hint(name, entries)}"
    )


def _of_environment(top: str) -> ModuleSpec | None:
    try:
        return find_spec(top)  # of an outermost name: this imports nothing
    except (ImportError, ValueError):
        return None


@lru_cache(maxsize=4)
def _entry_points(path: tuple[str, ...]) -> Mapping[str, str]:
    """The entry points of an environment: name and value. Kept: every distribution is looked at for them."""
    from importlib.metadata import entry_points

    return {each.name: each.value.strip() for each in entry_points(group=GROUP)}


def _files(spec: ModuleSpec, module: str) -> Iterator[tuple[str, Path]]:
    """The files below the outermost package that has an `__init__.py`, or the module alone; each with its name."""
    parts = module.split(".")
    for depth in range(2, len(parts) + 1):
        if spec.origin is not None or not spec.submodule_search_locations:
            break
        inner = PathFinder.find_spec(".".join(parts[:depth]), list(spec.submodule_search_locations))
        if inner is None:
            break
        spec = inner
    if spec.submodule_search_locations:
        for folder in spec.submodule_search_locations:
            yield from _below(folder)
    elif spec.has_location and spec.origin:
        yield Path(spec.origin).name, Path(spec.origin)


def _below(folder: str) -> Iterator[tuple[str, Path]]:
    for place, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each != "__pycache__" and not each.startswith(".")]
        for name in names:
            if not name.endswith((".pyc", ".pyo")):
                file = Path(place, name)
                yield file.relative_to(folder).as_posix(), file


def _digest(files: Sequence[tuple[str, Path]]) -> bytes:
    made = blake2b(digest_size=16)
    for name, file in files:
        try:
            data = file.read_bytes()
        except OSError:
            data = b""  # gone since it was listed, or not for us to read: an import will say so
        for part in (name.encode("utf-8", "surrogatepass"), data):
            made.update(len(part).to_bytes(8, "little"))
            made.update(part)
    return made.digest()
