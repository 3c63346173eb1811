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
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Type,
)
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.model.values.environment import NOWHERE, Bound, Condition, Environment
from fastapi_lint.model.values.expansion import Expansion
from fastapi_lint.tracking.reading import remembered, remembered_after

_DEEPEST = 5
_MOST = 12


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

    @remembered
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
        if self._renders(answer):
            return None
        expr, where, _ = self.source(answer.content)
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
        expr, where, environment = bound
        for _ in range(20):
            match expr:
                case f.Name(id=key):
                    pass
                case f.Attr(value=f.Name(id=name), attr=attr):
                    key = f"{name}.{attr}"
                case _:
                    break
            if key not in environment:
                break
            expr, where, environment = environment[key]
        return expr, where, environment

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

    def injects(self, function: Function, name: str) -> bool:
        """Whether a name of a function is the response that FastAPI injects."""
        param = next((each for each in function.params if each.name == name), None)
        if param is None or param.annotation is None:
            return False
        where = (function.module, function.facts.outer, param.start)
        return self.types.is_instance(self.types.annotation(param.annotation, where), "fastapi.Response")

    # ---------------------------------------------------------------- values

    @staticmethod
    def _is_filled(answer: Answer, content: f.Expr) -> bool | None:
        """Whether bytes that are written in the call itself are more than none."""
        for arg in answer.call.args if answer.call is not None else ():
            if arg.value is content:
                text = answer.module.source.slice(arg.start, arg.end)
                return not text.rstrip().endswith(('b""', "b''", 'B""', "B''"))
        return None

    def _renders(self, answer: Answer) -> bool:
        """Whether a response class of the project makes its body itself."""
        made = self.types.callee(answer.module, answer.call) if answer.call is not None else None
        bases = self.types.mro(made.cls) if isinstance(made, ClassObject) else ()
        return any(isinstance(base, Class) and "render" in base.methods for base in bases)

    def _is_object(self, value: f.Expr, where: Where, taken: set[int]) -> bool:
        """Whether a returned value is a response object: one that was made here, or by its type."""
        inner = value.value if isinstance(value, f.Await) else value
        if isinstance(inner, f.CallRef) and where[0].facts.calls[inner.index].start in taken:
            return True
        return self.types.is_instance(self.types.infer(value, where), "fastapi.Response")

    # ---------------------------------------------------------------- calls

    @remembered
    def _makes(self, module: Module, start: int, end: int) -> tuple[Answer, ...]:
        calls = module.facts.calls
        call = next(each for each in calls if each.start == start and each.end == end)
        return tuple(islice(self._made(module, call, NOWHERE, 0), _MOST))

    def _made(self, module: Module, call: f.Call, environment: Environment, depth: int) -> Iterator[Answer]:
        if depth > _DEEPEST:
            return
        where = (module, call.block, call.start)
        match self.types.callee(module, call):
            case External(name=name) if (known := answer_class(name)) is not None:
                yield self._built(known, {}, call, where, environment)
            case Method(cls=cls, name="__init__") if (known := answer_class(cls)) is not None:
                if self._is_super(module, call):
                    yield self._built(known, {}, call, where, environment)
            case ClassObject(cls=cls):
                yield from self._of_class(cls, call, where, environment, depth)
            case FunctionObject(function=function, owner=owner) if function.name != "__init__":
                if self._may_answer(function):
                    given = self._given(function, call, where, environment, 0 if owner is None else 1)
                    yield from self._of_function(function, given, call, where, depth)

    def _built(
        self, known: AnswerClass, own: dict[str, Bound], call: f.Call, where: Where, environment: Environment
    ) -> Answer:
        """The answer that a library's constructor makes; `own` is what a class of the project sets instead."""
        given: dict[str, Bound] = {}
        names = iter(known.parameters)
        unpacked = False
        for arg in call.args:
            if arg.name == "":
                if (name := next(names, "")) and not unpacked:
                    given[name] = (arg.value, where, environment)
            elif arg.name in ("*", "**"):
                unpacked = True
            else:
                given[arg.name] = (arg.value, where, environment)
        given.update(own)
        hidden: Bound | None = (f.Unknown(), where, environment) if unpacked else None
        content = given.get(known.content, hidden) if known.content else None
        if content is None and known.content and not known.empty and known.kind != "error":
            content = hidden
        function = where[0].enclosing(call.block)
        status = given.get("status_code", hidden)
        return Answer(
            known.kind, where[0], function, call.start, call.end, call.block, content, status, call, known
        )  # fmt: skip

    def _of_class(
        self, cls: Class, call: f.Call, where: Where, environment: Environment, depth: int
    ) -> Iterator[Answer]:
        """What constructing a class of the project makes, if it derives from a response or an HTTP error."""
        if not self._derives(cls):
            return
        init = self.types.member(cls, "__init__", Instance(cls))
        if not isinstance(init, FunctionObject):
            if (known := self._library_base(cls)) is not None:
                yield self._built(known, {}, call, where, environment)
            return
        given = self._given(init.function, call, where, environment, 1)
        yield from (
            self._moved(answer, call, where) for answer in self._initialised(cls, init.function, given, depth + 1)
        )

    def _initialised(self, cls: Class, init: Function, given: Environment, depth: int) -> Iterator[Answer]:
        """What a constructor of the project makes of its arguments: by that of its base, and by its own assignments."""
        if depth > _DEEPEST:
            return
        module = init.module
        own: dict[str, Bound] = {}
        itself = init.params[0].name if init.params else "self"
        for entry in module.assigns_in.get(init.index, ()):
            match entry.target:
                case f.Attr(value=f.Name(id=name), attr="detail" | "status_code" as attr) if name == itself:
                    if entry.value is not None and entry.op == "=":
                        own[attr] = self._of_itself(entry.value, (module, entry.block, entry.start), given, cls, itself)
        for call in init.calls:
            if not (isinstance(call.func, f.Attr) and call.func.attr == "__init__" and self._is_super(module, call)):
                continue
            where = (module, call.block, call.start)
            passed = self._with_itself(call, where, given, cls, itself)
            match self.types.callee(module, call):
                case Method(cls=base) if (known := answer_class(base)) is not None:
                    yield self._built(known, own, call, where, passed)
                    return
                case FunctionObject(function=base_init):
                    bound = self._given(base_init, call, where, passed, 1)
                    yield from self._initialised(cls, base_init, bound, depth + 1)
                    return
        if own and (known := self._library_base(cls)) is not None:
            place = (module, init.facts.block, init.start)
            unknown: dict[str, Bound] = {name: (f.Unknown(), place, given) for name in ("status_code", known.content)}
            nothing = f.Call(f.Unknown(), (), init.facts.block, False, "value", init.start, init.end, 0, 0)
            yield self._built(known, {**unknown, **own}, nothing, place, given)

    def _of_itself(self, value: f.Expr, where: Where, given: Environment, cls: Class, itself: str) -> Bound:
        """An expression in a constructor; an attribute of the object itself is that of its very class."""
        if isinstance(value, f.Attr) and value.value == f.Name(itself):
            for base in self.types.mro(cls):
                entry = base.assigns.get(value.attr) if isinstance(base, Class) else None
                if entry is not None and entry.value is not None and isinstance(base, Class):
                    return entry.value, (base.module, entry.block, entry.start), NOWHERE
            return f.Unknown(), where, given
        return value, where, given

    def _with_itself(self, call: f.Call, where: Where, given: Environment, cls: Class, itself: str) -> Environment:
        """The environment of a constructor with names for attributes of the object that it passes on."""
        found = {
            f"{itself}.{arg.value.attr}": self._of_itself(arg.value, where, given, cls, itself)
            for arg in call.args
            if isinstance(arg.value, f.Attr) and arg.value.value == f.Name(itself)
        }
        return given.with_bound(found) if found else given

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
            for value in _options(leaving.value):
                inner = self._maker(value, place)
                for answer in self._made(module, inner, given, depth + 1) if inner is not None else ():
                    if leaving.kind == "return" or answer.kind == "error":
                        yield self._moved(answer, call, where, conditions)

    @remembered_after(False)
    def _may_answer(self, function: Function) -> bool:
        """Whether something that a function gives back or raises is made by what makes answers."""
        if function.is_generator or function.name == "<lambda>":
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
            case External(name=name):
                return answer_class(name) is not None
            case ClassObject(cls=cls):
                return self._derives(cls)
            case FunctionObject(function=function):
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

    @remembered
    def _derives(self, cls: Class) -> bool:
        return self._library_base(cls) is not None

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

    @staticmethod
    def _given(function: Function, call: f.Call, where: Where, environment: Environment, shift: int) -> Environment:
        """What the parameters of a function stand for in a call, its defaults included; unknown behind `*` and `**`."""
        bound = Expansion.given(function, call, where, environment, shift)
        for param in function.params[shift:]:
            bound.setdefault(param.name, (f.Unknown(), where, environment))
        return NOWHERE.with_bound(bound)


def _options(value: f.Expr) -> tuple[f.Expr, ...]:
    return value.options if isinstance(value, f.Choice) else (value,)
