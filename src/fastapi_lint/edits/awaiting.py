"""Edits that make an expression wait for what it calls: `await f()`, `await run_in_threadpool(f)`. Judges no call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import libcst as cst

from fastapi_lint.edits.bindings import nodes, parents
from fastapi_lint.edits.imports import importing
from fastapi_lint.edits.syntax import add_argument, insert_after, insert_before, replace
from fastapi_lint.finding import Edit, Span
from fastapi_lint.source import Source

_ELSEWHERE = (cst.Lambda, cst.BaseComp, cst.Param, cst.Annotation, cst.Decorator, cst.ClassDef)
"""Around a call, these say that it is not evaluated where its statement runs, or not where it could be awaited."""


def call_at(source: Source, start: int, end: int) -> cst.Call | None:
    """The call that covers a byte range as facts give it; None when the file does not parse."""
    try:
        tree = source.tree
    except Exception:  # the syntax-error rule says so
        return None
    return _calls(tree, source).get(source.span(start, end))


@lru_cache(maxsize=1)
def _calls(tree: cst.Module, source: Source) -> Mapping[Span, cst.Call]:
    return {source.span_of(node): node for node in nodes(tree) if isinstance(node, cst.Call)}


def awaited(source: Source, call: cst.Call) -> tuple[Edit, ...] | None:
    """`await` before a call; None where that is not possible."""
    if not _can_await(source, call):
        return None
    before, after = _around(source, call)
    edits = [insert_before(source, call, f"{before}await ")]
    return (*edits, insert_after(source, call, after)) if after else tuple(edits)


def asyncio_sleep(source: Source, call: cst.Call) -> tuple[Edit, ...] | None:
    """`await asyncio.sleep(...)` in the place of another sleep with the same arguments."""
    if not _can_await(source, call) or any(arg.keyword for arg in call.args):
        return None
    found = importing(source, "asyncio", "", at=call)
    if found is None:
        return None
    name, imports = found
    before, after = _around(source, call)
    edits = [replace(source, call.func, f"{before}await {name}.sleep"), *imports]
    return (*edits, insert_after(source, call, after)) if after else tuple(edits)


def in_threadpool(source: Source, call: cst.Call) -> tuple[Edit, ...] | None:
    """`f(x)` as `await run_in_threadpool(f, x)`, with the import; None where that is not possible."""
    if not _can_await(source, call) or getattr(call.func, "lpar", None) or _has_keyword(call, "func"):
        return None
    found = importing(source, "fastapi.concurrency", "run_in_threadpool", at=call, also=("starlette.concurrency",))
    if found is None:
        return None
    name, imports = found
    before, after = _around(source, call)
    edits = [
        replace(source, call.func, f"{before}await {name}"),
        add_argument(source, call, source.code_of(call.func), first=True),
        *imports,
    ]
    return (*edits, insert_after(source, call, after)) if after else tuple(edits)


def _has_keyword(call: cst.Call, name: str) -> bool:
    return any(arg.keyword is not None and arg.keyword.value == name for arg in call.args)


def _can_await(source: Source, call: cst.Call) -> bool:
    above = parents(source.tree)
    node: cst.CSTNode | None = call
    while node is not None and (node := above.get(node)) is not None:
        if isinstance(node, _ELSEWHERE):
            return False
        if isinstance(node, cst.FunctionDef):
            return node.asynchronous is not None
    return False


def _around(source: Source, call: cst.Call) -> tuple[str, str]:
    """The parentheses that an `await` expression needs in the place of a call."""
    above = parents(source.tree).get(call)
    binds_closer = (
        (isinstance(above, cst.Attribute | cst.Subscript) and above.value is call)
        or (isinstance(above, cst.Call) and above.func is call)
        or (isinstance(above, cst.BinaryOperation) and isinstance(above.operator, cst.Power))
        or isinstance(above, cst.Await)
    )
    return ("(", ")") if binds_closer and not call.lpar else ("", "")
