"""Request code: the functions of the project that a request may run, and whether a session leaves them for code that
is not seen. Judges nothing.

Follows every call, awaited or not, what is handed to a thread or a task, contexts, loops, decorators and dependencies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.database.holders import holds_conversation
from fastapi_lint.model.database.sessions import is_session_like
from fastapi_lint.model.injection.parameters import Depends
from fastapi_lint.model.names.annotations import is_plain
from fastapi_lint.model.names.expressions import decorated_by, is_super
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Partial,
    Type,
)
from fastapi_lint.model.routing.routes import Route
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.tracking import memoized

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_MOST = 1_500
_NAMING = (f.Name, f.Attr, f.CallRef)
_NO_FUNCTIONS = (f.Const, f.Joined, f.Display, f.Mapping, f.Compare, f.Each, f.Binary, f.Unary, f.Await)
_CONTEXT = ("__enter__", "__exit__", "__aenter__", "__aexit__", "__iter__", "__next__", "__aiter__", "__anext__")
_KNOWN = (
    "sqlalchemy.",
    "sqlmodel.",
    "logging.",
    "loguru.",
    "structlog.",
    "fastapi.security.",
    "contextlib.",
    "typing.",
)
"""Libraries that get a session, or an object with one, and leave its transaction alone."""
_HARMLESS = frozenset({
    "isinstance", "issubclass", "hasattr", "getattr", "type", "id", "repr", "str", "print", "len", "bool", "callable",
    "hash", "super", "next", "anext", "iter", "aiter", "list", "tuple", "vars", "dir", "any", "all", "sorted",
    "enumerate", "zip",
})  # fmt: skip

Ran = tuple[Function, "f.Call | None"]
"""A function that another one may run, and the call by which it does (None for what runs without one)."""


@dataclass(frozen=True, eq=False)
class RequestCode:
    """What one endpoint may run, each function with the one that runs it first: the endpoint and its dependencies with
    None. `is_complete`: every dependency in front of it is known."""

    handler: Function
    functions: Mapping[Function, tuple[Function, f.Call | None] | None] = field(repr=False)
    is_complete: bool

    def way(self, function: Function) -> list[tuple[Function, f.Call | None]]:
        """The functions from the endpoint, or a dependency, down to the caller of one, each with the call it makes."""
        found: list[tuple[Function, f.Call | None]] = []
        step = self.functions.get(function)
        while step is not None:
            found.append(step)
            step = self.functions.get(step[0])
        return found[::-1]

    @property
    def own(self) -> list[Function]:
        """The endpoint and what it calls, without what its dependencies alone run."""
        found = {self.handler: None}
        for function, step in self.functions.items():  # whoever runs one stands before it
            if step is not None and step[0] in found:
                found[function] = None
        return list(found)


class Requests:
    """Answers "what does a request run"."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @memoized
    def of(self, route: Route) -> RequestCode | None:
        """What a route runs; None when its handler is not known."""
        if route.handler is None:
            return None
        found: dict[Function, tuple[Function, f.Call | None] | None] = {route.handler: None}
        injected, is_complete = self._injected(route)
        found.update(dict.fromkeys(injected))
        queue = list(found)
        for number, function in enumerate(queue):  # grows while it runs
            if number > _MOST:
                return RequestCode(route.handler, found, False)
            for inner, call in self.runs(function):
                if inner not in found:
                    found[inner] = function, call
                    queue.append(inner)
        return RequestCode(route.handler, found, is_complete)

    @memoized
    def late(self, route: Route) -> frozenset[Function]:
        """What a route runs when its endpoint runs, or later: without what is behind it when the endpoint starts.

        A plain dependency, and what that calls itself, is over by then; a generator is not, nor is what a dependency
        hands to somebody, makes as a closure or enters.
        """
        code = self.of(route)
        if code is None:
            return frozenset()
        pending = [code.handler]
        for function, step in code.functions.items():
            if step is None and function.is_generator:
                pending.append(function)
            for inner, call in self.runs(function):
                called = () if call is None else self._targets(function.module, call) or ()
                if inner.is_generator or inner not in called:
                    pending.append(inner)
        found: set[Function] = set()
        while pending:
            function = pending.pop()
            if function in code.functions and function not in found:
                found.add(function)
                pending += [inner for inner, _ in self.runs(function)]
        return frozenset(found)

    def _injected(self, route: Route) -> tuple[list[Function], bool]:
        """The functions that FastAPI runs in front of a route, and whether all of them are known."""
        dependencies = self._project.dependencies
        listed, is_complete = dependencies.holder_dependencies(route)
        depends = [*listed, *dependencies.of_handler(route)]
        if (router := route.router) is not None:
            given, known = dependencies.holder_dependencies(router)
            depends += given
            is_complete = is_complete and known
        for address in route.addresses:
            given, known = dependencies.effective(address)
            depends += given
            is_complete = is_complete and known
        found: dict[Function, None] = {}
        for one in depends:
            for each in dependencies.closure(one):
                functions = self.called(each.target)
                is_complete = is_complete and (functions is not None or self._is_of_library(each))
                found.update(dict.fromkeys(functions or ()))
        return list(found), is_complete

    def called(self, target: Type) -> tuple[Function, ...] | None:
        """What FastAPI runs of the project for a dependency; None when that is not known."""
        match target:
            case FunctionObject(function=function):
                return (function,)
            case ClassObject() | Partial():
                return self._project.effects.execution.may_run(target)
            case Instance(cls=Class() as cls):
                return self._project.effects.execution.own_methods(cls, "__call__") or None
            case External() | Instance(cls=str()) | Method():
                return ()
        return None

    def _is_of_library(self, depends: Depends) -> bool:
        """Whether a dependency is what a library makes: it is not given the session of the request."""
        for arg in depends.call.args:
            where = (depends.module, depends.call.block, depends.call.start)
            made = [(arg.value, where)]
            if isinstance(arg.value, (f.Name, f.Attr)):
                made = list(self._project.values.definitions(arg.value, where))
            if arg.name in ("", "dependency"):
                return bool(made) and all(self._is_library_call(value, place[0]) for value, place in made)
        return False

    def _is_library_call(self, expr: f.Expr, module: Module) -> bool:
        if not isinstance(expr, f.CallRef):
            return False
        callee = self._project.callee(module, module.facts.calls[expr.index])
        if isinstance(callee, Method):
            return callee.cls != "?"
        return isinstance(callee, External) or (isinstance(callee, Instance) and isinstance(callee.cls, str))

    @memoized
    def runs(self, function: Function) -> tuple[Ran, ...]:
        """The functions of the project that a body may run, at once or later, each once."""
        found: dict[Function, f.Call | None] = {}
        for inner, call in self._runs(function):
            found.setdefault(inner, call)
        return tuple(found.items())

    def _runs(self, function: Function) -> Iterator[Ran]:
        module, facts, types = function.module, function.facts, self._project.types
        execution = self._project.effects.execution
        for call in function.calls:
            for each in self._targets(module, call) or ():
                yield each, call
            for arg in call.args:
                if type(arg.value) not in _NAMING:
                    continue
                where = (module, call.block, call.start)
                if not isinstance(arg.value, f.Name) or not self._is_no_function(arg.value, where):
                    given = types.infer(arg.value, where)
                    if type(given) is FunctionObject or type(given) is Partial:
                        yield from ((each, call) for each in execution.may_run(given) or ())
        for block in module.blocks_in.get(function.index, ()):
            if block.kind in ("with", "for") and block.test is not None:
                value = types.infer(block.test, (module, max(block.parent, 0), block.start))
                if isinstance(value, Instance) and isinstance(value.cls, Class):
                    yield from ((each, None) for each in execution.own_methods(value.cls, *_CONTEXT))
        yield from ((step.function, step.call) for step in execution.steps(function) if step.function is not None)
        for inner in module.functions_within(facts.start, facts.end):
            if inner.parent is function:
                yield inner, None
        for decorator in facts.decorators:
            value = types.decorator(function, decorator)
            if isinstance(value, (FunctionObject, ClassObject)):
                yield from ((each, None) for each in execution.may_run(value) or ())
            if isinstance(value, ClassObject):
                yield from ((each, None) for each in execution.own_methods(value.cls, "__call__"))

    def _is_no_function(self, expr: f.Name, where: Where) -> bool:
        """Whether a name is bound to what is evidently something else: asked before its type is worked out."""
        found = self._project.types.find_bindings(expr.id, where)
        entry = found[0].entry if len(found) == 1 else None
        if type(entry) is f.Param:
            return entry.annotation is not None and is_plain(entry.annotation)
        return type(entry) is f.Assign and type(entry.value) in _NO_FUNCTIONS and entry.target == expr

    def _targets(self, module: Module, call: f.Call) -> tuple[Function, ...] | None:
        """The functions of the project that a call may run; a library's has none, None when it is not known."""
        callee = self._project.types.callee(module, call)
        if callee is None:
            return None
        if type(callee) is External or type(callee) is Method:  # as most
            return ()
        if isinstance(callee, FunctionObject) and isinstance(call.func, f.Attr) and is_super(module, call.func.value):
            return (callee.function,)
        return self._project.effects.execution.may_run(callee)

    # ---------------------------------------------------------------- sessions that leave

    @memoized
    def lets_go(self, function: Function) -> bool:
        """Whether a function hands a session, or an object that holds one, to code that is not seen, or leaves it where
        others find it."""
        module, facts, types = function.module, function.facts, self._project.types
        for decorator in facts.decorators:
            if types.decorator(function, decorator) is None and not _is_accessor(decorated_by(module, decorator)):
                return True
        for entry in module.assigns_in.get(function.index, ()):
            is_own = isinstance(entry.target, f.Name) or _root(entry.target) in ("self", "cls")
            if not is_own and self._brings(entry.value, (module, entry.block, entry.start)):
                return True
        return any(self._hands_on(module, call) for call in function.calls)

    def _hands_on(self, module: Module, call: f.Call) -> bool:
        """Whether a call gives a session to code that is not seen."""
        types = self._project.types
        where = (module, call.block, call.start)
        callee = types.callee(module, call)
        match callee:
            case External(name=name) if name in _HARMLESS or name.startswith(_KNOWN):
                return False
            case Method(cls=cls) if cls.startswith(_KNOWN):
                return False
            case External():
                pass
            case Method(cls=cls, owner=owner) if cls != "?":
                if owner is not None and self._holds(owner):
                    return True  # inherited from a library
            case _:
                if self._targets(module, call) is not None:
                    return False
                if isinstance(call.func, f.Attr) and self._is_near(call.func, where):
                    return True
        if any(isinstance(types.infer(arg.value, where), (FunctionObject, Partial)) for arg in call.args):
            return False  # run_in_threadpool(f, session)
        return any(self._brings(arg.value, where) for arg in call.args)

    def _is_near(self, func: f.Attr, where: Where) -> bool:
        """Whether a method that is not known may be one of an object with a session: that object, or a part of it.

        A value that is kept in an attribute and called is no method, and a class that is kept there holds nothing.
        """
        part: f.Expr = func.value
        above: f.Attr | None = func
        while True:
            value = self._project.types.infer(part, where)
            if value is not None:
                return self._holds(value) and not (
                    above is not None and self._is_kept(value, above.attr, called=above is func)
                )
            above = part if isinstance(part, f.Attr) else None
            if not isinstance(part, (f.Attr, f.Sub, f.Await)):
                return False
            part = part.value

    def _is_kept(self, owner: Type, attr: str, *, called: bool) -> bool:
        """Whether an attribute is a value (of which the class is `called`, or anything is done with a class)."""
        types = self._project.types
        for base in types.mro(owner.cls) if isinstance(owner, Instance) and isinstance(owner.cls, Class) else ():
            if not isinstance(base, Class):
                return False
            if (entry := base.assigns.get(attr)) is not None:
                return called or _is_class(entry.annotation) or not isinstance(entry.value, (f.CallRef, type(None)))
            if stored := types.self_assigns(base).get(attr):
                return called or all(
                    isinstance(entry.value, f.Name)
                    and any(p.name == entry.value.id and _is_class(p.annotation) for p in function.params)
                    for entry, function in stored
                )
            if attr in base.methods:
                return False
        return False

    def _brings(self, expr: f.Expr | None, where: Where) -> bool:
        """Whether a value is a session, an object that holds one, or has such a thing in it."""
        match expr:
            case f.Name() | f.Attr() | f.CallRef() | f.Sub():
                return self._holds(self._project.types.infer(expr, where))
            case f.Display(items=parts) | f.Choice(options=parts):
                return any(self._brings(part, where) for part in parts)
            case f.Mapping(items=pairs):
                return any(self._brings(value, where) for _, value in pairs)
            case f.Await(value=value) | f.Star(value=value):
                return self._brings(value, where)
        return False

    def _holds(self, value: Type) -> bool:
        types = self._project.types
        return is_session_like(types, value) or holds_conversation(types, value)


def _is_class(annotation: f.Expr | None) -> bool:
    """Whether an annotation says that a value is a class."""
    return isinstance(annotation, f.Sub) and f.last_name(annotation.value) in ("type", "Type")


def _root(expr: f.Expr) -> str:
    while isinstance(expr, (f.Attr, f.Sub)):
        expr = expr.value
    return expr.id if isinstance(expr, f.Name) else ""


def _is_accessor(decorator: f.Expr) -> bool:
    return isinstance(decorator, f.Attr) and decorator.attr in ("setter", "getter", "deleter")
