"""Which files a run looks at: walks directories below the project root. Reads listings and ignore files, no source.

The model sees every Python file of the project; the paths of the command line only decide which are reported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.config.settings import Settings
from fastapi_lint.config.suggestions import hint
from fastapi_lint.files.globs import Globs
from fastapi_lint.finding import Notice


@dataclass(frozen=True)
class Discovered:
    """The files of a run: relative to the root, with forward slashes, sorted, each once.

    `files` is the whole project and everything named explicitly; `reported` those of them whose findings are shown.
    """

    files: tuple[str, ...]
    reported: frozenset[str]
    notices: tuple[Notice, ...]


def discover(root: Path, paths: Sequence[Path], settings: Settings) -> Discovered:
    """The project's Python files under `root`, and which of them `paths` ask for (none: all).

    Paths are absolute or relative to the current directory. A directory named explicitly is searched even if it is
    excluded, a file is taken whatever it is called. Raises `ConfigurationError` for a path that does not exist, is no
    file or directory, or lies outside the root.
    """
    walk = _Walk(root, Globs((*settings.exclude, *settings.extend_exclude)))
    project = set(walk.files(()))
    reported: set[str] = set()
    for path in paths:
        parts = _below(root, path)
        if not os.path.lexists(path):
            raise ConfigurationError(f"no such file or directory: '{path}'{_near(path)}")
        if path.is_dir():
            prefix = "/".join(parts)
            found = {file for file in project if not prefix or file.startswith(f"{prefix}/")}
            if prefix and (not found or walk.is_ignored(parts)):
                found.update(walk.files(parts))
            if not found:
                walk.notices.append(Notice(f"no Python files in '{path}'", prefix))
            reported |= found
        elif path.is_file() or not path.exists():  # a link to nothing: reading it will say so, and hide nothing else
            reported.add("/".join(parts))
        else:
            raise ConfigurationError(f"not a file or directory: '{path}'")
    if not paths:
        reported = set(project)
        if not reported:
            walk.notices.append(Notice(f"no Python files in '{root}'"))
    return Discovered(tuple(sorted(project | reported)), frozenset(reported), tuple(dict.fromkeys(walk.notices)))


def _below(root: Path, path: Path) -> tuple[str, ...]:
    """The names of the path below the root: as written, or else as the file system resolves them."""
    written = Path(os.path.normpath(Path.cwd() / path))
    for inner, outer in ((written, root), (Path(os.path.realpath(path)), Path(os.path.realpath(root)))):
        if inner.is_relative_to(outer):
            return inner.relative_to(outer).parts
    raise ConfigurationError(f"'{path}' is outside the project root '{root}'; check it in a run of its own")


def _near(path: Path) -> str:
    """The nearest name to the first part of the path that does not exist."""
    missing = path
    while not missing.parent.is_dir() and missing.parent != missing:
        missing = missing.parent
    try:
        return hint(missing.name, [path.name for path in missing.parent.iterdir()])
    except OSError:
        return ""


class _Walk:
    """One search below a root, with the ignore files that it met."""

    def __init__(self, root: Path, excluded: Globs) -> None:
        self.root = root
        self.excluded = excluded
        self.notices: list[Notice] = []
        self.ignores: dict[tuple[str, ...], Globs] = {}
        self.above = list(_ignores_above(root))

    def files(self, start: tuple[str, ...]) -> Iterator[str]:
        """The Python files below a directory, which itself counts as asked for."""
        for depth in range(len(start)):
            self._read_ignores(start[:depth])
        pending = [start]
        while pending:
            directory = pending.pop()
            self._read_ignores(directory)
            prefix = "".join(f"{name}/" for name in directory)
            try:
                with os.scandir(self.root.joinpath(*directory)) as entries:
                    for entry in entries:
                        name = entry.name
                        # Links to directories lead out of the root, in circles, or to what is found anyway.
                        if entry.is_dir(follow_symlinks=False):
                            below = (*directory, name)
                            if not self._skipped(below, True) and not _is_environment(entry):
                                pending.append(below)
                        elif name.endswith(".py") and not self._skipped((*directory, name), False):
                            if not self._is_file(entry):
                                continue
                            if _is_text(name):
                                yield prefix + name
                            else:
                                shown = (prefix + name).encode("utf-8", "backslashreplace").decode()
                                self.notices.append(Notice("skipped: the file's name is not valid Unicode", shown))
            except OSError as error:
                self.notices.append(Notice(f"cannot be searched: {error.strerror or error}", prefix.rstrip("/") or "."))

    def _is_file(self, entry: os.DirEntry[str]) -> bool:
        """Whether an entry is a file; a link that leads nowhere but to itself is none, and is said to be bad."""
        try:
            return entry.is_file()
        except OSError as error:
            shown = Path(entry.path).relative_to(self.root).as_posix()
            self.notices.append(Notice(f"cannot be read: {error.strerror or error}", shown))
            return False

    def is_ignored(self, parts: tuple[str, ...]) -> bool:
        """Whether a directory, or one around it, is left out when nobody names it."""
        for depth in range(1, len(parts) + 1):
            self._read_ignores(parts[: depth - 1])
            below = self.root.joinpath(*parts[:depth])
            if self._skipped(parts[:depth], True) or below.is_symlink() or _is_environment(below):
                return True
        return False

    def _skipped(self, parts: tuple[str, ...], is_directory: bool) -> bool:
        if self.excluded.verdict(parts, is_directory):
            return True
        if self.ignores:
            for depth in range(len(parts) - 1, -1, -1):
                globs = self.ignores.get(parts[:depth])
                if globs is not None and (verdict := globs.verdict(parts[depth:], is_directory)) is not None:
                    return verdict
        for between, globs in self.above:
            if (verdict := globs.verdict((*between, *parts), is_directory)) is not None:
                return verdict
        return False

    def _read_ignores(self, directory: tuple[str, ...]) -> None:
        if directory not in self.ignores and (globs := _ignore_file(self.root.joinpath(*directory, ".gitignore"))):
            self.ignores[directory] = globs


def _is_environment(directory: os.PathLike[str]) -> bool:
    return Path(directory, "pyvenv.cfg").exists()


def _is_text(name: str) -> bool:
    try:
        return name.isascii() or bool(name.encode())
    except UnicodeEncodeError:
        return False


def _ignore_file(path: Path) -> Globs | None:
    try:
        if not path.is_file():  # nothing, mostly; a pipe or a device would have no end
            return None
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            return Globs(file) or None
    except OSError:
        return None


def _ignores_above(root: Path) -> Iterator[tuple[tuple[str, ...], Globs]]:
    """The ignore files between the root and the top of the git repository it lies in, the nearest first."""
    repository = next((directory for directory in (root, *root.parents) if (directory / ".git").exists()), None)
    if repository is None:
        return
    for directory in root.parents:
        if not directory.is_relative_to(repository):
            break
        if globs := _ignore_file(directory / ".gitignore"):
            yield root.relative_to(directory).parts, globs
    if globs := _ignore_file(repository / ".git" / "info" / "exclude"):
        yield root.relative_to(repository).parts, globs
