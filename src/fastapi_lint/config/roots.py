"""Where a project begins when no configuration says so: its metadata, its repository, the workspace around it.

Reads `pyproject.toml` for workspaces and for dependencies on folders beside the project, and the imports of projects
that lie in one repository.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from fastapi_lint.files.globs import Globs

METADATA = "pyproject.toml"
MARKS = (METADATA, ".git")
"""What marks the root of a project."""

_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)
_FOREIGN = frozenset(("__pycache__", "build", "dist", "env", "node_modules", "site-packages", "venv"))
_DEEPEST = 4
"""How many levels below a repository's root its projects are looked for."""


def marked_root(start: Path, cwd: Path) -> Path:
    """The nearest directory upwards with metadata or a repository, else `cwd`, else `start`.

    A member of a workspace (uv's, or one that depends on folders beside it) is a part of what is around it: its
    packages import each other. So is a project that imports from others of its repository (or, without one, of `cwd`).
    `cwd` counts if it is around `start`, and neither the home directory nor one for temporary files.
    """
    for directory in (start, *start.parents):
        if any((directory / mark).exists() for mark in MARKS):
            whole = _whole(directory)
            return next((outer for outer in _around(whole, cwd) if shares_code(outer)), whole)
    return cwd if start.is_relative_to(cwd) and cwd not in _everything() else start


def _whole(directory: Path) -> Path:
    """The workspace that a directory with metadata belongs to, or the directory itself."""
    for outer in directory.parents:
        members, excluded = _workspace(_tool(outer / METADATA).get("uv"))
        place = directory.relative_to(outer).as_posix()
        if Globs(members).matches(place) and not Globs(excluded).matches(place):
            return outer
    beside = [path for path in _beside(directory) if path.is_dir()]
    whole = Path(os.path.commonpath([directory, *beside]))
    return directory if beside and whole in _everything() else whole


def _around(directory: Path, cwd: Path) -> list[Path]:
    """The folders around a project up to its repository's root or else `cwd`, near ones first; none if in neither."""
    if (directory / ".git").exists():
        return []
    everything = _everything()
    outer = [each for each in directory.parents if each not in everything]
    end = next((each for each in outer if (each / ".git").exists()), cwd)
    return outer[: outer.index(end) + 1] if end in outer else []


@lru_cache(maxsize=64)
def shares_code(directory: Path) -> bool:
    """Whether a project below a directory imports what lies directly in the directory, or in another project below it.

    A name that the project has itself, wherever, and the names of the standard library say nothing. Kept: a run asks
    for every project of a repository.
    """
    projects: dict[Path, list[Path]] = {}  # the Python files of each
    offered: dict[str, set[Path]] = {}  # the folders that hold what a name imports
    for folder, folders, files in os.walk(directory):
        place = Path(folder)
        folders[:] = [each for each in folders if not each.startswith(".") and each not in _FOREIGN]
        sources = [place / each for each in files if each.endswith(".py")]
        if place != directory and METADATA in files and len(place.relative_to(directory).parts) <= _DEEPEST:
            projects[place] = []
        around = next((each for each in (place, *place.parents) if each in projects), None)
        if around is not None:
            projects[around] += sources
        for each in sources:
            offered.setdefault(each.stem, set()).add(place)
        if sources and place != directory:
            offered.setdefault(place.name, set()).add(place.parent)
    for project, paths in projects.items():
        roots = {directory}
        for other in projects:
            if not other.is_relative_to(project) and Path(os.path.commonpath((project, other))) == directory:
                roots |= {other, other / "src"}
        beside = {
            name
            for name, places in offered.items()
            if places & roots and not any(each.is_relative_to(project) for each in places)
        }
        beside -= sys.stdlib_module_names
        if beside and any(name in beside for path in paths for name in _imported(path)):
            return True
    return False


def _imported(path: Path) -> Iterator[str]:
    """The first names of what a file imports absolutely."""
    try:
        data = path.read_bytes()
    except OSError:
        return
    for match in _IMPORT.finditer(data):
        yield match[1].decode("ascii", "replace")


def _workspace(uv: object) -> tuple[list[str], list[str]]:
    table = uv.get("workspace") if isinstance(uv, dict) else None
    found: list[list[str]] = []
    for key in ("members", "exclude"):
        value = table.get(key) if isinstance(table, dict) else None
        found.append([f"/{item.strip('/')}" for item in value or () if isinstance(item, str)])
    return found[0], found[1]


def _beside(directory: Path) -> Iterator[Path]:
    """The folders outside of the project that its metadata name as dependencies (uv's sources, Poetry's paths)."""
    tool = _tool(directory / METADATA)
    pending: list[object] = [
        table.get(key)
        for table, key in ((tool.get("uv"), "sources"), (tool.get("poetry"), "dependencies"))
        if isinstance(table, dict)
    ]
    while pending:
        table = pending.pop()
        if isinstance(table, dict):
            path = table.get("path")
            if isinstance(path, str) and path.startswith(".."):
                yield Path(os.path.normpath(directory / path))
            pending += [value for value in table.values() if isinstance(value, dict)]


def _tool(file: Path) -> dict[str, object]:
    """The table `tool` of a file that may say something about workspaces; empty for any other, and for a broken one."""
    try:
        data = file.read_bytes()
        if b"workspace" not in data and b"path" not in data:
            return {}
        # Only here: most runs of most projects have nothing to parse.
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        tool = tomllib.loads(data.decode("utf-8-sig")).get("tool")
    except (OSError, ValueError, RecursionError):
        return {}
    return tool if isinstance(tool, dict) else {}


def _everything() -> tuple[Path, ...]:
    """Directories in which people stand without meaning all that is below: the home directory, those for scraps."""
    import tempfile  # asked for once a run at most, and slow to import

    try:
        home = Path.home()
    except RuntimeError:
        home = Path("/")
    found = [home, Path(home.anchor), home.parent]
    with suppress(OSError):  # there may be no place for temporary files
        found.append(Path(os.path.normpath(tempfile.gettempdir())))
    return tuple(found)
