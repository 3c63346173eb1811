"""Where texts of clients arrive: at the sinks of a danger, from there up to who calls, or down from where they come in.

`arriving` looks at the sinks of a module, and fills what is up to callers with what these give (`upwards`). `sunk`
looks at a function, and says what of its parameters, or of the client's, gets to a sink in it or in what it calls.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from fastapi_lint.catalog.dangers import Dangers
from fastapi_lint.catalog.format import Sink
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.callers import Callers
from fastapi_lint.model.names.symbols import ClassObject, External, Function, FunctionObject, Instance, Method, Module
from fastapi_lint.model.taint.strands import (
    Entry,
    Slot,
    Step,
    Strand,
    Text,
    Value,
    has_strands,
)
from fastapi_lint.model.taint.tracing import Tracing
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.tracking import memoized, recording

_HIGHEST = 6
_MOST_CALLERS = 20
_MOST_TEXTS = 24
_MOST_SUNK = 16
_PATHS = ("pathlib.Path", "pathlib.PurePath", "anyio.Path")
_JOINS = frozenset({"os.path.join", "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "anyio.Path"})
_CURSORS = frozenset({"cursor", "cur", "cursor_", "db_cursor"})
"""What a cursor is called whose maker is not known; whether it gets SQL, its text says."""
_STORES = re.compile(
    r"(?:^|_)(?:key|keys|blob|object|s3|gcs|url|uri|bucket|route|endpoint|link|href)(?:_|$)", re.IGNORECASE
)
"""What a variable is called that holds no path of a file: the key of an object in a store, a URL."""


@dataclass(frozen=True)
class Arrival:
    """What a sink gets: the value, the call (None where two paths are joined), and the argument's place.

    `called` is the last name of what is called ("" for joins), `folders` whether it works on folders, too.
    """

    function: Function | None = field(repr=False)
    module: Module = field(repr=False)
    start: int
    end: int
    block: int
    called: str
    value: Value
    folders: bool = False
    call: f.Call | None = None


@dataclass(frozen=True)
class Sunk:
    """A text that gets to a sink when a function runs: where it leaves the function (at the sink, or at a call)."""

    arrival: Arrival
    text: Text
    module: Module = field(repr=False)
    start: int = 0
    end: int = 0


class Flows:
    """Answers "which texts of clients get where"."""

    def __init__(self, tracing: Tracing, callers: Callers, known: Dangers) -> None:
        self.tracing = tracing
        self.types = tracing.types
        self.callers = callers
        self.known = known
        self._sunk: dict[Hashable, tuple[tuple[Sunk, ...], Hashable]] = {}
        self._active: set[Hashable] = set()
        self._cuts = 0

    # ---------------------------------------------------------------- at the sinks

    def sink(self, module: Module, call: f.Call, danger: str) -> tuple[Sink, tuple[f.Arg, ...]] | None:
        """How a call is a sink of a danger, and its arguments; None when it is none."""
        names = self.known.names(danger)
        last = f.last_name(call.func)
        if last not in names and not any(f.last_name(arg.value) in names for arg in call.args):
            return None
        target, args = self.tracing.callee(call, (module, call.block, call.start))
        match target:
            case External(name=name):
                found = self.known.sink(danger, name)
            case Method(cls=cls, name=name):
                found = self.known.sink_method(danger, cls, name)
            case None if danger == "sql" and isinstance(call.func, f.Attr) and f.last_name(call.func.value) in _CURSORS:
                found = self.known.sink_method(danger, "sqlite3.Cursor", last)
            case _:
                return None
        return (found, args) if found is not None and self._applies(found, args, module, call) else None

    def _applies(self, sink: Sink, args: tuple[f.Arg, ...], module: Module, call: f.Call) -> bool:
        """Whether the arguments that decide are such that a sink is one."""
        where = (module, call.block, call.start)
        given = {arg.name: arg.value for arg in args if arg.name}
        for name, wanted in sink.when.items():
            if not isinstance(value := given.get(name), f.Const) or value.value != wanted:
                return False
        for name, harmless in sink.unless.items():
            value = given.get(name)
            if value is None and name.isdigit():
                positional = [arg.value for arg in args if arg.name == ""]
                value = positional[int(name)] if int(name) < len(positional) else None
            if value is not None and self.types.name_of_type(self.types.infer(value, where)) in harmless:
                return False
        return True

    def taken(self, sink: Sink, call: f.Call, args: tuple[f.Arg, ...]) -> Iterator[tuple[f.Expr, int, int]]:
        """The expressions that a sink takes, with their places."""
        positional = [arg for arg in args if arg.name == ""]
        for each in sink.takes:
            if each == "self":
                if isinstance(call.func, f.Attr):
                    yield call.func.value, call.start, call.end
            elif each.isdigit():
                if int(each) < len(positional):
                    arg = positional[int(each)]
                    yield arg.value, arg.start, arg.end
            else:
                yield from ((arg.value, arg.start, arg.end) for arg in args if arg.name == each)

    def arriving(self, module: Module, danger: str) -> Iterator[Arrival]:
        """What the sinks of a module get, as far as anything of it comes from outside."""
        for call in module.facts.calls:
            yield from self._arrivals(module, call, danger)

    def _arrivals(self, module: Module, call: f.Call, danger: str) -> Iterator[Arrival]:
        found = self.sink(module, call, danger)
        if found is None:
            return
        sink, args = found
        where = (module, call.block, call.start)
        for expr, start, end in self.taken(sink, call, args):
            value = self._live(expr, where, danger)
            if has_strands(value):
                function = module.enclosing(call.block)
                target, _ = self.tracing.callee(call, where)
                name = (self.types.name_of_type(target) or "").rpartition(".")[2] or f.last_name(call.func)
                yield Arrival(function, module, start, end, call.block, name, value, sink.folders, call)

    def _live(self, expr: f.Expr, where: Where, danger: str, made_in: Function | None = None) -> Value:
        """What an expression is made of, what cannot bring the danger aside.

        `made_in`: it is only made there, so that whatever is looked at later in the function counts.
        """
        if isinstance(expr, (f.Const, f.Raw)):
            return ()
        value = self.tracing.value(expr, where)
        if not has_strands(value):
            return value
        cleared = self.tracing.checks.cleared(value, where)
        if made_in is not None:
            cleared = self.tracing.checks.cleared_anywhere(cleared, made_in)
        return tuple(text for text in cleared if any(_lives(piece, danger) for piece in text))

    def joins(self, function: Function) -> Iterator[Arrival]:
        """The places where a function joins a text to a folder."""
        module = function.module
        entries = [(e.value, e.block, e.start, e.end, e.target) for e in module.assigns_in.get(function.index, ())]
        entries += [(e.value, e.block, e.start, e.end, None) for e in function.exits if e.kind == "return"]  # type: ignore[misc]
        for value, block, start, end, target in entries:
            if target is not None and _STORES.search(f.last_name(target)):
                continue
            if isinstance(value, f.Binary) and value.op == "/" and self._is_path(value, (module, block, start)):
                found = self._live(value, (module, block, start), "path", function)
                if has_strands(found):
                    yield Arrival(function, module, start, end, block, "", found)
        stored = [
            (start, end) for _, _, start, end, target in entries if target and _STORES.search(f.last_name(target))
        ]
        for call in function.calls:
            last = f.last_name(call.func)
            if any(start <= call.start and call.end <= end for start, end in stored):
                continue
            if last not in ("join", "joinpath", "Path", "PurePath") or len(call.args) < (
                1 if last == "joinpath" else 2
            ):
                continue
            name = self.types.name_of_type(self.types.callee(module, call)) or ""
            if name in _JOINS or name.endswith("Path.joinpath"):
                where = (module, call.block, call.start)
                index = next((i for i, one in enumerate(module.facts.calls) if one is call), -1)
                found = self._live(f.CallRef(index), where, "path", function)
                if has_strands(found):
                    yield Arrival(function, module, call.start, call.end, call.block, "", found)

    def _is_path(self, value: f.Expr, where: Where) -> bool:
        while isinstance(value, f.Binary) and value.op == "/":
            value = value.left
        return self.types.is_instance(self.types.infer(value, where), *_PATHS)

    # ---------------------------------------------------------------- up to callers

    def upwards(self, text: Text, danger: str, height: int = 0) -> tuple[Text, ...]:
        """A text with what is up to callers as they give it; what nobody is known to give stays as it is."""
        slot = next((p.origin for p in text if isinstance(p, Strand) and isinstance(p.origin, Slot)), None)
        if slot is None or height >= _HIGHEST:
            return (text,)
        given = list(self._given(text, slot.function, danger))
        if not given:
            return (text,)
        found: dict[Text, None] = {}
        for one in given:
            for whole in self.upwards(one, danger, height + 1):
                found.setdefault(whole)
                if len(found) >= _MOST_TEXTS:
                    return tuple(found)
        return tuple(found)

    def _given(self, text: Text, function: Function, danger: str) -> Iterator[Text]:
        """A text of a function as each of its callers has it."""
        seen = 0
        for use in self.callers.uses(function):
            if use.module.is_test or seen >= _MOST_CALLERS:
                continue
            call = _call_at(use.module, use.start)
            if call is None:
                continue
            seen += 1
            where = (use.module, call.block, call.start)
            target, args = self.tracing.callee(call, where)
            if not self._is_call_of(target, function):
                at = next((i for i, arg in enumerate(call.args) if f.last_name(arg.value) == function.name), None)
                args = call.args[at + 1 :] if at is not None and f.last_name(call.func) != function.name else call.args
            filled = self.tracing.filled((text,), function, call, args, where)
            yield from self.tracing.checks.cleared(filled, where)

    @staticmethod
    def _is_call_of(target: object, function: Function) -> bool:
        if isinstance(target, FunctionObject):
            return target.function == function
        return isinstance(target, ClassObject) and function.name == "__init__"

    # ---------------------------------------------------------------- down from where they come in

    def sunk(self, function: Function, danger: str) -> tuple[Sunk, ...]:
        """What of the client's texts, or of a function's parameters, gets to a sink when it runs."""
        key = (function, danger)
        held = self._sunk.get(key)
        if held is not None:
            recording.depend_on(held[1])
            return held[0]
        if key in self._active or len(self._active) > 12:
            self._cuts += 1
            return ()
        cuts = self._cuts
        self._active.add(key)
        try:
            held = recording.tracked(lambda: tuple(self._sinking(function, danger))[:_MOST_SUNK])
        finally:
            self._active.discard(key)
        if cuts == self._cuts:
            self._sunk[key] = held
        return held[0]

    def _sinking(self, function: Function, danger: str) -> Iterator[Sunk]:
        module = function.module
        arrivals = [one for call in function.calls for one in self._arrivals(module, call, danger)]
        if danger == "path":
            arrivals += self.joins(function)
        for arrival in sorted(arrivals, key=lambda each: each.start):
            for text in arrival.value:
                yield Sunk(arrival, text, module, arrival.start, arrival.end)
        for call in function.calls:
            yield from self._below(function, call, danger)

    def _below(self, function: Function, call: f.Call, danger: str) -> Iterator[Sunk]:
        """What gets to a sink in a function of the project that a call runs."""
        module = function.module
        where = (module, call.block, call.start)
        target, args = self.tracing.callee(call, where)
        if isinstance(target, ClassObject):
            target = self.types.member(target.cls, "__init__", Instance(target.cls))
        if not isinstance(target, FunctionObject) or target.function.module.is_test or target.function is function:
            return
        if not args and target.owner is None:
            return
        callee = target.function
        for sunk in self.sunk(callee, danger):
            if not any(
                isinstance(p, Strand) and isinstance(p.origin, Slot) and p.origin.function == callee for p in sunk.text
            ):
                continue
            filled = self.tracing.filled((sunk.text,), callee, call, args, where)
            cleared = self.tracing.checks.cleared(filled, where)
            if not sunk.arrival.called:
                cleared = self.tracing.checks.cleared_anywhere(cleared, function)
            for text in cleared:
                if any(_lives(piece, danger) for piece in text):
                    yield Sunk(sunk.arrival, text, module, call.start, call.end)

    # ---------------------------------------------------------------- where they come in

    @memoized
    def has_entries(self, function: Function) -> bool:
        """Whether a function, or one around it, is given something by clients."""
        each: Function | None = function
        while each is not None:
            if self.tracing.entries.parameters(each) or any(self._holds(each, param) for param in each.params):
                return True
            each = each.parent
        return False

    def _holds(self, function: Function, param: f.Param) -> bool:
        kind = self.types.parameter(function, param)
        if isinstance(kind, Instance) and kind.args:
            kind = kind.args[0]
        if not isinstance(kind, Instance):
            return False
        names = [kind.cls] if isinstance(kind.cls, str) else [b for b in self.types.mro(kind.cls) if isinstance(b, str)]
        return any(self.known.attributes(name) for name in names)

    def is_given_checked(self, entry: Entry, path: tuple[str | int, ...], danger: str) -> bool:
        """Whether all who call a function have looked at what of an object they hand over."""
        param = next((each for each in entry.function.params if each.start == entry.start), None)
        if param is None or self.tracing.entries.parameters(entry.function):
            return False
        slot: Value = ((Strand(Slot(entry.function, param, path), entry.shown),),)
        given = [one for text in slot for one in self._given(text, entry.function, danger)]
        return bool(given) and not any(_lives(piece, danger) for text in given for piece in text)


def trail(strand: Strand, arrival: Arrival) -> Iterator[Step]:
    """The way of a text as steps, from where it comes in to the sink."""
    origin = strand.origin
    module = origin.function.module
    if isinstance(origin, Entry):
        yield Step(module, origin.start, origin.end, f"{origin.what} `{origin.shown}` comes from the client")
    else:
        yield Step(module, origin.param.start, origin.param.end, f"`{origin.shown}` comes from here")
    yield from strand.steps
    if arrival.called:
        yield Step(arrival.module, arrival.start, arrival.end, f"`{arrival.called}` gets it")


def _lives(piece: object, danger: str) -> bool:
    return isinstance(piece, Strand) and not piece.is_safe(danger)


def _call_at(module: Module, start: int) -> f.Call | None:
    calls = module.facts.calls
    index = bisect_left(calls, start, key=lambda call: call.start)
    return calls[index] if index < len(calls) and calls[index].start == start else None
