"""Which files a run looks at: walks directories below the project root. Reads listings and ignore files, and of scripts
that are named the line that says what reads them.

The model sees every Python file of the project; the paths of the command line only decide which are reported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.config.settings import CACHE_DIRECTORY, EXCLUDED, PROJECT_FILES, Settings
from fastapi_lint.config.suggestions import nearest
from fastapi_lint.files.globs import Globs
from fastapi_lint.finding import Notice, Severity

_SUFFIXES = (".py", ".pyi", ".pyw", ".ipynb")
_SCRIPT = re.compile(rb"#!.*\bpython[0-9.]*\b")
_TAIL = 3
"""So many files of a name are told apart in a hint."""


@dataclass(frozen=True)
class Discovered:
    """The files of a run: relative to the root, with forward slashes, sorted, each once.

    `files` is the whole project and everything named explicitly; `reported` those of them whose findings are shown;
    `nested` are the projects of their own that lie below the root and were asked for: settings, and the paths there.
    """

    files: tuple[str, ...]
    reported: frozenset[str]
    notices: tuple[Notice, ...]
    nested: tuple[tuple[Settings, tuple[Path, ...]], ...] = ()


def discover(
    root: Path,
    paths: Sequence[Path],
    settings: Settings,
    own: Callable[[Path], Settings | None] | None = None,
) -> Discovered:
    """The project's Python files under `root`, and which of them `paths` ask for (none: all).

    Paths are absolute or relative to the current directory. A directory named explicitly is searched even if it is
    excluded, a file is taken all the same, unless the settings say `force-exclude`. `own` is asked for the settings of
    a directory that looks like a project of its own (None: it is none). Raises `ConfigurationError` for a path that
    does not exist, is no file or directory, or lies outside the root.
    """
    walk = _Walk(root, settings, own)
    project = set(walk.files(()))
    reported: set[str] = set()
    asked: dict[tuple[str, ...], list[Path]] = {}
    for path in paths:
        parts = _below(root, path)
        if not os.path.lexists(path):
            for inner, own_settings in walk.nested.items():
                project.update(
                    "/".join((*inner, file)) for file in discover(root.joinpath(*inner), (), own_settings).files
                )
            raise ConfigurationError(f"no such file or directory: '{path}'{_near(path, parts, root, project)}")
        is_directory = path.is_dir()
        if settings.force_exclude and walk.is_left_out(parts, is_directory):
            continue
        if (around := walk.project_around(parts if is_directory else parts[:-1])) is not None:
            asked.setdefault(around, []).append(path)
        elif is_directory:
            prefix = "/".join(parts)
            found = {file for file in project if not prefix or file.startswith(f"{prefix}/")}
            if prefix and (not found or walk.is_ignored(parts)):
                found.update(walk.files(parts))
            below = [inner for inner in walk.nested if inner[: len(parts)] == parts]
            for inner in below:
                asked.setdefault(inner, []).append(root.joinpath(*inner))
            if not found and not below:
                walk.notices.append(Notice(f"no Python files in '{path}'"))
            reported |= found
        elif path.is_file() or not path.exists():  # a link to nothing: reading it will say so, and hide nothing else
            if not _is_ours(path):
                raise ConfigurationError(f"'{path}' is no Python file, no stub file and no notebook")
            reported.add("/".join(parts))
        else:
            raise ConfigurationError(f"not a file or directory: '{path}'")
    if not paths or any(not _below(root, path) for path in paths):
        walk.notices += _without_effect(settings, walk.left_out, project)
    if not paths:
        reported = set(project)
        asked = {inner: [root.joinpath(*inner)] for inner in walk.nested}
        if not reported and not asked:
            walk.notices.append(Notice(f"no Python files in '{root}'"))
    nested = tuple((walk.nested[inner], tuple(asked[inner])) for inner in sorted(asked))
    return Discovered(
        tuple(sorted(project | reported)), frozenset(reported), tuple(dict.fromkeys(walk.notices)), nested
    )


def _is_ours(path: Path) -> bool:
    """Whether a named file can be checked: by its suffix, or as a script that says which program reads it."""
    if path.suffix in _SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return _SCRIPT.match(file.readline(200)) is not None
    except OSError:
        return path.suffix == ""


def _without_effect(
    settings: Settings, left_out: Iterable[tuple[tuple[str, ...], bool]], files: Iterable[str]
) -> Iterator[Notice]:
    """What there is to say about patterns that somebody wrote, and that match nothing: typing errors mostly."""
    written = [("exclude", pattern) for pattern in settings.exclude if pattern not in EXCLUDED]
    written += [("extend-exclude", pattern) for pattern in settings.extend_exclude]
    for key, pattern in written:
        globs = Globs([pattern])
        if pattern in settings.said:
            continue
        if not pattern.startswith("!") and not any(globs.verdict(*each) for each in left_out):
            yield Notice(f"{key}: nothing here matches '{pattern}'", level=Severity.INFO)
    for pattern in settings.per_file_ignores:
        globs = Globs([pattern.removeprefix("!")])
        if pattern not in settings.said and not any(globs.matches(file) for file in files):
            yield Notice(f"per-file-ignores: no file matches '{pattern}'", level=Severity.INFO)


def _below(root: Path, path: Path) -> tuple[str, ...]:
    """The names of the path below the root: as written, or else as the file system resolves them."""
    written = Path(os.path.normpath(Path.cwd() / path))
    for inner, outer in ((written, root), (Path(os.path.realpath(path)), Path(os.path.realpath(root)))):
        if inner.is_relative_to(outer):
            return inner.relative_to(outer).parts
    raise ConfigurationError(f"'{path}' is outside the project root '{root}'; check it in a run of its own")


def _near(path: Path, parts: Sequence[str], root: Path, project: Iterable[str]) -> str:
    """A hint at what was meant: the file whose path ends like this one, or the nearest name to what is wrong."""
    tails = {"/".join(parts), "/".join(part for part in path.parts if part not in ("..", "."))} - {""}
    ends = tuple(f"/{tail}" for tail in tails)
    same = sorted((file for file in project if file.endswith(ends)), key=lambda file: (file.count("/"), file))
    if same:
        shown = [os.path.relpath(root / file) for file in same[:_TAIL]]
        return f"; did you mean '{shown[0]}'?" if len(same) == 1 else f"; did you mean one of {', '.join(shown)}?"
    missing, rest = path, Path()
    while not missing.parent.is_dir() and missing.parent != missing:
        missing, rest = missing.parent, missing.name / rest
    try:
        name = nearest(missing.name, [path.name for path in missing.parent.iterdir()])
    except OSError:
        return ""
    if name is None:
        return ""
    meant = missing.parent / name
    return f"; did you mean '{meant / rest if (meant / rest).exists() else meant}'?"


class _Walk:
    """One search below a root, with the ignore files and the projects of their own that it met."""

    def __init__(self, root: Path, settings: Settings, own: Callable[[Path], Settings | None] | None) -> None:
        self.root = root
        self.excluded = Globs((CACHE_DIRECTORY, *settings.exclude, *settings.extend_exclude))
        self.notices: list[Notice] = []
        self.left_out: list[tuple[tuple[str, ...], bool]] = []
        self.nested: dict[tuple[str, ...], Settings] = {}
        self.own = own
        self.respects = settings.respect_gitignore
        self.ignores: dict[tuple[str, ...], Globs] = {}
        self.above = list(_ignores_above(root)) if self.respects else []

    def files(self, start: tuple[str, ...]) -> Iterator[str]:
        """The Python files below a directory, which itself counts as asked for."""
        for depth in range(len(start)):
            self._read_ignores(start[:depth])
        pending = [start]
        while pending:
            directory = pending.pop()
            prefix = "".join(f"{name}/" for name in directory)
            try:
                with os.scandir(self.root.joinpath(*directory)) as scanned:
                    entries = list(scanned)
                if directory and self._is_project(directory, entries):
                    continue
                self._read_ignores(directory)
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

    def _is_project(self, directory: tuple[str, ...], entries: Iterable[os.DirEntry[str]]) -> bool:
        """Whether a directory is a project of its own; asked only where a file says that it may be."""
        if self.own is None or directory in self.nested:
            return directory in self.nested
        if not any(entry.name in PROJECT_FILES for entry in entries):
            return False
        settings = self.own(self.root.joinpath(*directory))
        if settings is not None:
            self.nested[directory] = settings
        return settings is not None

    def project_around(self, parts: tuple[str, ...]) -> tuple[str, ...] | None:
        """The project of its own that a directory lies in; the outermost one, which knows those inside of it."""
        if self.own is None:
            return None
        for depth in range(1, len(parts) + 1):
            inner = parts[:depth]
            if inner in self.nested:
                return inner
            if not self.is_ignored(inner):
                continue  # the walk was there
            with suppress(OSError), os.scandir(self.root.joinpath(*inner)) as entries:
                if self._is_project(inner, entries):
                    return inner
        return None

    def is_left_out(self, parts: tuple[str, ...], is_directory: bool) -> bool:
        """Whether nobody would look here who does not name it."""
        if self.is_ignored(parts if is_directory else parts[:-1]):
            return True
        self._read_ignores(parts[:-1])
        return bool(parts) and not is_directory and self._skipped(parts, False)

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
            self.left_out.append((parts, is_directory))
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
        if (
            self.respects
            and directory not in self.ignores
            and (globs := _ignore_file(self.root.joinpath(*directory, ".gitignore")))
        ):
            self.ignores[directory] = globs


def _is_environment(directory: os.PathLike[str]) -> bool:
    return os.path.exists(Path(directory, "pyvenv.cfg"))  # noqa: PTH110 (this one never raises)


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
