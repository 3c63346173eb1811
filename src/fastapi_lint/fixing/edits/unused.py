"""Takes imports out of a module that nothing there uses any longer; never more than a fix made unused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Span
from fastapi_lint.fixing.edits.bindings import Imported, dotted, module_imports, parents, uses
from fastapi_lint.fixing.edits.syntax import (
    comments_in,
    extent,
    line_start,
    next_line_start,
    remove_item,
    remove_statement,
)


def remove_import_if_unused(
    source: Source, module: str, name: str, *, ignoring: Sequence[cst.CSTNode] = ()
) -> tuple[Edit, ...]:
    """The edit that removes `from module import name` (`import module` for "") if it is used in `ignoring` only.

    No edit when it is used elsewhere, named in a string (`__all__`, string annotations), bound twice, re-exported
    (`x as x`, a package's `__init__`), or bears a `noqa`. Other modules that import it from here are not seen.
    """
    for binding in module_imports(source.tree):
        if (binding.module, binding.name) != (module, name) or not _is_removable(source, binding):
            continue
        if not uses(source.tree, binding.local, ignoring=ignoring):
            return (_without(source, binding),)
    return ()


_WORD = re.compile(r"\w+")


def newly_unused(
    before: Source, after: Source, *, is_named: Callable[[str], bool] = lambda name: False
) -> tuple[Edit, ...]:
    """Edits of `after` that remove imports which were used in `before` and no longer are, one from each statement.

    Conditions as in `remove_import_if_unused`; ask again after applying them until there are none. `is_named` says
    whether something outside names what the module calls so.
    """
    # The words of the texts tell at once that most imports are used as often as before; to search the tree for every
    # import would take minutes for files with hundreds of them.
    said, left = Counter(_WORD.findall(before.text)), Counter(_WORD.findall(after.text))
    if all(left[word] >= count for word, count in said.items()):
        return ()
    known = {(item.module, item.name, item.local) for item in module_imports(before.tree)}
    edits: dict[cst.CSTNode, Edit] = {}
    for binding in module_imports(after.tree):
        if (binding.module, binding.name, binding.local) not in known or binding.statement in edits:
            continue
        if left[binding.local] >= said[binding.local]:
            continue
        if not _is_removable(after, binding) or uses(after.tree, binding.local):
            continue
        if uses(before.tree, binding.local) and not is_named(binding.local):
            edits[binding.statement] = _without(after, binding)
    return tuple(edits.values())


def _is_removable(source: Source, binding: Imported) -> bool:
    """Whether an import, were it unused, has no other reason to stand there."""
    if binding.alias is None or binding.module == "__future__" or source.path.endswith("__init__.py"):
        return False
    if binding.alias.asname and dotted(binding.alias.name) == binding.local:
        return False
    if binding.when == "branch" or Counter(item.local for item in module_imports(source.tree))[binding.local] > 1:
        return False
    start, end = extent(source, binding.statement)
    return "noqa" not in source.text[line_start(source, start) : next_line_start(source, end)]


def _without(source: Source, binding: Imported) -> Edit:
    names = binding.statement.names
    if isinstance(names, cst.ImportStar) or binding.alias is None:
        raise ValueError(f"{source.path}: not an import of a name: {source.code_of(binding.statement)}")
    if len(names) == 1:
        return _with_blank_lines(source, remove_statement(source, binding.statement))
    return remove_item(source, names, binding.alias)


def _with_blank_lines(source: Source, edit: Edit) -> Edit:
    """The removal of whole lines together with the blank lines below, when a blank line or nothing stands above."""
    span = edit.span
    whole_lines = not edit.content and span.column == span.end_column == 1
    if not whole_lines or (span.line > 1 and source.line(span.line - 1).strip()):
        return edit
    end = span.end_line
    while end < len(source.line_starts) and not source.line(end).strip():
        end += 1
    return Edit(Span(span.line, 1, end, 1), "")


def remove_from_type_checking(source: Source, binding: Imported) -> tuple[Edit, ...]:
    """The edits that take a name out of `if TYPE_CHECKING:`, and the `if` away when nothing is left in it."""
    tree, statement = source.tree, binding.statement
    if isinstance(statement.names, cst.ImportStar) or binding.alias is None:
        return ()
    if len(statement.names) > 1:
        return (remove_item(source, statement.names, binding.alias),)
    above = parents(tree)
    line = above[statement]
    body = above.get(line)
    around = above.get(body) if body is not None else None
    alone = (
        isinstance(line, cst.SimpleStatementLine)
        and len(line.body) == 1
        and isinstance(body, cst.IndentedBlock)
        and len(body.body) == 1
        and isinstance(around, cst.If)
        and around.orelse is None
        and above.get(around) is tree
        and not comments_in(source, around)
    )
    if not alone or not isinstance(around, cst.If):
        return (remove_statement(source, statement),)
    unused = remove_import_if_unused(source, "typing", "TYPE_CHECKING", ignoring=[around])
    return (remove_statement(source, around), *unused)
