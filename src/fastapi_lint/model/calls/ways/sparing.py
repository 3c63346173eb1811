"""Which places of a function need not be fast: those that run once in the life of an object, or do not wait at all.

Reads text and facts of one function at a time; knows nothing about what runs there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Function, Module

_NAME = rb"([A-Za-z_][\w.]*)"
_MADE = re.compile(rb"\bif\s+" + _NAME + rb"(?:\s+is\s+not\s+None)?\s*:\s+return([ \t]+\1)?[ \t]*(?:#|\r?\n)")
_LAZY = re.compile(rb"(?:el)?if[\s(]+(?:not\s+" + _NAME + rb"|" + _NAME + rb"\s+is\s+None)\s*(?:[:)]|(?:and|or)\b)")
_OWN_CALL = re.compile(rb"\b(?:(?:self|cls)\s*\.\s*)?([A-Za-z_]\w*)\s*\(")
_LEAVES = frozenset({b"continue", b"break", b"return", b"raise"})
_NEVER = re.compile(rb"(?:if|while)\s+(?:False|0)\s*(?::|and\b)")
_ALLOWS_CACHE = re.compile(r"(?:allow|use|from|read|prefer|with|via)_cached?(?:_\w+)?|cached|cached?_ok")


def is_once(function: Function, block: int, at: int, *, of_async: bool = False) -> bool:
    """Whether a place of a function (a synchronous one, without `of_async`) only runs until something is there.

    That is below `if self._x is None:` when this, or a method called there, fills `self._x`, and behind
    `if self._x: return self._x` (or a bare return) likewise. A private name may also be filled elsewhere in the
    module (by a thread that is started there), but not only in `__init__`, nor before a bare return. The names are
    attributes of the object or class, or globals.
    """
    if function.is_async and not of_async:
        return False
    module = function.module
    text = module.text
    for each in module.block_chain(block):
        if each.kind == "if" and (found := _LAZY.match(text, each.start, each.end)) is not None:
            name = found[1] or found[2]
            if _is_kept(function, name) and (
                _fills(function, name, each.start, each.end) or _returns(function, name, each.end)
            ):
                return True
    found = _MADE.search(text, function.facts.head_end, at)
    if found is None or not _is_kept(function, found[1]):
        return False
    return _fills(function, found[1], found.end(), function.facts.end, anywhere=found[2] is not None)


def runs_until_filled(function: Function, block: int, at: int) -> bool:
    """As `is_once`, for coroutine functions as well."""
    return is_once(function, block, at, of_async=True)


def never_runs(module: Module, block: int, at: int = 0) -> bool:
    """Whether a place stands below `if False:` or `if False and ...:`, or (with its offset) behind a `return` or
    `raise` of its block or of one around it."""
    text = module.text
    if any(
        each.kind in ("if", "while") and _NEVER.match(text, each.start, each.end) for each in module.block_chain(block)
    ):
        return True
    leaving = [
        one.block
        for one in module.exits_in.get(module.facts.blocks[block].function, ())
        if one.end <= at and one.kind in ("return", "raise")
    ]
    return bool(leaving) and not module.blocks_around(block).isdisjoint(leaving)


def expects(module: Module, block: int, error: str) -> bool:
    """Whether a place stands in the body of a `try` that has an `except` for just this error, or of a `with` that
    suppresses it."""
    blocks = module.facts.blocks
    while block >= 0 and blocks[block].kind not in ("function", "lambda", "class", "module"):
        outer = blocks[block].parent
        if blocks[block].kind == "body" and any(_names(blocks[i].test, error) for i in module.clauses_of(outer)):
            return True
        if blocks[block].kind == "with" and _suppresses(module, blocks[block].test, (error,)):
            return True
        block = outer
    return False


_BROAD = ("Exception", "BaseException", "RuntimeError")


def swallows(module: Module, block: int) -> bool:
    """Whether an error that is raised at a place goes no further: caught by a handler that does not raise, suppressed,
    or dropped by a `return` in a `finally`."""
    blocks = module.facts.blocks
    exits = module.exits_in.get(blocks[block].function, ())
    while block >= 0 and blocks[block].kind not in ("function", "lambda", "class", "module"):
        outer, each = blocks[block].parent, blocks[block]
        if each.kind == "with" and _suppresses(module, each.test, _BROAD):
            return True
        if each.kind == "body":
            for other in (blocks[index] for index in module.children.get(outer, ())):
                inside = [leave for leave in exits if other.start <= leave.start < other.end]
                if other.kind == "except" and (other.test is None or any(_names(other.test, name) for name in _BROAD)):
                    return not any(leave.kind == "raise" for leave in inside)
                if other.kind == "finally" and any(leave.kind == "return" for leave in inside):
                    return True
        block = outer
    return False


def _suppresses(module: Module, test: f.Expr | None, errors: tuple[str, ...]) -> bool:
    if not isinstance(test, f.CallRef):
        return False
    call = module.facts.calls[test.index]
    return f.last_name(call.func) == "suppress" and any(_names(arg.value, name) for arg in call.args for name in errors)


def _names(test: f.Expr | None, error: str) -> bool:
    match test:
        case f.Name(id=name):
            return name == error
        case f.Display(items=items):
            return any(_names(item, error) for item in items)
    return False


def is_ready(module: Module, call: f.Call, written: str) -> bool:
    """Whether the code has just asked if what a call waits for is there: `if not queue.empty(): queue.get()`, or
    has left where it is not: `if queue.empty(): continue`."""
    owner = written.rpartition(".")[0].encode()
    if not owner:
        return False
    asked = re.compile(
        rb"(?:el)?(?:if|while)\b[^\n]*(?:\bnot\s+" + re.escape(owner) + rb"\s*\.\s*empty\s*\("
        rb"|(?<![\w.])(?<!not )" + re.escape(owner) + rb"\s*\.\s*(?:qsize|done|poll|is_set)\s*\()"
    )
    text = module.text
    return any(
        each.kind in ("if", "while") and asked.match(text, each.start, each.end)
        for each in module.block_chain(call.block)
    ) or _left_when_empty(module, call, owner)


def _left_when_empty(module: Module, call: f.Call, owner: bytes) -> bool:
    """Whether an `if` before a call leaves the loop or the function while something is empty."""
    empty = re.compile(
        rb"if[\s(]+" + re.escape(owner) + rb"\s*\.\s*(?:empty\s*\(\s*\)|qsize\s*\(\s*\)\s*==\s*0)[\s)]*:"
    )
    blocks, around = module.facts.blocks, module.blocks_around(call.block)
    for each in module.blocks_in.get(blocks[call.block].function, ()):
        if each.kind == "if" and each.end <= call.start and empty.match(module.text, each.start, each.end):
            outer = each.parent if blocks[each.parent].kind != "choice" else blocks[each.parent].parent
            last = module.text[each.start : each.end].rstrip().rpartition(b"\n")[2].split()
            if outer in around and last[:1] and last[0] in _LEAVES:
                return True
    return False


def allows_cache(call: f.Call, target: Function) -> bool:
    """Whether a call says that a cached answer will do (`allow_cache=True`), of a function that may heed it: then
    nobody knows what it runs."""
    return any(
        _ALLOWS_CACHE.fullmatch(arg.name)
        and not (isinstance(arg.value, f.Const) and not arg.value.value)
        and _may_heed(target, arg.name)
        for arg in call.args
    )


def _may_heed(function: Function, name: str) -> bool:
    """Whether a function does anything with a parameter, as far as it has one of that name."""
    return not any(param.name == name for param in function.params) or any(
        part == f.Name(name) for expr, _, _ in evaluated(function, nested=True) for part in walk(expr)
    )


def bound(function: Function, call: f.Call) -> Iterator[tuple[str, f.Expr]]:
    """Parameters and the arguments that a call passes for them; what stands behind an unpacked one is not known."""
    positional = function.positional
    names = {param.name for param in function.params if param.kind in ("normal", "keyword-only")}
    for arg in call.args:
        if arg.name == "*":
            positional = []
        elif arg.name == "":
            if positional:
                yield positional.pop(0), arg.value
        elif arg.name in names:
            yield arg.name, arg.value


def _is_kept(function: Function, name: bytes) -> bool:
    """Whether a name holds its value beyond the call: an attribute of the object or class, or a global."""
    first, dot, _ = name.partition(b".")
    if dot:
        text = first.decode()
        return text in ("self", "cls") or not (
            any(param.name == text for param in function.params) or function.rebinds(text)
        )
    return (name.decode(), function.index) in _globals(function.module)


def _globals(module: Module) -> frozenset[tuple[str, int]]:
    return frozenset((name, module.facts.blocks[block].function) for name, block in module.facts.globals)


def _fills(function: Function, name: bytes, start: int, end: int, *, anywhere: bool = True) -> bool:
    """Whether a stretch of a function assigns a name, or a function of the module that it calls (any, if private)."""
    text = function.module.text
    assigned = re.compile(
        rb"(?<![\w.])" + re.escape(name) + rb"\s*(?::[^=\n]{1,300})?=(?!=)"  # x = ..., x: T = ...
        rb"|(?<![\w.])" + re.escape(name) + rb"\s*,[^=\n]{0,300}=(?!=)"  # x, y = ...
        rb"|,\s*" + re.escape(name) + rb"\s*(?:,[^=\n]{0,300})?=(?!=)"  # y, x = ...
        rb"|\bas\s+" + re.escape(name) + rb"\b"  # with ... as x
    )
    if assigned.search(text, start, end):
        return True
    called = {found[1].decode() for found in _OWN_CALL.finditer(text, start, end)}
    is_private = anywhere and name.rpartition(b".")[2].startswith(b"_")
    return any(
        (other.name in called or (is_private and other.name != "__init__"))
        and other is not function
        and assigned.search(text, other.facts.head_end, other.facts.end) is not None
        for other in function.module.functions
    )


def _returns(function: Function, name: bytes, start: int) -> bool:
    """Whether a function gives what a name holds, after a place: then it must have been filled there, by whomever."""
    returned = re.compile(rb"\breturn\s+" + re.escape(name) + rb"\s*(?:#|$)", re.M)
    return returned.search(function.module.text, start, function.facts.end) is not None
