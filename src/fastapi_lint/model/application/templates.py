"""Where templates lie: the folders of a `Jinja2Templates`, and the templates that the run has seen below them.

A relative folder means the working directory, which can be any folder above the module. Judges nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Instance, Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

CLASSES = ("fastapi.templating.Jinja2Templates", "starlette.templating.Jinja2Templates")
SUFFIXES = (".html", ".htm", ".jinja", ".jinja2", ".j2", ".xml")
_DEPTH = 12
_SAME = frozenset({"str", "os.fspath", "os.path.abspath", "os.path.realpath", "os.path.normpath"})
_UNCHANGED = frozenset({"resolve", "absolute", "as_posix", "expanduser"})


class Folder(NamedTuple):
    """A folder or file: below the project's root, or (`is_relative`) below the working directory."""

    path: str
    is_relative: bool


def template_folders(project: Project, expr: f.Expr, module: Module, block: int, at: int) -> tuple[str, ...]:
    """The folders with templates that an object of `Jinja2Templates` may look into; none when they are not known, or
    none is there."""
    value = project.infer(expr, module, block, at)
    if not project.types.is_instance(value, *CLASSES) or not isinstance(value, Instance) or value.origin is None:
        return ()
    home, call = value.origin.module, value.origin.facts
    given = f.keyword(call, "directory") or next((arg for arg in call.args[:1] if arg.name == ""), None)
    if given is None or f.keyword(call, "env") is not None or _is_given_a_loader(home):
        return ()
    listed = given.value.items if isinstance(given.value, f.Display) else (given.value,)
    found: list[str] = []
    for each in listed:
        folder = _folder(project, each, (home, call.block, call.start), _DEPTH)
        if folder is None:
            return ()
        found += [path for path in _candidates(folder, home) if _has_templates(project, path)]
    return tuple(dict.fromkeys(found))


def templates_below(project: Project, folder: str) -> Iterator[str]:
    """The names of the templates that lie in a folder, as they are asked for."""
    prefix = f"{folder}/" if folder else ""
    for path in project.declared:
        if path.startswith(prefix) and path.endswith(SUFFIXES):
            yield path.removeprefix(prefix)


def _has_templates(project: Project, folder: str) -> bool:
    return any(True for _ in templates_below(project, folder))


def _is_given_a_loader(module: Module) -> bool:
    """Whether a module gives an environment another loader."""
    return module.mentions("loader") and any(
        isinstance(entry.target, f.Attr) and entry.target.attr == "loader" for entry in module.facts.assigns
    )


def _candidates(folder: Folder, module: Module) -> Iterator[str]:
    if not folder.is_relative:
        yield folder.path
        return
    around = posixpath.dirname(module.path)
    while True:
        path = posixpath.normpath(posixpath.join(around, folder.path))
        if not path.startswith(".."):
            yield "" if path == "." else path
        if not around:
            return
        around = posixpath.dirname(around)


Where = tuple[Module, int, int]


def _folder(project: Project, expr: f.Expr, where: Where, depth: int) -> Folder | None:
    if depth <= 0:
        return None
    text = project.values.text(expr, where)
    if text is not None:
        return Folder(text, True) if text and not text.startswith(("/", "~")) and ":" not in text else None
    match expr:
        case f.Name(id="__file__"):
            return Folder(where[0].path, False)
        case f.Attr(value=value, attr="parent"):
            return _above(_folder(project, value, where, depth - 1))
        case f.Sub(value=f.Attr(value=value, attr="parents"), items=(f.Const(value=int(number)),)):
            folder = _folder(project, value, where, depth - 1)
            for _ in range(min(number, _DEPTH) + 1):
                folder = _above(folder)
            return folder
        case f.Name() | f.Attr():
            found = list(project.values.definitions(expr, where))
            return _folder(project, *found[0], depth - 1) if len(found) == 1 else None
        case f.Binary(op="/", left=left, right=right):
            return _joined(_folder(project, left, where, depth - 1), [project.values.text(right, where)])
        case f.Binary(op="+", left=left, right=right):
            return _with_text(_folder(project, left, where, depth - 1), project.values.text(right, where))
        case f.Joined(parts=(first, *rest), formats=()):
            text = "".join(project.values.text(part, where) or "\0" for part in rest)
            return _with_text(_folder(project, first, where, depth - 1), text if "\0" not in text else None)
        case f.CallRef(index=index):
            return _called(project, where[0], where[0].facts.calls[index], depth)
    return None


def _called(project: Project, module: Module, call: f.Call, depth: int) -> Folder | None:
    where = (module, call.block, call.start)
    texts = [project.values.text(arg.value, where) for arg in call.args]
    name = project.called_name(module, call) or ""
    if name in ("os.getcwd", "pathlib.Path.cwd"):
        return Folder(".", True)
    if name in ("pathlib.Path", "os.path.join") and call.args:
        return _joined(_folder(project, call.args[0].value, where, depth - 1), texts[1:])
    if name in _SAME and call.args:
        return _folder(project, call.args[0].value, where, depth - 1)
    if name == "os.path.dirname" and call.args:
        return _above(_folder(project, call.args[0].value, where, depth - 1))
    if isinstance(call.func, f.Attr):
        if call.func.attr in _UNCHANGED and not call.args:
            return _folder(project, call.func.value, where, depth - 1)
        if call.func.attr == "joinpath":
            return _joined(_folder(project, call.func.value, where, depth - 1), texts)
    return None


def _above(folder: Folder | None) -> Folder | None:
    if folder is None or folder.path in ("", "."):
        return None  # outside of the project
    return Folder(posixpath.dirname(folder.path), folder.is_relative)


def _joined(folder: Folder | None, texts: list[str | None]) -> Folder | None:
    for text in texts:
        if folder is None or text is None or text.startswith("/"):
            return None
        folder = Folder(posixpath.join(folder.path, text), folder.is_relative)
    if folder is None:
        return None
    path = posixpath.normpath(folder.path) if folder.path else ""
    return (
        None
        if path.startswith("..") and not folder.is_relative
        else Folder("" if path == "." else path, folder.is_relative)
    )


def _with_text(folder: Folder | None, text: str | None) -> Folder | None:
    """A folder with text behind it: `f"{HERE}/templates"`."""
    if folder is None or text is None or not text.startswith("/"):
        return None
    return _joined(folder, [text.strip("/")])
