"""Texts of code, for those who look for words in them: without comments, and where names stand. Parses nothing."""

from __future__ import annotations

import re

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.handles import Module
from fastapi_lint.model.names.modules import Modules
from fastapi_lint.model.names.symbols import Function

_COMMENTS = re.compile(r"^[ \t]*#.*$|#[^\n\"'{}]*$", re.M)
"""Comments, except those behind a statement that may be a part of a text."""


def code_of(function: Function, start: int) -> str:
    """The text of a function from a byte offset to its end, without comments."""
    return without_comments(function.module.source.slice(start, function.facts.end))


def without_comments(text: str) -> str:
    """A text of code without its comments."""
    return _COMMENTS.sub("", text)


def chain(part: f.Attr) -> str:
    """The names of a chain of attributes as the code writes them, without what a call before them is."""
    names = [part.attr]
    value = part.value
    while isinstance(value, f.Attr):
        names.append(value.attr)
        value = value.value
    if isinstance(value, f.Name):
        names.append(value.id)
    return ".".join(reversed(names))


def where_read(module: Module, at: int, part: f.Attr) -> tuple[int, int]:
    """Where a chain of attributes stands, from the start of its call or statement on."""
    written = chain(part).encode()
    found = module.text.find(written, at)
    return (found, found + len(written)) if found >= 0 else (at, at + 1)


def is_named_outside(modules: Modules, path: str, name: str) -> bool:
    """Whether another file says a name behind that of a module: `app.time`, or `"app.time.sleep"` to replace it."""
    module = modules.at(path)
    if module is None or not module.parts:
        return True
    owners = "|".join(map(re.escape, sorted({module.parts[-1], *modules.aliases.get(module.parts[-1], ())})))
    said = re.compile(rf"(?<!\w)(?:{owners})\s*\.\s*{re.escape(name)}(?!\w)".encode())
    return any(said.search(each.text) for each in modules.with_word(name) if each is not module)
