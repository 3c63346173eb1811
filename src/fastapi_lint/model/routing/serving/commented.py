"""Inclusions of routers that are commented out: somebody has taken the routes away on purpose. Judges nothing."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.routing.routes import Router
from fastapi_lint.model.values.literals import quoted_at

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_COMMENT = re.compile(rb"^[ \t]*#[ \t]*([^\r\n]{1,300})", re.MULTILINE)


def commented_out(router: Router, project: Project) -> tuple[Module, int, int] | None:
    """The comment in which code stands that includes a router, or imports its module: where it begins and ends."""
    home = router.module
    word = home.parts[-1] if home.parts else ""
    for module in project.modules:
        if not word or module is home or module.is_test or not module.mentions(word):
            continue
        for found in _COMMENT.finditer(module.text):
            if word.encode() in found[1] and quoted_at(module, found.start(1)) is None:
                if _is_about(found[1].decode("utf-8", "replace"), word):
                    return module, found.start(1), found.end(1)
    return None


def _is_about(text: str, word: str) -> bool:
    """Whether a comment is a statement of Python that includes what is in a module of this name, or imports it."""
    try:
        body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    match body:
        case [ast.Expr(value=ast.Call(func=ast.Attribute(attr="include_router"), args=[first, *_]))]:
            return any(_name(part) in (word, f"{word}_router") for part in ast.walk(first))
        case [ast.Import(names=names)]:
            return any(word in each.name.split(".") for each in names)
        case [ast.ImportFrom(module=source, names=names)]:
            return any(each.name == word for each in names) or word in (source or "").split(".")
    return False


def _name(part: ast.AST) -> str:
    match part:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
