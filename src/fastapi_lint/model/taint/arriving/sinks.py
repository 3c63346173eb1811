"""The sinks of a danger: which calls are, what they take, and what of it comes from outside. Follows no callers, but
for the joined paths that are keys of objects in a store like S3, where `..` leads nowhere."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fastapi_lint import catalog
from fastapi_lint.catalog.dangers import Dangers
from fastapi_lint.catalog.format import Sink
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.arguments import Given, given, switch
from fastapi_lint.model.names.symbols import ClassObject, External, Function, FunctionObject, Method, Module
from fastapi_lint.model.taint.arriving.taken import Place
from fastapi_lint.model.taint.parameters import taken_by
from fastapi_lint.model.taint.strands import Entry, Path, Step, Strand, Value, has_strands
from fastapi_lint.model.taint.tracing import Tracing
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.constants import Unfolded

_PATHS = ("pathlib.Path", "pathlib.PurePath", "anyio.Path")
_JOINS = frozenset({"os.path.join", "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "anyio.Path"})
_POSITIONS = {"media_type": 3}
_CURSORS = frozenset({"cursor", "cur", "cursor_", "db_cursor"})
"""What a cursor is called whose maker is not known; whether it gets SQL, its text says."""
_STORES = re.compile(
    r"(?:^|_)(?:key|keys|blob|object|s3|gcs|url|uri|bucket|route|endpoint|link|href)(?:_|$)", re.IGNORECASE
)
"""What a variable is called that holds no path of a file: the key of an object in a store, a URL."""
_ASKED = frozenset({"stat", "lstat", "exists", "is_file", "is_dir", "as_posix", "as_uri"})
_STARTING = frozenset({"run", "Popen", "check_output", "check_call"})
_ASKING = _STARTING | {"str", "fspath", "stat", "getsize", "getmtime", "exists", "isfile", "isdir"}
_JOIN_NAMES = frozenset({"join", "joinpath", "Path", "PurePath"})
_JOINING = _ASKED | _ASKING | _JOIN_NAMES


@dataclass(frozen=True)
class Arrival:
    """What a sink gets: the value, the call (None where two paths are joined), and the argument's place.

    `called` is the last name of what is called ("" for joins), `folders` whether it works on folders, too,
    `opens` whether it opens what it gets when that is a path.
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
    opens: bool = False

    @property
    def place(self) -> Place | None:
        """Where it leaves its function."""
        at = self.call.start if self.call is not None else self.start
        return Place(self.function, self.block, at) if self.function is not None else None


class Sinks:
    """Answers "what gets to this call"."""

    def __init__(self, tracing: Tracing, known: Dangers) -> None:
        self.tracing = tracing
        self.types = tracing.types
        self.known = known
        self._dividing: dict[Module, set[int]] = {}
        self._likely: dict[tuple[Module, str], dict[int, list[f.Call]]] = {}
        self._sinking: dict[tuple[Module, str], set[int]] = {}
        self._handed: dict[Module, dict[str, list[int]]] = {}

    def sink(self, module: Module, call: f.Call, danger: str) -> tuple[Sink, tuple[f.Arg, ...]] | None:
        """How a likely call is a sink of a danger, and its arguments; None when it is none."""
        target, args = self.tracing.callee(call, (module, call.block, call.start))
        match target:
            case External(name=name):
                found = self.known.sink(danger, name)
            case Method(cls=cls, name=name):
                found = self.known.sink_method(danger, cls, name)
            case FunctionObject(function=function) if self.known.is_extended:
                found = self.known.sink(danger, self.types.own_name(function))
            case None if danger == "sql" and isinstance(call.func, f.Attr) and f.last_name(call.func.value) in _CURSORS:
                found = self.known.sink_method(danger, "sqlite3.Cursor", call.func.attr)
            case _:
                return None
        return (found, args) if found is not None and self._applies(found, args, module, call) else None

    def _applies(self, sink: Sink, args: tuple[f.Arg, ...], module: Module, call: f.Call) -> bool:
        """Whether the arguments that decide are such that a sink is one."""
        where = (module, call.block, call.start)
        for name, wanted in sink.when.items():
            value = given(self.tracing.values, module, call, name, _POSITIONS.get(name, -1))
            if value is None or not self._is(value, wanted):
                return False
        for name, harmless in sink.unless.items():
            value = given(self.tracing.values, module, call, name) if not name.isdigit() else None
            expr = value.value if value is not None else None
            if expr is None and name.isdigit():
                positional = [arg.value for arg in args if arg.name == ""]
                expr = positional[int(name)] if int(name) < len(positional) else None
            if expr is not None and self._is_one_of(expr, value.where if value is not None else where, harmless):
                return False
        return True

    def _is(self, value: Given, wanted: str | int | float | bool | None) -> bool:
        """Whether an argument has a value: that of a switch is asked for its truth."""
        try:
            found = switch(self.tracing.values, value.value, value.where)
        except Unfolded:
            return False
        if isinstance(wanted, str):  # a media type may name its charset
            return isinstance(found, str) and found.split(";")[0].strip().lower() == wanted
        return bool(found) is wanted

    def _is_one_of(self, expr: f.Expr, where: Where, names: tuple[str, ...]) -> bool:
        """Whether an expression is one of some classes or functions, or a class made of one."""
        kind = self.types.infer(expr, where)
        if isinstance(kind, ClassObject) and any(self.types.is_subclass(kind.cls, name) for name in names):
            return True
        return self.types.name_of_type(kind) in names

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
        for calls in self._likely_in(module, danger).values():
            for call in calls:
                yield from self.arrivals(module, call, danger)

    def likely(self, function: Function, danger: str) -> Sequence[f.Call]:
        """The calls of a function that may be sinks by their names: no others are."""
        return self._likely_in(function.module, danger).get(function.index, ())

    def _likely_in(self, module: Module, danger: str) -> Mapping[int, Sequence[f.Call]]:
        """The calls of a module that are called like a sink, or hand over what is, by the index of their function."""
        key = (module, danger)
        if key not in self._likely:
            found = self._likely[key] = defaultdict(list)
            for call in self.called_like(module, module.words_for(self.known.names(danger))):
                found[module.facts.blocks[call.block].function].append(call)
        return self._likely[key]

    def called_like(self, module: Module, names: frozenset[str]) -> list[f.Call]:
        """The calls of a module by the last names of what they call, or of what they hand over to be run elsewhere."""
        calls, table = module.facts.calls, module.calls_by_name
        found = {index for name in table.keys() & names for index in table[name]}
        handed = self._handed_over(module)
        found.update([index for name in handed.keys() & names for index in handed[name]])
        return [calls[index] for index in sorted(found)] if found else []

    def _handed_over(self, module: Module) -> Mapping[str, Sequence[int]]:
        """The calls by which a module may have something else run, by the last names of what they are given."""
        if module not in self._handed:
            names, table = module.words_for(catalog.handoff_names()), module.calls_by_name
            found = self._handed[module] = defaultdict(list)
            for index in [index for name in table.keys() & names for index in table[name]]:
                for arg in module.facts.calls[index].args:
                    found[f.last_name(arg.value)].append(index)
        return self._handed[module]

    def arrivals(self, module: Module, call: f.Call, danger: str) -> Iterator[Arrival]:
        found = self.sink(module, call, danger)
        if found is None:
            return
        sink, args = found
        where = (module, call.block, call.start)
        for expr, start, end in self.taken(sink, call, args):
            value = self.live(expr, where, danger)
            if has_strands(value):
                function = module.enclosing(call.block)
                value = taken_by(value, function) if function is not None else value
                target, _ = self.tracing.callee(call, where)
                name = (self.types.name_of_type(target) or "").rpartition(".")[2] or f.last_name(call.func)
                yield Arrival(function, module, start, end, call.block, name, value, sink.folders, call, sink.opens)

    def live(self, expr: f.Expr, where: Where, danger: str, made_in: Function | None = None, path: Path = ()) -> Value:
        """What an expression is made of, what cannot bring the danger aside.

        `made_in`: it is only made there, so that whatever is looked at later in the function counts. `path`: what is
        taken out of it.
        """
        if isinstance(expr, (f.Const, f.Raw)):
            return ()
        value = self.tracing.value(expr, where, path)
        if not has_strands(value):
            return value
        cleared = self.tracing.checks.cleared(value, where)
        if made_in is not None:
            cleared = self.tracing.checks.cleared_anywhere(cleared, made_in)
        return tuple(text for text in cleared if any(lives(piece, danger) for piece in text))

    def joins(self, function: Function) -> Iterator[Arrival]:
        """The places where a function joins a text to a folder."""
        module = function.module
        joining, is_dividing = self.joining(function), function.index in self._dividing_in(module)
        assigns = module.assigns_in.get(function.index, ()) if joining or is_dividing else ()
        stored = [entry for entry in assigns if _STORES.search(f.last_name(entry.target))]
        divided: list[f.Assign | f.Exit] = [entry for entry in assigns if is_divided(entry.value)]
        divided += [leave for leave in function.exits if leave.kind == "return" and is_divided(leave.value)]
        for entry in divided:
            place = (module, entry.block, entry.start)
            if entry.value is not None and entry not in stored and self.is_path(entry.value, place):
                found = self.live(entry.value, place, "path", function)
                if has_strands(found):
                    yield Arrival(function, module, entry.start, entry.end, entry.block, "", found)
        for call in joining:
            if any(entry.start <= call.start and call.end <= entry.end for entry in stored):
                continue
            place = (module, call.block, call.start)
            for value in asked_of(call):
                if is_divided(value) and self.is_path(value, place):
                    found = self.live(value, place, "path", function)
                    if has_strands(found):
                        yield Arrival(function, module, call.start, call.end, call.block, "", found)
            if self.is_join(module, call):
                itself = f.CallRef(module.call_numbers[call.start, call.end])
                found = self.live(itself, place, "path", function)
                if has_strands(found):
                    yield Arrival(function, module, call.start, call.end, call.block, "", found)

    def functions(self, module: Module, danger: str) -> Container[int]:
        """The indexes of the functions of a module in which a text may get to a sink, by the names in them."""
        key = (module, danger)
        if key not in self._sinking:
            likely = self._likely_in(module, danger).keys()
            paths = module.calls_named_in(_JOINING).keys() | self._dividing_in(module) if danger == "path" else ()
            self._sinking[key] = likely | paths
        return self._sinking[key]

    def divisions(self, function: Function) -> Iterator[tuple[f.Expr, int, int]]:
        """What a function divides to assign, return or raise it, each with its block and place."""
        if function.index in self._dividing_in(function.module):
            entries: list[f.Assign | f.Exit] = [*function.module.assigns_in.get(function.index, ()), *function.exits]
            for entry in entries:
                if entry.value is not None and is_divided(entry.value):
                    yield entry.value, entry.block, entry.start

    @staticmethod
    def joining(function: Function) -> Sequence[f.Call]:
        """The calls of a function that may join paths or ask something of a joined one, by their names."""
        return function.calls_named(_JOINING)

    def _dividing_in(self, module: Module) -> set[int]:
        """The indexes of the functions that divide something to keep it, or to give it back."""
        if module not in self._dividing:
            entries: list[f.Assign | f.Exit] = [*module.facts.assigns, *module.facts.exits]
            divided = [entry.block for entry in entries if type(entry.value) is f.Binary and entry.value.op == "/"]
            self._dividing[module] = {module.facts.blocks[block].function for block in divided}
        return self._dividing[module]

    def is_join(self, module: Module, call: f.Call) -> bool:
        last = f.last_name(call.func)
        if last not in _JOIN_NAMES or len(call.args) < 1 + (last != "joinpath"):
            return False
        name = self.types.name_of_type(self.types.callee(module, call)) or ""
        return name in _JOINS or name.endswith("Path.joinpath")

    def is_path(self, value: f.Expr, where: Where) -> bool:
        while isinstance(value, f.Binary) and value.op == "/":
            value = value.left
        return self.types.is_instance(self.types.infer(value, where), *_PATHS)


def is_divided(value: f.Expr | None) -> bool:
    """Whether a value is made by `/`, as paths are joined."""
    return type(value) is f.Binary and value.op == "/"


def asked_of(call: f.Call) -> Iterator[f.Expr]:
    """The paths of which a call asks what is there, or how they read, and those that a program is started with."""
    last = f.last_name(call.func)
    if last in _ASKED and isinstance(call.func, f.Attr):
        yield call.func.value
    if last in _ASKING and call.args:
        given = call.args[0].value
        yield from given.items if last in _STARTING and isinstance(given, f.Display) else (given,)


def lives(piece: object, danger: str) -> bool:
    """Whether a piece comes from outside and can bring a danger."""
    return isinstance(piece, Strand) and not piece.is_safe(danger)


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
