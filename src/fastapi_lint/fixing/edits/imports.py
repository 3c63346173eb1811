"""Brings an imported name into a module: edits import statements, and removes none.

What is there is preferred, in this order: a binding that exists, a `from` statement to extend, a new statement at the
place where isort would put it. Bindings for type checkers only, in functions or in branches are not relied upon.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit
from fastapi_lint.fixing.edits.bindings import (
    Imported,
    dotted,
    imported,
    is_type_checking,
    local_names,
    module_imports,
    module_names,
    suites,
    top_statement,
)
from fastapi_lint.fixing.edits.layout import step_of, width
from fastapi_lint.fixing.edits.syntax import between, extent, insert_item, line_start, newline_at, next_line_start

_TYPING = frozenset({"typing", "typing_extensions"})
_CODING = re.compile(r"#!|#.*?coding[:=]")


@dataclass(frozen=True)
class _Wanted:
    """`name` of any of the `modules`; "" is the module itself."""

    modules: frozenset[str]
    name: str

    def expression(self, binding: Imported) -> str | None:
        """What the wanted thing is called through a binding; None when the binding does not lead to it."""
        attribute = f".{self.name}" if self.name else ""
        if binding.name:
            if self.name and binding.name == self.name and binding.module in self.modules:
                return binding.local
            if f"{binding.module}.{binding.name}" in self.modules:
                return binding.local + attribute
            return None
        if binding.module in self.modules:
            return binding.path + attribute
        if binding.path == binding.module:  # `import a.b` binds `a`, and with it what `a` holds
            owner = next((module for module in sorted(self.modules) if binding.module.startswith(f"{module}.")), None)
            return owner + attribute if owner else None
        return None


def importing(
    source: Source, module: str, name: str, *, at: cst.CSTNode | None = None, also: Collection[str] = ()
) -> tuple[str, tuple[Edit, ...]] | None:
    """The expression for `module.name` in this module at run time, and the edits that make it work (none if it does).

    `name` "" means the module itself. `at` is where it will be used: names of the scopes around it are avoided, and
    only imports above it count. `also` are modules that give the same object (typing and typing_extensions know of each
    other). A name that is taken is imported as `_name`. None when there is no name to be had.
    """
    tree = source.tree
    wanted = _Wanted(frozenset((module, *also)) | (_TYPING if module in _TYPING and name else frozenset()), name)
    hidden = local_names(tree, at) if at is not None else frozenset[str]()
    limit = extent(source, _first_token(top_statement(tree, at)))[0] if at is not None else len(source.text)
    if found := _existing(source, wanted, hidden, limit):
        return found, ()
    plain = name or module
    local = _free_name(source, wanted, plain, hidden)
    if local is None:
        return None
    edit = _extended(source, module, name, local, limit) if name else None
    return local, (edit or _new_statement(source, module, name, local, limit),)


def _existing(source: Source, wanted: _Wanted, hidden: frozenset[str], limit: int) -> str | None:
    """The wanted thing through a binding that always runs before `limit`; a direct one is preferred."""
    found: list[tuple[bool, int, str]] = []
    for binding in module_imports(source.tree):
        if binding.when != "always" or binding.local in hidden or not (expression := wanted.expression(binding)):
            continue
        start = extent(source, binding.statement)[0]
        if start < limit and not _is_rebound(source.tree, binding, wanted):
            found.append(("." in expression, start, expression))
    if found:
        return min(found)[2]
    return _fallback(source, wanted, hidden, limit)


def _is_rebound(tree: cst.Module, binding: Imported, wanted: _Wanted) -> bool:
    """Whether the binding's local name may be something else as well."""
    if binding.local in module_names(tree):
        return True
    others = [other for other in module_imports(tree) if other.local == binding.local]
    if binding.is_plain and all(other.is_plain for other in others):
        return False  # import a, import a.b
    return any(wanted.expression(other) is None for other in others)


def _fallback(source: Source, wanted: _Wanted, hidden: frozenset[str], limit: int) -> str | None:
    """The name that every branch of one try or if/else imports (from typing, else from typing_extensions)."""
    if not wanted.name or wanted.name in hidden or wanted.name in module_names(source.tree):
        return None
    bindings = [item for item in module_imports(source.tree) if item.local == wanted.name]
    for statement, bodies in _alternatives(source.tree):
        if extent(source, statement)[0] >= limit:
            break
        inner = [_imported_in(body, wanted.name) for body in bodies]
        if not all(inner) or not any(wanted.expression(item) == wanted.name for items in inner for item in items):
            continue
        statements = [item.statement for items in inner for item in items]
        if all(item.name == wanted.name and item.statement in statements for item in bindings):
            return wanted.name
    return None


@lru_cache(maxsize=4)
def _alternatives(tree: cst.Module) -> tuple[tuple[cst.CSTNode, tuple[cst.BaseSuite, ...]], ...]:
    """The statements of a module that run one of several bodies, with these (kept: fixes come many to a module)."""
    found: list[tuple[cst.CSTNode, tuple[cst.BaseSuite, ...]]] = []
    for statement in tree.body:
        if type(statement) is cst.Try:
            found.append((statement, (statement.body, *(handler.body for handler in statement.handlers))))
        elif type(statement) is cst.If and _ends_in_else(statement) and not is_type_checking(statement.test):
            found.append((statement, tuple(suite for suite, _ in suites(statement))))
    return tuple(found)


def _imported_in(body: cst.BaseSuite, local: str) -> list[Imported]:
    lines = (line for line in body.body if isinstance(line, cst.SimpleStatementLine))
    small = (part for line in lines for part in line.body if isinstance(part, cst.ImportFrom))
    return [item for part in small for item in imported(part) if item.local == local]


def _ends_in_else(statement: cst.If) -> bool:
    last = statement.orelse
    while isinstance(last, cst.If):
        last = last.orelse
    return last is not None


def _free_name(source: Source, wanted: _Wanted, plain: str, hidden: frozenset[str]) -> str | None:
    """A name under which the wanted thing can be imported without taking another's; None if there is none."""
    tree = source.tree
    bindings = module_imports(tree)
    for local in (plain, "_" + plain.replace(".", "_").lstrip("_")):
        same = [item for item in bindings if item.local == local.split(".", 1)[0]]
        if any(item.when == "branch" and wanted.expression(item) for item in same):
            return None  # the project itself is ready for it to be missing
        root = local.split(".", 1)[0]
        if root in hidden or root in module_names(tree):
            continue
        if any(wanted.expression(item) is None and not (item.is_plain and not wanted.name) for item in same):
            continue
        if not same and any(item.name == "*" for item in bindings) and _is_mentioned(source, local):
            continue  # a star import may have bound it
        return local
    return None


def _is_mentioned(source: Source, local: str) -> bool:
    return re.search(rf"\b{re.escape(local)}\b", source.text) is not None


def _extended(source: Source, module: str, name: str, local: str, limit: int) -> Edit | None:
    """The edit that adds the name to the first `from module import ...` above `limit`."""
    code = name if local == name else f"{name} as {local}"
    for binding in module_imports(source.tree):
        statement = binding.statement
        if binding.when != "always" or binding.module != module or binding.name in {"", "*"}:
            continue
        if extent(source, statement)[0] >= limit:
            break
        if not isinstance(statement, cst.ImportFrom) or isinstance(statement.names, cst.ImportStar):
            continue
        index = _sorted_index([dotted(alias.name) for alias in statement.names], name)
        return _parenthesised(source, statement, index, code) or insert_item(source, statement.names, index, code)
    return None


def _parenthesised(source: Source, statement: cst.ImportFrom, index: int, code: str) -> Edit | None:
    """One name a line, if the statement on one line would become too long by the new name."""
    names = statement.names
    start, end = extent(source, statement)
    if isinstance(names, cst.ImportStar) or statement.lpar or line_start(source, end) > start:
        return None
    line = source.text[line_start(source, start) : next_line_start(source, end)].rstrip("\r\n")
    if "#" in line or ";" in line or len(line) + len(code) + 2 <= width(source):
        return None
    codes = [source.code_of(alias) for alias in names]
    codes.insert(index, code)
    newline = newline_at(source, start)
    listed = "".join(f"{step_of(source)}{item},{newline}" for item in codes)
    return between(source, extent(source, names[0])[0], extent(source, names[-1])[1], f"({newline}{listed})")


def _sorted_index(names: Sequence[str], new: str) -> int:
    """Where a name belongs: in the order that the names have (isort's, without case, plain), else at the end."""
    orders: tuple[Callable[[str], tuple[object, ...]], ...] = (
        lambda name: (_kind(name), _natural(name.lower()), name),
        lambda name: (_natural(name.lower()), name),
        lambda name: (name,),
    )
    for order in orders:
        keys = [order(name) for name in names]
        if keys == sorted(keys):
            return sum(key <= order(new) for key in keys)
    return len(names)


def _kind(name: str) -> int:
    """isort's order by type: CONSTANTS, Classes, functions."""
    if name.isupper() and len(name) > 1:
        return 0
    return 1 if name[:1].isupper() else 2


def _natural(name: str) -> tuple[tuple[str, int], ...]:
    return tuple((text, int(number or -1)) for text, number in re.findall(r"([^0-9]*)([0-9]*)", name))


def _section(source: Source, module: str) -> int:
    """__future__, standard library, third parties, the project's own (relative, or of a package above the file)."""
    root = module.split(".", 1)[0]
    if root in source.path.split("/")[:-1]:
        return 3
    if root == "__future__":
        return 0
    if root in sys.stdlib_module_names:
        return 1
    return 2 if root else 3


def _order(module: str, *, plain: bool) -> tuple[bool, str, str]:
    return (not plain, module.lower(), module)


def _new_statement(source: Source, module: str, name: str, local: str, limit: int) -> Edit:
    """The edit that inserts an import statement among the imports at the top of the module."""
    renamed = local not in {name, module}
    code = (f"from {module} import {name}" if name else f"import {module}") + (f" as {local}" if renamed else "")
    head = list(_head(source, limit))
    section = _section(source, module)
    group = [item for item in head if _section(source, item[1]) == section]
    if section == 2:
        root = module.split(".", 1)[0]
        group = [item for item in group if item[1].split(".", 1)[0] == root] or _first_block(source, group)
    if group:
        return _into_group(source, group, code, _order(module, plain=not name))
    before = [line for line, other, _ in head if _section(source, other) < section]
    if before:
        return _below(source, before[-1], code)
    if head:
        return _above(source, head[0][0], code)
    body = source.tree.body
    first = body[0] if body else None
    if isinstance(first, cst.SimpleStatementLine) and _is_docstring(first):
        return _below(source, first, code)
    return _at_top(source, code)


def _head(source: Source, limit: int) -> Iterator[tuple[cst.SimpleStatementLine, str, bool]]:
    """The import lines before the first definition and before `limit`: line, module, whether it is a plain import."""
    for line in source.tree.body:
        if isinstance(line, cst.FunctionDef | cst.ClassDef) or extent(source, line)[0] >= limit:
            return
        if isinstance(line, cst.SimpleStatementLine):
            found = [
                item for part in line.body if isinstance(part, cst.Import | cst.ImportFrom) for item in imported(part)
            ]
            if found:
                yield line, found[0].module, not found[0].name


def _first_block(
    source: Source, group: Sequence[tuple[cst.SimpleStatementLine, str, bool]]
) -> list[tuple[cst.SimpleStatementLine, str, bool]]:
    """The first of the blocks that blank lines or other code separate: third parties stand before the project's own."""
    block = list(group[:1])
    for previous, item in pairwise(group):
        between_them = source.text[next_line_start(source, extent(source, previous[0])[1]) : extent(source, item[0])[0]]
        if between_them.strip() or "\n" in between_them or "\r" in between_them:
            break
        block.append(item)
    return block


def _into_group(
    source: Source,
    group: Sequence[tuple[cst.SimpleStatementLine, str, bool]],
    code: str,
    order: tuple[bool, str, str],
) -> Edit:
    """A line among its like: in order if they are in order, else below the last; no blank lines."""
    keys = [_order(module, plain=plain) for _, module, plain in group]
    smaller = sum(key <= order for key in keys) if keys == sorted(keys) else len(keys)
    if smaller:
        return _line_below(source, group[smaller - 1][0], lambda newline: f"{code}{newline}")
    start = extent(source, group[0][0])[0]
    return between(source, start, start, f"{code}{newline_at(source, start)}")


def _below(source: Source, line: cst.SimpleStatementLine, code: str) -> Edit:
    """A group of its own below a line: a blank line above, and one below if code follows at once."""
    end = _behind(source, line)
    return _line_below(source, line, lambda newline: f"{newline}{code}{newline}{_gap(source, end, newline)}")


def _line_below(source: Source, line: cst.SimpleStatementLine, made: Callable[[str], str]) -> Edit:
    newline = newline_at(source, extent(source, line)[1])
    place = _behind(source, line)
    content = made(newline)
    if place == len(source.text) and not source.text.endswith(("\n", "\r")):
        content = newline + content.removesuffix(newline)
    return between(source, place, place, content)


def _behind(source: Source, line: cst.SimpleStatementLine) -> int:
    """Where the line after a statement starts; a backslash behind the statement takes an empty line with it."""
    end = extent(source, line)[1]
    place = next_line_start(source, end)
    while place < len(source.text) and source.text[end:place].rstrip("\r\n").rpartition("\n")[2].strip() == "\\":
        end, place = place, next_line_start(source, place)
    return place


def _above(source: Source, line: cst.SimpleStatementLine, code: str) -> Edit:
    """A group of its own above the first import and the comments on it, but below comments that open the file."""
    start = extent(source, line)[0]
    newline = newline_at(source, start)
    top = line_start(source, start)
    while top and source.text[(above := line_start(source, top - 1)) : top].startswith("#"):
        top = above
    place = top or start
    return between(source, place, place, f"{code}{newline * 2}")


def _at_top(source: Source, code: str) -> Edit:
    """The first statement of a module: below the comments that open the file, unless they belong to what follows."""
    text = source.text
    place = 0
    while text.startswith("#", place):
        place = next_line_start(source, place)
        if place == len(text) or text[place] in "\r\n":
            break
    else:
        # The comment leads on to code: only what must stay on top does.
        place = 0
        while place < len(text) and _CODING.match(text, place):
            place = next_line_start(source, place)
    newline = newline_at(source, 0)
    content = f"{code}{newline}{_gap(source, place, newline)}"
    if place:
        content = newline + content
        if not text[:place].endswith(("\n", "\r")):
            content = newline + content.removesuffix(newline)
    return between(source, place, place, content)


def _gap(source: Source, place: int, newline: str) -> str:
    """The blank lines that are missing between an import and the code at `place`."""
    rest = source.text[place:]
    if not rest or rest[0] in "\r\n":
        return ""
    return newline * 2 if re.match(r"@|def |class |async def ", rest) else newline


def _is_docstring(line: cst.SimpleStatementLine) -> bool:
    return isinstance(line.body[0], cst.Expr) and isinstance(
        line.body[0].value, cst.SimpleString | cst.ConcatenatedString
    )


def _first_token(statement: cst.CSTNode) -> cst.CSTNode:
    """The node at which a statement starts: its first decorator, if it has one."""
    decorators = getattr(statement, "decorators", ())
    return decorators[0] if decorators else statement
