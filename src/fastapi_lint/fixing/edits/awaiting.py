"""Edits that make an expression wait for what it calls: `await f()`, `await run_in_threadpool(f)`. Judges no call."""

from __future__ import annotations

import re

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit
from fastapi_lint.fixing.edits.bindings import module_imports, parents
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

_EXCLUSIVE = re.compile(
    r"(?:^|_)\w?lock|Lock|mutex|semaphore|^(?:catch_warnings|redirect_std\w+|chdir)$"
    r"|session|transaction|atomic|^begin|^connect$|cursor",
    re.I,
)
"""Names of what a plain `with` takes from every other task until it ends: a thread's lock, the state of the process,
a database's transaction and what it locks."""
_HARMLESS = frozenset({"requests", "httpx", "curl_cffi", "aiohttp", "botocore", "boto3"})
"""Libraries whose sessions lock nothing."""


def awaited(source: Source, call: cst.Call) -> tuple[Edit, ...] | None:
    """`await` before a call; None where that is not possible."""
    if not _can_await(source, call):
        return None
    before, after = _around(source, call)
    edits = [insert_before(source, call, f"{before}await "), *_realigned(source, call, len(f"{before}await "))]
    return (*edits, insert_after(source, call, after)) if after else tuple(edits)


def asyncio_sleep(source: Source, call: cst.Call) -> tuple[Edit, ...] | None:
    """`await asyncio.sleep(...)` in the place of another sleep with the same arguments."""
    if not _can_await(source, call) or not _may_wait(source, call) or any(arg.keyword for arg in call.args):
        return None
    found = importing(source, "asyncio", "", at=call)
    if found is None:
        return None
    name, imports = found
    before, after = _around(source, call)
    edits = [replace(source, call.func, f"{before}await {name}.sleep"), *imports]
    return (*edits, insert_after(source, call, after)) if after else tuple(edits)


def in_threadpool(source: Source, call: cst.Call) -> tuple[Edit, ...] | None:
    """`f(x)` as `await run_in_threadpool(f, x)`, with the import; None where that is not possible.

    In a module that uses `asyncio.to_thread` and not the other, that is what is written.
    None also where a call that does not wait is better than one that does: see `_may_wait`.
    """
    if not _can_await(source, call) or not _may_wait(source, call):
        return None
    if getattr(call.func, "lpar", None) or _has_keyword(call, "func"):
        return None
    found = _thread(source, call)
    if found is None:
        return None
    name, imports = found
    before, after = _around(source, call)
    code = _joined(source, call.func)
    grows = len(f"{before}await {name}") - len(code)
    fits = not is_too_long(source, call, grows + len(f"{code}, {after}"))
    if not fits and before:
        before, after, fits = parentheses(source, call, len(f"await {name}, {source.code_of(call)}"))
    if (pieces := listed(source, call.args, code, first=True)) is not None:
        made = [between(source, *piece) for piece in pieces]
    elif fits:
        made = [_handed_over(source, call, code), *_realigned(source, call, grows)]
    else:
        pieces = broken_call(source, call, code, first=True, depth=1 if after else 0)
        made = [between(source, *piece) for piece in pieces]
    edits = [replace(source, call.func, f"{before}await {name}"), *made, *imports]
    return (*edits, insert_after(source, call, after)) if after else tuple(edits)


def _thread(source: Source, call: cst.Call) -> tuple[str, tuple[Edit, ...]] | None:
    """What hands a call to a thread, as the module does it elsewhere, and the edits that import it."""
    if b"asyncio.to_thread(" in source.data and b"run_in_threadpool" not in source.data:
        found = importing(source, "asyncio", "", at=call)
        if found is not None and not found[1]:
            return f"{found[0]}.to_thread", ()
    return importing(source, "fastapi.concurrency", "run_in_threadpool", at=call, also=("starlette.concurrency",))


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


def _may_wait(source: Source, call: cst.Call) -> bool:
    """Whether nothing around a call forbids that other tasks run meanwhile, or that it is cancelled at an `await`.

    A task that waits below a lock of threads stops the event loop for good when the next one asks for the lock, and so
    does one that waits in a transaction, when another asks for a row of it without `await`. In a
    `finally`, a cancelled request leaves at the first `await`, and what was to be cleaned up stays.
    """
    above = parents(source.tree)
    child: cst.CSTNode = call
    while (node := above.get(child)) is not None and not isinstance(node, cst.FunctionDef):
        if isinstance(node, cst.Finally):
            return False
        if isinstance(node, cst.With) and node.asynchronous is None and child is node.body:
            if any(_is_exclusive(source, item.item) for item in node.items):
                return False
        child = node
    return True


def _is_exclusive(source: Source, node: cst.BaseExpression) -> bool:
    if _EXCLUSIVE.search(_last_name(node)) is None:
        return False
    root = source.code_of(node).partition("(")[0].partition(".")[0]
    return not any(
        item.local == root and item.module.partition(".")[0] in _HARMLESS for item in module_imports(source.tree)
    )


def _last_name(node: cst.BaseExpression) -> str:
    match node:
        case cst.Call():
            return _last_name(node.func)
        case cst.Subscript():
            return _last_name(node.value)
        case cst.Attribute():
            return node.attr.value
        case cst.Name():
            return node.value
    return ""


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
