"""The name by which a file is imported, as far as its path says it."""

from __future__ import annotations

from collections.abc import Iterable

Parts = tuple[str, ...]
"""The names of folders and of a file in them, or of folders alone."""


def parts_of(path: str) -> tuple[Parts, bool]:
    """The parts of a file's dotted name, from the root of the project; and whether it makes its folder a package."""
    *folders, name = path.rsplit(".", 1)[0].split("/")
    return (tuple(folders), True) if name == "__init__" else ((*folders, name), False)


def folders_of(files: Iterable[tuple[Parts, bool]]) -> set[Parts]:
    """All folders above files, which are given as `parts_of` gives them; not the root."""
    found: set[Parts] = set()
    for parts, is_package in files:
        folder = parts if is_package else parts[:-1]
        while folder and folder not in found:
            found.add(folder)
            folder = folder[:-1]
    return found
