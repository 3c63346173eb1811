"""Keeps the layout of what edits change: lines aligned to a bracket, calls and signatures that become too long.

Makes pieces (replace the text from an offset to another) that go with other edits. Formats nothing that is not changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit
from fastapi_lint.fixing.edits.bindings import nodes, parents
from fastapi_lint.fixing.edits.syntax import (
    add_argument,
    after_comma,
    between,
    extent,
    line_start,
    newline_at,
    next_line_start,
)

Piece = tuple[int, int, str]

_WIDTH = 88
_SPACES = re.compile(r" *")
_INDENT = re.compile(r"[ \t]*")
_BLOCK = re.compile(
    r"^(?:(?:async|def|class|if|for|while|with|try|else)\b|[)\]}])(?:[^\n:]|:(?![ \t]*(?:#|\r?\n)))*:[ \t]*(?:#[^\n]*)?"
    r"\r?\n([ \t]+)[^\s#]",
    re.M,
)
_CLOSING = re.compile(r"(?:\(\)|[\])}.,:\w ])*")
_TEXTS = re.compile(r"""\"{3}.*?\"{3}|'{3}.*?'{3}""", re.S)
_HANGING = re.compile(r"\A[\w.]+\([ \t]*\r?\n[^\0]*\n[ \t]*\)\Z")
_ONE_LINE = re.compile(r"\A([\w.]+)\(\s*\n[ \t]*([^,\s](?:[^\r\n]*[^,\s])?)\s*\n[ \t]*\)")


def realigned(source: Source, call: cst.Call, by: int) -> list[Piece]:
    """What moves the lines of arguments that are aligned to the first one, when that moves by some columns.

    Nothing when they are not, or when a text goes on over these lines.
    """
    if not call.args or not by:
        return []
    text = source.text
    first, end = extent(source, call.args[0])[0], extent(source, call)[1]
    opening = extent(source, call.whitespace_before_args)[0]
    column = first - line_start(source, first)
    starts = list(_line_starts(source, first, end))
    indents = [len(_SPACES.match(text, start).group()) for start in starts]  # type: ignore[union-attr]
    if line_start(source, opening) != line_start(source, first) or column not in indents or min(indents) < column:
        return []
    if holds_long_text(source, call):
        return []
    return [(start, start, " " * by) if by > 0 else (start, start - by, "") for start in starts]


def holds_long_text(source: Source, node: cst.CSTNode) -> bool:
    """Whether a text in a node goes on over several lines, which must not be moved."""
    texts = (each for each in nodes(node) if isinstance(each, cst.SimpleString | cst.FormattedString))
    return any("\n" in source.code_of(text) for text in texts)


def with_argument(source: Source, call: cst.Call, code: str) -> tuple[Edit, ...]:
    """As `add_argument`, at the end; a call that becomes too long for its line is broken as formatters break it."""
    pieces = listed(source, call.args, code)
    if pieces is None and is_too_long(source, call, len(code) + 2):
        pieces = broken_call(source, call, code)
    if pieces is None:
        return (add_argument(source, call, code),)
    return tuple(between(source, *piece) for piece in pieces)


def is_too_long(source: Source, call: cst.Call, grows: int) -> bool:
    """Whether the line of a call becomes too long when it grows by some columns, and a formatter breaks it there."""
    start, end = extent(source, call, parenthesised=True)
    line, after = line_start(source, start), next_line_start(source, end)
    whole = source.text[line:after].rstrip("\r\n")
    if next_line_start(source, start) != after or len(whole) + grows <= width(source):
        return False
    return _CLOSING.fullmatch(whole[end - line :]) is not None and _stands_alone(source, call)


def broken_call(source: Source, call: cst.Call, code: str, *, first: bool = False, depth: int = 0) -> list[Piece]:
    """The pieces that add an argument to a call on one line, and put the arguments on lines of their own; `depth` is
    by how many steps the line itself is going to be indented more."""
    opening, closing = extent(source, call.whitespace_before_args)[0], extent(source, call)[1] - 1
    codes = [source.code_of(arg) for arg in call.args]
    codes.insert(0 if first else len(codes), code)
    lead, separator, tail = _lines(source, opening, codes, depth=depth)
    if not call.args:
        return [(opening, closing, f"{lead}{code}{tail}")]
    opened, closed = (f"{lead}{code}{separator}", tail) if first else (lead, f"{separator}{code}{tail}")
    pieces = [(opening, extent(source, call.args[0])[0], opened)]
    if "\n" in separator:
        for one, other in pairwise(call.args):
            pieces.append((extent(source, one)[1], extent(source, other)[0], separator))
    return [*pieces, (extent(source, call.args[-1])[1], closing, closed)]


def listed(source: Source, items: Sequence[cst.Arg], code: str, *, first: bool = False) -> list[Piece] | None:
    """The pieces that add an argument and give each its line, where all have one line below the bracket and that
    becomes too long; None elsewhere."""
    if not items or not _is_hanging(source, items, len(code) + 2):
        return None
    start, end = extent(source, items[0])[0], extent(source, items[-1])[1]
    separator = f",{newline_at(source, start)}{source.text[line_start(source, start) : start]}"
    places = [(extent(source, one)[1], extent(source, other)[0]) for one, other in pairwise(items)]
    added = [(start, start, f"{code}{separator}"), (end, end, ",")] if first else [(end, end, f"{separator}{code},")]
    return sorted([*((*place, separator) for place in places), *added])


def parentheses(source: Source, call: cst.Call, length: int) -> tuple[str, str, bool]:
    """Parentheses with a line between them, and whether an expression of this length fits on it."""
    lead, _, tail = _lines(source, extent(source, call)[0], [" " * length], single=True)
    return f"({lead}", f"{tail.removeprefix(',')})", len(lead.strip("\r\n")) + length <= width(source)


def broken_signature(source: Source, function: cst.FunctionDef, grows: int) -> list[Piece] | None:
    """The pieces that put the parameters of a signature on lines of their own, where they stand on one line and that
    becomes too long when it grows by some columns: two, or four and more when each has a line of its own."""
    text = source.text
    params = function.params
    every = (*params.posonly_params, *params.params, *params.kwonly_params)
    extra = (params.star_arg, params.star_kwarg, params.posonly_ind)
    if not every or any(isinstance(each, cst.CSTNode) for each in extra):
        return None
    if _is_hanging(source, every, grows):
        start, end = extent(source, every[0])[0], extent(source, every[-1])[1]
        inner = f"{newline_at(source, start)}{text[line_start(source, start) : start]}"
        places = [(after_comma(source, one) or 0, extent(source, other)[0]) for one, other in pairwise(every)]
        return [(start, start, ""), *((*place, inner) for place in places), (end, end, ",")]
    opening, last = text.index("(", extent(source, function.name)[1]) + 1, every[-1]
    end = extent(source, last)[1]
    closing = text.index(")", after_comma(source, last) or end)
    line, after = line_start(source, opening), next_line_start(source, closing)
    whole = text[line:after].rstrip("\r\n")
    if next_line_start(source, extent(source, function.name)[0]) != after or "#" in whole:
        return None
    if len(whole) + grows <= width(source) or not whole.endswith(":"):
        return None
    first = extent(source, every[0])[0]
    total = end - first + grows
    lead, separator, tail = _lines(source, line, [" " * total], single=len(every) == 1)
    pieces = [(opening, first, lead)]
    if "\n" in separator:
        for one, other in pairwise(every):
            comma = after_comma(source, one)
            pieces.append((comma or 0, extent(source, other)[0], separator.removeprefix(",")))
    return [*pieces, (end, closing, tail)]


def annotated_lines(source: Source, start: int, name: str, kind: str, marker: str, rest: str) -> str | None:
    """`Annotated[kind, marker]` and what follows it, at an offset, as formatters lay it out when it is too long for one
    line, or type or marker have several; None when it goes on one as it is, or the marker begins beside its bracket."""
    lead, separator, tail = _lines(source, start, [], single=True)
    inner, limit = len(lead.strip("\r\n")), width(source)
    joined, several = marker, "\n" in marker
    if several:
        if not _HANGING.match(marker):
            return None
        found = _ONE_LINE.fullmatch(marker) if "#" not in marker else None
        joined = f"{found[1]}({found[2]})" if found is not None else ""
    if "\n" in kind:
        kind = re.sub(r"\n(?=[^\r\n])", f"\n{step_of(source)}", kind)
        marker, several = joined if joined and inner + len(joined) < limit else marker, True
    elif joined:
        one = f"{name}[{kind}, {joined}]{rest}"
        begins = one if "\n" not in rest else one[: one.index("\n", len(one) - len(rest))]
        if start - line_start(source, start) + len(f"{begins},") <= limit:
            return one if several or "\n" in rest else None
        if inner + len(f"{kind}, {joined}") <= limit:
            return f"{name}[{lead}{kind}, {joined}{tail.removeprefix(',')}]{rest}"
        if inner + len(joined) < limit:
            marker, several = joined, True
    if not several:
        return None
    marker = re.sub(r"\n(?=[^\r\n])", f"\n{step_of(source)}", marker)
    return f"{name}[{lead}{kind}{separator}{marker}{tail}]{rest}"


def step_of(source: Source) -> str:
    """What a file indents its blocks by; four spaces when it has none."""
    found = _BLOCK.search(source.text)
    return found[1] if found else "    "


def _lines(
    source: Source, place: int, codes: Sequence[str], *, single: bool = False, depth: int = 0
) -> tuple[str, str, str]:
    """What stands before, between and behind the items of a list that is broken: on one line if they fit there.

    `single` says that they each have a line of their own in any case.
    """
    found = _INDENT.match(source.text, line_start(source, place))
    outer = (found.group() if found else "") + step_of(source) * depth
    newline = newline_at(source, place)
    inner = f"{newline}{outer}{step_of(source)}"
    if not single and len(inner.strip("\r\n")) + len(", ".join(codes)) <= width(source):
        return inner, ", ", f"{newline}{outer}"
    return inner, f",{inner}", f",{newline}{outer}"


def _is_hanging(source: Source, items: Sequence[cst.Arg | cst.Param], grows: int) -> bool:
    """Whether all items of a list stand together on one line that is theirs alone, and that becomes too long."""
    start, end = extent(source, items[0])[0], extent(source, items[-1])[1]
    line, after = line_start(source, start), next_line_start(source, end)
    if next_line_start(source, start) != after or source.text[line:start].strip() or source.text[end:after].strip():
        return False
    return end - line + grows > width(source)


def _stands_alone(source: Source, call: cst.Call) -> bool:
    """Whether a formatter breaks the line of a call at its brackets: no operator and no other bracket is around it."""
    above = parents(source.tree)
    start = extent(source, call, parenthesised=True)[0]
    before = source.text[line_start(source, start) : start]
    # What is broken elsewhere, or not at all, when a call in it makes the line too long.
    mixed = (
        cst.BinaryOperation, cst.BooleanOperation, cst.Comparison, cst.IfExp, cst.BaseFormattedStringContent, cst.Tuple,
        cst.Assert, cst.BaseComp, cst.From,
    )  # fmt: skip
    node: cst.CSTNode | None = call
    while node is not None and (node := above.get(node)) is not None:
        if isinstance(node, mixed):
            return False
        if isinstance(node, cst.BaseStatement | cst.BaseSmallStatement | cst.Decorator):
            break
    return not any(bracket in before for bracket in "([{")


def _line_starts(source: Source, first: int, end: int) -> Iterator[int]:
    start = next_line_start(source, first)
    while start < end:
        yield start
        start = next_line_start(source, start)


@lru_cache(maxsize=4)
def width(source: Source) -> int:
    """How long the lines of a file may be: as declared, else by the longest line of code in it that holds no text."""
    if source.line_length is not None:
        return source.line_length
    lines = _TEXTS.sub("", source.text).splitlines()
    return max((_WIDTH, *(len(line.rstrip()) for line in lines if not any(mark in line for mark in "\"'#"))))
