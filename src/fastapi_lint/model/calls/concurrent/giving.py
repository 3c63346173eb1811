"""What a function gives back, through a variable that does nothing else: bound, filled, returned. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.concurrent.using import reads_of
from fastapi_lint.model.names.expressions import with_values
from fastapi_lint.model.names.symbols import Function
from fastapi_lint.model.types.inference.inference import Inference, Where

_FILL = frozenset({"append", "add", "insert", "setdefault", "update", "extend"})


def given_back(types: Inference, function: Function, *, inside: bool) -> Iterator[f.Expr]:
    """What a function returns, or yields if it is a generator: as written, and what is in a variable that it returns.

    A variable counts when it is only bound, filled (`answer["a"] = ...`, `answer.append(...)`) and given back; what it
    is filled with, when what is `inside` counts.
    """
    kind = "yield" if function.is_generator else "return"
    left = [leave for leave in function.exits if leave.kind == kind and leave.value is not None]
    names = [leave.value.id for leave in left if isinstance(leave.value, f.Name)]
    for leave in left:
        if not isinstance(leave.value, f.Name):
            if leave.value is not None:
                yield leave.value
            for name in _unpacked(leave.value) if inside else ():
                if reads_of(function, name) == 1:
                    yield from _bound(types, name, (function.module, leave.block, leave.start))
            continue
        name = leave.value.id
        filled = list(_filled(function, name))
        if reads_of(function, name) == names.count(name) + len(filled):
            yield from _bound(types, name, (function.module, leave.block, leave.start))
            for one in filled if inside else ():
                yield from one


def _unpacked(expr: f.Expr | None) -> Iterator[str]:
    """The variables whose content goes into what is given back: `{**found, "size": 3}`, `[*found, last]`."""
    match expr:
        case f.Mapping(items=items):
            yield from (value.id for key, value in items if key is None and isinstance(value, f.Name))
        case f.Display(items=items):
            yield from (each.value.id for each in items if isinstance(each, f.Star) and isinstance(each.value, f.Name))


def _bound(types: Inference, name: str, where: Where) -> Iterator[f.Expr]:
    for binding in types.find_bindings(name, where):
        entry = binding.entry
        if isinstance(entry, f.Assign) and entry.op == "=":
            for target, value in with_values(entry.target, entry.value):
                if target == f.Name(name) and value is not None:
                    yield value


def _filled(function: Function, name: str) -> Iterator[tuple[f.Expr, ...]]:
    """What is put into a variable, once for each mention of it."""
    for entry in function.module.assigns_in.get(function.index, ()):
        match entry:
            case f.Assign(target=f.Sub(value=f.Name(id=owner)), op="=", value=value) if owner == name and value:
                yield (value,)
    for call in function.calls:
        match call.func:
            case f.Attr(value=f.Name(id=owner), attr=attr) if owner == name and attr in _FILL:
                if call.use == "statement":
                    yield tuple(arg.value for arg in call.args)


def chosen(expr: f.Expr) -> Iterator[f.Expr]:
    """A value, or those of which a condition chooses one."""
    if isinstance(expr, f.Choice):
        for option in expr.options:
            yield from chosen(option)
    else:
        yield expr
