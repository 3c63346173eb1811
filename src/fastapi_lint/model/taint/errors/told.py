"""What expressions say of caught exceptions: their texts and tracebacks, followed to where a value is used.

Starts from a value and goes back: through text, displays, objects of schemas, variables of the function (also what is
put into a list or a dict there, and what leaves an except clause in them), and functions of the project that give it
back. Says which exceptions were caught there, not whether their texts may be told. Where a condition of the
configuration (`if settings.debug`) decides, or one that asks what the exception is, nothing is told. What cannot be
followed is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.attempts.clauses import caught
from fastapi_lint.model.calls.bodies.binding import filled
from fastapi_lint.model.names.expressions import is_super
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    Partial,
    Type,
)
from fastapi_lint.model.taint.errors.binding import bound_by, with_bound
from fastapi_lint.model.taint.errors.speaking import DUMPING, KEEPING, SPEAKING, TEXTS, TRACEBACKS, VALIDATING
from fastapi_lint.model.taint.errors.variables import Variables
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.environment import NOWHERE, Bound, Environment
from fastapi_lint.tracking import memoized

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DEEPEST = 24
_MOST_HOPS = 3
_MOST_STEPS = 4000
Key = str | int | None
"""The part of a value that is asked for: the entry of a dict, the field of an object, an item; None: all of it."""


@dataclass(frozen=True)
class Told:
    """An exception of which something says the text (or the traceback), by the types that were caught.

    `block` is that of the except clause or of the handler that got it. `given` is the return statement by which the
    function gives it away, when what was asked about stands in another one.
    """

    what: Literal["text", "traceback"]
    types: tuple[Type, ...] = field(repr=False)
    module: Module = field(repr=False)
    block: int
    given: f.Exit | None = None

    @property
    def function(self) -> Function | None:
        """Where it was caught."""
        return self.module.enclosing(self.block)


class Telling:
    """Answers "what does this say of exceptions"."""

    def __init__(self, project: Project) -> None:
        self.types = project.types
        self.schemas = project.schemas
        self.failures = project.failures
        self.variables = Variables(project.types, lambda each: each in project.routes.by_handler)
        self._left = 0

    def told(self, bound: Bound) -> tuple[Told, ...]:
        """The exceptions of which an expression says what they say, in the environment of a call or in none."""
        return self._within(lambda: self._walk(*bound, None, 0, 0))

    def _within(self, found: Callable[[], Iterator[Told]]) -> tuple[Told, ...]:
        """Answers with a bounded number of steps, the same for every asker."""
        left, self._left = self._left, _MOST_STEPS
        try:
            return tuple(dict.fromkeys(found()))
        finally:
            self._left = left

    # ---------------------------------------------------------------- expressions

    def _walk(
        self, expr: f.Expr | None, where: Where, environment: Environment, key: Key, depth: int, hops: int
    ) -> Iterator[Told]:
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            return

        def inner(part: f.Expr | None, of: Key = key) -> Iterator[Told]:
            return self._walk(part, where, environment, of, depth + 1, hops)

        match expr:
            case f.Name(id=name) if name in environment:
                for told in self._walk(*environment[name], key, depth + 1, hops):
                    if not self._is_spared(name, where, told.types):
                        yield told
                yield from self._put(expr, where, environment, key, depth, hops)
            case f.Name():
                yield from self._named(expr, where, environment, key, depth, hops)
            case f.Attr(value=f.Name(id=name), attr=attr) if f"{name}.{attr}" in environment:
                yield from self._walk(*environment[f"{name}.{attr}"], key, depth + 1, hops)
            case f.Attr(value=value, attr=attr):
                if self._is_error(value, where, environment):
                    yield from inner(value, None) if attr in SPEAKING else ()
                elif key is None:
                    yield from inner(value, attr)
            case f.Sub(value=value, items=(f.Const(value=int()),)) if self.types.is_text(value, where):
                pass  # one character says nothing
            case f.Sub(value=value, items=(f.Const(value=str() | int() as of),)):
                yield from inner(value, None if self._speaks(value, where, environment) else of)
            case f.Sub(value=value, items=(f.Unknown(),)):  # a slice
                yield from inner(value)
            case f.Joined(parts=parts):
                yield from (told for part in parts for told in inner(part, None))
            case f.Binary(op="+" | "%" | "|", left=left, right=right):
                yield from inner(left)
                yield from inner(right)
            case f.Mapping(items=pairs):
                for entry, value in pairs:
                    if entry is None:
                        yield from inner(value)
                    elif key is None or entry == f.Const(key):
                        yield from inner(value, None)
            case f.Display(items=items):
                for index, item in enumerate(items):
                    if key is None or key == index:
                        yield from inner(item, None)
            case f.Choice(options=options, test=test):
                if test is None or not self.variables.tells_apart(test, where):
                    yield from (told for option in options for told in inner(option))
            case f.Each(element=element, block=block):
                place = (where[0], block, where[0].facts.blocks[block].end)
                yield from self._walk(element, place, environment, None, depth + 1, hops)
            case f.Await(value=value) | f.Star(value=value):
                yield from inner(value)
            case f.CallRef(index=index):
                call = where[0].facts.calls[index]
                place = (where[0], call.block, call.start)
                yield from self._called(call, place, environment, key, depth + 1, hops)

    def _named(
        self, expr: f.Name, where: Where, environment: Environment, key: Key, depth: int, hops: int
    ) -> Iterator[Told]:
        module = where[0]
        for binding in self.variables.reaching(expr.id, where):
            match binding.entry:
                case f.Block(kind="except") as clause:
                    types = caught(self.types, module, clause)
                    if key is None and not self.variables.is_told_apart(where, binding.block):
                        if not self.variables.is_ruled_out(expr.id, where, types):
                            yield Told("text", types, module, binding.block)
                case f.Block(kind="for" | "comprehension") as loop:
                    place = (module, loop.parent, loop.start)
                    yield from self._walk(loop.test, place, environment, None, depth + 2, hops)
                case f.Param() as param:
                    function = module.enclosing(where[1])
                    if function is not None and key is None and self.failures.parameter(function) is param:
                        if not self.variables.is_told_apart(where, function.facts.block):
                            yield Told("text", self.failures.handlers[function], module, function.facts.block)
                case f.Assign(value=value, target=target) as entry if value is not None:
                    place = (module, entry.block, entry.start)
                    if target == expr:
                        yield from self._walk(value, place, environment, key, depth + 2, hops)
                    elif isinstance(target, f.Display) and expr in target.items and key is None:
                        of = target.items.index(expr)
                        yield from self._walk(value, place, environment, of, depth + 2, hops)
        yield from self._put(expr, where, environment, key, depth, hops)

    def _put(
        self, expr: f.Name, where: Where, environment: Environment, key: Key, depth: int, hops: int
    ) -> Iterator[Told]:
        """What is said by what a function puts into an object before it uses it, itself or by methods of the object."""
        for put, part, at in self.variables.put_into(expr.id, where):
            if key is None or part is None or part == key:
                if not isinstance(part, str) or self._is_shown(expr, part, where):
                    yield from self._walk(put, at, environment, None, depth + 2, hops)
        for call, at in self.variables.called_on(expr.id, where) if hops < _MOST_HOPS else ():
            method = self.types.callee(where[0], call)
            if (
                isinstance(method, FunctionObject)
                and isinstance(method.owner, Instance)
                and not method.function.facts.decorators
            ):
                given = bound_by(method.function, call, at, environment, 1)
                for put, part, place in self.variables.put_by(method.function):
                    if part is not None and key in (None, part) and self._is_shown(expr, str(part), where):
                        yield from self._walk(put, place, given, None, depth + 2, hops + 1)

    def _is_spared(self, name: str, where: Where, caught: tuple[Type, ...]) -> bool:
        """Whether a function that is given an exception asks first whether it is one, or may show it."""
        function = where[0].enclosing(where[1])
        if function is None:
            return False
        told_apart = self.variables.is_told_apart(where, function.facts.block)
        return told_apart or self.variables.is_ruled_out(name, where, caught)

    def _is_shown(self, expr: f.Name, part: str, where: Where) -> bool:
        """Whether an entry or attribute that is set is in the output of what a name stands for."""
        value = self.types.infer(expr, where)
        if not isinstance(value, Instance) or isinstance(value.cls, str):
            return value is None or (isinstance(value, Instance) and value.cls == "dict")
        schema = self.schemas.of(value.cls)
        one = schema.field(part) if schema is not None and schema.kind != "sqlmodel-table" else None
        return one is not None and not one.excluded

    def _is_error(self, expr: f.Expr, where: Where, environment: Environment) -> bool:
        """Whether an expression is a caught exception itself."""
        for _ in range(_DEEPEST):
            if not isinstance(expr, f.Name):
                return False
            if expr.id not in environment:
                break
            expr, where, environment = environment[expr.id]
        found = self.variables.reaching(expr.id, where) if isinstance(expr, f.Name) else []
        function = where[0].enclosing(where[1])
        handled = self.failures.parameter(function) if function is not None else None
        return len(found) == 1 and (getattr(found[0].entry, "kind", "") == "except" or found[0].entry is handled)

    def _speaks(self, expr: f.Expr, where: Where, environment: Environment) -> bool:
        """Whether an expression is the arguments of an exception, of which each says what it says."""
        return (
            isinstance(expr, f.Attr) and expr.attr in SPEAKING and self._is_error(expr.value, where, environment)
        ) or (isinstance(expr, f.CallRef) and f.last_name(where[0].facts.calls[expr.index].func) in KEEPING)

    # ---------------------------------------------------------------- calls

    def _called(
        self, call: f.Call, where: Where, environment: Environment, key: Key, depth: int, hops: int
    ) -> Iterator[Told]:
        def each(args: tuple[f.Arg, ...]) -> Iterator[Told]:
            return (told for arg in args for told in self._walk(arg.value, where, environment, None, depth + 1, hops))

        module = where[0]
        callee = self.types.callee(module, call)
        if isinstance(callee, Partial):
            call = with_bound(call, callee.made) if callee.made is not None else call
            callee = callee.callable
        match callee:
            case External(name=name) if name in TRACEBACKS:
                if not self.variables.is_told_apart((module, call.block, call.start), -1):
                    yield Told("traceback", (), module, call.block)
            case External(name="sys.exc_info" | "sys.exception") if key in (None, 1):
                yield from self._caught_around(where)
            case External(name=name) if name in TEXTS:
                yield from each(call.args)
            case External(name="asyncio.wait_for" | "asyncio.shield" | "asyncio.create_task") if call.args:
                yield from self._walk(call.args[0].value, where, environment, key, depth + 1, hops)
            case External(name="dict"):
                yield from each(tuple(arg for arg in call.args if key is None or arg.name in ("", "**", key)))
            case External(name="dataclasses.replace" | "copy.replace" | "attrs.evolve" | "attr.evolve") if call.args:
                yield from self._walk(call.args[0].value, where, environment, key, depth + 1, hops)
                yield from each(tuple(arg for arg in call.args[1:] if key is None or arg.name in ("**", key)))
            case External(name="getattr") if call.args and self._is_error(call.args[0].value, where, environment):
                asked = call.args[1].value if len(call.args) > 1 else None
                if not isinstance(asked, f.Const) or asked.value in SPEAKING:
                    yield from each(call.args)
            case External(name=name) if name.rpartition(".")[2] in VALIDATING:
                for arg in call.args:
                    if arg.name in ("", "**", "obj", key):
                        part = key if arg.name in ("", "**", "obj") else None
                        yield from self._walk(arg.value, where, environment, part, depth + 1, hops)
            case ClassObject(cls=cls):
                yield from self._object(cls, call, where, environment, key, depth, hops)
            case FunctionObject(function=function, owner=owner):
                yield from self._given_back(function, owner, call, where, environment, key, depth, hops)
            case _ if isinstance(call.func, f.Attr):
                attr, value = call.func.attr, call.func.value
                if attr in ("join", "format"):
                    yield from each(call.args)
                if attr in KEEPING or attr == "format":
                    yield from self._walk(value, where, environment, None, depth + 1, hops)
                elif attr in DUMPING:
                    yield from self._walk(value, where, environment, key, depth + 1, hops)
                    changes = f.keyword(call, "update") if attr in ("model_copy", "copy") else None
                    if changes is not None:
                        yield from self._walk(changes.value, where, environment, key, depth + 1, hops)
                elif attr in ("get", "pop") and call.args and isinstance(of := call.args[0].value, f.Const):
                    if isinstance(of.value, (str, int)):
                        yield from self._walk(value, where, environment, of.value, depth + 1, hops)

    def _caught_around(self, where: Where) -> Iterator[Told]:
        """The exception of the except clause around a place."""
        module, block, _ = where
        blocks = module.facts.blocks
        while block >= 0 and blocks[block].kind not in ("except", "function", "lambda", "module"):
            block = blocks[block].parent
        if block >= 0 and blocks[block].kind == "except" and not self.variables.is_told_apart(where, block):
            yield Told("text", caught(self.types, module, blocks[block]), module, block)

    def _object(
        self, cls: Class, call: f.Call, where: Where, environment: Environment, key: Key, depth: int, hops: int
    ) -> Iterator[Told]:
        """What an object says: by the fields that its constructor is given, or by what that keeps in attributes."""
        init = self.types.member(cls, "__init__", Instance(cls))
        if isinstance(init, FunctionObject):
            yield from self._kept(init.function, bound_by(init.function, call, where, environment, 1), key, depth, hops)
            return
        schema = self.schemas.of(cls)
        if schema is None:
            return
        for index, arg in enumerate(call.args):
            name = arg.name or (schema.fields[index].name if index < len(schema.fields) else "")
            one = schema.field(name)
            if arg.name == "**":
                yield from self._walk(arg.value, where, environment, key, depth + 1, hops)
            elif (key is None or key == name) and (one is None or not one.excluded):
                yield from self._walk(arg.value, where, environment, None, depth + 1, hops)

    def _kept(self, init: Function, given: Environment, key: Key, depth: int, hops: int) -> Iterator[Told]:
        """What a constructor keeps in attributes, itself or by those of the classes above."""
        module = init.module
        itself = init.params[0].name if init.params else "self"
        for entry in module.assigns_in.get(init.index, ()):
            match entry.target:
                case f.Attr(value=f.Name(id=name), attr=attr) if name == itself and key in (None, attr):
                    place = (module, entry.block, entry.start)
                    yield from self._walk(entry.value, place, given, None, depth + 1, hops)
        for call in init.calls if depth < _DEEPEST else ():
            if isinstance(call.func, f.Attr) and call.func.attr == "__init__" and is_super(module, call.func.value):
                above = self.types.callee(module, call)
                if isinstance(above, FunctionObject):
                    place = (module, call.block, call.start)
                    handed = bound_by(above.function, call, place, given, 1)
                    yield from self._kept(above.function, handed, key, depth + 1, hops)

    def _given_back(
        self,
        function: Function,
        owner: Instance | ClassObject | None,
        call: f.Call,
        where: Where,
        environment: Environment,
        key: Key,
        depth: int,
        hops: int,
    ) -> Iterator[Told]:
        """What a function of the project gives back: of exceptions that it was given, and of those that it catches."""
        if function.is_generator or function.name == "<lambda>" or hops >= _MOST_HOPS or function.module.is_test:
            return
        yield from self._of_itself(function, key, hops + 1)
        before = filled(self.types, FunctionObject(function, owner))
        given = bound_by(function, call, where, environment, before)
        if isinstance(owner, Instance) and before and isinstance(call.func, f.Attr) and function.params:
            given = given.with_bound({function.params[0].name: (call.func.value, where, environment)})
        passed = [bound for bound in given.values() if not isinstance(bound[0], (f.Unknown, f.Const))]
        if any(next(self._walk(*bound, None, depth + 1, hops), None) for bound in passed):
            for told, _ in self._returned(function, given, key, depth, hops + 1):
                if told.function is not function:
                    yield told

    @memoized
    def _of_itself(self, function: Function, key: Key, hops: int) -> tuple[Told, ...]:
        """What a function gives back of exceptions that it catches, or that functions give it back."""
        return self._within(
            lambda: (
                told if told.given is not None else replace(told, given=leave)
                for told, leave in self._returned(function, NOWHERE, key, 0, hops)
            )
        )

    def _returned(
        self, function: Function, given: Environment, key: Key, depth: int, hops: int
    ) -> Iterator[tuple[Told, f.Exit]]:
        for leave in function.exits:
            if leave.kind == "return" and leave.value is not None:
                place = (function.module, leave.block, leave.start)
                yield from ((told, leave) for told in self._walk(leave.value, place, given, key, depth + 1, hops))
