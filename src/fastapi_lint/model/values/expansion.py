"""The values an expression can have where code runs several times: loops over displays, parameters over their callers,
`self` over the objects that the project makes.

Used for routers, which are often registered in loops, in functions that are handed the app, and by constructors.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Union

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Module, Type
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.model.values.conditions import Condition, Conditions
from fastapi_lint.model.values.constants import UNKNOWN, Values
from fastapi_lint.model.values.environment import NOWHERE, Bound, Environment
from fastapi_lint.model.values.objects import Objects
from fastapi_lint.tracking import recording

Element = tuple[f.Expr, Where, Environment]
_MOST_ROUNDS = 400
_MOST_CALLERS = 300
_DEPTH = 8


class Expansion:
    """Answers "which values can this be, one by one"."""

    def __init__(self, types: Inference, values: Values) -> None:
        self.types = types
        self.folding = values
        self.objects = Objects(types)
        self.conditions = Conditions(self)
        self._frames: dict[tuple[Function, frozenset[str]], tuple[list[Environment], Hashable]] = {}
        self._active: set[tuple[Function, frozenset[str]]] = set()

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
        function = module.enclosing(block)
        around: list[Function] = []
        while function is not None and depth < _DEPTH:
            around.append(function)
            function = function.parent
        for function in reversed(around):
            names = frozenset(p.name for p in function.params if p.name in wanted)
            if names and (frames := self.frames(function, names, depth)):
                found = [outer.with_bound(inner, inner.conditions) for outer in found for inner in frames][
                    :_MOST_ROUNDS
                ]
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
        wanted = {name for expr in used for name in names_in(expr)}
        if where[0].enclosing(where[1]) is None:
            return wanted
        queue = sorted(wanted)
        while queue and len(wanted) < 50:
            for binding in self.types.find_bindings(queue.pop(), where):
                entry = binding.entry
                if isinstance(entry, f.Assign) and where[0].facts.blocks[binding.block].function >= 0:
                    more = names_in(entry.value) - wanted
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
            return []
        held = self._frames.get(key)
        if held is not None:
            recording.depend_on(held[1])
            return held[0]
        self._active.add(key)
        try:
            held = recording.tracked(lambda: list(self._calls(function, wanted, depth))[:_MOST_ROUNDS])
        finally:
            self._active.discard(key)
        if held[0] or not self._active:  # otherwise perhaps none for want of a frame that is being worked out
            self._frames[key] = held
        return held[0]

    def _calls(self, function: Function, wanted: frozenset[str], depth: int) -> Iterator[Environment]:
        cls = function.cls
        itself = function.params[0].name if cls is not None and function.params else ""
        static = cls is not None and "staticmethod" in self.types.decorators(function)
        if cls is not None and itself in wanted and not static and self.objects.is_entry(function.name):
            for maker in self.objects.makers(cls):
                made = self.types.call_type(maker.module, maker.call)
                if isinstance(made, Instance) and self._method(made, function.name) is function:
                    where = (maker.module, maker.facts.block, maker.start)
                    bound = self.given(function, maker.facts, where, NOWHERE, 1)
                    bound[itself] = (f.CallRef(maker.call), where, NOWHERE)
                    yield NOWHERE.with_bound(bound)
        callers = self.objects.callers(function.name)
        if len(callers) > _MOST_CALLERS:
            return
        for module, call in callers:
            callee = self.types.callee(module, call)
            if cls is None or static:
                if isinstance(callee, FunctionObject) and callee.function is function:
                    yield from self._called(function, wanted, module, call, depth, 0)
            elif isinstance(callee, FunctionObject) and self._related(cls, callee.function.cls):
                yield from self._dispatched(function, wanted, module, call, callee, depth)
            elif callee is None and isinstance(call.func, f.Attr) and itself in wanted:
                yield from self._dispatched(function, wanted, module, call, None, depth)

    def _related(self, one: Class, other: Class | None) -> bool:
        return other is not None and (self.types.is_subclass(one, other) or self.types.is_subclass(other, one))

    def _called(
        self, function: Function, wanted: frozenset[str], module: Module, call: f.Call, depth: int, shift: int
    ) -> Iterator[Environment]:
        where = (module, call.block, call.start)
        given = self.given(function, call, where, NOWHERE, shift)
        values = [value for name, (value, _, _) in given.items() if name in wanted]
        for outer in self.environments(module, call.block, call.start, values, depth + 1):
            yield NOWHERE.with_bound(self.given(function, call, where, outer, shift), outer.conditions)

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
        through_super = isinstance(receiver, f.CallRef) and _is_super(module, receiver.index)
        if through_super:
            if callee is None or callee.function is not function or caller is None or not caller.params:
                return
            receiver = f.Name(caller.params[0].name)
        itself = function.params[0].name if function.params else ""
        given = self.given(function, call, where, NOWHERE, 1)
        values = [value for name, (value, _, _) in given.items() if name in wanted]
        for outer in self.environments(module, call.block, call.start, (receiver, *values), depth + 1):
            bound = self.given(function, call, where, outer, 1)
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
        """The arguments of a call by the names of the parameters, and the defaults of those not given."""
        bound: dict[str, Bound] = {}
        position = shift
        complete = True
        for arg in call.args:
            if arg.name == "" and position < len(function.params):
                if function.params[position].kind in ("normal", "positional-only"):
                    bound[function.params[position].name] = (arg.value, where, outer)
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

    # ---------------------------------------------------------------- collections

    def elements(self, expr: f.Expr, where: Where, environment: Environment, depth: int = 0) -> Iterator[Element]:
        """The items of a collection as they are written, through variables, `dict.items()` and concatenation."""
        if depth > _DEPTH:
            return
        match expr:
            case f.Name(id=name) if name in environment:
                yield from self.elements(*environment[name], depth + 1)
            case f.Display(items=items):
                for item in items:
                    if isinstance(item, f.Star):
                        yield from self.elements(item.value, where, environment, depth + 1)
                    else:
                        yield item, where, environment
            case f.Mapping(items=items):
                for key, _ in items:
                    if key is not None:
                        yield key, where, environment
            case f.Binary(op="+", left=left, right=right):
                yield from self.elements(left, where, environment, depth + 1)
                yield from self.elements(right, where, environment, depth + 1)
            case f.Choice(options=options):
                for number, option in enumerate(options, 1):
                    only = Condition(where[0], where[1], where[2], number)
                    for item, place, inner in self.elements(option, where, environment, depth + 1):
                        yield item, place, inner.with_bound({}, (only,))
            case f.Attr(value=value, attr=attr) if sources := self._sources(value, attr, where, environment):
                for source in sources:
                    yield from self.elements(*source, depth + 1)
            case f.Name(id=name) if built := self.objects.built(name, where):
                for value, place in built:
                    yield from self.elements(value, place, environment, depth + 1)
            case f.Name() | f.Attr():
                for value, place in self.folding.definitions(expr, where):
                    yield from self.elements(value, place, environment, depth + 1)
            case f.CallRef(index=index):
                yield from self._called_elements(index, where, environment, depth)

    def _called_elements(self, index: int, where: Where, environment: Environment, depth: int) -> Iterator[Element]:
        module = where[0]
        call = module.facts.calls[index]
        match call.func:
            case f.Attr(value=receiver, attr="items" | "values" as attr):
                for mapping, place in self._mappings(receiver, where):
                    for key, value in mapping.items:
                        if key is not None:
                            item = value if attr == "values" else f.Display("tuple", (key, value))
                            yield item, place, environment
                return
            case f.Name(id="list" | "tuple" | "reversed" | "sorted" | "set") if len(call.args) == 1:
                yield from self.elements(call.args[0].value, where, environment, depth + 1)
                return
            case f.Name(id="enumerate") if call.args:
                for value, place, inner in self.elements(call.args[0].value, where, environment, depth + 1):
                    yield f.Display("tuple", (f.Unknown(), value)), place, inner
                return
        callee = self.types.callee(module, call)
        if isinstance(callee, FunctionObject):
            function = callee.function
            returned = [e for e in function.exits if e.kind == "return" and e.value is not None]
            if len(returned) == 1 and returned[0].value is not None:
                place = (function.module, returned[0].block, returned[0].start)
                yield from self.elements(returned[0].value, place, NOWHERE, depth + 1)

    def _mappings(self, expr: f.Expr, where: Where) -> Iterator[tuple[f.Mapping, Where]]:
        if isinstance(expr, f.Mapping):
            yield expr, where
        elif isinstance(expr, (f.Name, f.Attr)):
            for value, place in self.folding.definitions(expr, where):
                if isinstance(value, f.Mapping):
                    yield value, place

    # ---------------------------------------------------------------- values

    def values(self, expr: f.Expr, where: Where, environment: Environment, depth: int = 0) -> list[Type]:
        """Every value an expression can have; empty when one of them is not known."""
        if depth > _DEPTH:
            return []
        match expr:
            case f.Name(id=name) if name in environment:
                value, place, inner = environment[name]
                return self.values(value, place, inner, depth + 1)
            case f.Name(id=name) if environment and (source := self._local(name, where, environment)):
                return self.values(*source, depth + 1)
            case f.Attr(value=value, attr=attr):
                owners = self.values(value, where, environment, depth + 1)
                if found := [one for owner in owners for one in self._attribute(owner, attr, depth)]:
                    return found
                if names_in(value) & environment.keys() and owners:
                    return []
            case f.Choice(options=options):
                given = [o for o in options if not is_none(self._literal(o, environment))]
                if len(given) < len(options) or (environment and names_in(expr) & environment.keys()):
                    for option in given:
                        if found := self.values(option, where, environment, depth + 1):
                            return found
                    return []
        inferred = self.types.infer(expr, where)
        if inferred is None or (isinstance(inferred, Instance) and inferred.origin is None):
            return self._several(expr, where) or ([] if inferred is None else [inferred])
        return [inferred]

    @staticmethod
    def _literal(expr: f.Expr, environment: Environment) -> f.Expr:
        while isinstance(expr, f.Name) and expr.id in environment:
            expr, _, environment = environment[expr.id]
        return expr

    def _local(self, name: str, where: Where, environment: Environment) -> Bound | None:
        """What a local variable is assigned from, when that needs the environment."""
        found = self.types.find_bindings(name, where)
        if len(found) != 1 or not isinstance(found[0].entry, f.Assign):
            return None
        entry = found[0].entry
        if entry.value is None or entry.op != "=" or not isinstance(entry.target, f.Name):
            return None
        if isinstance(entry.value, f.CallRef) or not names_in(entry.value) & (environment.keys() | {name}):
            return None
        if name in names_in(entry.value):
            return None
        return entry.value, (where[0], entry.block, entry.start), environment

    def _attribute(self, owner: Type, attr: str, depth: int) -> list[Type]:
        if isinstance(owner, Instance) and isinstance(owner.cls, Class) and owner.origin is not None:
            given = [one for source in self._fields(owner, attr) for one in self.values(*source, depth + 1)]
            if given:
                return [self.types.owned(one, owner) for one in given]
        found = self.types.attribute(owner, attr)
        return [] if found is None else [found]

    def _sources(self, value: f.Expr, attr: str, where: Where, environment: Environment) -> list[Bound]:
        """What the attribute of an object was given: by its constructor's caller, in its constructor, by its class."""
        if not names_in(value) & environment.keys():
            return []
        owners = self.values(value, where, environment)
        return [source for owner in owners if isinstance(owner, Instance) for source in self._fields(owner, attr)]

    def _fields(self, owner: Instance, attr: str) -> list[Bound]:
        if owner.origin is None or not isinstance(owner.cls, Class):
            return []
        assigned = self.objects.assigned(owner.cls, attr)
        if assigned is not None:
            entry, function = assigned
            if entry.value is None or not function.params:
                return []
            names = frozenset(p.name for p in function.params if p.name in names_in(entry.value))
            place = (function.module, entry.block, entry.start)
            itself = function.params[0].name
            for frame in self.frames(function, names | {itself}, 0) if names else ():
                bound = frame.get(itself)
                if bound and bound[0] == f.CallRef(owner.origin.call) and bound[1][0] is owner.origin.module:
                    return [(entry.value, place, frame)]
            return [(entry.value, place, NOWHERE)]
        source = self.objects.field(owner.cls, attr, owner.origin)
        return [(*source, NOWHERE)] if source else []

    def _several(self, expr: f.Expr, where: Where) -> list[Type]:
        """A name bound on several branches: each of its values."""
        if not isinstance(expr, f.Name):
            return []
        values: list[Type] = []
        for binding in self.types.find_bindings(expr.id, where):
            entry = binding.entry
            if not isinstance(entry, f.Assign) or entry.value is None or not isinstance(entry.target, f.Name):
                return []
            value = self.types.infer(entry.value, (where[0], entry.block, entry.start))
            if value is None:
                return []
            values.append(value)
        return values if len(values) > 1 else []

    def source(self, expr: f.Expr, where: Where, environment: Mapping[str, Bound]) -> tuple[f.Expr, Where]:
        """An expression with parameters and loop targets replaced by what they stand for."""
        for _ in range(_DEPTH):
            if not isinstance(expr, f.Name) or expr.id not in environment:
                break
            expr, where, environment = environment[expr.id]
        return expr, where

    def truth(self, expr: f.Expr | None, where: Where, environment: Environment, depth: int = 0) -> Union[bool, None]:
        """Whether a condition holds; None when not known. Settings can be set from outside: they are not known."""
        if depth > _DEPTH:
            return None
        match expr:
            case f.Const(value=value):
                return bool(value)
            case f.Display(items=items):
                return bool(items)
            case f.Name(id=name) if name in environment:
                return self.truth(*environment[name], depth + 1)
            case f.Attr(value=value, attr=attr):
                sources = self._sources(value, attr, where, environment)
                return self.truth(*sources[0], depth + 1) if len(sources) == 1 else None
            case f.Choice(options=options):
                answers = {self.truth(option, where, environment, depth + 1) for option in options}
                return answers.pop() if len(answers) == 1 else None
        return None

    def pieces(self, expr: f.Expr | None, where: Where, environment: Environment, depth: int = 0) -> str:
        """Folded text as `Values.pieces`, with loop targets and parameters replaced."""
        match expr:
            case _ if depth > _DEPTH:
                return UNKNOWN
            case f.Name(id=name) if name in environment:
                return self.pieces(*environment[name], depth + 1)
            case f.Attr(value=value, attr=attr) if names_in(expr) & environment.keys():
                sources = self._sources(value, attr, where, environment)
                return self.pieces(*sources[0], depth + 1) if len(sources) == 1 else UNKNOWN
            case f.Joined(parts=parts):
                return "".join(self.pieces(part, where, environment, depth + 1) for part in parts)
            case f.Binary(op="+", left=left, right=right):
                return self.pieces(left, where, environment, depth + 1) + self.pieces(
                    right, where, environment, depth + 1
                )
            case f.Name(id=name) if environment and (source := self._local(name, where, environment)):
                return self.pieces(*source, depth + 1)
        return self.folding.pieces(expr, where)


def _is_super(module: Module, index: int) -> bool:
    func = module.facts.calls[index].func
    return isinstance(func, f.Name) and func.id == "super"


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
