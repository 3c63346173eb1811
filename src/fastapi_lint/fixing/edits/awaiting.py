"""Edits that make an expression wait for what it calls: `await f()`, `await run_in_threadpool(f)`. Judges no call."""

from __future__ import annotations

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit
from fastapi_lint.fixing.edits.bindings import parents
from fastapi_lint.fixing.edits.imports import importing
from fastapi_lint.fixing.edits.layout import broken_call, is_too_long, listed, parentheses, realigned
from fastapi_lint.fixing.edits.syntax import (
    add_argument,
    between,
    comments_in,
    extent,
    insert_after,
    insert_before,
    line_start,
    next_line_start,
    replace,
)
from fastapi_lint.model.remedies.handing import Handing


def awaited(source: Source, call: cst.Call) -> tuple[Edit, ...] | None:
    """`await` before a call; None where that is not possible."""
    if not _can_await(source, call):
        return None
    before, after = _around(source, call)
    edits = [insert_before(source, call, f"{before}await "), *_realigned(source, call, len(f"{before}await "))]
    return (*edits, insert_after(source, call, after)) if after else tuple(edits)


def asyncio_sleep(source: Source, call: cst.Call) -> tuple[Edit, ...] | None:
    """`await asyncio.sleep(...)` in the place of another sleep with the same arguments."""
    if not _can_await(source, call) or getattr(call.func, "lpar", None) or any(arg.keyword for arg in call.args):
        return None
    found = importing(source, "asyncio", "", at=call)
    if found is None:
        return None
    name, imports = found
    before, after = _around(source, call)
    edits = [replace(source, call.func, f"{before}await {name}.sleep"), *imports]
    return (*edits, insert_after(source, call, after)) if after else tuple(edits)


def in_threadpool(source: Source, call: cst.Call, handing: Handing) -> tuple[Edit, ...] | None:
    """`f(x)` as `await run_in_threadpool(f, x)`, with the import; None where that is not possible.

    `handing` says what hands it over. A call that is awaited already keeps that `await`, which then waits for the
    thread.
    """
    if not _can_await(source, call) or getattr(call.func, "lpar", None) or _has_keyword(call, "func"):
        return None
    found = _named(source, call, handing)
    if found is None:
        return None
    name, imports = found
    before, after, wait = *_around(source, call), "await "
    if isinstance(parents(source.tree).get(call), cst.Await):
        before, after, wait = "", "", ""
    code = _joined(source, call.func)
    if not handing.keywords and any(arg.keyword is not None or arg.star == "**" for arg in call.args):
        return _with_partial(source, call, f"{before}{wait}{name}", code, after, imports)
    grows = len(f"{before}{wait}{name}") - len(code)
    fits = not is_too_long(source, call, grows + len(f"{code}, {after}"))
    if not fits and before:
        before, after, fits = parentheses(source, call, len(f"{wait}{name}, {source.code_of(call)}"))
    if (pieces := listed(source, call.args, code, first=True)) is not None:
        made = [between(source, *piece) for piece in pieces]
    elif fits:
        made = [_handed_over(source, call, code), *_realigned(source, call, grows)]
    else:
        pieces = broken_call(source, call, code, first=True, depth=1 if after else 0)
        made = [between(source, *piece) for piece in pieces]
    edits = [replace(source, call.func, f"{before}{wait}{name}"), *made, *imports]
    return (*edits, insert_after(source, call, after)) if after else tuple(edits)


def _named(source: Source, call: cst.Call, handing: Handing) -> tuple[str, tuple[Edit, ...]] | None:
    """How the module calls what hands over, and the edits that import it."""
    if handing.module.endswith(".concurrency"):
        other = {"fastapi.concurrency": "starlette.concurrency"}.get(handing.module, "fastapi.concurrency")
        return importing(source, handing.module, handing.name, at=call, also=(other,))
    found = importing(source, handing.module, handing.name, at=call)
    if found is not None and not found[1]:
        return found
    package = handing.module.partition(".")[0]
    rest = f"{handing.module}.{handing.name}".removeprefix(f"{package}.")
    found = importing(source, package, "", at=call)
    return None if found is None else (f"{found[0]}.{rest}", found[1])


def _with_partial(
    source: Source, call: cst.Call, name: str, code: str, after: str, imports: tuple[Edit, ...]
) -> tuple[Edit, ...] | None:
    """As `in_threadpool`, by what passes positional arguments on only: `await run_sync(partial(f, x, key=y))`."""
    found = importing(source, "functools", "partial", at=call)
    if (
        found is None
        or "\n" in source.code_of(call)
        or is_too_long(source, call, len(f"{name}({found[0]}(), ){after}"))
    ):
        return None
    first, last = extent(source, call.args[0])[0], extent(source, call.args[-1])[1]
    arguments = source.text[first:last]
    return (replace(source, call, f"{name}({found[0]}({code}, {arguments})){after}"), *imports, *found[1])


def plain(source: Source, function: cst.FunctionDef) -> tuple[Edit, ...] | None:
    """`async def` as `def`."""
    word = function.asynchronous
    if word is None:
        return None
    start = extent(source, function)[0]
    at = source.text.index("async", start, extent(source, function.name)[0])
    end = source.text.index("def", at + len("async"))
    return (between(source, at, end, ""),)


def _handed_over(source: Source, call: cst.Call, code: str) -> Edit:
    """The callee as the first argument: on a line of its own only where every argument has one."""
    if call.args:
        first, last = extent(source, call.args[0])[0], extent(source, call.args[-1])[1]
        trailing = isinstance(call.args[-1].comma, cst.Comma)
        if (
            not trailing
            and last <= next_line_start(source, first)
            and not source.text[line_start(source, first) : first].strip()
        ):
            return between(source, first, first, f"{code}, ")
    return add_argument(source, call, code, first=True)


def _realigned(source: Source, call: cst.Call, by: int) -> list[Edit]:
    if "\n" in source.code_of(call.func):
        return []
    return [between(source, *piece) for piece in realigned(source, call, by)]


def _joined(source: Source, node: cst.BaseExpression) -> str:
    """The text of a callee; a chain that is broken before its dots goes on one line, where it is an argument."""
    start, end = extent(source, node, parenthesised=True)
    if getattr(node, "lpar", None) or "\n" not in source.text[start:end] or comments_in(source, node):
        return source.text[start:end]
    match node:
        case cst.Attribute():
            return f"{_joined(source, node.value)}.{node.attr.value}"
        case cst.Call():
            return _joined(source, node.func) + source.text[extent(source, node.func, parenthesised=True)[1] : end]
    return source.text[start:end]


def _has_keyword(call: cst.Call, name: str) -> bool:
    return any(arg.keyword is not None and arg.keyword.value == name for arg in call.args)


def _can_await(source: Source, call: cst.Call) -> bool:
    above = parents(source.tree)
    node: cst.CSTNode | None = call
    while node is not None and (node := above.get(node)) is not None:
        # It is not evaluated where its statement runs, or not where it could be awaited.
        if isinstance(node, (cst.Lambda, cst.BaseComp, cst.Param, cst.Annotation, cst.Decorator, cst.ClassDef)):
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
