"""Times in UTC that do not say so: which a value is, moved by a time span or not, back to the call that makes them.

In goes an expression with its place, out come the places where `utcnow` and its like are called or handed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import dotted
from fastapi_lint.model.names.symbols import Function, FunctionObject, Module
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.tracking.queries import gathered, query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


NAIVE = {"datetime.datetime.utcnow": "now", "datetime.datetime.utcfromtimestamp": "fromtimestamp"}
"""The functions that make them, and what makes an aware time in their place."""
NAIVE_WORDS = ("utcnow", "utcfromtimestamp")
"""Without one of these a module makes no such time by itself."""
_DEEPEST = 4


def makes_naive_times(project: Project) -> bool:
    """Whether any module of the project makes such a time."""
    return bool(_making(project))


@gathered
def _making(project: Project, module: Module) -> Iterator[str]:
    """A module in which one may be made."""
    if module.mentions(*NAIVE_WORDS):
        yield module.path


class NaiveTime(NamedTuple):
    """Where a naive time is made: its place, the canonical name, and whether it is called there."""

    module: Module
    start: int
    name_end: int
    end: int
    name: str
    is_called: bool


def naive_times(
    project: Project, expr: f.Expr | None, where: Where, *, as_text: bool = False, depth: int = _DEEPEST
) -> Iterator[NaiveTime]:
    """The naive times that a value is, moved by a time span or not; `as_text`: also in ISO format."""
    module = where[0]
    if depth == 0 or expr is None:
        return
    match expr:
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            name = project.called_name(module, call) or ""
            if name in NAIVE:
                yield NaiveTime(module, call.start, call.name_end, call.end, name, True)
            elif isinstance(callee := project.callee(module, call), FunctionObject):
                yield from _given_back(project, callee.function, depth)
            elif isinstance(call.func, f.Attr) and not _gives_zone(call, as_text):
                yield from naive_times(project, call.func.value, where, as_text=False, depth=depth - 1)
        case f.Binary(op="+" | "-", left=left, right=right):
            if not any(naive_times(project, right, where, depth=depth - 1)):
                yield from naive_times(project, left, where, depth=depth - 1)
        case f.Choice(options=options):
            for option in options:
                yield from naive_times(project, option, where, as_text=as_text, depth=depth - 1)
        case f.Lambda(index=index):
            body = module.functions[index]
            yield from _given_back(project, body, depth)
        case f.Name() | f.Attr():
            value = project.infer(expr, *where)
            name = project.name(expr, *where) or project.types.name_of_type(value) or ""
            if name in NAIVE:
                yield from _reference(expr, name, where)
            elif isinstance(value, FunctionObject):  # of the project, handed over to be called
                yield from _given_back(project, value.function, depth)
            elif isinstance(expr, f.Name):
                for binding in project.types.find_bindings(expr.id, where):
                    entry = binding.entry
                    if isinstance(entry, f.Assign) and entry.target == expr:
                        yield from naive_times(
                            project, entry.value, (module, entry.block, entry.start), as_text=as_text, depth=depth - 1
                        )


def _given_back(project: Project, function: Function, depth: int) -> Iterator[NaiveTime]:
    """The naive times that a function returns."""
    if function.is_generator or function.module.is_test:
        return
    for leaving in function.exits:
        if leaving.kind == "return":
            where = (function.module, leaving.block, leaving.start)
            yield from naive_times(project, leaving.value, where, depth=depth - 1)


@query
def makers_of_naive_times(project: Project) -> tuple[str, ...]:
    """The names of the project's functions that return a naive time as they make it."""
    return tuple(sorted(set(_makers(project))))


@gathered
def _makers(project: Project, module: Module) -> Iterator[str]:
    if module.is_test or not module.mentions(*NAIVE_WORDS):
        return
    for function in module.functions:
        if function.name != "<lambda>" and any(_given_back(project, function, _DEEPEST)):
            yield function.name


def _gives_zone(call: f.Call, as_text: bool) -> bool:
    """Whether a method of a time gives something else than a naive time (or its text, where that counts)."""
    match f.last_name(call.func):
        case "replace":
            return any(arg.name in ("tzinfo", "", "*", "**") for arg in call.args)
        case "isoformat":
            return not as_text
    return True


def _reference(expr: f.Expr, name: str, where: Where) -> Iterator[NaiveTime]:
    """A function that is handed over: where its name stands behind the start of the expression's statement or call."""
    module, _, at = where
    text = dotted(expr).encode()
    start = module.text.find(text, at)
    if text and start >= 0:
        yield NaiveTime(module, start, start + len(text), start + len(text), name, False)
