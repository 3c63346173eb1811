"""Moves markers from the defaults of parameters into `Annotated`, a whole signature at a time. Decides nothing.

The edits are made inside what is written: a marker stays where it stands, with its comments and line breaks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit
from fastapi_lint.fixing.edits.layout import Piece, annotated_lines, broken_signature, holds_long_text, realigned
from fastapi_lint.fixing.edits.syntax import (
    after_comma,
    between,
    comments_in,
    extent,
    insert_item,
    line_start,
    next_line_start,
    remove_argument,
)


@dataclass(frozen=True)
class Rewriting:
    """What becomes of one parameter whose default is a marker.

    wrap: the annotation, or `annotation` in its stead (also where there is none), goes into `Annotated`; gain: it is
    an `Annotated[...]`, and gets the marker; quote: all of it becomes a string around `annotation`. `moved` is the
    argument of the marker that becomes the default of the signature, `dropped` one that says that there is none.
    """

    param: cst.Param
    form: Literal["wrap", "gain", "quote"] = "wrap"
    annotation: str | None = None
    moved: cst.Arg | None = None
    dropped: cst.Arg | None = None


def annotated(
    source: Source,
    function: cst.FunctionDef,
    rewritings: Sequence[Rewriting],
    name: str,
    *,
    order: Sequence[int] | None = None,
    star: int | None = None,
) -> tuple[Edit, ...] | None:
    """The edits of a signature; `name` is what `Annotated` is called here.

    `order` gives, for each place among the normal parameters, the index of the one that comes to stand there; `star` is
    the index before which `*` is inserted. None when comments or the layout stand in the way.
    """
    pieces: dict[cst.Param, list[Piece]] = {}
    for rewriting in rewritings:
        made = _pieces(source, rewriting, name)
        if made is None:
            return None
        pieces[rewriting.param] = made
    if order is None:
        for rewriting in rewritings:
            pieces[rewriting.param] += _aligned(source, rewriting, pieces)
    found: list[Piece] = []
    params = function.params.params
    if order is not None:
        moved = _reordered(source, function, order, pieces)
        if moved is None:
            return None
        found += moved[0]
        pieces = {param: made for param, made in pieces.items() if param not in moved[1]}
    if star is not None:
        edit = insert_item(source, params, star, "*")
        found.append(_piece(source, edit))
    found += [piece for made in pieces.values() for piece in made]
    grows = sum(len(content) - (last - first) for first, last, content in found)
    broken = broken_signature(source, function, grows)
    if broken is not None:
        if star is not None and len(broken) > 2:
            found.remove(_piece(source, edit))
            place = extent(source, params[star])[0]
            found.append((place, place, f"*,{broken[1][2]}"))
        found += broken
    return tuple(between(source, *piece) for piece in sorted(found, key=lambda piece: piece[:2]))


def _pieces(source: Source, rewriting: Rewriting, name: str) -> list[Piece] | None:
    """The edits of one parameter's own text; None when a comment would be lost."""
    param, text = rewriting.param, source.text
    if param.default is None:
        raise ValueError(f"{source.path}: parameter without a default: {source.code_of(param)}")
    start, end = extent(source, param.default, parenthesised=True)
    inner: list[Piece] = []
    if arg := rewriting.moved or rewriting.dropped:
        kept = comments_in(source, arg.value) if rewriting.moved else ()
        if not isinstance(param.default, cst.Call) or comments_in(source, arg) != kept:
            return None
        inner.append(_piece(source, remove_argument(source, param.default, arg)))
    default = f" = {_value(source, rewriting.moved)}" if rewriting.moved else ""
    if param.annotation is None:
        after = extent(source, param.name)[1]
        head = [(after, start, f": {name}[{rewriting.annotation}, ")]
    elif rewriting.form == "quote":
        return _quoted(source, rewriting, name, inner, default)
    else:
        annotation = param.annotation.annotation
        before, after = extent(source, annotation, parenthesised=True)
        if rewriting.form == "gain" and isinstance(annotation, cst.Subscript):
            last = annotation.slice[-1].slice
            if not isinstance(last, cst.Index):
                return None
            after = extent(source, last.value, parenthesised=True)[1]
            head = [(after, start, ", ")]
        elif (made := _laid_out(source, rewriting, name, inner, default)) is not None:
            return made
        elif rewriting.annotation is not None:
            head = [(before, start, f"{name}[{rewriting.annotation}, ")]
        else:
            head = [(before, before, f"{name}["), (after, start, ", ")]
    if "#" in text[after:start]:
        return None
    return [*head, *inner, (end, end, f"]{default}")]


def _laid_out(source: Source, rewriting: Rewriting, name: str, inner: list[Piece], default: str) -> list[Piece] | None:
    """All of a parameter that begins a line, as one piece, when it takes several lines."""
    param, text = rewriting.param, source.text
    if param.default is None or param.annotation is None or getattr(param.default, "lpar", None):
        return None
    if holds_long_text(source, param.default):
        return None
    first = extent(source, param)[0]
    before, after = extent(source, param.annotation.annotation, parenthesised=True)
    start, end = extent(source, param.default)
    if text[line_start(source, first) : first].strip() or "\n" in text[first:before] + text[after:start]:
        return None
    if "#" in text[after:start] or (rewriting.annotation is None and _cannot_move(source, param.annotation.annotation)):
        return None
    behind = text[after_comma(source, param) or end : next_line_start(source, end)]
    if text[line_start(source, first) : end].count("\n") == 0 and behind.strip():
        return None
    call = _applied(source, start, end, inner)
    default = _brought_back(default, text[line_start(source, first) : first])
    made = annotated_lines(source, before, name, rewriting.annotation or text[before:after], call, default)
    return None if made is None else [(before, end, made)]


def _brought_back(default: str, margin: str) -> str:
    """A default on several lines that ends where the parameter begins, and not where it ended inside of the marker."""
    lines = default.split("\n")
    last = lines[-1][: len(lines[-1]) - len(lines[-1].lstrip())]
    more = last.removeprefix(margin)
    if (
        len(lines) == 1
        or not last.startswith(margin)
        or not all(line.startswith(last) or not line for line in lines[1:])
    ):
        return default
    return "\n".join([lines[0], *(line.replace(margin + more, margin, 1) for line in lines[1:])])


def _cannot_move(source: Source, kind: cst.BaseExpression) -> bool:
    """Whether a type on several lines cannot be indented more: it holds a text that goes on."""
    start, end = extent(source, kind, parenthesised=True)
    return "\n" in source.text[start:end] and holds_long_text(source, kind)


def _aligned(source: Source, rewriting: Rewriting, pieces: Mapping[cst.Param, list[Piece]]) -> list[Piece]:
    """What keeps the lines of a marker's arguments below its first one."""
    call = rewriting.param.default
    if not isinstance(call, cst.Call):
        return []
    opening = extent(source, call.whitespace_before_args)[0]
    line = line_start(source, opening)
    before = [piece for made in pieces.values() for piece in made if line <= piece[0] and piece[1] < opening]
    found = realigned(source, call, sum(len(content) - (last - first) for first, last, content in before))
    return [
        (first, last, content)
        for first, last, content in found
        if not any(start < max(last, first + 1) and first < end for start, end, _ in pieces[rewriting.param])
    ]


def _quoted(source: Source, rewriting: Rewriting, name: str, inner: list[Piece], default: str) -> list[Piece] | None:
    param = rewriting.param
    if param.default is None or param.annotation is None:
        return None
    start, end = extent(source, param.default, parenthesised=True)
    before = extent(source, param.annotation.annotation, parenthesised=True)[0]
    code = f"{name}[{rewriting.annotation}, {_applied(source, start, end, inner)}]"
    quote = next((quote for quote in ('"', "'") if quote not in code), None)
    if quote is None or any(char in code for char in "\\\r\n#") or "#" in source.text[before:start]:
        return None
    return [(before, end, f"{quote}{code}{quote}{default}")]


def _reordered(
    source: Source, function: cst.FunctionDef, order: Sequence[int], pieces: dict[cst.Param, list[Piece]]
) -> tuple[list[Piece], set[cst.Param]] | None:
    """The pieces that put parameters in order, and the parameters whose own pieces are in them."""
    text, params = source.text, function.params.params
    changed = [place for place, index in enumerate(order) if place != index]
    if not changed:
        return [], set()
    low, high = changed[0], changed[-1]
    spans = [extent(source, param) for param in params]
    texts = [_applied(source, *span, pieces.get(param, [])) for param, span in zip(params, spans, strict=True)]
    stops = [after_comma(source, param) or end for param, (_, end) in zip(params, spans, strict=True)]
    first = line_start(source, spans[low][0])
    opening = _before(source, function, low)
    while (above := line_start(source, max(first - 1, 0))) > opening and text[above:first].lstrip()[:1] in ("#", ""):
        first = above
    between_them = "".join(text[spans[i][1] : spans[i + 1][0]] for i in range(low, high))
    behind = text[stops[high] : next_line_start(source, stops[high])]
    if "#" not in between_them + text[first : spans[low][0]] and not behind.lstrip().startswith("#"):
        return [(*spans[i], texts[order[i]]) for i in changed], {params[i] for i in changed}
    ends = [next_line_start(source, stop) for stop in stops]
    chunks: dict[int, str] = {}
    for i in range(low, high + 1):
        start = first if i == low else ends[i - 1]
        tail = text[stops[i] : ends[i]]
        lead = text[start : spans[i][0]]
        if text[line_start(source, spans[i][0]) : spans[i][0]].strip() or start > spans[i][0]:
            return None
        if tail.strip() and not tail.lstrip().startswith("#"):
            return None
        chunks[i] = f"{lead}{texts[i]},{tail}"
    joined = "".join(chunks[order[i]] for i in range(low, high + 1))
    return [(first, ends[high], joined)], set(params[low : high + 1])


def _before(source: Source, function: cst.FunctionDef, index: int) -> int:
    """The offset behind which the comments in front of a normal parameter begin."""
    params = function.params
    if index:
        return extent(source, params.params[index - 1])[1]
    if params.posonly_params:
        return extent(source, params.posonly_params[-1])[1]
    return extent(source, function.name)[1]


def _piece(source: Source, edit: Edit) -> Piece:
    span = edit.span
    return source.offset(span.line, span.column), source.offset(span.end_line, span.end_column), edit.content


def _value(source: Source, arg: cst.Arg) -> str:
    start, end = extent(source, arg.value, parenthesised=True)
    return source.text[start:end]


def _applied(source: Source, start: int, end: int, pieces: Sequence[Piece]) -> str:
    """The text of a range after the pieces in it."""
    parts, position = [], start
    for first, last, content in sorted(pieces):
        parts += [source.text[position:first], content]
        position = last
    return "".join([*parts, source.text[position:end]])
