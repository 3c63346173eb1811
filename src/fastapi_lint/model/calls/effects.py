"""What running a function does, through the whole project: block, re-enter the event loop, leave a coroutine unawaited.

What runs what is in `execution`; what library calls do is in the catalogue. Reports nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.branches import NO_SETTINGS, Branches, Settings
from fastapi_lint.model.calls.execution import Execution, Step, written
from fastapi_lint.model.calls.serving import Serving
from fastapi_lint.model.calls.sparing import expects, is_once, is_ready, never_runs
from fastapi_lint.model.calls.trails import Memo, Run, Trail, search
from fastapi_lint.model.names.places import place_of
from fastapi_lint.model.names.symbols import (
    Class,
    Coroutine,
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

T = TypeVar("T")
Effect = Callable[[Function, Settings], "tuple[Step, T] | None"]
"""What a function does in its own body, its parameters set like that: the first place of an effect, and the effect."""
_SESSIONS = frozenset({
    "sqlalchemy.orm.Session", "sqlalchemy.Connection", "sqlalchemy.Engine", "sqlalchemy.orm.Query", "sqlmodel.Session",
    "sqlalchemy.Transaction", "sqlalchemy.orm.scoped_session", "sqlalchemy.orm.sessionmaker",
})  # fmt: skip
_AT_ONCE = frozenset({"LOCK_NB", "WNOHANG", "MSG_DONTWAIT", "O_NONBLOCK", "SOCK_NONBLOCK", "LOCK_UN", "F_ULOCK"})
"""Flags with which a call returns at once."""
_MOMENT = 0.001
"""Seconds."""
_WAITS_FOR = frozenset({"lock", "thread", "subprocess"})
"""Kinds of calls that return at once when what they wait for is there."""
_IN_MEMORY = frozenset({"io.BytesIO", "io.StringIO", "tempfile.SpooledTemporaryFile"})
_AWAIT = re.compile(rb"\bawait\b|\basync\s+(?:for|with)\b")
_SCHEDULERS = frozenset({
    "gather", "create_task", "ensure_future", "wait_for", "shield", "run_coroutine_threadsafe", "as_completed",
})  # fmt: skip
_ASKS_FOR_LOOP = frozenset({
    "get_running_loop", "is_running", "current_async_library", "_get_running_loop", "current_task",
})  # fmt: skip
"""A function that calls one of these looks whether a loop runs before it starts one; nest_asyncio has its own test."""


@dataclass(frozen=True)
class _Tier:
    """Which blocking calls a search is for: of a weight, of kinds with a rank (None: all), on ways that always run."""

    weight: str
    rank: int | None = None
    always: bool = False


_RANKS = {
    "network": 0, "dns": 0, "mail": 0, "cloud": 0, "broker": 0, "cache": 0, "database": 1, "file": 3,
}  # fmt: skip
"""Which kind of call tells most about a chain; those that are left out come after the database."""
_LAST = 100


def _tiers(weight: str) -> Iterator[_Tier]:
    for always in (True, False):
        for rank in range(4):
            yield _Tier(weight, rank, always)


class Effects:
    """Answers "does running this reach ...", following what runs in the same thread."""

    def __init__(
        self,
        types: Inference,
        additions: Sequence[Mapping[str, object]] = (),
        is_lifespan: Callable[[Function], bool] = lambda function: False,
    ) -> None:
        """`additions` are the user's entries of the blocking catalogue; `is_lifespan` tells start-up code."""
        self.types = types
        self.execution = Execution(types)
        self.branches = Branches(types)
        self.catalogue = catalog.blocking()
        if additions:
            self.catalogue = self.catalogue.extend(catalog.entries_from(additions, "blocking"))
        self.serving = Serving(types, is_lifespan)
        self._tiers: dict[_Tier, Memo[catalog.Entry]] = {}
        self._reentries: Memo[catalog.Reentry] = Memo()
        self._scheduled: dict[Module, frozenset[tuple[int, int]]] = {}

    def is_served(self, module: Module) -> bool:
        """Whether a module can run in the process of an application: it imports FastAPI, or is imported from there."""
        return self.serving.is_served(module)

    def holds_up_requests(self, function: Function) -> bool:
        """Whether what a function does can make requests wait: async, of the application, and run while it serves."""
        return self.serving.holds_up_requests(function)

    # ---------------------------------------------------------------- blocking

    def blocking_entry(self, module: Module, call: f.Call) -> catalog.Entry | None:
        """The blocking catalogue's entry for what a call calls; None for awaited, scheduled and unknown calls."""
        if call.awaited:
            return None
        entry = self._entry_for(self.types.callee(module, call))
        if entry is None or not _applies(entry, call):
            return None
        if entry.mode and not self._waits_in_this_mode(module, call, entry.mode):
            entry = msgspec.structs.replace(entry, weight="short", why=entry.otherwise)
        if entry.kind == "sleep" and _is_moment(call):
            return None
        if entry.weight == "short" and self._is_in_memory(module, call):
            return None
        if entry.kind in _WAITS_FOR and is_ready(module, call, written(module, call)):
            return None
        if self.execution.is_asynchronous(module, call) or (call.start, call.end) in self._scheduled_in(module):
            return None  # whoever awaits it knows better what it is
        return entry

    def _entry_for(self, callee: Type) -> catalog.Entry | None:
        """The entry for a callable; of one of several callables only when each of them has one."""
        match callee:
            case External(name=name):
                return self.catalogue.function(name)
            case Method(cls=cls, name=name):
                return self.catalogue.method(cls, name)
            case Partial(callable=inner):
                return self._entry_for(inner)
            case OneOf(options=options):
                entries = [self._entry_for(option) for option in options]
                return entries[0] if all(entries) else None
        return None

    def _waits_in_this_mode(self, module: Module, call: f.Call, mode: str) -> bool:
        """Whether the first argument of a call is the constant with which it waits."""
        if not call.args or call.args[0].name:
            return False
        value = self.types.infer(call.args[0].value, (module, call.block, call.start))
        return self.types.name_of_type(value) == mode

    def _is_in_memory(self, module: Module, call: f.Call) -> bool:
        """Whether the first argument is a file that lies in memory, or the object (an archive) was made of one."""
        callee = self.types.callee(module, call)
        if isinstance(callee, Method) and callee.owner is not None and (made := callee.owner.origin) is not None:
            is_itself = place_of(made.module, made.facts) == place_of(module, call)
            if not is_itself and self._is_in_memory(made.module, made.facts):
                return True
        if not call.args or call.args[0].name:
            return False
        value = self.types.infer(call.args[0].value, (module, call.block, call.start))
        return isinstance(value, Instance) and value.cls in _IN_MEMORY

    def blocking(self, function: Function) -> Iterator[tuple[Step, catalog.Entry]]:
        """What blocks in a function's own body: library calls, and library objects that `for` and `with` run."""
        module = function.module
        for call in function.calls:
            entry = self.blocking_entry(module, call)
            if entry is not None and not never_runs(module, call.block):
                name = self.types.name_of_type(self.types.callee(module, call)) or ""
                yield Step(module, call.start, call.name_end, None, call, name), entry
        for value, names, start, end, block in self.execution.driven(function):
            if isinstance(value, Instance) and isinstance(value.cls, str):
                for name in names:
                    entry = self.catalogue.method(value.cls, name)
                    if entry is not None and entry.kind == "lock" and not _waits(module, block.start, block.end):
                        continue  # held for a moment between threads: what locks are for
                    if entry is not None:
                        yield Step(module, start, end, None, None, f"{value.cls}.{name}", block.parent), entry
                        break

    def runs_once(self, function: Function, step: Step) -> bool:
        """Whether a step only happens until an attribute or a global is filled: then it need not be fast."""
        block = step.call.block if step.call else step.block
        return is_once(function, block, step.start, of_async=True)

    @staticmethod
    def is_session(entry: catalog.Entry) -> bool:
        """Whether an entry is about a session, connection, engine or query of SQLAlchemy or SQLModel."""
        return any(name in _SESSIONS for name in entry.names)

    def written(self, module: Module, call: f.Call) -> str:
        """What a call calls, in the words of the code, or by its full name when those are too many."""
        return written(module, call) or self.types.name_of_type(self.types.callee(module, call)) or "?"

    def blocks(self, module: Module, call: f.Call) -> Trail[catalog.Entry] | None:
        """The chain by which a call runs project code that blocks for long; None when it does not or is not known."""
        steps = (Step(module, call.start, call.name_end, each, call) for each in self.execution.targets(module, call))
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

    def _telling(self, steps: Iterator[Step], caller: Function | None) -> Trail[catalog.Entry] | None:
        """Of the chains behind several steps the one that tells most (see `function_blocks`)."""
        best: tuple[int, Trail[catalog.Entry]] | None = None
        for step in steps:
            if step.function is None:
                continue
            settings = self.branches.settings(step.function, step.call, caller, NO_SETTINGS)
            found = self._ranked(step.function, settings)
            if found is not None and (best is None or (found[0], found[1].length) < (best[0], best[1].length)):
                best = found[0], found[1].behind(step)
        return best[1] if best is not None else None

    def function_blocks(self, function: Function, settings: Settings = NO_SETTINGS) -> Trail[catalog.Entry] | None:
        """The chain by which running a synchronous function blocks: the one that tells most about it.

        What always runs comes before what depends on a condition, a network before a database, a processor and files,
        a database file last; then the shortest.
        """
        found = self._ranked(function, settings)
        return found[1] if found is not None else None

    def _ranked(self, function: Function, settings: Settings) -> tuple[int, Trail[catalog.Entry]] | None:
        for weight in ("long", "local"):
            if self._of_tier(function, settings, _Tier(weight)) is None:
                continue
            for rank, tier in enumerate(_tiers(weight)):
                if (found := self._of_tier(function, settings, tier)) is not None:
                    return rank if weight == "long" else _LAST + rank, found
        return None

    def _of_tier(self, function: Function, settings: Settings, tier: _Tier) -> Trail[catalog.Entry] | None:
        def own(each: Function, known: Settings) -> tuple[Step, catalog.Entry] | None:
            return self._blocks_itself(each, known, tier)

        memo = self._tiers.setdefault(tier, Memo())
        return self.search(function, own, memo, settings, always=tier.always)

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
        always: bool = False,
    ) -> Trail[T] | None:
        """Breadth-first over what a function runs, to the nearest body with an effect; `memo` keeps the answers.

        `settings` are those of the function's own parameters; `through_await` also follows awaited coroutine functions;
        with `always` only what runs whenever the function does is followed.
        """
        return search(
            (function, settings),
            lambda run: effect(*run),
            lambda run: self._onward(*run, through_await, always),
            memo,
        )

    def _onward(
        self, function: Function, settings: Settings, through_await: bool, always: bool
    ) -> Iterator[tuple[Step, Run]]:
        """The functions that one runs, its parameters set like that, each with the step to it."""
        if not function.is_async and self.asks_for_loop(function):
            return  # it does something else when a loop runs
        for step in self.execution.steps(function):
            if step.function is None or (step.function.is_async and not through_await):
                continue
            if self.branches.is_dead(function, settings, step.block, step.start):
                continue
            if always and self.branches.is_conditional(function, settings, step.block, step.start):
                continue
            yield step, (step.function, self.branches.settings(step.function, step.call, function, settings))

    # ---------------------------------------------------------------- re-entry

    def reentry(self, module: Module, call: f.Call) -> catalog.Reentry | None:
        """What a call does to the event loop, if it starts or runs one; `async_to_sync(f)(...)` counts as a whole.

        None when the error that this raises in a running loop is expected (`except RuntimeError`).
        """
        func = call.func
        if isinstance(func, f.CallRef):
            entry = self._reentry_of(module, module.facts.calls[func.index])
            wanted = "wrapper"
        else:
            entry, wanted = self._reentry_of(module, call), "result"
        if entry is None or entry.gives != wanted or expects(module, call.block, "RuntimeError"):
            return None
        return entry

    def _reentry_of(self, module: Module, call: f.Call) -> catalog.Reentry | None:
        name = None if call.awaited else self.types.name_of_type(self.types.callee(module, call))
        return catalog.reentry(name) if name else None

    def function_reenters(self, function: Function) -> Trail[catalog.Reentry] | None:
        """The shortest chain by which running a synchronous function starts an event loop without asking for one."""
        return self.search(function, self._reenters, self._reentries)

    def _reenters(self, function: Function, settings: Settings) -> tuple[Step, catalog.Reentry] | None:
        if self.asks_for_loop(function):
            return None
        for call in function.calls:
            if (entry := self.reentry(function.module, call)) is not None:
                if self.branches.is_dead(function, settings, call.block, call.start):
                    continue
                name = self.types.name_of_type(self.types.callee(function.module, call)) or ""
                return Step(function.module, call.start, call.name_end, None, call, name), entry
        return None

    def asks_for_loop(self, function: Function) -> bool:
        """Whether a function looks if an event loop runs (so it may act only when none does), or patches asyncio."""
        for call in function.calls:
            if (name := f.last_name(call.func)) in _ASKS_FOR_LOOP:
                return True
            if name != "apply":
                continue
            if self.types.name_of_type(self.types.callee(function.module, call)) == "nest_asyncio.apply":
                return True
        return False

    # ---------------------------------------------------------------- coroutines

    def makes_coroutine(self, module: Module, call: f.Call) -> bool:
        """Whether a call is known to give a coroutine that does nothing until it is awaited."""
        return self.gives_coroutine(self.types.callee(module, call))

    def gives_coroutine(self, callee: Type) -> bool:
        """Whether calling a value is known to give a coroutine."""
        match callee:
            case FunctionObject(function=function):
                if not function.is_async or function.is_generator or self.execution.bodies(function) != (function,):
                    return False
                return not self.execution.has_sync_override(function, callee.owner)
            case External(name=name):
                return catalog.coroutine(name)
            case Method(cls=cls, name=name):
                return catalog.coroutine_method(cls, name)
            case Instance(cls=Class()):
                return isinstance(self.types.result(callee), Coroutine)
            case Partial(callable=inner):
                return self.gives_coroutine(inner)
            case OneOf(options=options):
                return all(self.gives_coroutine(option) for option in options)
        return False

    def _scheduled_in(self, module: Module) -> frozenset[tuple[int, int]]:
        """The calls whose result is handed to asyncio.gather, create_task and their kin, by start and end."""
        if module not in self._scheduled:
            calls = module.facts.calls
            self._scheduled[module] = frozenset(
                (calls[arg.value.index].start, calls[arg.value.index].end)
                for call in calls
                if f.last_name(call.func) in _SCHEDULERS
                for arg in call.args
                if isinstance(arg.value, f.CallRef)
            )
        return self._scheduled[module]


def _waits(module: Module, start: int, end: int) -> bool:
    return _AWAIT.search(module.text, start, end) is not None


def _is_moment(call: f.Call) -> bool:
    """Whether a sleep is known to be so short that nobody would notice it."""
    match call.args:
        case (f.Arg(value=f.Const(value=int() | float() as seconds)),):
            return seconds <= _MOMENT
    return False


def _mentions_flag(expr: f.Expr) -> bool:
    match expr:
        case f.Name(id=name) | f.Attr(attr=name):
            return name in _AT_ONCE
        case f.Binary(left=left, right=right):
            return _mentions_flag(left) or _mentions_flag(right)
    return False


def _applies(entry: catalog.Entry, call: f.Call) -> bool:
    """Whether the arguments let a call block at all; with unpacked arguments it is assumed that they do."""
    if any(arg.name in ("*", "**") for arg in call.args):
        return True
    if any(_mentions_flag(arg.value) for arg in call.args):
        return False
    values = [(arg.name, arg.value.value if isinstance(arg.value, f.Const) else None) for arg in call.args]
    return entry.applies([v for name, v in values if not name], {name: v for name, v in values if name})
