"""Answers that go on for a while: the generators behind streams, and endpoints that are generators. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.names.symbols import Function, FunctionObject
from fastapi_lint.model.routing.answering.answers import Answers
from fastapi_lint.model.types.inference.inference import Inference, Where

_DEEPEST = 4


@dataclass(frozen=True, eq=False)
class Stream:
    """A generator whose values an endpoint sends: `call` makes it (None: it is the endpoint), `given` says which of its
    parameters get which variable of the endpoint, `receiver` on which variable it is a method ("": none)."""

    generator: Function
    call: f.Call | None
    given: tuple[tuple[str, f.Expr], ...]
    receiver: str
    start: int
    end: int

    @property
    def is_endless(self) -> bool:
        """Whether it goes on until somebody leaves: a `while` without an end, or that asks for the client."""
        module = self.generator.module
        for leave in self.generator.exits:
            if leave.kind in ("yield", "yield from"):
                for block in module.block_chain(leave.block):
                    if block.kind == "while" and _goes_on(block.test, self.generator):
                        return True
        return False


def streams(answers: Answers, types: Inference, handler: Function) -> Iterator[Stream]:
    """The generators whose values an endpoint sends."""
    if handler.is_generator:
        yield Stream(handler, None, (), "", handler.start, handler.end)
        return
    for answer in answers.of(handler):
        if answer.kind == "stream" and answer.content is not None and answer.function is handler:
            expr, where, _ = answer.content
            if where[0] is handler.module:
                for generator, call in _generators(expr, where, types, 0):
                    func = call.func
                    root = func.value if isinstance(func, f.Attr) else None
                    while isinstance(root, f.Attr):
                        root = root.value
                    receiver = root.id if isinstance(root, f.Name) else ""
                    yield Stream(generator, call, tuple(bound(generator, call)), receiver, answer.start, answer.end)


def _generators(expr: f.Expr, where: Where, types: Inference, depth: int) -> Iterator[tuple[Function, f.Call]]:
    """The generator functions that an expression of one function calls; also by way of its variables and arguments."""
    module = where[0]
    if depth > _DEEPEST:
        return
    if isinstance(expr, f.Name):
        for binding in types.find_bindings(expr.id, where):
            if isinstance(binding.entry, f.Assign) and binding.entry.target == expr and binding.entry.value is not None:
                yield from _generators(binding.entry.value, (module, binding.block, binding.start), types, depth + 1)
    elif isinstance(expr, f.CallRef):
        call = module.facts.calls[expr.index]
        callee = types.callee(module, call)
        if isinstance(callee, FunctionObject) and callee.function.is_generator:
            yield callee.function, call
        else:
            for arg in call.args:
                yield from _generators(arg.value, where, types, depth + 1)
    elif isinstance(expr, f.Each):
        block = module.facts.blocks[expr.block]
        if block.test is not None:
            yield from _generators(block.test, (module, block.parent, block.start), types, depth + 1)


def _goes_on(test: f.Expr | None, function: Function) -> bool:
    if test in (f.Const(True), f.Const(1)):
        return True
    asked = test.value if isinstance(test, f.Unary) and test.op == "not" else None
    asked = asked.value if isinstance(asked, f.Await) else asked
    if isinstance(asked, f.CallRef):
        return f.last_name(function.module.facts.calls[asked.index].func) == "is_disconnected"
    return False
