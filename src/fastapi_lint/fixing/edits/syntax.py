"""libcst node in, text edit out: minimal edits of a source's text that keep comments and layout.

Makes edits, applies none, and knows no rule. Nodes must be nodes of `source.tree` itself; edits are in the coordinates
of `source.text`. A comment on the line of something that is removed stays, on a line of its own if need be; comments
*inside* what is replaced or removed are lost: ask `comments_in` first.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeVar

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Span
from fastapi_lint.fixing.edits.bindings import nodes, parents

Item = TypeVar("Item", "cst.Arg", "cst.ImportAlias", "cst.Param", "cst.Element")
Range = tuple[int, int]

_INDENT = re.compile(r"[ \t\f]*")
_AT_END = re.compile(r"(?:\r\n|\r|\n)\Z")
_PRAGMA = re.compile(r"#\s*(noqa|type:\s*ignore|pyright:\s*ignore|pylint:|nosec|pragma:|isort:|fmt:)", re.I)


def between(source: Source, start: int, end: int, content: str) -> Edit:
    """Replace the text from offset `start` to `end` (exclusive) by `content`."""
    return Edit(Span(*_place(source, start), *_place(source, end)), content)


def extent(source: Source, node: cst.CSTNode, *, parenthesised: bool = False) -> Range:
    """The offsets at which a node starts and ends; `parenthesised` includes the parentheses around an expression.

    Those of a parameter include its annotation and its default.
    """
    if type(node) is cst.Param:  # libcst places its name alone
        final = node.default or (node.annotation.annotation if node.annotation else node.name)
        name = source.span_of(node)
        return source.offset(name.line, name.column), extent(source, final, parenthesised=True)[1]
    span = source.span_of(node)
    if parenthesised and (left := getattr(node, "lpar", None)):
        first, last = source.span_of(left[0]), source.span_of(node.rpar[-1])  # type: ignore[attr-defined]
        span = Span(first.line, first.column, last.end_line, last.end_column)
    return source.offset(span.line, span.column), source.offset(span.end_line, span.end_column)


def comments_in(source: Source, node: cst.CSTNode) -> tuple[str, ...]:
    """The comments between the first and the last character of a node, in order: what replacing it would lose."""
    start, end = extent(source, node)
    found = [
        (extent(source, comment)[0], comment.value)
        for comment in nodes(node, spaces=True)
        if isinstance(comment, cst.Comment)
    ]
    return tuple(value for place, value in sorted(found) if start <= place < end)


def replace(source: Source, node: cst.CSTNode, code: str, *, parenthesised: bool = False) -> Edit:
    """Put `code` in the place of a node; its own parentheses stay unless `parenthesised` says that they go too."""
    return between(source, *extent(source, node, parenthesised=parenthesised), code)


def delete(source: Source, node: cst.CSTNode) -> Edit:
    """Delete the text of a node and nothing around it."""
    return replace(source, node, "")


def insert_before(source: Source, node: cst.CSTNode, code: str) -> Edit:
    """Insert `code` right before a node (inside its own parentheses)."""
    start, _ = extent(source, node)
    return between(source, start, start, code)


def insert_after(source: Source, node: cst.CSTNode, code: str) -> Edit:
    """Insert `code` right after a node (inside its own parentheses)."""
    _, end = extent(source, node)
    return between(source, end, end, code)


def remove_argument(source: Source, call: cst.Call, arg: cst.Arg) -> Edit:
    """Remove an argument with one comma, its line if it has one of its own; a comment on that line stays."""
    return remove_item(source, call.args, arg, _inside(source, call))


def add_argument(source: Source, call: cst.Call, code: str, *, first: bool = False) -> Edit:
    """Add an argument at the end (or as the `first`) in the call's layout: own line, trailing comma, indentation."""
    if not call.args:
        start, _ = _inside(source, call)
        return between(source, start, start, code)
    only = call.args[0]
    if isinstance(only.value, cst.GeneratorExp) and not only.value.lpar:
        # The call's own parentheses served the generator; beside another argument it needs its own.
        generator = f"({source.code_of(only)})"
        return replace(source, only, f"{code}, {generator}" if first else f"{generator}, {code}")
    return insert_item(source, call.args, 0 if first else len(call.args), code)


def rename_argument(source: Source, arg: cst.Arg, name: str) -> Edit:
    """Rename the keyword of a keyword argument; `ValueError` for a positional one."""
    if arg.keyword is None:
        raise ValueError(f"{source.path}: argument without a keyword: {source.code_of(arg)}")
    return replace(source, arg.keyword, name)


def replace_argument_value(source: Source, arg: cst.Arg, code: str) -> Edit:
    """Put `code` in the place of an argument's value, parentheses included; keyword and stars stay."""
    return replace(source, arg.value, code, parenthesised=True)


def remove_item(source: Source, items: Sequence[Item], item: Item, inside: Range | None = None) -> Edit:
    """Remove one item of a comma-separated list; `inside` are the offsets between the brackets, if there are any."""
    index = next(number for number, other in enumerate(items) if other is item)
    text = source.text
    start, end = extent(source, item)
    after = after_comma(source, item)
    stop = after or end
    line, next_line = line_start(source, start), next_line_start(source, stop)
    alone = not text[line:start].strip()
    tail = text[stop:next_line]
    comment = stop + tail.index("#") if tail.lstrip().startswith("#") else None
    previous = extent(source, items[index - 1])[1] if index else None
    follows = extent(source, items[index + 1])[0] if index + 1 < len(items) else None
    last = follows is None
    if last and previous is None and inside and "#" not in text[inside[0] : start] + text[end : inside[1]]:
        return between(source, *inside, "")
    # An item with a line or comma of its own is left to what follows: its trailing comma serves the item before.
    within = not alone or (after is None and comment is None)
    if last and previous is not None and within and "#" not in text[previous:start]:
        return between(source, previous, end, "")
    if alone and comment is not None:
        return between(source, start, comment, "")
    if alone and not tail.strip():
        return between(source, line, next_line, "")
    if follows is not None and "#" not in text[stop:follows] and (previous is None or follows < next_line):
        return between(source, start, follows, "")
    if previous is not None and not alone:
        # The rest of a line that others began: the space before goes, the comma of the item before stays.
        return between(source, start - len(text[line:start]) + len(text[line:start].rstrip()), stop, "")
    return between(source, start, stop, "")


def insert_item(source: Source, items: Sequence[Item], index: int, code: str) -> Edit:
    """Insert an item into a comma-separated list of at least one, so that it gets the given index."""
    text = source.text
    if index == 0:
        start, _ = extent(source, items[0])
        head = text[line_start(source, start) : start]
        separator = f"{newline_at(source, start)}{head}" if not head.strip() else " "
        return between(source, start, start, f"{code},{separator}")
    item = items[index - 1]
    start, end = extent(source, item)
    after = after_comma(source, item)
    stop = after or end
    head = text[line_start(source, start) : start]
    next_line = next_line_start(source, stop)
    tail = text[stop:next_line].rstrip("\r\n")
    newline = newline_at(source, start)
    if head.strip():
        return between(source, stop, stop, f" {code}," if after else f", {code}")
    if after is None:
        if not tail.lstrip().startswith("#"):
            tail = ""
        return between(source, end, end + len(tail), f",{tail}{newline}{head}{code}")
    if not tail.strip() or tail.lstrip().startswith("#"):
        return between(source, next_line, next_line, f"{head}{code},{newline}")
    return between(source, stop, stop, f" {code},")


def after_comma(source: Source, item: cst.Arg | cst.ImportAlias | cst.Param | cst.Element) -> int | None:
    """The offset after the comma that follows an item; None when there is none."""
    if not isinstance(item.comma, cst.Comma):
        return None
    return extent(source, item.comma.whitespace_after)[0]


def remove_statement(source: Source, statement: cst.BaseStatement | cst.BaseSmallStatement) -> Edit:
    """Remove a statement: its whole lines, or its piece between semicolons; `pass` takes its place in an emptied body.

    A comment behind it stays, unless it only spoke to a tool about this line (`noqa`, `type: ignore`).
    """
    above = parents(source.tree)
    around = above[statement]
    if isinstance(around, cst.SimpleStatementLine | cst.SimpleStatementSuite):
        index = list(around.body).index(statement)  # type: ignore[arg-type]
        start, end = extent(source, statement)
        if index + 1 < len(around.body):
            return between(source, start, extent(source, around.body[index + 1])[0], "")
        if index:
            return between(source, extent(source, around.body[index - 1])[1], end, "")
        if isinstance(around, cst.SimpleStatementSuite):
            return between(source, start, end, "pass")
        statement, around = around, above[around]
    start, end = _start(source, statement), extent(source, statement)[1]
    if isinstance(around, cst.IndentedBlock) and len(around.body) == 1:
        return between(source, start, end, "pass")
    next_line = next_line_start(source, end)
    comment = source.text.find("#", end, next_line)
    if comment >= 0 and not _PRAGMA.match(source.text, comment):
        return between(source, start, comment, "")
    return between(source, line_start(source, start), next_line, "")


def insert_statement_before(source: Source, statement: cst.BaseStatement, code: str) -> Edit:
    """Insert lines (`code` without indentation of its own) above a statement, decorators included."""
    start = line_start(source, _start(source, statement))
    return between(source, start, start, _lines(source, start, code))


def insert_statement_after(source: Source, statement: cst.BaseStatement, code: str) -> Edit:
    """Insert lines (`code` without indentation of its own) below a statement and the comment behind it."""
    start = line_start(source, _start(source, statement))
    end = next_line_start(source, extent(source, statement)[1])
    lines = _lines(source, start, code)
    if end == len(source.text) and not source.text.endswith(("\n", "\r")):
        newline = newline_at(source, start)
        lines = newline + lines.removesuffix(newline)
    return between(source, end, end, lines)


def line_start(source: Source, offset: int) -> int:
    """The offset at which the line of `offset` starts."""
    return source.line_starts[_place(source, offset)[0] - 1]


def next_line_start(source: Source, offset: int) -> int:
    """The offset at which the line after that of `offset` starts; the end of the text when it is the last."""
    line = _place(source, offset)[0]
    return source.line_starts[line] if line < len(source.line_starts) else len(source.text)


def newline_at(source: Source, offset: int) -> str:
    """The newline with which the line of `offset` ends; for a last line without one, that of the line above."""
    start = line_start(source, offset)
    for begin, end in ((start, next_line_start(source, offset)), (0, start)):
        if found := _AT_END.search(source.text[max(begin, end - 2) : end]):
            return found.group()
    return "\n"


def _place(source: Source, offset: int) -> tuple[int, int]:
    line = bisect_right(source.line_starts, offset)
    return line, offset - source.line_starts[line - 1] + 1


def _inside(source: Source, call: cst.Call) -> Range:
    """The offsets between the parentheses of a call."""
    return extent(source, call.whitespace_before_args)[0], extent(source, call)[1] - 1


def _start(source: Source, statement: cst.BaseStatement | cst.BaseSmallStatement) -> int:
    """Where a statement starts, its decorators included."""
    if isinstance(statement, cst.FunctionDef | cst.ClassDef) and statement.decorators:
        return extent(source, statement.decorators[0])[0]
    return extent(source, statement)[0]


def _lines(source: Source, start: int, code: str) -> str:
    found = _INDENT.match(source.text, start)
    indent = found.group() if found else ""
    newline = newline_at(source, start)
    return "".join(f"{indent}{line}{newline}" if line else newline for line in code.split("\n"))
