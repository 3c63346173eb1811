"""Which calls of libraries block, where they stand: what the catalogue says, and what their arguments make of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter

import msgspec

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.execution import Execution
from fastapi_lint.model.calls.laziness import CALLERS, reads_on, waits_in_generator
from fastapi_lint.model.calls.reach.serving import Serving
from fastapi_lint.model.calls.steps import Step, shown, written
from fastapi_lint.model.calls.ways.sparing import expects, is_once, is_ready, never_runs
from fastapi_lint.model.names.expressions import attributes_of
from fastapi_lint.model.names.places import place_of
from fastapi_lint.model.names.symbols import (
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
_SOCKET, _STREAM = "socket.socket", "socket.SOCK_STREAM"
_LIMITS = frozenset({"setblocking", "settimeout"})
_NOT_AT_ALL = (f.Const(False), f.Const(0), f.Const(0.0))
"""With these a socket never waits."""
_IN_MEMORY = frozenset({"io.BytesIO", "io.StringIO", "tempfile.SpooledTemporaryFile"})
_AWAIT = re.compile(rb"\bawait\b|\basync\s+(?:for|with)\b")
_THROUGH = ("list", "tuple", "set", "frozenset", "dict", "sorted", "sum", "min", "max", "any", "all")
_READING = {**dict.fromkeys(_THROUGH, "__iter__"), "next": "__next__", "len": "__len__"}
"""Built-ins that go through what they are given, and by which method."""
_CALLERS = CALLERS | {"reduce"}
_SCHEDULERS = frozenset({
    "gather", "create_task", "ensure_future", "wait_for", "shield", "run_coroutine_threadsafe", "as_completed",
})  # fmt: skip


class Blocking:
    """Answers "does this call block", and what a function does itself."""

    def __init__(
        self,
        types: Inference,
        additions: Sequence[Mapping[str, object]] = (),
        is_lifespan: Callable[[Function], bool] = lambda function: False,
    ) -> None:
        """`additions` are the user's entries of the blocking catalogue; `is_lifespan` tells start-up code."""
        self.types = types
        self.execution = Execution(types)
        self.catalogue = catalog.blocking()
        if additions:
            self.catalogue = self.catalogue.extend(catalog.entries_from(additions, "blocking"))
        self.serving = Serving(types, is_lifespan)
        self._scheduled: dict[Module, frozenset[tuple[int, int]]] = {}

    def is_served(self, module: Module) -> bool:
        """Whether a module can run in the process of an application: it imports FastAPI, or is imported from there."""
        return self.serving.is_served(module)

    def holds_up_requests(self, function: Function) -> bool:
        """Whether what a function does can make requests wait: async, of the application, and run while it serves."""
        return self.serving.holds_up_requests(function)

    def blocking_entry(self, module: Module, call: f.Call) -> catalog.Entry | None:
        """The blocking catalogue's entry for what a call calls; None for awaited, scheduled and unknown calls."""
        if call.awaited:
            return None
        entry = self._entry_for(self.types.callee(module, call))
        if entry is None or not _applies(entry, call):
            return None
        if _SOCKET in entry.names and not self._socket_waits(module, call):
            return None
        if entry.mode and not self._waits_in_this_mode(module, call, entry.mode):
            entry = msgspec.structs.replace(entry, weight="short", why=entry.otherwise)
        if entry.kind == "sleep" and _is_moment(call):
            return None
        if entry.weight == "short" and self._is_in_memory(module, call):
            return None
        if (entry.lazy == "iterator" and not reads_on(module, call)) or waits_in_generator(module, call.block):
            return None  # nothing has been done yet: whoever reads on waits
        if entry.kind in _WAITS_FOR and is_ready(module, call, written(module, call)):
            return None
        if self.execution.is_asynchronous(module, call) or (call.start, call.end) in self._scheduled_in(module):
            return None  # whoever awaits it knows better what it is
        return entry

    def synchronous(self, module: Module, call: f.Call) -> catalog.Entry | None:
        """The blocking catalogue's entry for what a call calls, awaited or not: it works before it gives its result."""
        return self._entry_for(self.types.callee(module, call))

    def _entry_for(self, callee: Type) -> catalog.Entry | None:
        """The entry for a callable; of one of several callables only when each of them has one, or when all are plain
        methods: of one of several objects, a library's among them."""
        match callee:
            case External(name=name):
                return self.catalogue.function(name)
            case Method(cls=cls, name=name):
                return self.catalogue.method(cls, name)
            case Instance(cls=str(cls)):
                return self.catalogue.method(cls, "__call__")
            case Partial(callable=inner):
                return self._entry_for(inner)
            case OneOf(options=options):
                entries = [self._entry_for(option) for option in options]
                if not all(entries) and not all(map(_is_plain_method, options)):
                    return None
                return next((entry for entry in entries if entry is not None), None)
        return None

    def _waits_in_this_mode(self, module: Module, call: f.Call, mode: str) -> bool:
        """Whether the first argument of a call is the constant with which it waits."""
        if not call.args or call.args[0].name:
            return False
        value = self.types.infer(call.args[0].value, (module, call.block, call.start))
        return self.types.name_of_type(value) == mode

    def _socket_waits(self, module: Module, call: f.Call) -> bool:
        """Whether a method of a socket waits: it is of a stream, and nothing makes it return at once.

        A socket of datagrams only notes an address when it connects, and sends into a buffer. One of which a
        `BlockingIOError` is expected does not wait.
        """
        if expects(module, call.block, "BlockingIOError"):
            return False
        callee = self.types.callee(module, call)
        made = callee.owner.origin if isinstance(callee, Method) and callee.owner is not None else None
        if made is not None and f.last_name(made.facts.func) == "socket":
            positional = [arg.value for arg in made.facts.args if not arg.name]
            given = f.keyword(made.facts, "type")
            form = given.value if given is not None else positional[1] if len(positional) > 1 else None
            where = (made.module, made.facts.block, made.facts.start)
            if form is not None and self.types.name_of_type(self.types.infer(form, where)) != _STREAM:
                return False
        places = [(module, call.block)] + ([(made.module, made.facts.block)] if made is not None else [])
        return not any(
            f.last_name(other.func) in _LIMITS and other.args and other.args[0].value in _NOT_AT_ALL
            for place, block in places
            for other in place.calls_in.get(place.facts.blocks[block].function, ())
        )

    def _is_in_memory(self, module: Module, call: f.Call) -> bool:
        """Whether the first argument is a file that lies in memory, or the object (an archive) was made of one."""
        callee = self.types.callee(module, call)
        if isinstance(callee, Method) and callee.owner is not None and (made := callee.owner.origin) is not None:
            is_itself = place_of(made.module, made.facts) == place_of(module, call)
            if not is_itself and self._is_in_memory(made.module, made.facts):
                return True
        given = f.keyword(call, "fileobj") or next((arg for arg in call.args[:1] if not arg.name), None)
        if given is None:
            return False
        value = self.types.infer(given.value, (module, call.block, call.start))
        return isinstance(value, Instance) and value.cls in _IN_MEMORY

    @memoized
    def blocking(self, function: Function) -> tuple[tuple[Step, catalog.Entry], ...]:
        """What blocks in a function's own body: library calls, and library objects that `for` and `with` run."""
        return tuple(self._blocking(function))

    def _blocking(self, function: Function) -> Iterator[tuple[Step, catalog.Entry]]:
        module = function.module
        for call in function.calls:
            entry = self.blocking_entry(module, call)
            found = self._read_by(module, call) if entry is None else None
            if entry is None and found is None:
                continue
            if never_runs(module, call.block, call.start):
                continue
            if entry is not None:
                name = self.types.name_of_type(self.types.callee(module, call)) or ""
                yield Step(module, call.start, call.name_end, None, call, name), entry
            elif found is not None:
                subject = call.args[0].value
                yield Step(module, call.start, call.name_end, None, call, found[0], call.block, subject), found[1]
        yield from self._called_by_built_ins(function)
        for value, names, start, end, block in self.execution.driven(function):
            made = module.facts.calls[block.test.index] if isinstance(block.test, f.CallRef) else None
            if made is not None and block.kind != "with" and self.blocking_entry(module, made) is not None:
                continue  # said already
            if isinstance(value, Instance) and isinstance(value.cls, str):
                for name in names:
                    entry = self.catalogue.method(value.cls, name)
                    if entry is not None and entry.kind == "lock" and not _waits(module, block.start, block.end):
                        continue  # held for a moment between threads: what locks are for
                    if entry is not None:
                        yield (
                            Step(module, start, end, None, None, f"{value.cls}.{name}", block.parent, block.test),
                            entry,
                        )
                        break

        yield from self._read(function)

    def _read(self, function: Function) -> Iterator[tuple[Step, catalog.Entry]]:
        """Properties of library objects that work when they are read, of each object the first: `result.state`."""
        words, module = self.catalogue.attribute_words, function.module
        read = [each for each in attributes_of(function) if each[0].attr in words]
        if not read:
            return
        called = {call.func for call in function.calls}
        seen: set[f.Expr] = set()
        for attribute, block, at in sorted(read, key=itemgetter(2)):
            if attribute in called or attribute.value in seen:
                continue
            value = self.types.infer(attribute.value, (module, block, at))
            if not isinstance(value, Instance) or not isinstance(value.cls, str):
                continue
            entry = self.catalogue.method(value.cls, attribute.attr)
            if entry is None or entry.lazy != "attribute":
                continue
            if never_runs(module, block, at):
                continue
            seen.add(attribute.value)
            text = shown(module, attribute).encode()
            start = max(module.source.utf8.find(text, at), at)
            name = f"{value.cls}.{attribute.attr}"
            yield Step(module, start, start + len(text), None, None, name, block, attribute), entry

    def _read_by(self, module: Module, call: f.Call) -> tuple[str, catalog.Entry] | None:
        """What a built-in reads at once, an object of a library that waits for its items: `list(cursor)`."""
        method = _READING.get(call.func.id) if isinstance(call.func, f.Name) else None
        if method is None or not call.args or call.args[0].name:
            return None
        if not isinstance(self.types.callee(module, call), External):
            return None
        given = call.args[0].value
        if isinstance(given, f.CallRef) and self.blocking_entry(module, module.facts.calls[given.index]) is not None:
            return None  # said already
        value = self.types.infer(given, (module, call.block, call.start))
        if not isinstance(value, Instance) or not isinstance(value.cls, str):
            return None
        entry = self.catalogue.method(value.cls, method)
        return (f"{value.cls}.{method}", entry) if entry is not None else None

    def _called_by_built_ins(self, function: Function) -> Iterator[tuple[Step, catalog.Entry]]:
        """Functions of libraries that a built-in is given and calls at once: `list(map(requests.get, urls))`."""
        module = function.module
        for call in function.calls:
            if f.last_name(call.func) not in _CALLERS:
                continue
            for arg in self.execution.called_by_built_in(self.types.callee(module, call), module, call):
                given = self.types.infer(arg.value, (module, call.block, call.start))
                entry = self._entry_for(given)
                if entry is None or entry.lazy or entry.mode or never_runs(module, call.block, call.start):
                    continue
                name = self.types.name_of_type(given) or ""
                yield Step(module, arg.start, arg.end, None, None, name, call.block, arg.value), entry

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
    return _AWAIT.search(module.source.utf8, start, end) is not None


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


def _is_plain_method(option: Type) -> bool:
    """Whether a callable is a method of an object, and no coroutine function of the project."""
    if isinstance(option, FunctionObject):
        return isinstance(option.owner, Instance) and not option.function.is_async
    return isinstance(option, Method) and catalog.awaitable_method(option.cls, option.name) is None
