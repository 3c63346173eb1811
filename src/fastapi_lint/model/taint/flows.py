"""Where texts of clients arrive: at the sinks of a danger, from there up to who calls, or down from where they come in.

`arriving` looks at the sinks of a module, and fills what is up to callers with what these give (`upwards`). `sunk`
looks at a function, and says what of its parameters, or of the client's, gets to a sink in it or in what it calls.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from fastapi_lint.catalog.dangers import Dangers
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.callers import Callers
from fastapi_lint.model.calls.execution import Execution
from fastapi_lint.model.names.annotations import is_plain
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Function,
    FunctionObject,
    Instance,
    Module,
    Type,
)
from fastapi_lint.model.taint.arriving.leading import Leading
from fastapi_lint.model.taint.arriving.sinks import Arrival, Sinks, lives
from fastapi_lint.model.taint.arriving.taken import Place, Taken
from fastapi_lint.model.taint.calling.calling import is_property
from fastapi_lint.model.taint.calling.chosen import choosing_calls
from fastapi_lint.model.taint.objects import called_on, calls_on, maker, own_methods, replacement
from fastapi_lint.model.taint.parameters import is_of_maker, taken_by
from fastapi_lint.model.taint.strands import (
    HIDDEN,
    UNKNOWN,
    Entry,
    Path,
    Slot,
    Strand,
    Text,
    Value,
    has_strands,
    substituted,
)
from fastapi_lint.model.taint.tracing import Tracing
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.tracking import memoized, recording
from fastapi_lint.tracking.memory import Memos

_HIGHEST = 6
_MOST_CALLERS = 20
_MOST_TEXTS = 24
_MOST_FOLLOWED = 400
"""Texts that are followed up to callers for one question."""
_MOST_SUNK = 16


@dataclass(frozen=True)
class Sunk:
    """A text that gets to a sink when a function runs: where it leaves the function (at the sink, or at a call)."""

    arrival: Arrival
    text: Text
    module: Module = field(repr=False)
    start: int = 0
    end: int = 0
    block: int = 0


class Flows:
    """Answers "which texts of clients get where"."""

    def __init__(self, tracing: Tracing, callers: Callers, known: Dangers, execution: Execution) -> None:
        self.tracing = tracing
        self.types = tracing.types
        self.callers = callers
        self.taken = Taken(tracing.types)
        self.sinks = Sinks(tracing, known)
        self.arriving = self.sinks.arriving
        self.known = known
        self._sunk: Memos[Hashable, tuple[Sunk, ...]] = Memos()
        self.leading = Leading(tracing, self.sinks, execution)
        self._active: set[Hashable] = set()
        self._cuts = 0

    def given(
        self,
        expr: f.Expr,
        function: Function,
        span: tuple[int, int],
        block: int,
        danger: str,
        called: str = "",
        path: Path = (),
    ) -> Iterator[Arrival]:
        """What an expression, or what is taken out of it, is made of where no call of the catalogue takes it."""
        value = self.sinks.live(expr, (function.module, block, span[0]), danger, path=path)
        if has_strands(value):
            yield Arrival(function, function.module, *span, block, called, value)

    def entering(self, arrival: Arrival, danger: str) -> Iterator[tuple[Strand, Text, Text]]:
        """What of an arrival the client wrote, each with what stands before and behind it."""
        for text in arrival.value:
            for whole in self.upwards(text, danger, arrival.place):
                for number, piece in enumerate(whole):
                    if isinstance(piece, Strand) and isinstance(piece.origin, Entry) and lives(piece, danger):
                        yield piece, whole[:number], whole[number + 1 :]

    # ---------------------------------------------------------------- up to callers

    @memoized
    def upwards(self, text: Text, danger: str, place: Place | None = None) -> tuple[Text, ...]:
        """A text with what is up to callers as they give it; what nobody is known to give stays as it is.

        With the place where it leaves its function, calls are passed over that do not let that run.
        """
        found: dict[Text, None] = {}
        pending = [(text, place, 0)]
        seen = {(text, place)}
        while pending and len(found) < _MOST_TEXTS:
            one, left, height = pending.pop()
            slot = next((p.origin for p in one if isinstance(p, Strand) and isinstance(p.origin, Slot)), None)
            given = self._given(one, slot.function, danger, left) if slot is not None and height < _HIGHEST else ()
            if not given:
                found.setdefault(one)
            for each in reversed(given):
                if each not in seen and len(seen) < _MOST_FOLLOWED:
                    seen.add(each)
                    pending.append((*each, height + 1))
        return tuple(found)

    @memoized
    def _given(
        self, text: Text, function: Function, danger: str, place: Place | None
    ) -> tuple[tuple[Text, Place | None], ...]:
        """A text of a function as each of its callers has it, with the place of the call."""
        found: dict[tuple[Text, Place | None], None] = {}
        seen, is_elsewhere = 0, False
        slots = [piece.origin for piece in text if isinstance(piece, Strand) and isinstance(piece.origin, Slot)]
        methods = {slot.method for slot in slots if slot.function == function and slot.method is not None}
        uses = ((use.module, use.start) for use in self.callers.uses(function))
        for module, start in dict.fromkeys((*uses, *choosing_calls(self.tracing, function))):
            if module.is_test or seen >= _MOST_CALLERS:
                continue
            called = self._call_of(function, module, start)
            if called is None:
                continue
            seen += 1
            call, args = called
            where = (module, call.block, call.start)
            if any(not self._comes_to(method, function, call, where) for method in methods) or (
                place is not None and not self.taken.is_taken(place, function, call, args, where)
            ):
                is_elsewhere = True
                continue
            caller = module.enclosing(call.block)
            at = Place(caller, call.block, call.start) if caller is not None else None
            filled = self.tracing.checks.cleared(self.tracing.filled((text,), function, call, args, where), where)
            for later in self._running(methods, call, where):
                filled = self.tracing.checks.cleared(filled, later)
            found.update(dict.fromkeys((each, at) for each in filled))
        return tuple(found) if found or not is_elsewhere else (((HIDDEN,), None),)

    def _comes_to(self, method: Function, maker: Function, call: f.Call, where: Where) -> bool:
        """Whether a method may run on the object that a call of a constructor makes."""
        made, _ = self.tracing.callee(call, where)
        if not isinstance(made, ClassObject):  # the constructor of a class below calls that of the one above
            around = where[0].enclosing(where[1])
            made = ClassObject(around.cls) if around is not None and around.cls is not None else None
            return made is None or self._is_of(method, made.cls) or self._is_of(around, method.cls)
        if not self._is_of(method, made.cls):
            return False
        names = called_on(where[0], call)
        if names is None or method.name.startswith("__") or is_property(self.types, method):
            return True
        run = (self.types.member(made.cls, name, Instance(made.cls)) for name in names)
        known = [each.function if isinstance(each, FunctionObject) else None for each in run]
        return any(each is None or method in self.leading.reach(each) for each in known)

    def _running(self, methods: set[Function], made: f.Call, where: Where) -> tuple[Where, ...]:
        """The one place where a method is called on the object that a call makes, when no other runs it."""
        found: dict[Where, None] = {}
        for call in calls_on(where[0], made) if methods else ():
            target, _ = self.tracing.callee(call, (where[0], call.block, call.start))
            if isinstance(target, FunctionObject) and not self.leading.reach(target.function).isdisjoint(methods):
                found[where[0], call.block, call.start] = None
        return tuple(found) if len(found) == 1 else ()

    def _is_of(self, method: Function | None, cls: Class | None) -> bool:
        """Whether objects of a class have a method."""
        return method is not None and cls is not None and method.cls in self.types.mro(cls)

    def _call_of(self, function: Function, module: Module, start: int) -> tuple[f.Call, tuple[f.Arg, ...]] | None:
        """The call at a place that calls a function, with its arguments: of several that begin there the right one."""
        calls = module.facts.calls
        index = bisect_left(calls, start, key=lambda call: call.start)
        likely: tuple[f.Call, tuple[f.Arg, ...]] | None = None
        while index < len(calls) and calls[index].start == start:
            call = calls[index]
            several = self.tracing.callees(call, (module, call.block, call.start))
            for target, args in several:
                if self._is_call_of(target, function):
                    return call, args
            target = several[0][0] if len(several) == 1 else None
            at = next((i for i, arg in enumerate(call.args) if f.last_name(arg.value) == function.name), None)
            if f.last_name(call.func) == function.name:
                # A method of an object that is not known has the same name as many others.
                if target is not None or function.cls is None:
                    likely = call, call.args
            elif at is not None and likely is None:
                likely = call, call.args[at + 1 :]
            index += 1
        return likely

    @staticmethod
    def _is_call_of(target: object, function: Function) -> bool:
        if isinstance(target, FunctionObject):
            return target.function == function
        return isinstance(target, ClassObject) and function.name == "__init__"

    # ---------------------------------------------------------------- down from where they come in

    def sunk(self, function: Function, danger: str) -> tuple[Sunk, ...]:
        """What of the client's texts, or of a function's parameters, gets to a sink when it runs."""
        key = (function, danger)
        held = self._sunk[key]
        if held is not None:
            recording.depend_on(held[1])
            return held[0]
        if key in self._active or len(self._active) > 12:
            self._cuts += 1
            recording.depend_on(None)
            return ()
        cuts = self._cuts
        self._active.add(key)
        try:
            held = recording.tracked(lambda: tuple(self._sinking(function, danger))[:_MOST_SUNK])
        finally:
            self._active.discard(key)
        if cuts == self._cuts:
            self._sunk.keep(key, held)
        return held[0]

    def _sinking(self, function: Function, danger: str) -> Iterator[Sunk]:
        module = function.module
        arrivals = [
            one for call in self.sinks.likely(function, danger) for one in self.sinks.arrivals(module, call, danger)
        ]
        if danger == "path":
            arrivals += self.sinks.joins(function)
        for arrival in sorted(arrivals, key=lambda each: each.start):
            for text in arrival.value:
                yield Sunk(arrival, text, module, arrival.start, arrival.end, arrival.block)
        for call, callee in self.leading.callees(function):
            # Of circles nothing is known.
            if self.leading.leads(callee, danger) and function not in self.leading.reach(callee):
                yield from self._below(function, call, callee, danger)

    def _below(self, function: Function, call: f.Call, callee: Function, danger: str) -> Iterator[Sunk]:
        """What gets to a sink in a function of the project that a call runs."""
        module = function.module
        where = (module, call.block, call.start)
        several = self.tracing.callees(call, where)
        target, args = next((one for one in several if self._is_call_of(one[0], callee)), several[0])
        for sunk in self.sunk(callee, danger):
            if self._is_replaced(target, sunk, danger):
                continue
            slots = [p.origin for p in sunk.text if isinstance(p, Strand) and isinstance(p.origin, Slot)]
            value: Value = (sunk.text,)
            if any(is_of_maker(piece, callee) for piece in sunk.text if isinstance(piece, Strand)):
                value = self._made(value, sunk, function, call, callee)
            elif all(slot.function != callee for slot in slots):
                continue
            if not self.taken.is_taken(Place(callee, sunk.block, sunk.start), callee, call, args, where):
                continue
            filled = self.tracing.filled(value, callee, call, args, where)
            cleared = self.tracing.checks.cleared(filled, where)
            if not sunk.arrival.called:
                cleared = self.tracing.checks.cleared_anywhere(cleared, function)
            for text in cleared:
                if any(lives(piece, danger) for piece in text):
                    yield Sunk(sunk.arrival, text, module, call.start, call.end, call.block)

    def _made(self, value: Value, sunk: Sunk, function: Function, call: f.Call, callee: Function) -> Value:
        """What a method takes out of its object, as the call has it that makes the object (`Sheet(name).read()`)."""
        if not isinstance(call.func, f.Attr):
            return ()
        first = function.params[0].name if function.cls is not None and function.params else ""
        if first and call.func.value == f.Name(first):
            return taken_by(value, function)
        made = maker(call.func.value, (function.module, call.block, call.start), self.tracing)
        if made is None:  # an object from elsewhere: what it was made with is not known, what it is given is
            return substituted(value, lambda strand: UNKNOWN if is_of_maker(strand, callee) else None)
        if not self.taken.is_taken(Place(callee, sunk.block, sunk.start), made.init, made.call, made.args, made.where):
            return ()
        return self.tracing.checks.cleared(
            self.tracing.filled(value, made.init, made.call, made.args, made.where), made.where
        )

    def _is_replaced(self, target: Type, sunk: Sunk, danger: str) -> bool:
        """Whether an object whose inherited method is called has methods of its own in the place of those on the way:
        what the method runs by `self` is worked out for the class in which it stands."""
        owner = target.owner if isinstance(target, FunctionObject) else None
        cls = owner.cls if isinstance(owner, Instance) else None
        if not isinstance(target, FunctionObject) or not isinstance(cls, Class) or target.function.cls is cls:
            return False
        steps = (step for piece in sunk.text if isinstance(piece, Strand) for step in piece.steps)
        passed = (sunk.arrival.function, *own_methods(steps, self.tracing))
        pairs = [(each, replacement(each, cls, self.types)) for each in passed if each not in (None, target.function)]
        return any(own is not None and not self._passes_on(own, method, danger) for method, own in pairs)

    def _passes_on(self, own: Function, method: Function | None, danger: str) -> bool:
        """Whether a method calls the one in whose place it stands, with what can still bring the danger."""
        if method not in self.leading.reach(own):
            return False
        texts = (*(sunk.text for sunk in self.sunk(own, danger)), *self.tracing.returned(own, (), False, 0))
        return any(
            isinstance(piece, Strand)
            and isinstance(piece.origin, Slot)
            and piece.origin.function is own
            and lives(piece, danger)
            for text in texts
            for piece in text
        )

    # ---------------------------------------------------------------- where they come in

    @memoized
    def has_entries(self, function: Function) -> bool:
        """Whether a function, or one around it, is given something by clients, or its object."""
        each: Function | None = function
        while each is not None:
            init = each.cls.methods.get("__init__") if each.cls is not None else None
            entries = self.tracing.entries.parameters
            if entries(each) or (init is not None and entries(init)):
                return True
            for param in each.params:
                if self._holds(each, param):
                    return True
            each = each.parent
        return False

    def _holds(self, function: Function, param: f.Param) -> bool:
        if param.annotation is not None and type(param.default) is not f.CallRef and is_plain(param.annotation):
            return False
        if function.cls is not None and param is function.params[0] and not function.cls.facts.bases:
            return False
        kind = self.types.parameter(function, param)
        if type(kind) is Instance and kind.args:
            kind = kind.args[0]
        if type(kind) is not Instance:
            return False
        if isinstance(kind.cls, str):
            return bool(self.known.attributes(kind.cls))
        names = [base for base in self.types.mro(kind.cls) if type(base) is str]
        return any(self.known.attributes(name) for name in names)
