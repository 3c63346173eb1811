"""What calls do, through the whole project: which run project code at once, and which reach a blocking library call.

Hand-offs to threads and processes cut a chain by themselves: they take a function, they do not call it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.symbols import (
    Class,
    ClassObject,
    Coroutine,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Partial,
    Type,
)
from fastapi_lint.model.types import Inference

T = TypeVar("T")

_CONSUMERS = frozenset({"list", "tuple", "set", "dict", "sum", "any", "all", "sorted", "max", "min", "next", "frozenset"})
_TRANSPARENT = (
    "functools.", "contextlib.", "tenacity.", "backoff.", "abc.", "typing.", "typing_extensions.", "warnings.",
    "pydantic.", "logfire.", "opentelemetry.", "langfuse.", "ddtrace.", "staticmethod", "classmethod", "property",
    "retry.", "retrying.", "stamina.", "cachetools.", "sqlalchemy.",
)  # fmt: skip
"""Decorators that call the decorated function in place; any other external decorator makes it unknown."""
_MOST_FUNCTIONS = 3000
"""Functions to look at in one search before giving up: unknown is silent."""


@dataclass(frozen=True)
class Step:
    """One call on the way to an effect: where it stands, and the project function that it runs (None at the end)."""

    module: Module
    call: f.Call
    function: Function | None

    @property
    def start(self) -> int:
        return self.call.start

    @property
    def end(self) -> int:
        return self.call.name_end


@dataclass(frozen=True)
class Trail(Generic[T]):
    """The shortest way to an effect: the calls in order, and what the last one is known to do."""

    steps: tuple[Step, ...]
    effect: T


class Effects:
    """Answers "does running this reach ...", following calls that run project code in the same thread."""

    def __init__(self, types: Inference, additions: Sequence[Mapping[str, str]] = ()) -> None:
        self.types = types
        self.catalogue = catalog.blocking()
        if additions:
            self.catalogue = self.catalogue.extend(catalog.entries_from(additions, "blocking"))
        self._runs: dict[Function, tuple[Step, ...]] = {}
        self._bodies: dict[Function, tuple[Function, ...]] = {}
        self._blocking: dict[Function, Trail[catalog.Entry] | None] = {}
        self._properties: dict[str, list[Function]] | None = None

    # ---------------------------------------------------------------- blocking

    def blocking_entry(self, module: Module, call: f.Call) -> catalog.Entry | None:
        """The blocking catalogue's entry for what a call calls; None for awaited and unknown calls."""
        if call.awaited:
            return None
        entry: catalog.Entry | None = None
        match self.types.callee(module, call):
            case External(name=name):
                entry = self.catalogue.function(name)
            case Method(cls=cls, name=name):
                entry = self.catalogue.method(cls, name)
        if entry is not None and (entry.when or entry.unless) and not _applies(entry, call):
            return None
        return entry

    def blocks(self, module: Module, call: f.Call) -> Trail[catalog.Entry] | None:
        """The chain by which a call runs project code that blocks for long; None when it does not or is not known."""
        best: Trail[catalog.Entry] | None = None
        for function in self.targets(module, call):
            inner = self.function_blocks(function)
            if inner is not None and (best is None or len(inner.steps) < len(best.steps)):
                best = Trail((Step(module, call, function), *inner.steps), inner.effect)
        return best

    def function_blocks(self, function: Function) -> Trail[catalog.Entry] | None:
        """The shortest chain by which running a synchronous function blocks for long."""
        return self.search(function, self._long, self._blocking)

    def _long(self, module: Module, call: f.Call) -> catalog.Entry | None:
        entry = self.blocking_entry(module, call)
        return entry if entry is not None and entry.weight == "long" else None

    # ---------------------------------------------------------------- search

    def search(
        self,
        function: Function,
        effect: Callable[[Module, f.Call], T | None],
        memo: dict[Function, Trail[T] | None],
        *,
        through_await: bool = False,
    ) -> Trail[T] | None:
        """Breadth-first over what a function runs, to the nearest call with an effect; `memo` keeps the answers.

        `through_await` also follows awaited calls of coroutine functions.
        """
        if function in memo:
            return memo[function]
        came_from: dict[Function, tuple[Function, Step] | None] = {function: None}
        queue = [function]
        for current in queue:
            if len(queue) > _MOST_FUNCTIONS:
                break
            known = memo.get(current)
            ending = known if known is not None else self._direct(current, effect)
            if ending is not None:
                return self._remember(current, ending, came_from, memo)
            if current in memo:
                continue
            for step in self.runs(current, through_await=through_await):
                target = step.function
                if target is not None and target not in came_from:
                    came_from[target] = (current, step)
                    queue.append(target)
        else:
            for visited in queue:
                memo.setdefault(visited, None)
        return memo.setdefault(function, None)

    @staticmethod
    def _remember(
        last: Function,
        ending: Trail[T],
        came_from: dict[Function, tuple[Function, Step] | None],
        memo: dict[Function, Trail[T] | None],
    ) -> Trail[T]:
        memo[last] = trail = ending
        current = last
        while (origin := came_from[current]) is not None:
            current, step = origin
            trail = Trail((step, *trail.steps), trail.effect)
            memo[current] = trail
        return trail

    def _direct(self, function: Function, effect: Callable[[Module, f.Call], T | None]) -> Trail[T] | None:
        for call in function.calls:
            found = effect(function.module, call)
            if found is not None:
                return Trail((Step(function.module, call, None),), found)
        return None

    # ---------------------------------------------------------------- what runs

    def runs(self, function: Function, *, through_await: bool = False) -> tuple[Step, ...]:
        """The calls in a body that run project functions at once, in source order."""
        if function not in self._runs:
            self._runs[function] = tuple(self._steps(function))
        steps = self._runs[function]
        if through_await:
            return steps
        return tuple(s for s in steps if s.function is not None and (not s.function.is_async or not s.call.awaited))

    def _steps(self, function: Function) -> Iterator[Step]:
        module = function.module
        for call in function.calls:
            for target in self.targets(module, call, awaited=True):
                yield Step(module, call, target)

    def targets(self, module: Module, call: f.Call, *, awaited: bool = False) -> Iterator[Function]:
        """The project functions whose bodies a call runs at once.

        Coroutine functions only with `awaited`, and only when the call is awaited.
        """
        callee = self.types.callee(module, call)
        yield from self._called(callee, module, call, awaited)

    def _called(self, callee: Type, module: Module, call: f.Call, awaited: bool) -> Iterator[Function]:
        match callee:
            case FunctionObject(function=function):
                for body in self.bodies(function):
                    if body.is_async and not (awaited and call.awaited):
                        continue
                    if body.is_generator and not self._consumed(body, module, call):
                        continue
                    yield body
            case ClassObject(cls=cls):
                yield from self._methods(cls, ("__new__", "__init__", "__post_init__", "model_post_init"))
                if call.use == "with":
                    yield from self._methods(cls, ("__enter__", "__exit__"))
            case Instance(cls=Class() as cls):
                yield from self._methods(cls, ("__call__",), awaited=awaited and call.awaited)
            case Partial(callable=inner):
                yield from self._called(inner, module, call, awaited)
        if call.use == "with" and isinstance(callee, FunctionObject) and not callee.function.is_generator:
            made = self.types.result(callee)
            if isinstance(made, Instance) and isinstance(made.cls, Class):
                yield from self._methods(made.cls, ("__enter__", "__exit__"))

    def _methods(self, cls: Class, names: tuple[str, ...], *, awaited: bool = False) -> Iterator[Function]:
        for name in names:
            found = self.types.member(cls, name, Instance(cls))
            if isinstance(found, FunctionObject):
                for body in self.bodies(found.function):
                    if not body.is_async or awaited:
                        yield body

    def _consumed(self, function: Function, module: Module, call: f.Call) -> bool:
        """Whether a call of a generator function also runs it: looped over, entered, or given to list() and its kin."""
        if call.use in ("iter", "with"):
            return True
        for other in module.calls_in.get(module.facts.blocks[call.block].function, ()):
            if other.start < call.start and call.end < other.end + 1 and isinstance(other.func, f.Name) and other.func.id in _CONSUMERS:
                return any(
                    isinstance(a.value, f.CallRef) and module.facts.calls[a.value.index] is call for a in other.args
                )
        return False

    def bodies(self, function: Function) -> tuple[Function, ...]:
        """What calling a function really runs: its body and the wrappers of its decorators; nothing when unknown."""
        if function not in self._bodies:
            self._bodies[function] = ()
            self._bodies[function] = tuple(self._unwrapped(function))
        return self._bodies[function]

    def _unwrapped(self, function: Function) -> Iterator[Function]:
        module, facts = function.module, function.facts
        where = (module, facts.outer, facts.start)
        for decorator in facts.decorators:
            called = isinstance(decorator, f.CallRef)
            expr = module.facts.calls[decorator.index].func if isinstance(decorator, f.CallRef) else decorator
            match self.types.infer(expr, where):
                case External(name=name) if name.startswith(_TRANSPARENT):
                    continue
                case Method(cls=cls) if cls.startswith(("fastapi.", "starlette.")):
                    continue  # a route decorator returns the function itself
                case FunctionObject(function=factory):
                    wrapper = self._wrapper(factory, called)
                    if wrapper is None:
                        return
                    if wrapper is not function:
                        calls_it = self._calls_parameter(wrapper)
                        if not calls_it:
                            return
                        if not wrapper.is_async:
                            yield wrapper
                case _:
                    return
        yield function

    def _wrapper(self, factory: Function, called: bool) -> Function | None:
        """The function that a decorator of the project puts in the place of the decorated one."""
        made = self.types.return_type(factory)
        if called and isinstance(made, FunctionObject):
            made = self.types.return_type(made.function)
        return made.function if isinstance(made, FunctionObject) else None

    @staticmethod
    def _calls_parameter(wrapper: Function) -> bool:
        """Whether a wrapper calls, in its own body, a parameter of the decorator around it."""
        decorator = wrapper.parent
        if decorator is None:
            return False
        names = {param.name for param in decorator.params}
        return any(isinstance(call.func, f.Name) and call.func.id in names for call in wrapper.calls)

    # ---------------------------------------------------------------- coroutines

    def makes_coroutine(self, module: Module, call: f.Call) -> bool:
        """Whether a call is known to give a coroutine that does nothing until it is awaited."""
        callee = self.types.callee(module, call)
        match callee:
            case FunctionObject(function=function):
                bodies = self.bodies(function)
                return function.is_async and not function.is_generator and bodies == (function,)
            case External(name=name):
                return catalog.coroutine(name) is not None
            case Method(cls=cls, name=name):
                return catalog.coroutine_method(cls, name) is not None
            case Instance(cls=Class()):
                return isinstance(self.types.result(callee), Coroutine)
        return False


def _applies(entry: catalog.Entry, call: f.Call) -> bool:
    """Whether the arguments let a call block at all; with unpacked arguments it is assumed that they do."""
    if any(arg.name in ("*", "**") for arg in call.args):
        return True
    values = [(arg.name, arg.value.value if isinstance(arg.value, f.Const) else None) for arg in call.args]
    return entry.applies([v for name, v in values if not name], {name: v for name, v in values if name})
