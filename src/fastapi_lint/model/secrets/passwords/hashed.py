"""Literals that are hashed and kept as passwords: by a library, or by a function of the project that takes them by
position. Judges nothing.

What is hashed to be compared with, so that an unknown name takes as long as a wrong password, is kept by nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.catalog.secrecy.hashing import hashes
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.binding import filled
from fastapi_lint.model.names.symbols import ClassObject, Function, FunctionObject, Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DEPTH = 2


def hashed_literals(project: Project, module: Module, may_be: Callable[[str], bool]) -> Iterator[tuple[f.Call, f.Arg]]:
    """The calls that hash a literal which may be a password for what keeps it, with the argument."""
    for call in module.facts.calls:
        if call.use != "value" or not call.args or call.args[0].name:
            continue
        for number, arg in enumerate(call.args[:2]):
            text = _literal(arg.value, module) if arg.name == "" else None
            if text is not None and _is_hashed(project, module, call, number, _DEPTH):  # as the fewest are
                if may_be(text) and _is_kept(project, module, call):
                    yield call, arg


def _is_kept(project: Project, module: Module, call: f.Call) -> bool:
    """Whether what a call gives is an argument of an object that is made, or set as an attribute of one; in a variable
    before that, or not."""
    made: f.Expr = f.CallRef(module.call_numbers[call.start, call.end])
    function = module.enclosing(call.block)
    values = [made]
    for entry in module.assigns_in.get(function.index, ()) if function is not None else ():
        if entry.value in (made, f.Await(made)):
            if isinstance(entry.target, f.Attr):
                return True
            values.append(entry.target)
    return any(
        isinstance(project.callee(module, other), ClassObject)
        for other in (function.calls if function is not None else ())
        if any(arg.name and arg.value in values for arg in other.args)
    )


def _literal(expr: f.Expr, module: Module) -> str | None:
    """The text of a literal, which may be encoded: `b"..."` is none of its own kind."""
    bare = _bare(expr, module)
    return bare.value if isinstance(bare, f.Const) and isinstance(bare.value, str) else None


def _bare(expr: f.Expr, module: Module) -> f.Expr:
    """What is encoded where something is, else the expression itself."""
    func = module.facts.calls[expr.index].func if isinstance(expr, f.CallRef) else None
    return func.value if isinstance(func, f.Attr) and func.attr == "encode" else expr


def _is_hashed(project: Project, module: Module, call: f.Call, number: int, depth: int) -> bool:
    callee = project.callee(module, call)
    if isinstance(callee, FunctionObject):
        names = callee.function.positional[filled(project.types, callee) :]
        name = names[number] if number < len(names) else ""
        return depth > 0 and secrets.secret_name(name) == "password" and _hashes(project, callee.function, name, depth)
    return number == 0 and hashes(project.called_name(module, call) or "")


def _hashes(project: Project, function: Function, name: str, depth: int) -> bool:
    """Whether a function gives a parameter, as it is or encoded, to what hashes passwords."""
    module = function.module
    for call in function.calls:
        for number, arg in enumerate(call.args[:2]):
            if _bare(arg.value, module) == f.Name(name) and _is_hashed(project, module, call, number, depth - 1):
                return True
    return False
