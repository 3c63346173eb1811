"""Puts `try` and `finally` around a `yield`, with what closes something in the latter. Decides nothing."""

from __future__ import annotations

import re
from itertools import pairwise

import libcst as cst

from fastapi_lint.finding import Edit
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.calls import function_node
from fastapi_lint.index import facts as f
from fastapi_lint.model.names import Function

_MOST_LINES = 6


def closed_in_finally(function: Function, entry: f.Exit, name: str, closing: str) -> tuple[Edit, ...]:
    """The edits for a `yield` in the function's own body; none when more than simple lines follow.

    `closing` is the code that closes what `name` holds; a line that does it already, at the end, is moved.
    """
    if entry.kind != "yield" or entry.block != function.facts.block:
        return ()
    found = function_node(function, body=True)
    if found is None or not isinstance(found[1].body, cst.IndentedBlock):
        return ()
    source, node = found
    place = source.offset(source.span(entry.start, entry.end).line, source.span(entry.start, entry.end).column)
    lines: list[tuple[int, int]] = []
    for statement in node.body.body:
        start, end = edits.extent(source, statement)
        if end <= place:
            continue
        if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
            return ()
        lines.append((edits.line_start(source, start), edits.next_line_start(source, end)))
    if not lines or len(lines) > _MOST_LINES or any(a[1] != b[0] for a, b in pairwise(lines)):
        return ()
    texts = [source.text[start:end].rstrip("\r\n") for start, end in lines]
    if any("\n" in text or '"""' in text or text.endswith("\\") for text in texts):
        return ()
    indent = texts[0][: len(texts[0]) - len(texts[0].lstrip())]
    if texts[0].lstrip() != "yield" and not texts[0].lstrip().startswith("yield "):
        return ()
    head = edits.extent(source, node)[0]
    margin = source.text[edits.line_start(source, head) : head]
    step = indent.removeprefix(margin)
    if not indent.startswith(margin) or margin.strip() or not step:
        return ()
    is_close = re.compile(rf"\s*(await\s+)?{re.escape(name)}\.\w+\(\)\s*(#.*)?$")
    if len(texts) > 1 and is_close.match(texts[-1]):
        close, inside = texts[-1].strip(), texts[:-1]
    elif len(texts) == 1:
        close, inside = closing, texts
    else:
        return ()
    if close.startswith("await") and not function.is_async:
        return ()
    newline = edits.newline_at(source, lines[0][0])
    made = [f"{indent}try:", *(f"{step}{text}" for text in inside), f"{indent}finally:", f"{indent}{step}{close}"]
    start, end = lines[0][0], lines[-1][1]
    content = newline.join(made) + (newline if source.text[end - 1 : end] in ("\n", "\r") else "")
    return (edits.between(source, start, end, content),)
