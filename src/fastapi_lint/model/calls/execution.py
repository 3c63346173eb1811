"""Which project functions run when a function runs: by calls, constructors, contexts, loops, properties, decorators.

Follows what happens at once and in the same thread. What is only passed on (to a thread, to a task, to a framework) is
not run here: hand-offs need no table, they take a function and do not call it in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.arguments import with_bound
from fastapi_lint.model.calls.bodies.binding import can_bind, can_make, is_of_one_object
from fastapi_lint.model.calls.bodies.overriding import Overriding
from fastapi_lint.model.calls.bodies.validation import run_by
from fastapi_lint.model.calls.bodies.wrapping import CACHED_PROPERTIES, Wrapping
from fastapi_lint.model.calls.concurrent.pools import EXECUTOR, is_awaited_inside
from fastapi_lint.model.calls.concurrent.together import Waiters, is_waiting, waiters
from fastapi_lint.model.calls.laziness import CALLERS, CONSUMERS, called_in, gives_generator, reads_on
from fastapi_lint.model.calls.steps import Step, shown
from fastapi_lint.model.calls.ways.sparing import allows_cache, is_once, never_runs
from fastapi_lint.model.names.expressions import attributes_in, attributes_of, operated
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    OneOf,
    Partial,
    Type,
)
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.tracking import memoized
from fastapi_lint.tracking.tables import collected

_OPERATORS = frozenset({"__getitem__", "__setitem__", "__delitem__", "__contains__", "__len__", "__str__"})
_PROPERTY = CACHED_PROPERTIES | {"property", "abc.abstractproperty"}


@dataclass
class _Table:
    """What one module's blocks say: loops and contexts by function, and the calls that `async with` or `for` drive.

    Calls are known by start and end.
    """

    driven: dict[int, list[f.Block]] = field(default_factory=dict)
    asynchronous: set[tuple[int, int]] = field(default_factory=set)
    delegated: set[tuple[int, int]] = field(default_factory=set)
    assigns: dict[int, list[f.Assign]] = field(default_factory=dict)
    waiters: Waiters = field(default_factory=dict)


def _own_properties(module: Module) -> Iterator[tuple[str, object]]:
    for function in module.functions:
        is_method = function.facts.cls >= 0 and not function.is_async
        if is_method and any(map(_is_property, function.facts.decorators)):
            yield function.name, True


def _own_operators(module: Module) -> Iterator[tuple[str, object]]:
    for function in module.functions:
        if function.name in _OPERATORS and function.facts.cls >= 0 and not function.is_async:
            yield function.name, True


class Execution:
    """Answers "which functions of the project does this run", each question once."""

    def __init__(self, types: Inference) -> None:
        self.types = types
        self.bodies = Wrapping(types).bodies
        self.overriding = overriding = Overriding(types)
        self.implementations, self.is_abstract = overriding.implementations, overriding.is_abstract
        self.may_run, self.own_methods = overriding.may_run, overriding.own_methods
        self.has_override, self.has_sync_override = overriding.has_override, overriding.has_sync_override
        self._tables: dict[Module, _Table] = {}

    @memoized
    def steps(self, function: Function) -> tuple[Step, ...]:
        """Everything in a body that runs project functions at once, awaited coroutines included, in source order."""
        found = [
            *self._calls(function), *self.reads(function), *self._writes(function), *self._drives(function),
            *self._operates(function),
        ]  # fmt: skip
        return tuple(sorted(found, key=lambda step: step.start))

    # ---------------------------------------------------------------- calls

    def _calls(self, function: Function) -> Iterator[Step]:
        module = function.module
        for call in function.calls:
            callee = self.types.callee(module, call)
            several = type(callee) is OneOf and is_of_one_object(self.types, module, call)
            for target in self._targets(callee, module, call, awaited=True):
                if never_runs(module, call.block, call.start) or allows_cache(call, target):
                    continue
                if not is_once(function, call.block, call.start):
                    yield Step(module, call.start, call.name_end, target, call, block=call.block, several=several)

    def targets(self, module: Module, call: f.Call, *, awaited: bool = False) -> Iterator[Function]:
        """The project functions whose bodies a call runs at once.

        Coroutine functions only with `awaited`, and only when the call is awaited.
        """
        return self._targets(self.types.callee(module, call), module, call, awaited=awaited)

    def by_object(self, module: Module, call: f.Call) -> list[tuple[Function, ...]]:
        """What a call of a method of one of several objects runs, for each of the objects of the project."""
        callee = self.types.callee(module, call)
        options = callee.options if isinstance(callee, OneOf) else (callee,)
        own = [option for option in options if not isinstance(option, Method)]
        return [tuple(self._called(option, module, call, True, call)) for option in own]

    def _targets(self, callee: Type, module: Module, call: f.Call, *, awaited: bool) -> Iterator[Function]:
        yield from self._called(callee, module, call, awaited, call)
        for validator in run_by(self.types, callee, module, call):
            yield from self.bodies(validator)
        for given in self.called_by_built_in(callee, module, call):
            yield from self.handed(self.types.infer(given.value, (module, call.block, call.start)))
        yield from self._gone_through(callee, module, call)

    def called_by_built_in(self, callee: Type, module: Module, call: f.Call) -> Iterator[f.Arg]:
        """The arguments that a built-in calls at once: `sorted(names, key=rank)`, `list(map(load, names))`."""
        name = callee.name if isinstance(callee, (External, Method)) else ""
        if name in CALLERS and (name not in CONSUMERS or isinstance(callee, External)):
            yield from called_in(name, module, call, self.types.callee)

    def _gone_through(self, callee: Type, module: Module, call: f.Call) -> Iterator[Function]:
        """What runs when a built-in goes through an object, or a stack enters one: `list(table)`."""
        full = callee.name if isinstance(callee, External) else ""
        names: tuple[str, ...] = ("__next__",) if full == "next" else ("__iter__",)
        if f.last_name(call.func) == "enter_context" and isinstance(call.func, f.Attr):
            names = ("__enter__", "__exit__")
        elif full not in CONSUMERS:
            return
        for arg in call.args[:1]:
            value = self.types.infer(arg.value, (module, call.block, call.start))
            if isinstance(value, Instance) and isinstance(value.cls, Class):
                yield from self._methods(value.cls, names)
                yield from self._items(value, names)

    def handed(self, given: Type) -> Iterator[Function]:
        """The synchronous functions that run when somebody calls what he was given."""
        match given:
            case FunctionObject(function=function, owner=owner):
                for each in self.implementations(function, owner):
                    yield from (body for body in self.bodies(each) if not body.is_async and not body.is_generator)
            case Instance(cls=Class() as cls):
                yield from self._methods(cls, ("__call__",))
            case Partial(callable=inner):
                yield from self.handed(inner)
            case OneOf(options=options):
                for option in options:
                    yield from self.handed(option)

    def _called(
        self, callee: Type, module: Module, call: f.Call, awaited: bool, whole: f.Call | None
    ) -> Iterator[Function]:
        """What runs when a value is called; `whole` is the call with what a `partial` adds, None if that is unknown."""
        match callee:
            case FunctionObject(function=function, owner=owner):
                if whole is not None and not can_bind(function, owner, whole):
                    return
                for each in self.implementations(function, owner):
                    for body in self.bodies(each):
                        if body.is_async and not (awaited and self._is_waited_for(module, call, body)):
                            continue
                        if not body.is_async and gives_generator(body) and not self._consumed(module, call):
                            continue
                        yield body
            case ClassObject(cls=cls):
                init = self.types.member(cls, "__init__", Instance(cls))
                if isinstance(init, FunctionObject) and whole is not None:
                    if not can_bind(init.function, Instance(cls), whole):
                        return
                elif whole is not None and not can_make(self.types, cls, whole):
                    return
                yield from self._methods(cls, ("__new__", "__init__", "__post_init__", "model_post_init"))
            case Instance(cls=Class() as cls):
                own = self.types.member(cls, "__call__", Instance(cls))
                if isinstance(own, FunctionObject) and whole is not None:
                    if not can_bind(own.function, Instance(cls), whole):
                        return
                yield from self._methods(cls, ("__call__",), awaited=awaited and call.awaited)
            case Partial(callable=inner) as held:
                whole = with_bound(whole, held) if whole is not None else None
                yield from self._called(inner, module, call, awaited, whole)
            case OneOf(options=options):
                for option in options:
                    yield from self._called(option, module, call, awaited, whole)

    def _methods(self, cls: Class, names: tuple[str, ...], *, awaited: bool = False) -> Iterator[Function]:
        for name in names:
            found = self.types.member(cls, name, Instance(cls))
            if isinstance(found, FunctionObject):
                for body in self.bodies(found.function):
                    if not body.is_async or awaited:
                        yield body

    def _is_waited_for(self, module: Module, call: f.Call, body: Function) -> bool:
        """Whether a call of a coroutine function is awaited, or one of an async generator entered or looped over."""
        if body.is_generator:
            return self.is_asynchronous(module, call)
        waiter = None if call.awaited else self._table(module).waiters.get((call.start, call.end))
        return call.awaited or (waiter is not None and is_waiting(self.types, module, waiter))

    def _consumed(self, module: Module, call: f.Call) -> bool:
        """Whether a call of a generator function also runs it: looped over, entered, or given to list() and its kin, by
        way of a variable or of `enumerate` as well."""
        table = self._table(module)
        if call.use in ("iter", "with"):
            return (call.start, call.end) not in table.asynchronous
        if (call.start, call.end) in table.delegated:
            return True
        return reads_on(module, call)

    # ---------------------------------------------------------------- for and with

    def _drives(self, function: Function) -> Iterator[Step]:
        """Objects of project classes that a `for` iterates over or a `with` enters."""
        module = function.module
        for value, names, start, end, block in self.driven(function):
            if isinstance(value, Instance) and isinstance(value.cls, Class):
                for target in (*self._methods(value.cls, names), *self._items(value, names)):
                    yield Step(module, start, end, target, block=block.parent)

    def _items(self, value: Instance, names: tuple[str, ...]) -> tuple[Function, ...]:
        """What `for` calls for each item: `__next__` of what the `__iter__` of an object gives."""
        given = self.types.result(self.types.attribute(value, "__iter__")) if "__iter__" in names else None
        if not isinstance(given, Instance) or not isinstance(given.cls, Class):
            return ()
        return tuple(self._methods(given.cls, ("__next__",)))

    def driven(self, function: Function) -> Iterator[tuple[Type, tuple[str, ...], int, int, f.Block]]:
        """The values that synchronous `for` and `with` run: type, special methods called, place, and block."""
        module = function.module
        for block in self._table(module).driven.get(function.index, ()):
            if block.test is None:
                continue
            value = self.types.infer(block.test, (module, max(block.parent, 0), block.start))
            if value is None:
                continue
            if isinstance(block.test, f.CallRef):
                call = module.facts.calls[block.test.index]
                start, end = call.start, call.name_end
            else:
                start, end = block.start, _end_of_head(module, block)
            if block.kind != "with":
                yield value, ("__iter__",), start, end, block
            elif self.types.is_instance(value, EXECUTOR) and is_awaited_inside(function, block):
                yield value, ("__enter__",), start, end, block
            else:
                yield value, ("__enter__", "__exit__"), start, end, block

    def _table(self, module: Module) -> _Table:
        if module not in self._tables:
            table = self._tables[module] = _Table(waiters=waiters(module))
            calls = module.facts.calls
            for block in module.facts.blocks:
                if block.kind in ("for", "with", "comprehension"):
                    if not block.is_async:
                        table.driven.setdefault(block.function, []).append(block)
                    elif isinstance(block.test, f.CallRef):
                        table.asynchronous.add((calls[block.test.index].start, calls[block.test.index].end))
            for entry in module.facts.exits:
                if entry.kind == "yield from" and isinstance(entry.value, f.CallRef):
                    table.delegated.add((calls[entry.value.index].start, calls[entry.value.index].end))
            for assign in module.facts.assigns:
                table.assigns.setdefault(module.facts.blocks[assign.block].function, []).append(assign)
        return self._tables[module]

    def is_asynchronous(self, module: Module, call: f.Call) -> bool:
        """Whether a call is the context of an `async with` or what an `async for` runs over."""
        return (call.start, call.end) in self._table(module).asynchronous

    # ---------------------------------------------------------------- properties

    def reads(self, function: Function) -> Iterator[Step]:
        """Properties of project classes that a body reads."""
        names = self.property_names
        for each, _, _ in attributes_of(function):  # asked of every function: a generator would be half of the work
            if each.attr in names:
                break
        else:
            return
        module = function.module
        for expr, start, end, block in self.expressions(function):
            for attribute in attributes_in(expr, names):
                owner = self.types.infer(attribute.value, (module, block, start))
                if isinstance(owner, Instance) and isinstance(owner.cls, Class):
                    for target in self._property(owner.cls, attribute.attr):
                        if not is_once(function, block, start):
                            yield Step(module, start, end, target, block=block, subject=attribute.value)

    def _writes(self, function: Function) -> Iterator[Step]:
        """Setters of properties of project classes that a body runs: `user.name = "anne"`."""
        names = self.property_names
        module = function.module
        for assign in self._table(module).assigns.get(function.index, ()) if names else ():
            match assign.target:
                case f.Attr(value=value, attr=attr) if attr in names:
                    owner = self.types.infer(value, (module, assign.block, assign.start))
                    if isinstance(owner, Instance) and isinstance(owner.cls, Class):
                        for setter in self._setters(owner.cls, attr):
                            end = assign.start + len(shown(module, assign.target).encode())
                            yield Step(module, assign.start, end, setter, block=assign.block, subject=value)

    @memoized
    def _setters(self, cls: Class, name: str) -> tuple[Function, ...]:
        for base in self.types.mro(cls):
            own = [each for each in base.module.functions if each.cls is base] if isinstance(base, Class) else []
            found = [each for each in own if each.name == name]
            if found:
                setter = f.Attr(f.Name(name), "setter")
                return tuple(each for each in found if setter in each.facts.decorators)
        return ()

    def _property(self, cls: Class, name: str) -> Iterator[Function]:
        for base in self.types.mro(cls):
            if isinstance(base, str):
                if base != "object":
                    return
            elif method := base.methods.get(name):
                if not method.is_async and any(each in _PROPERTY for each in self.types.decorators(method)):
                    yield from self.bodies(method)
                return

    @collected("effects.execution.property_names", whole=True, pairs=_own_properties)
    def property_names(self) -> frozenset[str]:
        """The names of all properties of the project; some that are none any more do no harm."""
        return frozenset(self.types.modules.tables.parts("effects.execution.property_names"))

    # ---------------------------------------------------------------- operators

    def _operates(self, function: Function) -> Iterator[Step]:
        """Objects of project classes that a body asks by an operator: `cache[key]`, `key in cache`, `len(cache)`."""
        names = self.operator_names
        if not names:
            return
        module = function.module
        for owner, name, block, start in operated(function):
            if name in names:
                value = self.types.infer(owner, (module, block, start))
                if isinstance(value, Instance) and isinstance(value.cls, Class):
                    end = module.text.find(b"\n", start)
                    end = end if end >= 0 else len(module.text)
                    for target in self._methods(value.cls, (name,)):
                        if not is_once(function, block, start):
                            yield Step(module, start, end, target, block=block, subject=owner)

    @collected("effects.execution.operator_names", whole=True, pairs=_own_operators)
    def operator_names(self) -> frozenset[str]:
        """The operators that classes of the project have methods for."""
        return frozenset(self.types.modules.tables.parts("effects.execution.operator_names"))

    def expressions(self, function: Function) -> Iterator[tuple[f.Expr, int, int, int]]:
        """What a body evaluates, as far as facts keep it: expression, place of its call or statement, block."""
        module = function.module
        for call in function.calls:
            yield call.func, call.start, call.name_end, call.block
            for arg in call.args:
                yield arg.value, arg.start, arg.end, call.block
        for entry in function.exits:
            if entry.value is not None and entry.kind != "del":
                yield entry.value, entry.start, entry.end, entry.block
        for assign in self._table(module).assigns.get(function.index, ()):
            if assign.value is not None:
                yield assign.value, assign.start, assign.end, assign.block


def _is_property(decorator: f.Expr) -> bool:
    match decorator:
        case f.Name(id=name) | f.Attr(attr=name):
            return name.endswith("property")
    return False


def _end_of_head(module: Module, block: f.Block) -> int:
    """The end of a statement's first line, or of the whole of a comprehension that stands on one line."""
    line = module.text[block.start : block.end].split(b"\n", 1)[0].rstrip()
    return block.start + len(line.removesuffix(b":"))
