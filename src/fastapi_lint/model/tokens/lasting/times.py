"""The times behind `exp`, worked out back to where a number is written.

A time is told only where its unit is certain: in a `timedelta`, in seconds of the epoch, in the name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy.secrets import words
from fastapi_lint.index import facts as f
from fastapi_lint.model.data.unread import read_at
from fastapi_lint.model.names.symbols import Function, FunctionObject, Module
from fastapi_lint.model.secrets.surroundings import block_at
from fastapi_lint.model.tokens.lasting.around import assignment, name_at, names_around, names_on_the_way, tests_around
from fastapi_lint.model.tokens.lasting.overriding import Overriding
from fastapi_lint.model.tokens.parts import Chain, Frame
from fastapi_lint.model.tokens.payloads import Encoding, Payloads, encodings
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.readers import default_of, environment_read

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


_UNITS = {
    "seconds": 1, "second": 1, "secs": 1, "sec": 1, "minutes": 60, "minute": 60, "mins": 60, "min": 60,
    "hours": 3600, "hour": 3600, "days": 86400, "day": 86400, "weeks": 604800, "week": 604800,
}  # fmt: skip
_OF_DELTA = ("days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks")
_LASTING = frozenset({
    "expire", "expires", "expiry", "expiration", "exp", "lifetime", "ttl", "validity", "valid", "age", "duration",
    "live", "delta", "timeout", *_UNITS,
})  # fmt: skip
_PURPOSES = ("type", "token_type", "typ", "purpose", "scope", "use", "kind", "token_use", "action", "tipo", "accion")
_TIMES = frozenset({"time.time", "datetime.datetime.timestamp", "calendar.timegm"})
_SAME = frozenset({"int", "float", "round", "calendar.timegm", "datetime.datetime.fromtimestamp", "math.floor"})
_OF_LIBRARIES = {
    "fastapi_users.authentication.JWTStrategy": ("lifetime_seconds", 1),
    "fastapi_users.authentication.strategy.JWTStrategy": ("lifetime_seconds", 1),
}
_DEPTH = 8
_MOST = 60
_FRAMES = 3


@dataclass(frozen=True)
class Number:
    """A number, and the named place where it is written (None: right where it is used)."""

    value: float
    place: tuple[Module, int, int] | None = None
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Lifetime:
    """How long some tokens live: where that is written, under which name ("" for none), and all names on the way."""

    seconds: float
    module: Module = field(repr=False)
    start: int
    end: int
    name: str
    names: frozenset[str]


class Times:
    """Answers how far ahead of now a token ends, one expression after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.values = project.values
        self.payloads = Payloads(project)
        self.overriding = Overriding(project)
        self._left = 0
        self._said_by: Mapping[tuple[Module, int], frozenset[str]] = {}
        """What those who call for a token say that it is for, by the place of the call."""

    # ---------------------------------------------------------------- where lifetimes are

    def of_encodings(self, module: Module) -> Iterator[Lifetime]:
        """What is put into `exp` of the tokens that a module signs."""
        for encoding in encodings(module, self.project):
            purposes, self._said_by = self._purposes(encoding)
            function = module.enclosing(encoding.call.block)
            own = {function.name} if function is not None else set()
            own |= names_around(module, encoding.call)
            own |= {part.key for part in self.payloads.claims(encoding, "sub") if part.key is not None}
            for part in self.payloads.claims(encoding, "exp"):
                self._left = _MOST
                if not part.is_declared:
                    for one in self._ahead(part.value, part.where, part.chain, _DEPTH):
                        around = names_on_the_way(part.chain) | tests_around(part.where)
                        yield replace(one, names=one.names | purposes | own | around)

    def _purposes(self, encoding: Encoding) -> tuple[frozenset[str], Mapping[tuple[Module, int], frozenset[str]]]:
        """What a token says that it is for, where every one says the same, and what each call says that leads to it."""
        function = encoding.module.enclosing(encoding.call.block)
        frames = self.payloads.unfolding.frames(function) if function is not None else ()
        by_call = {(frame.module, frame.call.start): self._said(frame) for frame in frames}
        by_some = frozenset[str]().union(*by_call.values()) if not all(by_call.values()) else frozenset()
        always: set[str] = set()
        for key in _PURPOSES:
            texts = {self.values.text(part.value, part.where) for part in self.payloads.claims(encoding, key)}
            if len(texts) == 1:
                always |= {text for text in texts if text is not None and text not in by_some}
        return frozenset(always), by_call

    def _said(self, frame: Frame) -> frozenset[str]:
        """What the call of a function that signs tokens says that its token is for."""
        found = {self.values.text(value, frame.where) for name, value in frame.bound if name in _PURPOSES and value}
        self.payloads.unfolding.begin()
        for _, value in frame.bound:
            if value is not None:
                found |= set(self._said_in(value, frame.where, 3))
        return frozenset(text for text in found if text is not None)

    def _said_in(self, content: f.Expr, where: Where, depth: int) -> Iterator[str | None]:
        for alternative in (self.payloads.unfolding.unfold(content, where, ()) or ()) if depth else ():
            for part in alternative.parts:
                if part.key in _PURPOSES:
                    yield self.values.text(part.value, part.where)
                elif part.key is None:
                    yield from self._said_in(part.value, part.where, depth - 1)

    def by_name(self, module: Module) -> Iterator[Lifetime]:
        """Constants, settings and arguments that are named for the lifetime of access tokens."""
        for entry in module.facts.assigns:
            name = f.last_name(entry.target)
            if _is_for_access(name) and entry.value is not None and self._decides(module, entry):
                where = (module, entry.block, entry.start)
                yield from self._named(name, entry.value, where, (entry.start, entry.end))
        for name in filter(_is_for_access, module.calls_by_keyword):
            for call in (module.facts.calls[index] for index in module.calls_by_keyword[name]):
                for arg in (each for each in call.args if each.name == name):
                    where = (module, call.block, call.start)
                    yield from self._named(arg.name, arg.value, where, (arg.start, arg.end))

    def _decides(self, module: Module, entry: f.Assign) -> bool:
        """Whether something reads a constant or a setting, and not only where it gets no time from its callers."""
        for other, at in (places := read_at(module, entry, self.project)) or ():
            block = block_at(other, at)
            function = other.enclosing(block)
            if function is None or self.overriding.is_taken(block, function, (), self._frames_of(function, ())):
                return True
        return places is None

    def of_libraries(self, module: Module) -> Iterator[Lifetime]:
        """Lifetimes that libraries take in a unit of their own."""
        if not module.mentions("JWTStrategy"):
            return
        for call in module.facts.calls:
            known = _OF_LIBRARIES.get(self.project.called_name(module, call) or "")
            given = f.keyword(call, known[0]) if known is not None else None
            if known is None or given is None:
                continue
            self._left = _MOST
            for number in self._numbers(given.value, (module, call.block, call.start), (), _DEPTH):
                place = number.place or (module, given.start, given.end)
                name = name_at(place)
                yield Lifetime(number.value * known[1], *place, name, number.names | {given.name, "access_token"})

    def _named(self, name: str, value: f.Expr, where: Where, span: tuple[int, int]) -> Iterator[Lifetime]:
        """What stands under a name: a `timedelta`, or a number whose unit the name says."""
        self._left = _MOST
        units = [_UNITS[word] for word in words(name) if word in _UNITS]
        if not isinstance(value, (f.Name, f.Attr)):
            for delta in self._deltas(value, where, (), _DEPTH):
                if delta.module is where[0] and span[0] <= delta.start < span[1]:
                    yield replace(delta, start=span[0], end=span[1], name=name, names=delta.names | {name})
            for number in self._numbers(value, where, (), _DEPTH) if len(units) == 1 else ():
                if number.place is None:
                    yield Lifetime(number.value * units[0], where[0], *span, name, frozenset({name}))

    # ---------------------------------------------------------------- times

    def _ahead(self, expr: f.Expr, where: Where, chain: Chain, depth: int) -> Iterator[Lifetime]:
        """How far ahead of now a time lies."""
        self._left -= 1
        if depth < 0 or self._left < 0:
            return
        module = where[0]
        match expr:
            case f.Binary(op="+", left=left, right=right):
                for one, other in ((left, right), (right, left)):
                    yield from self._deltas(one, where, chain, depth - 1)
                    if self._is_epoch(other, where, depth - 1):
                        for number in self._numbers(one, where, chain, depth - 1):
                            place = number.place or (module, where[2], where[2] + 1)
                            yield Lifetime(number.value, *place, name_at(place), number.names)
            case f.Choice():
                for option in self._options(expr, where, chain):
                    yield from self._ahead(option, where, chain, depth - 1)
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                callee = self.project.callee(module, call)
                if isinstance(callee, FunctionObject):
                    yield from self._returned(callee.function, module, call, chain, depth)
                elif self.project.called_name(module, call) in _SAME and call.args:
                    yield from self._ahead(call.args[0].value, where, chain, depth - 1)
                elif isinstance(call.func, f.Attr):
                    yield from self._ahead(call.func.value, where, chain, depth - 1)
            case f.Name() | f.Attr():
                for value, place, inner in self._meant(expr, where, chain):
                    for ahead in self._ahead(value, place, inner, depth - 1):
                        yield replace(ahead, names=ahead.names | self._said_at(place))

    def _returned(
        self, function: Function, module: Module, call: f.Call, chain: Chain, depth: int
    ) -> Iterator[Lifetime]:
        if len(chain) > _FRAMES or any(each.function is function for each in chain):
            return
        frame = self.payloads.unfolding.frame(function, module, call)
        for leaving in function.exits:
            if leaving.kind == "return" and leaving.value is not None:
                place = (function.module, leaving.block, leaving.start)
                for one in self._ahead(leaving.value, place, (frame, *chain), depth - 1):
                    yield replace(one, names=one.names | {function.name} | tests_around(frame.where))

    def _is_epoch(self, expr: f.Expr, where: Where, depth: int) -> bool:
        """Whether a value counts seconds of the epoch."""
        if depth < 0:
            return False
        match expr:
            case f.CallRef(index=index):
                call = where[0].facts.calls[index]
                name = self.project.called_name(where[0], call) or ""
                if name in _TIMES or (isinstance(call.func, f.Attr) and call.func.attr == "timestamp"):
                    return True
                return name in _SAME and bool(call.args) and self._is_epoch(call.args[0].value, where, depth - 1)
            case f.Name():
                found = list(self.values.definitions(expr, where))
                return len(found) == 1 and self._is_epoch(*found[0], depth - 1)
        return False

    def _deltas(self, expr: f.Expr, where: Where, chain: Chain, depth: int) -> Iterator[Lifetime]:
        """The lengths of a `timedelta`."""
        self._left -= 1
        if depth < 0 or self._left < 0:
            return
        module = where[0]
        match expr:
            case f.Choice():
                for option in self._options(expr, where, chain):
                    yield from self._deltas(option, where, chain, depth - 1)
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                name = self.project.called_name(module, call) or ""
                if name == "datetime.timedelta":
                    yield from self._delta(module, call, chain, depth)
                elif name in ("pydantic.Field", "dataclasses.field"):
                    for arg in call.args:
                        if arg.name == "default" or (arg.name == "" and arg is call.args[0]):
                            yield from self._deltas(arg.value, where, chain, depth - 1)
            case f.Name() | f.Attr():
                for value, place, inner in self._meant(expr, where, chain):
                    for one in self._deltas(value, place, inner, depth - 1):
                        names = {f.last_name(expr)} | tests_around(where) | self._said_at(place)
                        yield replace(one, names=one.names | names)

    def _delta(self, module: Module, call: f.Call, chain: Chain, depth: int) -> Iterator[Lifetime]:
        where = (module, call.block, call.start)
        parts: list[tuple[list[Number], int]] = []
        for position, arg in enumerate(call.args):
            name = arg.name or (_OF_DELTA[position] if position < len(_OF_DELTA) else "")
            if name in ("microseconds", "milliseconds"):
                continue
            if name not in _UNITS:
                return
            parts.append((list(self._numbers(arg.value, where, chain, depth - 1)), _UNITS[name]))
        if not parts or not all(numbers for numbers, _ in parts):
            return
        around = names_around(module, call) | tests_around(where)
        if len(parts) == 1:
            numbers, unit = parts[0]
            for number in numbers:
                place = number.place or (module, call.start, call.end)
                yield Lifetime(number.value * unit, *place, name_at(place), number.names | around)
        else:
            total = sum(max(each.value for each in numbers) * unit for numbers, unit in parts)
            names = frozenset(name for numbers, _ in parts for each in numbers for name in each.names)
            yield Lifetime(total, module, call.start, call.end, "", names | around)

    # ---------------------------------------------------------------- numbers

    def _numbers(self, expr: f.Expr, where: Where, chain: Chain, depth: int) -> Iterator[Number]:
        """The numbers that an expression can be when nothing is set from outside."""
        self._left -= 1
        if depth < 0 or self._left < 0:
            return
        module = where[0]
        match expr:
            case f.Const(value=bool()):
                return
            case f.Const(value=int() | float() as constant):
                yield Number(float(constant))
            case f.Const(value=str(text)) if text.strip().isdecimal() and len(text) < 12:
                yield Number(float(text))
            case f.Binary(op=op, left=left, right=right):
                for one in self._numbers(left, where, chain, depth - 1):
                    for other in self._numbers(right, where, chain, depth - 1):
                        if (result := _calculated(op, one.value, other.value)) is not None:
                            written = one.place if one.place is not None else other.place
                            yield Number(result, written, one.names | other.names)
            case f.Choice():
                for option in self._options(expr, where, chain):
                    yield from self._numbers(option, where, chain, depth - 1)
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                yield from self._read(module, call, chain, depth)
            case f.Name() | f.Attr():
                name = f.last_name(expr)
                for value, place, inner in self._meant(expr, where, chain):
                    for number in self._numbers(value, place, inner, depth - 1):
                        named = number.place or assignment(place, value)
                        yield Number(number.value, named, number.names | {name} | self._said_at(place))

    def _read(self, module: Module, call: f.Call, chain: Chain, depth: int) -> Iterator[Number]:
        where = (module, call.block, call.start)
        called = self.project.called_name(module, call) or ""
        given: list[f.Expr] = []
        if (variable := environment_read(module, call)) is not None:
            default = default_of(call)
            for number in self._numbers(default.value, where, chain, depth - 1) if default is not None else ():
                yield Number(number.value, number.place, number.names | {variable})
        elif called in ("int", "float", "round"):
            given = [arg.value for arg in call.args[:1]]
        elif called in ("pydantic.Field", "dataclasses.field"):
            given = [
                arg.value for i, arg in enumerate(call.args) if arg.name == "default" or (arg.name == "" and i == 0)
            ]
        for value in given:
            yield from self._numbers(value, where, chain, depth - 1)

    def _meant(self, expr: f.Name | f.Attr, where: Where, chain: Chain) -> Iterator[tuple[f.Expr, Where, Chain]]:
        """What a name can stand for: its assignments in the function, what calls pass, its default, a constant."""
        module, block, at = where
        function = module.enclosing(block)
        if isinstance(expr, f.Name) and function is not None:
            param = next((one for one in function.params if one.name == expr.id), None)
            assigns = [
                one
                for one in module.assigns_in.get(function.index, ())
                if one.target == expr and one.value is not None and one.op in ("=", ":=") and one.start < at
            ]
            frames = self._frames_of(function, chain) if assigns else ()
            for one in assigns:
                if one.value is not None and self.overriding.is_taken(one.block, function, chain, frames):
                    yield one.value, (module, one.block, one.start), chain
            if param is not None:
                yield from self._passed(function, param, chain)
            if assigns or param is not None:
                return
        found = list(self.values.definitions(expr, where))
        if len(found) == 1:
            yield *found[0], chain

    def _said_at(self, place: Where) -> frozenset[str]:
        """What the call at a place says that the token is for."""
        return self._said_by.get((place[0], place[2]), frozenset())

    def _options(self, choice: f.Choice, where: Where, chain: Chain) -> Sequence[f.Expr]:
        function = where[0].enclosing(where[1])
        if function is None:
            return choice.options
        return self.overriding.options(choice, function, chain, self._frames_of(function, chain))

    def _frames_of(self, function: Function, chain: Chain) -> Sequence[Frame]:
        """The calls of a function, where it is not known by which it was come to."""
        is_known = any(each.function is function for each in chain)
        return () if is_known else self.payloads.unfolding.frames(function)

    def _passed(self, function: Function, param: f.Param, chain: Chain) -> Iterator[tuple[f.Expr, Where, Chain]]:
        known = [(index, each) for index, each in enumerate(chain) if each.function is function]
        frames: list[tuple[Chain, Frame]] = [(chain[index + 1 :], each) for index, each in known]
        if not frames and len(chain) < _FRAMES:
            frames = [((), each) for each in self.payloads.unfolding.frames(function)]
        is_left_out = not frames
        for rest, frame in frames:
            value = dict(frame.bound).get(param.name)
            if value is None:
                is_left_out = True
            elif value != f.Const(None):
                yield value, frame.where, rest
        if is_left_out and param.default is not None and param.default != f.Const(None):
            yield param.default, (function.module, function.facts.outer, param.start), ()


def _is_for_access(name: str) -> bool:
    if "ccess" not in name and "CCESS" not in name:  # as nearly all
        return False
    found = words(name)
    return "access" in found and "token" in found and not _LASTING.isdisjoint(found)


def _calculated(op: str, left: float, right: float) -> float | None:
    match op:
        case "*":
            return left * right
        case "+":
            return left + right
        case "-":
            return left - right
        case "/" | "//" if right:
            return left / right
    return None
