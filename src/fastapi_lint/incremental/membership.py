"""Files that came and went since a snapshot: for whom their names may mean something else now.

What a name means is found out from paths (`model.names.modules`), and no path is recorded as a dependency: there would
be more of them than of anything else. Whoever asks what a name means for a module has got hold of that module, though,
so that it is enough to take those modules for changed in which one of the names stands that came or went.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from fastapi_lint.files.naming import Parts, folders_of, parts_of
from fastapi_lint.model.names import Module

_IMPORT = re.compile(rb"\b(?:from|import)[ \t]+[\w.]+")
"""The first name of an import, of which the facts know more."""


def concerned(before: Collection[str], modules: Mapping[str, Module]) -> frozenset[str]:
    """The paths of the modules (given by path) that may find another one under some name than they did before."""
    turned = [parts_of(path) for path in modules.keys() ^ set(before)]
    if not turned:
        return frozenset()
    packages = [parts for parts, is_package in turned if is_package]
    files = {parts[-1] for parts, is_package in turned if not is_package}
    earlier, later = list(map(parts_of, before)), [(module.parts, module.is_package) for module in modules.values()]
    folders = {folder[-1] for folder in folders_of(earlier) ^ folders_of(later)}
    folders.update(folder[-1] for folder in packages if folder)
    # What lies in a folder is found under longer names, and not under shorter ones any more, when it is a package.
    for parts, _ in (*earlier, *later) if packages else ():
        folders.update(parts[len(folder)] for folder in packages if len(parts) > len(folder) and _is_in(parts, folder))
    if () in packages or any("." in word or not word.isascii() for word in files | folders):
        return frozenset(modules)  # names that are written in more than one way
    names = _Names(files, folders)
    return frozenset(
        path
        for path, module in modules.items()
        if any(_is_in(module.parts, folder) for folder in packages) or names.may_be_asked_for_in(module)
    )


class _Names:
    """Names of files and folders, as code may ask for them: in an import, of what is imported, in a text."""

    def __init__(self, files: Collection[str], folders: Collection[str]) -> None:
        """In an import that leads to a file its name comes last, those of folders anywhere."""
        self._files = frozenset(files)
        self._folders = frozenset(folders)
        any_of = b"(?:" + b"|".join(re.escape(word.encode()) for word in sorted({*files, *folders})) + rb")(?!\w)"
        self._anywhere = re.compile(rb"(?<!\w)" + any_of)
        # What an object holds of itself is no module.
        self._elsewhere = re.compile(rb"""(?:(?<!\bself)(?<!\bcls)\.|[:/"'])\s*""" + any_of)

    def may_be_asked_for_in(self, module: Module) -> bool:
        """Whether a module may ask for one of them."""
        data = module.source.data
        if self._anywhere.search(data) is None:
            return False
        if self._elsewhere.search(_IMPORT.sub(b"", data)) is not None:
            return True
        return any(self._is_meant(*names) for names in _imported(module))

    def _is_meant(self, *names: str) -> bool:
        return not self._files.isdisjoint(names[-2:]) or not self._folders.isdisjoint(names)


def _imported(module: Module) -> Iterator[tuple[str, ...]]:
    """The names of what a module imports; the last one may be that of something in a file."""
    for entry in module.facts.imports:
        yield *entry.module.split("."), entry.name


def _is_in(parts: Parts, folder: Parts) -> bool:
    return parts[: len(folder)] == folder
