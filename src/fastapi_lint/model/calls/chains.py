"""How a function comes to what blocks: through the project's own calls, the way that tells most first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.blocking import Blocking
from fastapi_lint.model.calls.bodies.binding import argument_at, is_of_one_object
from fastapi_lint.model.calls.bodies.wrapping import CACHED_PROPERTIES
from fastapi_lint.model.calls.handed import is_another, runs_another
from fastapi_lint.model.calls.reach.accessors import comes_from_cache, is_shared_object
from fastapi_lint.model.calls.reach.threaded import threaded
from fastapi_lint.model.calls.sharing import starts_from_self
from fastapi_lint.model.calls.steps import Step
from fastapi_lint.model.calls.trails import Memo, Run, Trail, search
from fastapi_lint.model.calls.ways.branches import NO_SETTINGS, Branches, Settings
from fastapi_lint.model.calls.ways.sparing import expects, is_once, swallows
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, Module
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.tracking import memoized

T = TypeVar("T")
Effect = Callable[[Function, Settings], "tuple[Step, T] | None"]
"""What a function does in its own body, its parameters set like that: the first place of an effect, and the effect."""
_ASKS_FOR_LOOP = frozenset({
    "get_running_loop", "is_running", "current_async_library", "_get_running_loop", "current_task",
})  # fmt: skip
"""A function that calls one of these looks whether a loop runs before it starts one."""


@dataclass(frozen=True)
class _Tier:
    """Which blocking calls a search is for: of a weight, of kinds with a rank (None: all), on ways that always run."""

    weight: str
    rank: int | None = None
    always: bool = False


_SELF = f.Name("self")
_WEIGHTS = ("long", "local")
_RANKS = {
    "network": 0, "dns": 0, "mail": 0, "cloud": 0, "broker": 0, "cache": 0, "database": 1, "file": 3,
}  # fmt: skip
"""Which kind of call tells most about a chain; those that are left out come after the database."""
_LAST = 100
FOR_ALL = ("\0for all", True)
"""Stands among the settings of a method: its object is one for all requests."""


def _tiers(weight: str) -> Iterator[_Tier]:
    for always in (True, False):
        for rank in range(4):
            yield _Tier(weight, rank, always)


class Chains(Blocking):
    """Answers "does running this reach ...", following what runs in the same thread."""

    def __init__(
        self,
        types: Inference,
        additions: Sequence[Mapping[str, object]] = (),
        is_lifespan: Callable[[Function], bool] = lambda function: False,
    ) -> None:
        super().__init__(types, additions, is_lifespan)
        self.branches = Branches(types)
        self._tiers: dict[_Tier, Memo[catalog.Entry]] = {}
        self._likely: Memo[catalog.Entry] = Memo()

    def blocks(self, module: Module, call: f.Call) -> Trail[catalog.Entry] | None:
        """The chain by which a call runs project code that blocks for long; None when it does not or is not known."""
        several = is_of_one_object(self.types, module, call)
        found = self.execution.targets(module, call)
        steps = (Step(module, call.start, call.name_end, each, call, several=several) for each in found)
        return self._telling(steps, None)

    def chains(self, function: Function) -> Iterator[Trail[catalog.Entry]]:
        """Every place in a function's own body at which it runs synchronous project code that blocks."""
        by_place: dict[tuple[int, int], list[Step]] = {}
        for step in self.execution.steps(function):
            if step.function is not None and not step.function.is_async:
                by_place.setdefault((step.start, step.end), []).append(step)
        for steps in by_place.values():
            trail = self._telling(iter(steps), function)
            if trail is not None:
                yield trail

    def callbacks(self, function: Function) -> Iterator[Trail[catalog.Entry]]:
        """What a function gives to the event loop to be called there, and blocks (`loop.call_soon(work)`).

        The first step of each way is the hand-off.
        """
        words = function.module.words_for(catalog.loop_words())
        for call in function.calls:
            if f.last_name(call.func) not in words:
                continue
            name = self.types.name_of_type(self.types.callee(function.module, call))
            handoff = catalog.handoff(name) if name else None
            if handoff is None or handoff.to != "loop" or handoff.gives != "result":
                continue
            arg = argument_at(call, handoff.argument, handoff.keyword)
            found = self._called_back(function.module, call, arg) if arg is not None else None
            if found is not None:
                yield found

    def _called_back(self, module: Module, call: f.Call, arg: f.Arg) -> Trail[catalog.Entry] | None:
        """The way from a hand-off to what blocks, when the function that is handed over does."""
        given = self.types.infer(arg.value, (module, call.block, call.start))
        first = Step(module, call.start, call.name_end, None, call, block=call.block)
        entry = self._entry_for(given)
        if entry is not None and entry.weight in _WEIGHTS:
            name = self.types.name_of_type(given) or "?"
            return Trail(Step(module, arg.start, arg.end, None, None, name, call.block), None, entry, 1).behind(first)
        return self._telling((replace(first, function=each) for each in self.execution.handed(given)), None)

    def _telling(self, steps: Iterator[Step], caller: Function | None) -> Trail[catalog.Entry] | None:
        """Of the chains behind several steps the one that tells most (see `function_blocks`)."""
        best: tuple[int, Trail[catalog.Entry]] | None = None
        for step in steps:
            if step.function is None or not self._may_block(step.function):
                continue
            settings = self._passed(step, caller, NO_SETTINGS)
            found = self._ranked(step.function, settings) if settings is not None else None
            if found is not None and not self._is_of_one_object(found[1].behind(step)):
                continue  # the object is of another class than the method that blocks
            if found is not None and caller is not None and is_another(self.types, found[1].behind(step).steps, caller):
                continue  # what is given is not what is annotated
            if found is not None and step.several and not self._blocks_each(step, caller):
                continue
            if found is not None and step.several and step.call and self.blocking_entry(step.module, step.call):
                continue  # a library's method that it may be blocks itself
            if found is not None and (best is None or (found[0], found[1].length) < (best[0], best[1].length)):
                best = found[0], found[1].behind(step)
        return best[1] if best is not None else None

    def _blocks_each(self, step: Step, caller: Function | None) -> bool:
        """Whether a method blocks of whichever of several objects it is called."""
        return all(
            any(
                settings is not None and self._ranked(each, settings) is not None
                for each in bodies
                for settings in (self._passed(replace(step, function=each), caller, NO_SETTINGS),)
            )
            for bodies in (self.execution.by_object(step.module, step.call) if step.call is not None else ())
        )

    def _may_block(self, function: Function) -> bool:
        """Whether a function, or what that runs, blocks on any way, whatever it is given: most never do, and of these
        nothing has to be found out that takes longer."""

        def own(run: Run) -> tuple[Step, catalog.Entry] | None:
            return next((found for found in self.blocking(run[0]) if found[1].weight in _WEIGHTS), None)

        def onward(run: Run) -> Iterator[tuple[Step, Run]]:
            for step in self.execution.steps(run[0]):
                if step.function is not None and not step.function.is_async:
                    yield step, (step.function, NO_SETTINGS)

        return search((function, NO_SETTINGS), own, onward, self._likely) is not None

    def _is_of_one_object(self, trail: Trail[catalog.Entry]) -> bool:
        """Whether the methods that an object of a known class calls on itself are those of this class.

        What a method runs by `self` is worked out for any object that has it, of whatever class below.
        """
        known: Class | None = None
        for step in trail.steps:
            if step.call is None or step.function is None:
                return True
            func = step.call.func
            if type(func) is f.Attr and func.value == _SELF:
                cls = step.function.cls
                if known is not None and cls is not None and cls not in self.types.mro(known):
                    return False
            elif not _is_super(step):
                known = self._class_of(step)
        return True

    def _class_of(self, step: Step) -> Class | None:
        """The very class of the object that a step makes, or whose method it calls; None where it may be one below."""
        match self.types.callee(step.module, step.call) if step.call is not None else None:
            case ClassObject(cls=cls):
                return cls if not self.execution.overriding.only_has_heirs(cls) else None
            case FunctionObject(owner=Instance(cls=Class() as cls, origin=origin)) if origin is not None:
                return cls if not self.execution.overriding.only_has_heirs(cls) else None
        return None

    def function_blocks(self, function: Function, settings: Settings = NO_SETTINGS) -> Trail[catalog.Entry] | None:
        """The chain by which running a synchronous function blocks: the one that tells most about it.

        What always runs comes before what depends on a condition, a network before a database, a processor and files,
        a database file last; then the shortest.
        """
        found = self._ranked(function, settings)
        return found[1] if found is not None else None

    def _ranked(self, function: Function, settings: Settings) -> tuple[int, Trail[catalog.Entry]] | None:
        for weight in _WEIGHTS:
            if self._of_tier(function, settings, _Tier(weight)) is None:
                continue
            for rank, tier in enumerate(_tiers(weight)):
                if (found := self._of_tier(function, settings, tier)) is not None:
                    return rank if weight == "long" else _LAST + rank, found
        return None

    def _of_tier(self, function: Function, settings: Settings, tier: _Tier) -> Trail[catalog.Entry] | None:
        own, memo = self._effect_of(tier)
        return self.search(function, own, memo, settings, always=tier.always, each=self._blocks_at_all)

    def _effect_of(self, tier: _Tier) -> tuple[Effect[catalog.Entry], Memo[catalog.Entry]]:
        def own(each: Function, known: Settings) -> tuple[Step, catalog.Entry] | None:
            return self._blocks_itself(each, known, tier)

        return own, self._tiers.get(tier) or self._tiers.setdefault(tier, Memo())

    def _blocks_at_all(self, run: Run) -> bool:
        """Whether a function blocks, however; what calls methods of one of several objects on the way aside."""
        return any(self._leads(run, *self._effect_of(_Tier(weight))) for weight in _WEIGHTS)

    def _blocks_itself(self, function: Function, settings: Settings, tier: _Tier) -> tuple[Step, catalog.Entry] | None:
        if self.asks_for_loop(function):
            return None
        for step, entry in self.blocking(function):
            if entry.weight != tier.weight or (tier.rank is not None and _RANKS.get(entry.kind, 2) != tier.rank):
                continue
            block = step.call.block if step.call else step.block
            if self.branches.is_dead(function, settings, block, step.start):
                continue
            if tier.always and self.branches.is_conditional(function, settings, block, step.start):
                continue
            if step.call is None or not is_once(function, block, step.start):
                return step, entry
        return None

    # ---------------------------------------------------------------- search

    def search(
        self,
        function: Function,
        effect: Effect[T],
        memo: Memo[T],
        settings: Settings = NO_SETTINGS,
        *,
        through_await: bool = False,
        through_threads: bool = False,
        always: bool = False,
        each: Callable[[Run], bool] | None = None,
    ) -> Trail[T] | None:
        """Breadth-first over what a function runs, to the nearest body with an effect; `memo` keeps the answers.

        `settings` are those of the function's own parameters; `through_await` also follows awaited coroutine functions,
        `through_threads` what threads are given and is waited for; with `always` only what runs whenever the function
        does is followed. A method of one of several objects is when it has the effect for each of them, or does what
        `each` asks instead.
        """

        def onward(run: Run) -> Iterator[tuple[Step, Run]]:
            for step, target in self._onward(*run, through_await, always, through_threads):
                if not step.several or self._does_each(step, run, each or leads):
                    yield step, target

        def leads(run: Run) -> bool:
            return self._leads(run, effect, memo, through_await=through_await, through_threads=through_threads)

        return search((function, settings), lambda run: effect(*run), onward, memo)

    def _leads(
        self, run: Run, effect: Effect[T], memo: Memo[T], *, through_await: bool = False, through_threads: bool = False
    ) -> bool:
        """Whether a function has an effect, without methods of one of several objects on the way."""

        def onward(run: Run) -> Iterator[tuple[Step, Run]]:
            ways = self._onward(*run, through_await, False, through_threads)
            return (way for way in ways if not way[0].several)

        return search(run, lambda each: effect(*each), onward, Memo(memo.single, memo.own)) is not None

    def _does_each(self, step: Step, run: Run, does: Callable[[Run], bool]) -> bool:
        """Whether each of the objects of which a step calls a method does something then, those aside that are known
        to be meant by other callers only."""
        function, settings = run
        call = step.call
        if call is None:
            return True
        for bodies in self.execution.by_object(step.module, call):
            meant = [each for each in bodies if not runs_another(self.branches, function, settings, call, each)]
            ways = [(each, self._passed(replace(step, function=each), function, settings)) for each in meant]
            if (ways or not bodies) and not any(known is not None and does((each, known)) for each, known in ways):
                return False
        return True

    def _onward(
        self, function: Function, settings: Settings, through_await: bool, always: bool, through_threads: bool
    ) -> Iterator[tuple[Step, Run]]:
        """The functions that one runs, its parameters set like that, each with the step to it."""
        if not function.is_async and self.asks_for_loop(function):
            return  # it does something else when a loop runs
        steps = self.execution.steps(function)
        for step in (*steps, *threaded(self.execution, function)) if through_threads else steps:
            if step.function is None or (step.function.is_async and not through_await):
                continue
            if self.branches.is_dead(function, settings, step.block, step.start):
                continue
            if always and self.branches.is_conditional(function, settings, step.block, step.start):
                continue
            if step.call is not None and runs_another(self.branches, function, settings, step.call, step.function):
                continue
            passed = self._passed(step, function, settings)
            if passed is not None:
                yield step, (step.function, passed)

    def _passed(self, step: Step, caller: Function | None, known: Settings) -> Settings | None:
        """What a step sets the parameters of its function to, `self` being an object for all requests among them.

        None for what such an object computes once, and keeps.
        """
        function = step.function
        if function is None:
            return NO_SETTINGS
        settings = self.branches.settings(function, step.call, caller, known)
        if function.cls is None or not self._keeps(function.cls):
            return settings
        if self._is_for_all(step, known):
            if not CACHED_PROPERTIES.isdisjoint(self.types.decorators(function)):
                return None
            return settings | {FOR_ALL}
        return settings

    @memoized
    def _keeps(self, cls: Class) -> bool:
        """Whether a class has properties that are computed once for each object."""
        return any(
            not CACHED_PROPERTIES.isdisjoint(self.types.decorators(method))
            for base in self.types.mro(cls)
            if isinstance(base, Class)
            for method in base.methods.values()
            if method.facts.decorators
        )

    def _is_for_all(self, step: Step, known: Settings) -> bool:
        """Whether the object whose method or property runs is one for all requests: itself, or that of the caller."""
        where = (step.module, step.block, step.start)
        if step.call is not None:
            callee = self.types.callee(step.module, step.call)
            owner: object = callee.owner if isinstance(callee, FunctionObject) else None
            subject = step.call.func.value if isinstance(step.call.func, f.Attr) else None
        else:
            owner, subject = self.types.infer(step.subject, where), step.subject
        if subject is not None and starts_from_self(subject):
            return FOR_ALL in known
        return self.is_shared_object(owner) or comes_from_cache(subject, where, self.types)

    def is_shared_object(self, value: object) -> bool:
        """Whether an object is one for all requests: made at module level, at start-up, or behind a cache."""
        if is_shared_object(value, self.types):
            return True
        if not isinstance(value, Instance) or value.origin is None:
            return False
        maker = value.origin.module.enclosing(value.origin.facts.block)
        return maker is not None and self.serving.is_startup(maker)

    def asks_for_loop(self, function: Function) -> bool:
        """Whether a function looks if an event loop runs (so it may act only when none does).

        To get the running loop asks nothing in a coroutine function, or to call something of it, unless the error is
        expected: without one, nothing behind it happens.
        """
        return any(
            f.last_name(call.func) in _ASKS_FOR_LOOP
            and not (
                f.last_name(call.func) == "get_running_loop"
                and (function.is_async or _works_with(function, call))
                and not swallows(function.module, call.block)
                and not expects(function.module, call.block, "RuntimeError")
            )
            for call in function.calls
        )


def _works_with(function: Function, call: f.Call) -> bool:
    """Whether a method of what a call gives is called, at once or by the name that it is given."""
    module = function.module
    itself = f.CallRef(module.call_numbers[call.start, call.end])
    names = [one.target for one in module.assigns_in.get(function.index, ()) if one.value == itself]
    return any(isinstance(one.func, f.Attr) and one.func.value in (itself, *names) for one in function.calls)


def _is_super(step: Step) -> bool:
    """Whether a step calls a method of the same object by `super()`."""
    func = step.call.func if step.call is not None else None
    if not isinstance(func, f.Attr) or not isinstance(func.value, f.CallRef):
        return False
    return f.last_name(step.module.facts.calls[func.value.index].func) == "super"
