"""How an answer leaves: the response objects and HTTP errors that code makes, and the values that handlers return.

In goes a function, or one call; out come `Answer`s: what goes to the client there, and with which status. Followed are
classes of the project that derive from a response class or from HTTPException (what their constructors hand to
`super().__init__`, or assign to `self.detail` and `self.status_code`), and functions of the project that make an
answer: they return one, or raise one. Content and status are given as they are written, each with the environment in
which the parameters of such constructors and functions stand for what the call passes (`Bound`); `source` replaces
them, `code` folds a status. What cannot be followed is left out. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from fastapi_lint.catalog.answers import AnswerClass, answer_class
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.arguments import completed
from fastapi_lint.model.calls.bodies.binding import filled
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Partial,
    Type,
)
from fastapi_lint.model.routing.answering.rendering import is_something, rendering, writes
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.model.values.construction import Construction, bound_before, constants_before, constructed, parameters
from fastapi_lint.model.values.environment import NOWHERE, Bound, Condition, Environment
from fastapi_lint.model.values.expansion import Expansion
from fastapi_lint.tracking import memoized, memoized_cyclic

_MOST_HANDS = 3
"""Functions through which an answer is handed on."""
_DEEPEST = 5
_MOST = 12


_PLAIN = frozenset({"str", "bytes", "dict", "list", "tuple", "set"})
_COUNTS = frozenset({"int", "float", "bool"})
"""What a function tells the server, not the client (was it there, how many): reported only where it is kept first."""


@dataclass(frozen=True, eq=False)
class Answer:
    """Something that goes to the client, at a place of `function` (None: at module level).

    `kind`: "value" is what the function returns, FastAPI makes the body of it if it is an endpoint or the like;
    "response" is a response object, "stream" one whose content is iterated over, "error" an HTTPException.
    `call` makes it, by itself or by way of functions and constructors of the project (`is_direct` is then false); it is
    None for values. `content` becomes the body (None: there is none), `status` is None where the class says it
    (`default`) or, for a value, the route. `conditions` decide within those functions whether it gets to that.
    """

    kind: Literal["value", "response", "stream", "error"]
    module: Module = field(repr=False)
    function: Function | None
    start: int
    end: int
    block: int
    content: Bound | None
    status: Bound | None = None
    call: f.Call | None = None
    made: AnswerClass | None = None
    is_direct: bool = True
    conditions: tuple[Condition, ...] = field(default=(), repr=False)

    @property
    def default(self) -> int | None:
        """The status when none is given; None for values, and for errors, which must give one."""
        return self.made.default if self.made is not None and self.kind != "error" else None


class Answers:
    """Answers "what goes to the client here"."""

    def __init__(self, types: Inference, expansion: Expansion) -> None:
        self.types = types
        self.expansion = expansion

    # ---------------------------------------------------------------- questions

    @memoized
    def of(self, function: Function) -> tuple[Answer, ...]:
        """Everything that leaves by a function's own body, in source order: what it returns (values that are no
        response objects), and the responses and errors that its calls make, whatever becomes of them."""
        module = function.module
        found = [answer for call in function.calls for answer in self.makes(module, call)]
        taken = {answer.call.start for answer in found if answer.call is not None and answer.kind != "error"}
        for leaving in function.exits:
            if leaving.kind != "return" or leaving.value is None or is_none(leaving.value):
                continue
            for value in _options(leaving.value):
                where = (module, leaving.block, leaving.start)
                if not self._is_object(value, where, taken):
                    bound = (value, where, NOWHERE)
                    found.append(Answer("value", module, function, leaving.start, leaving.end, leaving.block, bound))
        return tuple(sorted(found, key=lambda answer: answer.start))

    def makes(self, module: Module, call: f.Call) -> tuple[Answer, ...]:
        """The responses and errors that a call makes or raises, by itself or in functions of the project."""
        return self._makes(module, call.start, call.end)

    def code(self, status: Bound | None, depth: int = 0) -> int | None:
        """The number that a status folds to; None when it is not known."""
        if status is None or depth > _DEEPEST:
            return None
        expr, where, environment = self.source(status)
        if isinstance(expr, f.Choice):
            codes = {self.code((option, where, environment), depth + 1) for option in expr.options}
            return codes.pop() if len(codes) == 1 else None
        return self.expansion.folding.status(expr, where)

    def has_body(self, answer: Answer) -> bool | None:
        """Whether bytes are sent behind the head of a response object; None when that is not known."""
        if answer.made is None:
            return None
        if answer.content is None:
            return False
        expr, where, _ = self.source(answer.content)
        if (render := rendering(self.types, answer.module, answer.call)) is not None:
            return True if writes(render) and is_something(expr) else None
        match expr:
            case f.Const(value=None):
                return not answer.made.empty
            case _ if not answer.made.empty:
                return True  # `null`, `""`, `{}`: whatever it is, it is written
            case f.Const(value=value):
                return value != ""
            case f.Raw(kind="bytes"):
                return self._is_filled(answer, expr)
            case f.Choice() | f.Unknown():
                return None
            case f.Joined() | f.Mapping() | f.Display():
                return True
        return True if self.types.infer(expr, where) is not None else None

    def source(self, bound: Bound) -> Bound:
        """What a parameter stands for in the end: the expression that a caller passes, and where that is written."""
        return self.expansion.source(*bound)

    def is_passed(self, answer: Answer) -> bool:
        """Whether the status is written in the very call that makes the answer, not in a function behind it."""
        if answer.status is None or answer.call is None:
            return False
        _, where, _ = self.source(answer.status)
        return answer.is_direct or where == (answer.module, answer.call.block, answer.call.start)

    def is_kept_as(self, answer: Answer, name: str, use: f.Assign) -> bool:
        """Whether an answer is what a name stands for at a later place of the same function."""
        bindings = self.types.find_bindings(name, (answer.module, use.block, use.start))
        entry = bindings[0].entry if len(bindings) == 1 else None
        if not isinstance(entry, f.Assign) or not isinstance(entry.value, f.CallRef) or answer.call is None:
            return False
        return answer.module.facts.calls[entry.value.index] is answer.call

    def set_statuses(self, function: Function) -> Iterator[tuple[str, f.Assign]]:
        """The assignments `name.status_code = ...` of a function, each with that name."""
        for entry in function.module.assigns_in.get(function.index, ()):
            match entry.target:
                case f.Attr(value=f.Name(id=name), attr="status_code") if entry.value is not None:
                    yield name, entry

    def injects(self, function: Function, name: str) -> bool:
        """Whether a name of a function is the response that FastAPI injects."""
        param = next((each for each in function.params if each.name == name), None)
        if param is None or param.annotation is None:
            return False
        where = (function.module, function.facts.outer, param.start)
        return self.types.is_instance(self.types.annotation(param.annotation, where), "fastapi.Response")

    # ---------------------------------------------------------------- values

    def is_known_value(self, answer: Answer) -> bool:
        """Whether what a handler returns is known to be a value that would be a body."""
        if answer.content is None:
            return False
        value, where, _ = answer.content
        match value:
            case f.Const():
                return True
            case f.Display() | f.Mapping() | f.Joined() | f.Each():
                return True
            case f.Name() | f.CallRef() | f.Await():
                made = self.types.infer(value, where)
                if not isinstance(made, Instance):
                    return False
                if isinstance(made.cls, Class):
                    bases = self.types.mro(made.cls)
                    return "?" not in bases and not any(
                        isinstance(base, str)
                        and not base.startswith(("pydantic.", "sqlmodel.", "typing.", "object", "sqlalchemy."))
                        for base in bases
                    )
                return made.cls in _PLAIN or (made.cls in _COUNTS and isinstance(value, f.Name))
        return False

    @staticmethod
    def _is_filled(answer: Answer, content: f.Expr) -> bool | None:
        """Whether bytes that are written in the call itself are more than none."""
        for arg in answer.call.args if answer.call is not None else ():
            if arg.value is content:
                text = answer.module.source.slice(arg.start, arg.end)
                return not text.rstrip().endswith(('b""', "b''", 'B""', "B''"))
        return None

    def _is_object(self, value: f.Expr, where: Where, taken: set[int]) -> bool:
        """Whether a returned value is a response object: one that was made here, or by its type."""
        inner = value.value if isinstance(value, f.Await) else value
        if isinstance(inner, f.CallRef) and where[0].facts.calls[inner.index].start in taken:
            return True
        return self.types.is_instance(self.types.infer(value, where), "fastapi.Response")

    # ---------------------------------------------------------------- calls

    @memoized
    def _makes(self, module: Module, start: int, end: int) -> tuple[Answer, ...]:
        call = module.facts.calls[module.call_numbers[start, end]]
        return tuple(islice(self._made(module, call, NOWHERE, 0), _MOST))

    def _made(self, module: Module, call: f.Call, environment: Environment, depth: int) -> Iterator[Answer]:
        if depth > _DEEPEST:
            return
        where = (module, call.block, call.start)
        match self.types.callee(module, call):
            case External(name=name) if (known := answer_class(name)) is not None:
                yield self._built(known, Construction(name, call, where, environment), call, where)
            case Method(cls=cls, name="__init__") if (known := answer_class(cls)) is not None:
                if self._is_super(module, call):
                    yield self._built(known, Construction(cls, call, where, environment), call, where)
            case Partial(callable=External(name=name)) as held if (known := answer_class(name)) is not None:
                if (bound := bound_before(held, call)) is not None:
                    yield self._built(known, Construction(name, call, where, environment, bound), call, where)
            case Partial(callable=FunctionObject(function=function) as inner) as held if self._may_answer(function):
                whole = completed(call, constants_before(held))
                given = parameters(function, whole, where, environment, filled(self.types, inner), None)
                yield from self._of_function(function, given, call, where, depth)
            case ClassObject(cls=cls) if (known := self._library_base(cls)) is not None:
                made = constructed(self.types, cls, module, call, environment)
                if made is not None:
                    yield self._built(known, made, call, where)
            case FunctionObject(function=function) as callee if function.name != "__init__":
                if self._may_answer(function):
                    before = filled(self.types, callee)
                    of = call.func.value if before and isinstance(call.func, f.Attr) else None
                    itself = (of, where, environment) if of is not None and isinstance(callee.owner, Instance) else None
                    given = parameters(function, call, where, environment, before, itself)
                    yield from self._of_function(function, given, call, where, depth)

    @staticmethod
    def _built(known: AnswerClass, made: Construction, call: f.Call, where: Where) -> Answer:
        """The answer that a constructor makes: by the arguments that get to the library's class."""
        names = known.parameters
        status = made.argument("status_code", names.index("status_code"))
        content = made.argument(known.content, names.index(known.content)) if known.content else None
        if content is None and not known.empty and known.kind != "error":
            content = f.Unknown(), where, NOWHERE
        module = where[0]
        return Answer(
            known.kind, module, module.enclosing(call.block), call.start, call.end, call.block, content, status, call,
            known, made.call is call,
        )  # fmt: skip

    def _of_function(
        self, function: Function, given: Environment, call: f.Call, where: Where, depth: int
    ) -> Iterator[Answer]:
        """What a function of the project gives back or raises that is an answer."""
        module = function.module
        for leaving in function.exits:
            if leaving.kind not in ("return", "raise") or leaving.value is None:
                continue
            conditions = self.expansion.conditions.around(module, leaving.block, leaving.start, given)
            if conditions is None:
                continue
            place = (module, leaving.block, leaving.start)
            values, decided = self._chosen(leaving.value, place, given)
            if not decided:
                conditions = (*conditions, Condition(module, leaving.block, leaving.start))
            for value in values:
                inner = self._maker(value, place)
                for answer in self._made(module, inner, given, depth + 1) if inner is not None else ():
                    if leaving.kind == "return" or answer.kind == "error":
                        yield self._moved(answer, call, where, conditions)
        for below in self._handing_on(function):
            conditions = self.expansion.conditions.around(module, below.block, below.start, given)
            for answer in self._made(module, below, given, depth + 1) if conditions is not None else ():
                if answer.kind == "error":
                    yield self._moved(answer, call, where, conditions or ())

    def _handing_on(self, function: Function, most: int = _MOST_HANDS) -> Iterator[f.Call]:
        """The calls by which a function has another one of the project raise: `fail(text)`, `await fail(text)`, by
        way of `most` functions at most."""
        for call in function.calls if most > 0 else ():
            if call.use == "statement":
                callee = self.types.callee(function.module, call)
                if isinstance(callee, FunctionObject) and callee.function is not function:
                    if self._gives_answer(callee.function) or self._hands_on(callee.function, most - 1):
                        yield call

    @memoized
    def _hands_on(self, function: Function, most: int) -> bool:
        return next(self._handing_on(function, most), None) is not None

    def _chosen(self, value: f.Expr, place: Where, given: Environment) -> tuple[tuple[f.Expr, ...], bool]:
        """What an expression may be with these parameters, and whether that is decided."""
        if not isinstance(value, f.Choice):
            return (value,), True
        known = self.expansion.truth(value.test, place, given) if value.op == "if" else None
        return (value.options, False) if known is None else ((value.options[0 if known else -1],), True)

    def _may_answer(self, function: Function) -> bool:
        """Whether a function, or one that it has do so, gives back or raises an answer."""
        return self._gives_answer(function) or self._hands_on(function, _MOST_HANDS)

    @memoized_cyclic(False)
    def _gives_answer(self, function: Function) -> bool:
        """Whether something that a function gives back or raises is made by what makes answers."""
        if function.is_generator:
            return False
        module = function.module
        for leaving in function.exits:
            if leaving.kind in ("return", "raise") and leaving.value is not None:
                for value in _options(leaving.value):
                    call = self._maker(value, (module, leaving.block, leaving.start))
                    if call is not None and self._may_make(self.types.callee(module, call)):
                        return True
        return False

    def _may_make(self, callee: Type) -> bool:
        match callee:
            case External(name=name) | Partial(callable=External(name=name)):
                return answer_class(name) is not None
            case ClassObject(cls=cls):
                return self._library_base(cls) is not None
            case FunctionObject(function=function) | Partial(callable=FunctionObject(function=function)):
                return self._may_answer(function)
        return False

    def _maker(self, value: f.Expr, where: Where) -> f.Call | None:
        """The call that makes a value, through one variable and `await`."""
        value = value.value if isinstance(value, f.Await) else value
        if isinstance(value, f.CallRef):
            return where[0].facts.calls[value.index]
        if isinstance(value, f.Name):
            found = list(self.expansion.folding.definitions(value, where))
            if len(found) == 1 and found[0][1][0] is where[0] and isinstance(found[0][0], f.CallRef):
                return where[0].facts.calls[found[0][0].index]
        return None

    @staticmethod
    def _moved(answer: Answer, call: f.Call, where: Where, conditions: tuple[Condition, ...] = ()) -> Answer:
        """An answer that is made further down, at the call by which it is made."""
        module = where[0]
        return Answer(
            answer.kind, module, module.enclosing(call.block), call.start, call.end, call.block, answer.content,
            answer.status, call, answer.made, False, (*conditions, *answer.conditions),
        )  # fmt: skip

    # ---------------------------------------------------------------- classes

    def _library_base(self, cls: Class) -> AnswerClass | None:
        """What is known of the nearest library class that a class of the project derives from."""
        for base in self.types.mro(cls):
            if isinstance(base, str) and (known := answer_class(base)) is not None:
                return known
        return None

    @staticmethod
    def _is_super(module: Module, call: f.Call) -> bool:
        match call.func:
            case f.Attr(value=f.CallRef(index=index)):
                return f.last_name(module.facts.calls[index].func) == "super"
        return False


def means_every_value(handler: Function, answers: Answers) -> bool:
    """Whether a handler gives every request the same answer on purpose: it only raises, or redirects to one address."""
    module, body = handler.module, handler.facts.block
    returned = [
        leaving for leaving in handler.exits if leaving.kind in ("return", "yield") and leaving.value is not None
    ]
    if not returned:
        return any(leaving.kind == "raise" and leaving.block == body for leaving in handler.exits)
    sent = answers.of(handler)
    if len(returned) != 1 or len(sent) != 1 or sent[0].made is None or sent[0].made.content or len(handler.calls) > 1:
        return False
    target = next((arg.value for arg in sent[0].call.args if arg.name in ("", "url")), None) if sent[0].call else None
    return answers.expansion.folding.text(target, (module, sent[0].block, sent[0].start)) is not None


def _options(value: f.Expr) -> tuple[f.Expr, ...]:
    return value.options if isinstance(value, f.Choice) else (value,)
