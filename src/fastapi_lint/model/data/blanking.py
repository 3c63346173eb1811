"""Fields that the code behind a handler sets to something fixed, or masks, before it answers: what stood in them is not
sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.data.schemas import SchemaField
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, Type
from fastapi_lint.model.types.inference.inference import Where, is_none

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_COPIES = frozenset({"model_copy", "copy"})
_MASK = re.compile(r"(?:[*•●]|\.\.\.|…)[*•●.]{0,60}")
"""What is written in the place of characters that are kept back."""
_DEEPEST = 3
_MOST = 100


def is_blanked(one: SchemaField, handler: Function, project: Project) -> bool:
    """Whether a handler, or what it calls, makes an object of a field's class with a constant or a mask in this field.

    A dict with a mask under the name of the field is enough, as it is validated later, if no other one beside it has
    something else there.
    """
    if _is_left_out_by(handler, one, project):
        return True
    for function in _running(handler, project):
        module = function.module
        entries = list(_entries(function, one.name))
        masked = [value for value, where in entries if _is_masked(value, where, project)]
        if masked and all(value in masked or _is_fixed(value, where, project) for value, where in entries):
            return True
        for call in function.calls:
            given = f.keyword(call, one.name)
            if given is None and (f.last_name(call.func) not in _COPIES or f.keyword(call, "update") is None):
                continue
            where = (module, call.block, call.start)
            if not _makes(call, one, where, project):
                continue
            if given is not None and (
                _is_fixed(given.value, where, project) or _is_masked(given.value, where, project)
            ):
                return True
            update = f.keyword(call, "update")
            if update is not None and isinstance(update.value, f.Mapping):
                for key, value in update.value.items:
                    if key == f.Const(one.name) and _is_fixed(value, where, project):
                        return True
    return False


def _entries(function: Function, name: str) -> Iterator[tuple[f.Expr, Where]]:
    """What the dicts that a body writes down have under a key."""
    for expr, block, start in evaluated(function):
        for part in walk(expr):
            for key, value in part.items if isinstance(part, f.Mapping) else ():
                if key == f.Const(name):
                    yield value, (function.module, block, start)


def _is_masked(expr: f.Expr, where: Where, project: Project, depth: int = 3) -> bool:
    """Whether a text is put together with asterisks, or with dots for what is left out."""
    match expr:
        case f.Binary() | f.Joined():
            return any(
                isinstance(part, f.Const) and isinstance(part.value, str) and _MASK.fullmatch(part.value)
                for part in walk(expr)
            )
        case f.Choice(options=options):
            masked = [_is_masked(option, where, project, depth) for option in options]
            kept = [option for option, is_masked in zip(options, masked, strict=True) if not is_masked]
            return any(masked) and all(_is_fixed(option, where, project) for option in kept)
        case f.Name() if depth > 0:
            found = list(project.values.definitions(expr, where))
            return bool(found) and all(_is_masked(value, place, project, depth - 1) for value, place in found)
        case f.CallRef(index=index) if depth > 0:
            return _is_masking(project.callee(where[0], where[0].facts.calls[index]), project, depth - 1)
    return False


def _is_masking(callee: Type, project: Project, depth: int) -> bool:
    """Whether a function of the project gives nothing but masks and constants."""
    if not isinstance(callee, FunctionObject) or callee.function.is_async or callee.function.is_generator:
        return False
    home = callee.function.module
    given = [
        (leave.value, (home, leave.block, leave.start)) for leave in callee.function.exits if leave.kind == "return"
    ]
    return bool(given) and all(
        value is not None and (_is_masked(value, at, project, depth) or _is_fixed(value, at, project))
        for value, at in given
    )


def _is_left_out_by(handler: Function, one: SchemaField, project: Project) -> bool:
    """Whether a handler answers with objects that it makes itself, those of the field's class without the field."""
    module = handler.module
    sent = [(leave.value, (module, leave.block, leave.start)) for leave in handler.exits if leave.kind == "return"]
    if not sent or not all(_is_made(value, where, project) for value, where in sent):
        return False
    made = [call for call in handler.calls if _makes(call, one, (module, call.block, call.start), project)]
    return bool(made) and all(
        f.last_name(call.func) not in _COPIES
        and all(arg.name not in ("", "*", "**", one.name, one.alias) for arg in call.args)
        for call in made
    )


def _is_made(expr: f.Expr | None, where: Where, project: Project) -> bool:
    """Whether a value is an object of a class of the project that is made at this place."""
    if not isinstance(expr, f.CallRef):
        return False
    callee = project.callee(where[0], where[0].facts.calls[expr.index])
    return isinstance(callee, ClassObject) and isinstance(callee.cls, Class)


def _running(handler: Function, project: Project) -> Iterator[Function]:
    """A handler and the functions of the project that it runs, near ones first."""
    seen = {handler: 0}
    queue = [handler]
    for function in queue:
        yield function
        if seen[function] >= _DEEPEST or len(queue) > _MOST:
            continue
        for call in function.calls:
            for each in project.effects.execution.may_run(project.callee(function.module, call)) or ():
                if each not in seen:
                    seen[each] = seen[function] + 1
                    queue.append(each)


def _makes(call: f.Call, one: SchemaField, where: Where, project: Project) -> bool:
    """Whether a call makes an object of a field's class, anew or as a copy."""
    made: object = None
    if isinstance(call.func, f.Attr) and call.func.attr in _COPIES:
        value = project.types.infer(call.func.value, where)
        made = value.cls if isinstance(value, Instance) else None
    else:
        callee = project.callee(where[0], call)
        made = callee.cls if isinstance(callee, ClassObject) else None
    return isinstance(made, Class) and project.types.is_subclass(made, one.owner)


def _is_fixed(expr: f.Expr, where: Where, project: Project, depth: int = 5) -> bool:
    """Whether an expression is a constant in every case; of `a if a == MASK else MASK`, too."""
    if is_none(expr) or project.values.text(expr, where) is not None:
        return True
    if depth == 0:
        return False
    match expr:
        case f.Choice(options=options, test=test, op="if"):
            same = test.operands if isinstance(test, f.Compare) and test.operators == ("==",) else ()
            fixed = any(_is_fixed(each, where, project, depth - 1) for each in same)
            return all(
                _is_fixed(option, where, project, depth - 1) or (fixed and option == options[0] and option in same)
                for option in options
            )
        case f.Name():
            found = list(project.values.definitions(expr, where))
            return bool(found) and all(_is_fixed(value, place, project, depth - 1) for value, place in found)
    return False
