"""The files of a run on the disk: reads sources and declarations, writes what fixes and suppressions make of them.

Nothing outside the project's root is written, and nothing over a file that has changed since it was read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from fastapi_lint.files.notebooks import SUFFIX, NotANotebook, Notebook, put_back
from fastapi_lint.files.source import Source, Unreadable
from fastapi_lint.finding import Finding, Notice, Severity
from fastapi_lint.model.versions.declarations import is_requirements

_DECLARING = re.compile(
    r"(?:^|/)(pyproject\.toml|uv\.lock|poetry\.lock|pdm\.lock|pylock\.toml|Pipfile|Pipfile\.lock|setup\.cfg|"
    r"environment\.ya?ml|pytest\.ini|pytest\.toml|tox\.ini|\.?ruff\.toml)\Z"
)
_TEMPLATES = (".html", ".htm", ".jinja", ".jinja2", ".j2", ".xml")
_LARGEST_DECLARATION = 8_000_000
_DEEPEST_DECLARATION = 3


def read(root: Path, files: Sequence[str]) -> tuple[dict[str, Source], tuple[Notice, ...]]:
    """The sources of files by path, and notices about those that cannot be read."""
    sources: dict[str, Source] = {}
    notices = []
    for path in files:
        try:
            sources[path] = source(path, (root / path).read_bytes())
        except OSError as error:
            notices.append(Notice(f"cannot be read: {error.strerror or error}", path, level=Severity.ERROR))
        except NotANotebook as error:
            notices.append(Notice(f"cannot be read: {error}", path, level=Severity.ERROR))
    return sources, tuple(notices)


def stamps(files: Collection[Path]) -> Mapping[Path, object]:
    """When each file was changed and how large it is, and what stands in the folders around them."""
    found: dict[Path, object] = {}
    for file in files:
        with suppress(OSError):
            status = file.stat()
            found[file] = (status.st_mtime_ns, status.st_size)
    for folder in {file.parent for file in files}:
        with suppress(OSError):
            found[folder] = sorted(one.name for one in folder.iterdir() if not one.name.startswith((".", "__pyc")))
    return found


def source(path: str, data: bytes) -> Source:
    """What is to be checked of a file's content. Raises `NotANotebook` for what its name says is one."""
    return Notebook(path, data) if path.endswith(SUFFIX) else Source(path, data)


def as_read(sources: Mapping[str, Source], read: Mapping[str, Source]) -> Mapping[str, Source]:
    """The sources, of which fixed notebooks are notebooks again."""
    again = {}
    for path, old in read.items():
        if isinstance(old, Notebook) and sources[path] is not old:
            with suppress(NotANotebook):  # it was not written, either
                again[path] = Notebook(path, put_back(old.raw, sources[path].text))
    return {**sources, **again} if again else sources


def is_declaration(path: str) -> bool:
    """Whether a file declares dependencies or sets up tests, by its path below the root."""
    return _DECLARING.search(path) is not None or is_requirements(path)


def declarations(root: Path) -> dict[str, str]:
    """The texts of the files that declare dependencies: at the root, and up to three folders below it."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        inside = (name for name in folders if not name.startswith(".") and name != "node_modules")
        folders[:] = sorted(inside) if depth < _DEEPEST_DECLARATION else []
        for name in sorted(files):
            path = Path(folder, name)
            if is_declaration(path.relative_to(root).as_posix()) and not name.startswith("."):
                try:
                    if path.is_file() and path.stat().st_size < _LARGEST_DECLARATION:
                        found[path.relative_to(root).as_posix()] = path.read_text("utf-8", "replace")
                except OSError:
                    continue
    return found


def is_template(path: str) -> bool:
    """Whether a file is a template, by its name."""
    return path.endswith(_TEMPLATES)


def templates(root: Path, sources: Iterable[Source]) -> dict[str, str]:
    """The templates of a project in which there is code that looks for some, with no text: nobody reads them.

    Folders that others fill (`node_modules`, hidden ones) are left out; links are followed, but for those that lead
    into a folder around them.
    """
    if not any(b"Jinja2Templates" in source.data for source in sources):
        return {}
    found: dict[str, str] = {}
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        inside = [name for name in folders if not name.startswith(".") and name != "node_modules"]
        folders[:] = [] if real in seen else sorted(inside)
        seen.add(real)
        found.update(
            (Path(folder, name).relative_to(root).as_posix(), "") for name in sorted(files) if is_template(name)
        )
    return found


def place(root: Path, name: str) -> str:
    """A file named on the command line as a path relative to the root; its bare name when it lies elsewhere."""
    path = Path(name)
    path = path if path.is_absolute() else Path.cwd() / path
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return Path(name).name


def contents(old: Source, new: Source) -> tuple[str, str]:
    """What a file holds, and what it would hold if it were written: of a notebook, its JSON."""
    if not isinstance(old, Notebook):
        return old.text, new.text
    before = old.raw.decode("utf-8", "surrogatepass")
    with suppress(NotANotebook):
        return before, put_back(old.raw, new.text).decode("utf-8", "surrogatepass")
    return before, before


def refused(root: Path, path: str) -> Notice | None:
    """Why the fixes of a file cannot be written, if that can be told before they are made."""
    from fastapi_lint.files import writing

    error = writing.refused(root / path)
    return None if error is None else Notice(f"not fixed: {error}", path, level=Severity.ERROR)


def write(root: Path, pairs: Iterable[tuple[Source, Source]]) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    """Replace files by what was made of them: which are written, and notices about the others."""
    from fastapi_lint.files import writing
    from fastapi_lint.fixing import fixer

    written, notices = [], []
    inside = root.resolve()
    for old, new in pairs:
        try:
            if not (root / old.path).resolve().is_relative_to(inside):
                notices.append(Notice("not fixed: the file lies outside the project", old.path, level=Severity.ERROR))
                continue
            data = put_back(old.raw, new.text) if isinstance(old, Notebook) else fixer.encode(old, new.text)
            writing.write(root / old.path, data, expected=old.raw if isinstance(old, Notebook) else old.data)
            written.append(old.path)
        except (writing.NotWritten, fixer.Unencodable, NotANotebook, OSError) as error:
            notices.append(Notice(f"not fixed: {error}", old.path, level=Severity.ERROR))
    return tuple(written), tuple(notices)


def add_noqa(
    root: Path, findings: Iterable[Finding], sources: Mapping[str, Source]
) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    """Write suppressions of findings into their files: which are written, and notices about the others."""
    from fastapi_lint.fixing import fixer
    from fastapi_lint.suppressing import noqa

    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    pairs, refused = [], []
    for path, own in sorted(by_path.items()):
        try:
            text = noqa.add_noqa(sources[path], own)
            if text != sources[path].text:
                pairs.append((sources[path], Source(path, fixer.encode(sources[path], text))))
        except (Unreadable, fixer.Unencodable) as error:
            refused.append(Notice(f"no suppression added: {error}", path, level=Severity.ERROR))
    written, failed = write(root, pairs)
    return written, (*refused, *failed)
