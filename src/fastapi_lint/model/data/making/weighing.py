"""Whether code weighs what it takes: it compares a size with a limit, or gives one to what may do that.

A size that is logged, stored or answered limits nothing. Judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.names.expressions import evaluated, stands_in, walk, with_copies
from fastapi_lint.model.names.symbols import Class, ClassObject, External, Function, FunctionObject, Instance, Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_SAID = re.compile(rb"(?<!\))\.size\b|content[-_]length|\.tell\b|max_(?:file_|upload_|body_)?size", re.IGNORECASE)
_LIMIT = re.compile(r"max_(?:file_|upload_|body_)?size", re.IGNORECASE)
_LENGTH = re.compile(r"content[-_]length", re.IGNORECASE)
_HEADER = re.compile(rb"content[-_]length", re.IGNORECASE)
_ORDERS = frozenset({"<", "<=", ">", ">="})
_SHOWING = frozenset({"print", "str", "repr", "int", "float", "round", "format", "dict", "list", "len"})
_TELLING = frozenset({
    "debug", "info", "warning", "warn", "error", "exception", "critical", "log", "success", "trace", "format", "get",
})  # fmt: skip
_MAPPED = ("sqlmodel.", "sqlalchemy.")
_HARMLESS = ("fastapi.", "starlette.", "logging.", "loguru.", "structlog.")
_COPIES = 2
_DEEPEST = 2


def weighs(project: Project, module: Module, start: int, end: int) -> bool:
    """Whether code in a stretch of a module does something with a size that may limit it."""
    if not _SAID.search(module.text, start, end):
        return False
    inside = (each for each in module.functions if start <= each.facts.head_end and each.facts.end <= end)
    return any(_weighs(project, each, frozenset(), _DEEPEST) for each in inside)


def weighs_given(project: Project, module: Module, call: f.Call) -> bool:
    """Whether what a call calls may compare one of its arguments."""
    return _may_weigh(project, module, call, frozenset(arg.value for arg in call.args), _DEEPEST)


def _weighs(project: Project, function: Function, given: frozenset[f.Expr], depth: int) -> bool:
    """Whether a function compares a size, or one of some values that it is given, or hands it to what may."""
    module = function.module
    whole = [expr for expr, _, _ in evaluated(function)]
    every = [part for expr in whole for part in walk(expr)]
    sizes = {part for part in every if _is_size(part, module)} | given
    held = with_copies(sizes, function, _COPIES) if sizes else set[f.Expr]()
    compared = [part for part in every if isinstance(part, f.Compare) and not _ORDERS.isdisjoint(part.operators)]
    if any(stands_in(held, part, module) for part in compared):
        return True
    if held and any(block.kind == "case" for block in module.blocks_in.get(function.index, ())):
        return True  # `match file.size`
    if compared and _HEADER.search(module.text, function.facts.head_end, function.facts.end):
        return True  # `if key == b"content-length": size = int(value)`
    return any(_may_weigh(project, module, call, held, depth) for call in function.calls)


def _is_size(part: f.Expr, module: Module) -> bool:
    match part:
        case f.Attr(value=value, attr="size"):
            return not isinstance(value, f.CallRef)
        case f.Attr(attr="tell"):
            return True
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            is_length = any(isinstance(arg.value, f.Const) and _is_length(arg.value) for arg in call.args)
            return f.last_name(call.func) == "tell" or is_length
        case f.Sub(items=items):
            return any(isinstance(item, f.Const) and _is_length(item) for item in items)
        case f.Name() | f.Attr():
            return _LIMIT.search(name := f.last_name(part)) is not None or _LENGTH.search(name) is not None
    return False


def _is_length(part: f.Const) -> bool:
    return isinstance(part.value, str | bytes) and _LENGTH.fullmatch(_text(part.value)) is not None


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _may_weigh(project: Project, module: Module, call: f.Call, held: Set[f.Expr], depth: int) -> bool:
    """Whether a call is given one of some values, or a limit by name, and may compare it."""
    args = [arg for arg in call.args if stands_in(held, arg.value, module) or _LIMIT.search(arg.name)]
    match project.callee(module, call) if args else None:
        case FunctionObject(function=function):
            values = [arg.value for arg in args]
            taken = frozenset(f.Name(name) for name, value in bound(function, call) if value in values)
            return depth > 0 and _weighs(project, function, taken, depth - 1)
        case ClassObject(cls=Class() as cls) | Instance(cls=Class() as cls):
            weighing = any(_weighs(project, method, frozenset(), 0) for method in _methods(project, cls))
            return weighing or any(_is_constrained(project, cls, arg.name) for arg in args)
        case External(name=name) if name in _SHOWING or name.startswith(_HARMLESS):
            return False
    return bool(args) and f.last_name(call.func) not in _TELLING


def _is_constrained(project: Project, cls: Class, name: str) -> bool:
    """Whether a field of a model is declared with more than its type: a limit, for example."""
    bases = project.types.mro(cls)
    if "pydantic.BaseModel" not in bases or any(isinstance(base, str) and base.startswith(_MAPPED) for base in bases):
        return False
    entry = next((base.assigns[name] for base in bases if isinstance(base, Class) and name in base.assigns), None)
    return entry is not None and (isinstance(entry.value, f.CallRef) or isinstance(entry.annotation, f.Sub))


def _methods(project: Project, cls: Class) -> Iterator[Function]:
    for base in project.types.mro(cls):
        if isinstance(base, Class):
            yield from base.methods.values()
