"""FAPI321: status constants by the names that Starlette took back."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import libcst as cst

from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.fixing.edits import replace
from fastapi_lint.fixing.edits.bindings import mentions, nodes, times_bound
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.names import attributes
from fastapi_lint.rule import Check, Making, rule

_NEW = {
    "HTTP_413_REQUEST_ENTITY_TOO_LARGE": "HTTP_413_CONTENT_TOO_LARGE",
    "HTTP_414_REQUEST_URI_TOO_LONG": "HTTP_414_URI_TOO_LONG",
    "HTTP_416_REQUESTED_RANGE_NOT_SATISFIABLE": "HTTP_416_RANGE_NOT_SATISFIABLE",
    "HTTP_422_UNPROCESSABLE_ENTITY": "HTTP_422_UNPROCESSABLE_CONTENT",
}
_MODULES = ("fastapi.status", "starlette.status")


@rule("FAPI321", fix=Safety.SAFE, since="0.2.0")
def deprecated_status_constant(module: Module, check: Check) -> Iterator[Finding]:
    """A status constant has the name that RFC 9110 replaced.

    Why is this bad?
    Starlette 0.48 took over the names of RFC 9110; the old ones give a deprecation warning, and will go.

    Known limits
    Silent as long as the project allows a Starlette without the new names: before 0.48, which FastAPI below 0.164 still
    accepts unless Starlette is declared itself. A project that declares neither is taken to be current.

    References
    - [Starlette release notes: 0.48](https://www.starlette.io/release-notes/#0480-september-13-2025)
    - [RFC 9110: 422 Unprocessable Content](https://www.rfc-editor.org/rfc/rfc9110.html#name-422-unprocessable-content)
    """
    if not module.mentions(*_NEW) or not _has_new_names(module, check):
        return
    owners: dict[str, bool] = {}
    for expr, block, at in attributes(module, *_NEW):
        known = check.project.name(expr.value, module, block, at) in _MODULES
        owner = f.last_name(expr.value)
        owners[owner] = known and owners.get(owner, True)
    for before, place in _mentions(module) if any(owners.values()) else ():
        if owners.get(before):
            name = module.source.slice(*place)
            edit = Edit(module.source.span(*place), _NEW[name])
            yield _finding(name, place, check, Fix(f"Write {_NEW[name]}", Safety.SAFE, (edit,)))
    for entry in module.facts.imports:
        if entry.level == 0 and entry.module in _MODULES and entry.name in _NEW:
            yield _finding(entry.name, (entry.start, entry.end), check, partial(_renamed, module, entry, check))


def _has_new_names(module: Module, check: Check) -> bool:
    versions = check.project.versions.for_path(module.path)
    if versions.declares("starlette"):
        return versions.reaches("starlette", "0.48")
    return versions.reaches("fastapi", "0.164")


def _mentions(module: Module) -> Iterator[tuple[str, tuple[int, int]]]:
    """Where the code of a module says one of the names: the name before the dot ("" without one), and the place."""
    before = ["", ""]
    with suppress(tokenize.TokenError, SyntaxError):  # syntax that is newer than the interpreter
        for token in tokenize.generate_tokens(io.StringIO(module.source.text).readline):
            if token.type == tokenize.NAME and token.string in _NEW:
                start = module.source.byte_offset(token.start[0], token.start[1] + 1)
                yield before[0] if before[1] == "." else "", (start, start + len(token.string))
            if token.type not in (tokenize.NL, tokenize.COMMENT):
                before = [before[1], token.string]


def _finding(name: str, place: tuple[int, int], check: Check, fix: Fix | Making) -> Finding:
    return check.finding(
        place,
        f"`{name}` is deprecated",
        why="Starlette 0.48 renamed it after RFC 9110, and warns of the old name",
        instead=f"write `{_NEW[name]}`",
        fix=fix,
    )


def _renamed(module: Module, entry: f.Import, check: Check) -> Fix | None:
    """The import and, without an alias, every use of the name; None where the name is bound or spelt out otherwise."""
    new = _NEW[entry.name]
    if entry.alias and entry.alias != entry.name:
        edit = Edit(module.source.span(entry.start, entry.start + len(entry.name)), new)
        return Fix(f"Import {new}", Safety.SAFE, (edit,))
    if entry.name in (module.facts.exported or ()) or entry.alias or module in check.project.re_exporting:
        return None  # others may import it from here
    tree = module.tree
    names = _uses(tree, entry.name) if tree is not None else None
    if names is None:
        return None
    return Fix(f"Write {new}", Safety.SAFE, tuple(replace(module.source, name, new) for name in names))


def _uses(tree: cst.Module, name: str) -> list[cst.Name] | None:
    """Where a module says the name that it imports, pieces of f-strings included; None where that is not all that it
    is there: a parameter, an attribute of a class, a text."""
    for node in nodes(tree):
        if isinstance(node, cst.Arg) and node.keyword is not None and node.keyword.value == name:
            return None
        if isinstance(node, cst.SimpleString | cst.FormattedStringText) and name in node.value:
            return None
    return mentions(tree, name) if times_bound(tree, name) == 1 else None
