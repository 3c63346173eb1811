"""Where a project begins when no configuration says so: its metadata, its repository, the workspace around it.

Reads `pyproject.toml` for workspaces and for dependencies on folders beside the project, and nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from fastapi_lint.files.globs import Globs

METADATA = "pyproject.toml"
MARKS = (METADATA, ".git")
"""What marks the root of a project."""


def marked_root(start: Path, cwd: Path) -> Path:
    """The nearest directory upwards with metadata or a repository, else `cwd`, else `start`.

    A member of a workspace (uv's, or one that depends on folders beside it) is a part of what is around it: its
    packages import each other. `cwd` counts if it is around `start`, and neither the home directory nor one for
    temporary files.
    """
    for directory in (start, *start.parents):
        if any((directory / mark).exists() for mark in MARKS):
            return _whole(directory)
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
    return (home, Path(home.anchor), home.parent, Path(os.path.normpath(tempfile.gettempdir())))
