"""In which environments code runs: one for each round of the loops around it, and for each call of its function.

The callers of a function are its calls in the project, what makes objects for a constructor, the app that names a
lifespan, and for a function that a decorator of the project returns the function below that decorator.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import is_super
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Module, OneOf, Type
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.conditions import Conditions
from fastapi_lint.model.values.constants import Values
from fastapi_lint.model.values.environment import NOWHERE, Bound, Environment
from fastapi_lint.model.values.objects import Objects
from fastapi_lint.model.values.written.formatting import TEXT_METHODS
from fastapi_lint.model.values.written.packages import is_by_name
from fastapi_lint.tracking import recording
from fastapi_lint.tracking.memory import Memos

Element = tuple[f.Expr, Where, Environment]
DEPTH = 8
_MOST_ROUNDS = 400
_MOST_CALLERS = 300
_TEXT_METHODS = frozenset({*TEXT_METHODS, "format", "join"})
DECORATED, DECORATOR = "@", "@decorator"
"""The names under which an environment has the function below the decorator that a call is, or gives; and that call."""


class Frames:
    """Answers "in which environments does this run"."""

    def __init__(self, types: Inference, values: Values) -> None:
        self.types = types
        self.folding = values
        self.objects = Objects(types)
        self.conditions = Conditions(self)
        self._frames: Memos[tuple[Function, frozenset[str]], list[Environment]] = Memos()
        self._active: set[tuple[Function, frozenset[str]]] = set()
        self._doubtful: dict[tuple[tuple[Function, frozenset[str]], int], tuple[list[Environment], Hashable]] = {}

    # ---------------------------------------------------------------- answered by `Expansion`

    def elements(self, expr: f.Expr, where: Where, environment: Environment, depth: int = 0) -> Iterator[Element]:
        raise NotImplementedError

    def values(self, expr: f.Expr, where: Where, environment: Environment, depth: int = 0) -> list[Type]:
        raise NotImplementedError

    def truth(self, expr: f.Expr | None, where: Where, environment: Environment, depth: int = 0) -> bool | None:
        raise NotImplementedError

    # ---------------------------------------------------------------- environments

    def environments(
        self, module: Module, block: int, at: int, used: Iterable[f.Expr] = (), depth: int = 0
    ) -> list[Environment]:
        """One environment for every round of the loops over literal collections around a place, and for every call of
        the functions around it when the expressions in `used` need their parameters. One, empty, without either; none
        when the conditions around the place are known not to hold."""
        chain = [*module.block_chain(block)]
        tests = [test for entry in chain for test in self.conditions.tests(module, entry)]
        wanted = self._needed((*used, *tests, *(e.test for e in chain if e.kind == "for")), (module, block, at))
        found: list[Environment] = [NOWHERE]
        around = [*module.functions_around(block)] if depth < DEPTH else []
        for number, function in reversed([*enumerate(around)]):
            names = {p.name for p in function.params if p.name in wanted}
            inside = around[number - 1] if number else None
            if (number == 0 and DECORATED in wanted) or (inside is not None and _gives_back(function, inside, wanted)):
                names.add(DECORATED)
            if names and (frames := self.frames(function, frozenset(names), depth)):
                found = [outer.with_bound(inner, inner.conditions) for outer in found for inner in frames][
                    :_MOST_ROUNDS
                ]
            if inside is not None and DECORATED in names and inside.params:
                taken = inside.params[0].name
                found = [e.with_bound({taken: e[DECORATED]}) if DECORATED in e else e for e in found]
        for entry in reversed(chain):
            if entry.kind != "for" or entry.target is None or entry.test is None:
                continue
            where = (module, entry.parent, entry.start)
            found = [
                environment.with_bound(self._bind(entry.target, element, place, inner), inner.conditions)
                for environment in found
                for element, place, inner in self._rounds(entry.test, where, environment)
            ][:_MOST_ROUNDS]
        met = []
        for environment in found:
            conditions = self.conditions.around(module, block, at, environment)
            if conditions is not None:
                met.append(environment.with_bound({}, conditions))
        return met

    def _needed(self, used: Iterable[f.Expr | None], where: Where) -> set[str]:
        """The names that expressions begin with, and those that the variables among them are assigned from."""
        wanted = {name for expr in used for name in names_needed(expr, where[0])}
        if where[0].enclosing(where[1]) is None:
            return wanted
        queue = sorted(wanted)
        while queue and len(wanted) < 50:
            for binding in self.types.find_bindings(queue.pop(), where):
                entry = binding.entry
                if isinstance(entry, f.Assign) and where[0].facts.blocks[binding.block].function >= 0:
                    more = names_needed(entry.value, where[0]) - wanted
                elif isinstance(entry, f.Block) and entry.kind in ("for", "comprehension"):
                    more = names_in(entry.test) - wanted
                else:
                    continue
                wanted |= more
                queue += sorted(more)
        return wanted

    def _rounds(self, expr: f.Expr, where: Where, environment: Environment) -> list[Element]:
        return list(self.elements(expr, where, environment)) or [(f.Unknown(), where, NOWHERE)]

    def frames(self, function: Function, wanted: frozenset[str], depth: int) -> list[Environment]:
        """What the wanted parameters of a function stand for in each of its calls, `self` included."""
        key = (function, wanted)
        if key in self._active:
            recording.depend_on(None)
            return []
        held = self._frames[key] or self._doubtful.get((key, depth))
        if held is not None:
            recording.depend_on(held[1])
            return held[0]
        self._active.add(key)
        try:
            held = recording.tracked(lambda: list(self._calls(function, wanted, depth))[:_MOST_ROUNDS])
        finally:
            self._active.discard(key)
        if not self._active:
            self._doubtful.clear()
        if held[0] or not self._active:
            self._frames[key] = held
        else:  # perhaps none for want of a frame that is being worked out: that holds until this one is
            self._doubtful[key, depth] = held
        return held[0]

    def _calls(self, function: Function, wanted: frozenset[str], depth: int) -> Iterator[Environment]:
        cls = function.cls
        itself = function.params[0].name if cls is not None and function.params else ""
        static = cls is not None and "staticmethod" in self.types.decorators(function)
        is_made = itself in wanted or function.name == "__init__"  # only by making objects is that called
        if cls is not None and is_made and not static and self.objects.is_entry(function.name):
            for maker in self.objects.makers(cls):
                made = self.types.call_type(maker.module, maker.call)
                if isinstance(made, Instance) and self._method(made, function.name) is function:
                    where = (maker.module, maker.facts.block, maker.start)
                    given = self.given(function, maker.facts, where, NOWHERE, 1)
                    values = [value for name, (value, _, _) in given.items() if name in wanted]
                    for outer in self.environments(*where, values, depth + 1):
                        bound = self.given(function, maker.facts, where, outer, 1)
                        bound[itself] = (f.CallRef(maker.call), where, NOWHERE)
                        yield NOWHERE.with_bound(bound)
        yield from self._handed(function, wanted)
        callers = self.objects.callers(function.name)
        if len(callers) > _MOST_CALLERS:
            return
        for module, call in callers:
            found = self.types.callee(module, call)
            for callee in found.options if type(found) is OneOf else (found,):
                if cls is None or static:
                    if isinstance(callee, FunctionObject) and callee.function is function:
                        yield from self._called(function, wanted, module, call, depth, 0)
                elif isinstance(callee, FunctionObject) and self._related(cls, callee.function.cls):
                    yield from self._dispatched(function, wanted, module, call, callee, depth)
                elif callee is None and isinstance(call.func, f.Attr) and itself in wanted:
                    yield from self._dispatched(function, wanted, module, call, None, depth)

    def _handed(self, function: Function, wanted: frozenset[str]) -> Iterator[Environment]:
        """What somebody else calls a function with: the app that names it as its lifespan, the function below it."""
        taken = function.positional[:1]
        if not taken or taken[0] not in wanted:
            return
        for module, index in self.objects.lifespans.get(function.name, ()):
            call = module.facts.calls[index]
            where = (module, call.block, call.start)
            given = f.keyword(call, "lifespan")
            value = self.types.infer(given.value, where) if given is not None else None
            if isinstance(value, FunctionObject) and value.function is function:
                yield NOWHERE.with_bound({taken[0]: (f.CallRef(index), where, NOWHERE)})
        for module, index in self.objects.decorated.get(function.name, ()):
            below = module.functions[index]
            where = (module, below.facts.outer, below.facts.start)
            for decorator in below.facts.decorators:
                value = self.types.infer(decorator, where) if not isinstance(decorator, f.CallRef) else None
                if isinstance(value, FunctionObject) and value.function is function:
                    bound = {taken[0]: _as_value(below)}
                    if isinstance(decorator, f.Attr) and function.cls is not None:
                        bound[function.params[0].name] = (decorator.value, where, NOWHERE)
                    yield NOWHERE.with_bound(bound)

    def _below(self, module: Module, call: f.Call, outer: Environment) -> dict[str, Bound]:
        """The function below the decorator that a call is, or below the one that its function gives back."""
        below = self.objects.below(module, call)
        if below is not None:
            decorator = _as_call(module, call), (module, call.block, call.start), NOWHERE
            return {DECORATED: _as_value(below), DECORATOR: decorator}
        if DECORATED not in outer or not _is_returned(module, call):
            return {}
        return {name: outer[name] for name in (DECORATED, DECORATOR) if name in outer}

    def _related(self, one: Class, other: Class | None) -> bool:
        return other is not None and (self.types.is_subclass(one, other) or self.types.is_subclass(other, one))

    def _called(
        self, function: Function, wanted: frozenset[str], module: Module, call: f.Call, depth: int, shift: int
    ) -> Iterator[Environment]:
        where = (module, call.block, call.start)
        given = self.given(function, call, where, NOWHERE, shift)
        values = [value for name, (value, _, _) in given.items() if name in wanted]
        if DECORATED in wanted and _is_returned(module, call):
            values.append(f.Name(DECORATED))
        for outer in self.environments(module, call.block, call.start, values, depth + 1):
            bound = self.given(function, call, where, outer, shift) | self._below(module, call, outer)
            bound[call_of(function)] = _as_call(module, call), where, outer
            yield NOWHERE.with_bound(bound, outer.conditions)

    def _dispatched(
        self,
        function: Function,
        wanted: frozenset[str],
        module: Module,
        call: f.Call,
        callee: FunctionObject | None,
        depth: int,
    ) -> Iterator[Environment]:
        """The calls of a method: on `self`, on `super()`, on an object that is known in the caller's environment."""
        if not isinstance(call.func, f.Attr):
            return
        where = (module, call.block, call.start)
        receiver: f.Expr = call.func.value
        caller = module.enclosing(call.block)
        through_super = is_super(module, receiver)
        if through_super:
            if callee is None or callee.function is not function or caller is None or not caller.params:
                return
            receiver = f.Name(caller.params[0].name)
        itself = function.params[0].name if function.params else ""
        given = self.given(function, call, where, NOWHERE, 1)
        values = [value for name, (value, _, _) in given.items() if name in wanted]
        if DECORATED in wanted and _is_returned(module, call):
            values.append(f.Name(DECORATED))
        for outer in self.environments(module, call.block, call.start, (receiver, *values), depth + 1):
            bound = self.given(function, call, where, outer, 1) | self._below(module, call, outer)
            bound[call_of(function)] = _as_call(module, call), where, outer
            for owner in self.values(receiver, where, outer):
                if not isinstance(owner, Instance) or not isinstance(owner.cls, Class):
                    continue
                if not through_super and self._method(owner, function.name) is not function:
                    continue
                if owner.origin is not None:
                    place = (owner.origin.module, owner.origin.facts.block, owner.origin.start)
                    bound[itself] = (f.CallRef(owner.origin.call), place, NOWHERE)
                yield NOWHERE.with_bound(bound, outer.conditions)

    def _method(self, owner: Instance, name: str) -> Function | None:
        if not isinstance(owner.cls, Class):
            return None
        found = self.types.member(owner.cls, name, owner)
        return found.function if isinstance(found, FunctionObject) else None

    @staticmethod
    def given(function: Function, call: f.Call, where: Where, outer: Environment, shift: int) -> dict[str, Bound]:
        """The arguments of a call by the names of the parameters, and the defaults of those not given; under the name
        of `*args` a tuple of those that it collects."""
        bound: dict[str, Bound] = {}
        position = shift
        complete = True
        rest: list[f.Expr] = []
        for arg in call.args:
            param = function.params[position] if position < len(function.params) else None
            if arg.name in ("", "*") and param is not None and param.kind == "args":
                rest.append(f.Star(arg.value) if arg.name else arg.value)
                bound[param.name] = (f.Display("tuple", tuple(rest)), where, outer)
            elif arg.name == "" and param is not None:
                if param.kind in ("normal", "positional-only"):
                    bound[param.name] = (arg.value, where, outer)
                position += 1
            elif arg.name in ("*", "**"):
                complete = False
            elif arg.name:
                bound[arg.name] = (arg.value, where, outer)
        for param in function.params[shift:]:
            if complete and param.name not in bound and param.default is not None:
                place = (function.module, function.facts.outer, param.start)
                bound[param.name] = (param.default, place, NOWHERE)
        return bound

    def _bind(self, target: f.Expr, value: f.Expr, where: Where, inner: Environment) -> dict[str, Bound]:
        match target, value:
            case f.Name(id=name), _:
                return {name: (value, where, inner)}
            case f.Display(items=targets), f.Display(items=items) if len(targets) == len(items):
                bound: dict[str, Bound] = {}
                for one, item in zip(targets, items, strict=True):
                    bound.update(self._bind(one, item, where, inner))
                return bound
        return {}


def _as_value(function: Function) -> Bound:
    """A function as an expression: its name, where it is defined."""
    return f.Name(function.name), (function.module, function.facts.outer, function.facts.end), NOWHERE


def _as_call(module: Module, call: f.Call) -> f.CallRef:
    return f.CallRef(module.call_numbers[call.start, call.end])


def call_of(function: Function) -> str:
    """The name under which an environment has the call by which a function runs."""
    return f"@{function.index}"


def _is_returned(module: Module, call: f.Call) -> bool:
    function = module.facts.blocks[call.block].function
    return any(
        isinstance(leaving.value, f.CallRef) and module.facts.calls[leaving.value.index] is call
        for leaving in module.exits_in.get(function, ())
        if leaving.kind == "return"
    )


def _gives_back(outer: Function, inner: Function, wanted: set[str]) -> bool:
    """Whether a function returns one inside it, whose first parameter is wanted: it is used as a decorator."""
    if inner.parent is not outer or not inner.params or inner.params[0].name not in wanted:
        return False
    return any(leaving.kind == "return" and leaving.value == f.Name(inner.name) for leaving in outer.exits)


def is_of_text(call: f.Call) -> bool:
    """Whether a call makes a text of a text, or of what is written into it: `name.lower()`, `"/{}".format(name)`."""
    if isinstance(call.func, f.Attr):
        return call.func.attr in _TEXT_METHODS
    return call.func == f.Name("str")


def names_needed(expr: f.Expr | None, module: Module) -> set[str]:
    """As `names_in`, also of what texts are made of by methods."""
    match expr:
        case f.CallRef(index=index) if is_of_text(call := module.facts.calls[index]):
            parts = (call.func, *(arg.value for arg in call.args))
            return {name for part in parts for name in names_needed(part, module)} - {"str"}
        case f.CallRef(index=index) if is_by_name(call := module.facts.calls[index]):
            return {name for arg in call.args for name in names_needed(arg.value, module)}
        case f.Attr(value=f.CallRef() as value):
            return names_needed(value, module)
        case f.Joined(parts=items):
            return {name for part in items for name in names_needed(part, module)}
        case f.Binary(left=left, right=right):
            return names_needed(left, module) | names_needed(right, module)
    return names_in(expr)


def names_in(expr: f.Expr | None) -> set[str]:
    """The bare names an expression begins with: of a name, attribute, subscript, f-string, sum or choice."""
    match expr:
        case f.Name(id=name):
            return {name}
        case f.Attr(value=value) | f.Sub(value=value):
            return names_in(value)
        case f.Joined(parts=items) | f.Choice(options=items):
            return {name for part in items for name in names_in(part)}
        case f.Binary(left=left, right=right):
            return names_in(left) | names_in(right)
    return set()
