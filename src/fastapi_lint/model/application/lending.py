"""What dependencies with `yield` lend to a handler: sessions, connections, clients, and objects that hold a session.

They are taken back when the code behind the `yield` runs. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.database.holders import conversations_in, holds_conversation, is_conversation
from fastapi_lint.model.injection.dependencies import Depends, Parameter
from fastapi_lint.model.injection.resources import is_closed_in, is_protected
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Function, FunctionObject
from fastapi_lint.model.routing.answering.streams import Stream
from fastapi_lint.model.types.inference.inference import DEPENDS

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


@dataclass(frozen=True, eq=False)
class Lent:
    """A parameter that holds something lent: by `lender`, a generator, with the scope of the function (`is_early`) or
    of the request. `is_session`: a session or connection; `is_direct`: it is the thing itself, not what holds it."""

    parameter: Parameter
    lender: Function
    is_early: bool
    is_session: bool
    is_direct: bool

    @property
    def name(self) -> str:
        return self.parameter.name


def lent(project: Project, function: Function) -> Iterator[Lent]:
    """The parameters of a handler or dependency that hold what a dependency takes back."""
    types, dependencies = project.types, project.dependencies
    for parameter in dependencies.parameters(function):
        if parameter.marker not in DEPENDS or parameter.marker_call is None or parameter.marker_module is None:
            continue
        where = (function.module, function.facts.outer, parameter.start)
        target = types.dependency_of(parameter.fact, where)
        early = is_early(parameter.marker_call)
        if isinstance(target, FunctionObject) and target.function.is_generator:
            lender = target.function
            given = types.yield_type(lender)
            if takes_back(lender):
                yield Lent(parameter, lender, early, is_conversation(types, given), True)
        elif holds_conversation(types, types.parameter(function, parameter.fact)):
            own = Depends(target, parameter.marker_module, parameter.marker_call, False)
            for inner in dependencies.closure(own):
                lender_ = inner.function
                if lender_ is not None and lender_.is_generator and inner is not own:
                    if is_conversation(types, types.yield_type(lender_)):
                        yield Lent(parameter, lender_, is_early(inner.call), True, False)
                        break


def is_early(call: f.Call) -> bool:
    """Whether a `Depends` has the scope of the function."""
    return any(arg.name == "scope" and arg.value == f.Const("function") for arg in call.args)


def takes_back(lender: Function) -> bool:
    """Whether a generator closes what it yields: it is entered, or closed behind the `yield`."""
    for leave in lender.exits:
        if leave.kind == "yield":
            named = f.last_name(leave.value) if leave.value is not None else ""
            if is_protected(leave, lender) or (named and is_closed_in(lender, named)):
                return True
    return False


def used_in(project: Project, stream: Stream, one: Lent, handler: Function) -> f.Call | None:
    """Where a stream uses what was lent to the endpoint; None when it does not."""
    generator = stream.generator
    given = [name for name, value in stream.given if value == f.Name(one.name)]
    is_inside = generator is handler or generator.parent is handler
    is_own = generator is not handler and any(param.name == one.name for param in generator.params)
    for name in [*given, *([one.name] if is_inside and not is_own else [])]:
        for call in uses(generator, name):
            return call
    if stream.receiver == one.name and generator.cls is not None and not one.is_direct:
        value = project.types.parameter(handler, one.parameter.fact)
        held = {f.Attr(f.Name("self"), attribute) for attribute in conversations_in(project.types, value)}
        for call in uses(generator, "self"):
            owner = call.func.value if isinstance(call.func, f.Attr) else None
            if owner in held or any(arg.value in held for arg in call.args):
                return call
    return None


def uses(
    function: Function, name: str, *, since: int = 0, until: int | None = None, nested: bool = True
) -> Iterator[f.Call]:
    """The calls in a body that are made on what a variable holds, or are given it; `nested` functions included."""
    module = function.module
    end = function.facts.end if until is None else until
    for call in module.facts.calls if nested else function.calls:
        if call.start < max(function.facts.head_end, since):
            continue
        if call.start >= end:
            break
        root = call.func
        while isinstance(root, (f.Attr, f.Sub)):
            root = root.value
        given = any(arg.value == f.Name(name) or f.Name(name) in _parts(arg.value) for arg in call.args)
        if given or (isinstance(call.func, f.Attr) and root == f.Name(name)):
            yield call


def _parts(expr: f.Expr) -> list[f.Expr]:
    """What a display holds."""
    return list(walk(expr)) if isinstance(expr, (f.Display, f.Star)) else []
