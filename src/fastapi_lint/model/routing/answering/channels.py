"""What goes to the client piece by piece: the generators behind streams, and messages over WebSockets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.calls.bodies.binding import filled
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Function, FunctionObject, Method, Module
from fastapi_lint.model.routing.answering.answers import Answers
from fastapi_lint.model.routing.routes import Routes
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.environment import NOWHERE, Bound, Environment
from fastapi_lint.model.values.expansion import Expansion
from fastapi_lint.tracking import memoized
from fastapi_lint.tracking.tables import collected, contributions, numbered

_STREAMS = ("StreamingResponse", "EventSourceResponse")
_SOCKET = "fastapi.WebSocket"
_SENDING = {"send_text": "data", "send_json": "data", "send_bytes": "data", "close": "reason"}
_DEEPEST = 3


@dataclass(frozen=True, eq=False)
class Message:
    """A message to the client of a WebSocket: its content, and the call that sends it, however far down."""

    module: Module = field(repr=False)
    start: int
    end: int
    block: int
    content: Bound


class Channels:
    """Answers "what is sent while the answer is open"."""

    def __init__(self, types: Inference, answers: Answers, routes: Routes) -> None:
        self.types = types
        self.answers = answers
        self.routes = routes

    @collected("channels.streamed")
    def streamed(self) -> Mapping[Function, bool]:
        """The generator functions whose values are the body of an answer: behind a stream, or an endpoint itself, and
        those that they pass on."""
        found: dict[Function, bool] = {}
        pending = [function for function in self.routes.by_handler if function.is_generator]
        contributions(self.types.modules.tables, "channels", lambda module: self.contribute(module, pending))
        while pending:
            function = pending.pop()
            if function not in found:
                found[function] = True
                pending += self._passed_on(function)
        return dict.fromkeys(sorted(found, key=lambda each: (each.module.path, each.index)), True)

    def contribute(self, module: Module, found: list[Function]) -> Collection[int]:
        """Add the generator functions behind the streams that a module makes; 0 if it makes any."""
        made = self._streamed_in(module) if module.mentions(*_STREAMS) and not module.is_test else ()
        found += made
        return numbered((0,), made) if made else ()

    @memoized
    def _streamed_in(self, module: Module) -> tuple[Function, ...]:
        found: list[Function] = []
        for call in module.facts.calls:
            for answer in self.answers.makes(module, call):
                if answer.kind == "stream" and answer.content is not None:
                    expr, where, _ = self.answers.source(answer.content)
                    found += self._generators(expr, where, 0)
        return tuple(found)

    def _generators(self, expr: f.Expr | None, where: Where, depth: int) -> Iterator[Function]:
        """The generator functions of which an expression gives the values, those of its arguments included."""
        if depth > _DEEPEST:
            return
        if isinstance(expr, f.Name):
            for value, place in self.routes.values.definitions(expr, where):
                yield from self._generators(value, place, depth + 1)
        elif isinstance(expr, f.CallRef):
            module = where[0]
            call = module.facts.calls[expr.index]
            callee = self.types.callee(module, call)
            if isinstance(callee, FunctionObject) and callee.function.is_generator:
                yield callee.function
            for arg in call.args:
                yield from self._generators(arg.value, where, depth + 1)
        elif isinstance(expr, f.Each):  # `(line.upper() for line in lines())`
            block = where[0].facts.blocks[expr.block]
            yield from self._generators(block.test, (where[0], block.parent, block.start), depth + 1)

    def _passed_on(self, function: Function) -> Iterator[Function]:
        """The generators whose values a generator yields in turn: `yield from`, or what its loop goes over."""
        module = function.module
        for leave in function.exits:
            where = (module, leave.block, leave.start)
            if leave.kind == "yield from":
                yield from self._generators(leave.value, where, 0)
            elif leave.kind == "yield":
                for block in module.block_chain(leave.block):
                    names = set(target_names(block.target)) if block.kind == "for" else set()
                    if any(isinstance(part, f.Name) and part.id in names for part in walk(leave.value)):
                        yield from self._generators(block.test, (module, block.parent, block.start), 0)

    @memoized
    def messages(self, function: Function) -> tuple[Message, ...]:
        """What the calls of a function send over WebSockets, by themselves or in functions of the project."""
        return tuple(
            Message(function.module, call.start, call.end, call.block, content)
            for call in function.calls
            for content in self._sent(function.module, call, NOWHERE, 0)
        )

    def _sent(self, module: Module, call: f.Call, environment: Environment, depth: int) -> Iterator[Bound]:
        where = (module, call.block, call.start)
        match self.types.callee(module, call):
            case Method(cls=cls, name=name) if name in _SENDING and self.types.is_subclass(cls, _SOCKET):
                for index, arg in enumerate(call.args):
                    if arg.name == _SENDING[name] or (arg.name == "" and index == (name == "close")):
                        yield arg.value, where, environment
            case FunctionObject(function=function) as callee if depth < _DEEPEST and self._may_send(function):
                shift = filled(self.types, callee)
                given = Expansion.given(function, call, where, environment, shift)
                for param in function.params[shift:]:
                    given.setdefault(param.name, (f.Unknown(), where, environment))
                inner = NOWHERE.with_bound(given)
                for each in function.calls:
                    yield from self._sent(function.module, each, inner, depth + 1)

    def _may_send(self, function: Function) -> bool:
        return not function.is_generator and function.module.mentions(*(name for name in _SENDING if name != "close"))
