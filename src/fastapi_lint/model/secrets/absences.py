"""What may be missing: values that may be None where they are compared, and what functions give in the place of a
secret that there is none of. Judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Class, Function, Instance, Module
from fastapi_lint.model.types.alternatives import admits_none
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.texts import BoundText, is_named_for_tests

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_READERS = frozenset({"get", "getenv"})
_NONE = f.Const(None)
_DEEPEST = 4
_ASKING = re.compile(r"_{0,2}(?:(?:get|load|read|resolve)_)?")


def may_be_none(project: Project, expr: f.Expr, where: Where, depth: int = _DEEPEST) -> bool:
    """Whether a value is known to be None at times: by its annotation, its default, or the look-up it comes from."""
    module, block, _ = where
    function = module.enclosing(block)
    match expr:
        case f.Const(value=None):
            return True
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            return f.last_name(call.func) in _READERS and len(call.args) == 1
        case f.Choice(options=options, op="if"):
            return depth > 0 and any(may_be_none(project, each, where, depth - 1) for each in options)
        case f.Choice(options=options):
            return depth > 0 and may_be_none(project, options[-1], where, depth - 1)
        case f.Attr(value=value, attr=attr):
            owner = project.infer(value, *where)
            return (
                isinstance(owner, Instance) and isinstance(owner.cls, Class) and _holds_none(project, owner.cls, attr)
            )
        case f.Name(id=name) if function is not None and any(param.name == name for param in function.params):
            return not function.rebinds(name) and _is_optional(project, function, name)
        case f.Name():
            return depth > 0 and any(
                may_be_none(project, *found, depth - 1) for found in project.values.definitions(expr, where)
            )
    return False


def _is_optional(project: Project, function: Function, name: str) -> bool:
    for parameter in project.dependencies.parameters(function):
        if parameter.name == name and parameter.marker_call is not None and _gives_none(parameter.marker_call):
            return True
    param = next(each for each in function.params if each.name == name)
    where = (function.module, function.facts.outer, param.start)
    return param.default == _NONE or admits_none(project.types, param.annotation, where)


def _gives_none(call: f.Call) -> bool:
    return any(arg.value == _NONE and arg.name in ("", "default") for arg in call.args)


def _holds_none(project: Project, cls: Class, attr: str) -> bool:
    """Whether a class says of an attribute that it may be None."""
    for base in project.types.mro(cls):
        if not isinstance(base, Class):
            continue
        for entry in base.module.facts.assigns:
            if entry.target == f.Name(attr) and base.module.facts.blocks[entry.block].cls == base.index:
                where = (base.module, entry.block, entry.start)
                return entry.value == _NONE or admits_none(project.types, entry.annotation, where)
    return False


def is_asked_before(function: Function, expr: f.Expr, part: f.Expr, where: Where) -> bool:
    """Whether None is excluded where a part of a condition looks at a value: in the condition before it, in one around
    it, or in an earlier one behind which the function is left."""
    module, block, at = where
    blocks = module.facts.blocks
    choices = (one for test in _conditions(function, at) for one in walk(test) if isinstance(one, f.Choice))
    for choice in choices:
        number = next((i for i, option in enumerate(choice.options) if part in walk(option)), 0)
        if choice.op != "if" and any(_says(each, expr, given=choice.op == "and") for each in choice.options[:number]):
            return True
    around = []
    while block >= 0 and blocks[block].function == function.index:
        around.append(block)
        entry = blocks[block]
        if entry.kind == "if" and entry.start < at and entry.test is not None:
            if any(_says(option, expr, given=True) for option in _parts(entry.test, "and")):
                return True
        block = entry.parent
    for leave in function.exits:
        entry = blocks[leave.block]
        if leave.kind not in ("raise", "return") or entry.kind != "if" or entry.end > at or entry.test is None:
            continue
        if blocks[entry.parent].parent in around:
            if any(_says(option, expr, given=False) for option in _parts(entry.test, "or")):
                return True
    return False


def _conditions(function: Function, at: int) -> Iterator[f.Expr]:
    """The expressions that begin at a place."""
    module = function.module
    for block in module.blocks_in.get(function.index, ()):
        if block.test is not None and block.start == at:
            yield block.test
    for leave in function.exits:
        if leave.value is not None and leave.start == at:
            yield leave.value
    for entry in module.assigns_in.get(function.index, ()):
        if entry.value is not None and entry.start == at:
            yield entry.value


def _parts(test: f.Expr, op: str) -> tuple[f.Expr, ...]:
    return test.options if isinstance(test, f.Choice) and test.op == op else (test,)


def _says(test: f.Expr, expr: f.Expr, *, given: bool) -> bool:
    """Whether a condition says that a value is there (`given`), or that it is not."""
    while isinstance(test, f.Unary) and test.op == "not":
        given, test = not given, test.value
    if given and test == expr:
        return True
    if isinstance(test, f.Compare) and test.operands in ((expr, _NONE), (_NONE, expr)):
        return test.operators == (("is not",) if given else ("is",))
    return False


# ---------------------------------------------------------------- what a function gives instead


def fallbacks(module: Module) -> Iterator[BoundText]:
    """The texts that functions and properties without parameters give back where what they look for is missing
    (`if self.secret: return self.secret` and then `return "..."`), under the name of what they are asked for."""
    for function in module.functions:
        if function.is_generator or any(param.name not in ("self", "cls") for param in function.params):
            continue
        texts = [leave for leave in function.exits if _returned_text(leave) and _is_otherwise(function, leave)]
        if not texts or not _looks_first(function):
            continue
        asking = _ASKING.match(function.name)
        name = function.name[asking.end() if asking is not None else 0 :]
        if name and not is_named_for_tests(function.qualname):
            for leave in texts:
                yield BoundText(module, name, _returned_text(leave), "fallback", leave.block, leave.start, leave.end)


def _returned_text(leave: f.Exit) -> str:
    match leave:
        case f.Exit(kind="return", value=f.Const(value=str(text))):
            return text
    return ""


def _looks_first(function: Function) -> bool:
    """Whether a function gives something that it has looked for, and stops nowhere when that is missing."""
    if any(leave.kind == "raise" for leave in function.exits):
        return False
    given = [leave.value for leave in function.exits if leave.kind == "return"]
    return any(isinstance(value, (f.Name, f.Attr, f.CallRef, f.Sub, f.Await)) for value in given)


def _is_otherwise(function: Function, leave: f.Exit) -> bool:
    """Whether a function comes to a `return` when nothing was found: at its end, or below `if not found`."""
    block = function.module.facts.blocks[leave.block]
    if block.kind == "function":
        return True
    match block.test if block.kind == "if" else None:
        case f.Unary(op="not") | f.Compare(operators=("is",), operands=(_, f.Const(value=None))):
            return True
    return block.kind == "else"
