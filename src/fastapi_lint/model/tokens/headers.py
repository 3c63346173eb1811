"""Whether a value is what the header of a token says: then the writer of the token chose it. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy import tokens
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance
from fastapi_lint.model.tokens.expressions import compares, matches, parts_of, read_of, tests_of
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DEPTH = 5
_PROPERTIES = frozenset({"property", "functools.cached_property"})
_KEYS = frozenset({"jwk", "jku", "x5c", "x5u"})
"""Entries of a header that hold a key, or the address of one."""


def is_chosen_by_token(expr: f.Expr, where: Where, project: Project, depth: int = _DEPTH) -> bool:
    """Whether an expression gives the algorithm in a token's header, and no code looked which one that is."""
    module = where[0]
    if depth < 0 or _is_compared(expr, where):
        return False
    read = read_of(expr, module)
    if read is not None:
        return read.key == "alg" and _is_header(read.base, where, project, depth - 1)
    match expr:
        case f.CallRef(index=index):
            callee = project.callee(module, module.facts.calls[index])
            return isinstance(callee, FunctionObject) and _gives_choice(callee.function, project, depth)
        case f.Choice(options=options, test=test):
            return any(
                is_chosen_by_token(option, where, project, depth - 1)
                for option in options
                if test is None or not compares(test, option, module)
            )
        case f.Name():
            found = list(project.values.definitions(expr, where))
            return len(found) == 1 and found[0][1][0] is module and is_chosen_by_token(*found[0], project, depth - 1)
        case f.Attr():
            found = list(project.values.definitions(expr, where)) or list(_given(expr, where, project))
            if (getter := _property(expr, where, project)) is not None:
                return _gives_choice(getter, project, depth)
            return bool(found) and all(is_chosen_by_token(*each, project, depth - 1) for each in found)
    return False


def _gives_choice(function: Function, project: Project, depth: int) -> bool:
    """Whether the one thing that a function returns is the algorithm in a token's header."""
    given = _given_back(function)
    return given is not None and is_chosen_by_token(*given, project, depth - 1)


def _given_back(function: Function) -> tuple[f.Expr, Where] | None:
    """The one thing that a function returns."""
    match [each for each in function.exits if each.kind == "return" and each.value is not None]:
        case [f.Exit(value=value, block=block, start=start)] if value is not None:
            return value, (function.module, block, start)
    return None


def _property(expr: f.Attr, where: Where, project: Project) -> Function | None:
    """The method that runs when an attribute is read."""
    owner = project.infer(expr.value, *where)
    order = project.types.mro(owner.cls) if isinstance(owner, Instance) and isinstance(owner.cls, Class) else ()
    found = (base.methods[expr.attr] for base in order if isinstance(base, Class) and expr.attr in base.methods)
    getter = next(found, None)
    return getter if getter is not None and _PROPERTIES.intersection(project.types.decorators(getter)) else None


def _given(expr: f.Attr, where: Where, project: Project) -> Iterator[tuple[f.Expr, Where]]:
    """What a field of an object is given by the call that made it, else by all that make one of its class."""
    owner = project.infer(expr.value, *where)
    if isinstance(owner, Instance) and isinstance(owner.cls, Class):
        objects = project.routes.expansion.objects
        for maker in (owner.origin,) if owner.origin is not None else objects.makers(owner.cls):
            yield objects.field(owner.cls, expr.attr, maker) or (expr, where)


def is_key_of_token(expr: f.Expr, where: Where, project: Project, depth: int = _DEPTH) -> bool:
    """Whether a key is made from one that stands in a token's own header, and no code looked which one that is."""
    module = where[0]
    for part, _ in parts_of(expr):
        read = read_of(part, module)
        if read is not None and read.key in _KEYS and _is_header(read.base, where, project, depth):
            return not _is_compared(part, where)
        if isinstance(part, f.CallRef) and depth > 0:
            call = module.facts.calls[part.index]
            inner = [arg.value for arg in call.args]
            inner += [call.func.value] if isinstance(call.func, f.Attr) else []
            if any(is_key_of_token(each, where, project, depth - 1) for each in inner):
                return True
        elif isinstance(part, f.Name) and depth > 0:
            found = list(project.values.definitions(part, where))
            if len(found) == 1 and found[0][1][0] is module and not _is_compared(part, where):
                if is_key_of_token(*found[0], project, depth - 1):
                    return True
    return False


def _is_header(expr: f.Expr, where: Where, project: Project, depth: int) -> bool:
    match expr:
        case f.CallRef(index=index):
            call = where[0].facts.calls[index]
            name = project.called_name(where[0], call)
            if name == "typing.cast" and len(call.args) == 2:
                return _is_header(call.args[1].value, where, project, depth - 1)
            callee = project.callee(where[0], call) if depth >= 0 else None
            if isinstance(callee, FunctionObject):
                given = _given_back(callee.function)
                return given is not None and _is_header(*given, project, depth - 1)
            return tokens.header(name or "") is not None
        case f.Name() | f.Attr() if depth >= 0:
            found = list(project.values.definitions(expr, where))
            return len(found) == 1 and _is_header(*found[0], project, depth - 1)
    return False


def _is_compared(expr: f.Expr, where: Where) -> bool:
    """Whether the function around a place compares a value before it comes there."""
    module, block, at = where
    function = module.enclosing(block)
    if function is None:
        return False
    if any(start < at and compares(test, expr, module) for test, _, start in tests_of(function)):
        return True
    return matches(function, expr)
