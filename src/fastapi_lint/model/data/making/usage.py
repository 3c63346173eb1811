"""What a function does with something that it makes: what it asks of it, whom it hands it to, whether it closes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import External, Function

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_CLOSES = frozenset({"close", "aclose", "disconnect", "shutdown"})
_READS = frozenset({"get", "read", "fetch", "download"})


@dataclass(frozen=True)
class Usage:
    """`is_plain`: it speaks plain HTTP only. `is_closed`: before the function ends. `is_handed_on`: to a class of a
    library. `is_constant`: the function asks for the same each time, and takes nothing itself."""

    is_plain: bool
    is_closed: bool
    is_handed_on: bool
    is_constant: bool


def usage_of(project: Project, function: Function, call: f.Call) -> Usage:
    """How a function uses what one of its calls makes, as far as its own body shows."""
    module = function.module
    itself = f.CallRef(module.facts.calls.index(call))
    blocks = [each for each in module.blocks_in.get(function.index, ()) if each.kind == "with" and each.test == itself]
    names = {each.target.id for each in blocks if isinstance(each.target, f.Name)}
    for entry in module.assigns_in.get(function.index, ()):
        value = entry.value.value if isinstance(entry.value, f.Await) else entry.value
        if isinstance(entry.target, f.Name) and value == itself:
            names.add(entry.target.id)
    used = [
        each
        for each in function.calls
        if isinstance(each.func, f.Attr)
        and (each.func.value == itself or (isinstance(each.func.value, f.Name) and each.func.value.id in names))
    ]
    given = [arg.value for each in (call, *used) for arg in each.args]
    texts = [project.values.text(each, (module, call.block, call.start)) or "" for each in given]
    handed = [each for each in function.calls if any(_may_be(arg.value, itself, names) for arg in each.args)]
    schemes = {each.partition("://")[0] for each in texts}
    asks = [each for each in used if f.last_name(each.func) not in _CLOSES]
    own = function.params[1:] if function.cls is not None else function.params
    return Usage(
        is_plain="http" in schemes and "https" not in schemes,
        is_closed=bool(blocks) or any(f.last_name(each.func) in _CLOSES for each in used),
        is_handed_on=any(_is_class(project, function, each) for each in handed),
        is_constant=not own
        and bool(asks)
        and all(f.last_name(each.func) in _READS for each in asks)
        and all(_is_constant(project, function, arg.value, each) for each in asks for arg in each.args),
    )


def _may_be(value: f.Expr, itself: f.CallRef, names: set[str]) -> bool:
    """Whether an argument is what a call makes, or may be."""
    if isinstance(value, f.Choice):
        return any(_may_be(option, itself, names) for option in value.options)
    return value == itself or (isinstance(value, f.Name) and value.id in names)


def _is_constant(project: Project, function: Function, value: f.Expr, call: f.Call) -> bool:
    """Whether an argument is the same each time: a literal, or the name of a text that stands in the source."""
    if isinstance(value, f.Const):
        return True
    return project.values.text(value, (function.module, call.block, call.start)) is not None


def _is_class(project: Project, function: Function, call: f.Call) -> bool:
    callee = project.callee(function.module, call)
    return isinstance(callee, External) and f.last_name(call.func)[:1].isupper()
