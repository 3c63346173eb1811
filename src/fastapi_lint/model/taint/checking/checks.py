"""Which dangers are ruled out where code runs, because a text was compared, matched, looked up or validated before.

A test counts for everything that has the same origin; one of a piece (`name[:3]`) counts for that piece alone, unless
it is the host of a URL. Names decide nothing about functions of the project: it is looked into what they test.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from fastapi_lint.catalog.format import Guard
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, External, Function, FunctionObject, Method, Module
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.checking.comparisons import Comparisons, may_be_resolved
from fastapi_lint.model.taint.checking.holding import Held, Holding, chain
from fastapi_lint.model.taint.checking.named import is_called_and_may_be_a_check
from fastapi_lint.model.taint.checking.pieces import of_numbers
from fastapi_lint.model.taint.checking.rulings import ALL, HOST, Ruling, applied, is_called_like_a_check, of_all
from fastapi_lint.model.taint.objects import maker
from fastapi_lint.model.taint.strands import (
    VALIDATING,
    Slot,
    Strand,
    Value,
    has_strands,
    strands,
)
from fastapi_lint.model.types.inference.inference import Where, is_none
from fastapi_lint.tracking import circles, recording
from fastapi_lint.tracking.memory import Memos

_DEEPEST = 4
_ROWS = frozenset({
    "first", "one_or_none", "scalar", "scalar_one_or_none", "fetchone", "fetchrow", "fetch_one", "find_one",
    "get_or_none", "first_or_none",
})  # fmt: skip
"""Methods of queries that give None where there is no such row."""
_TESTS = (f.Compare, f.Unary, f.Const)  # no more than an answer: with it nothing was looked up


class Checks:
    """Answers "what has been ruled out here"."""

    def __init__(self, asks: Asks, holding: Holding) -> None:
        self.asks = asks
        self.holding = holding
        self.comparisons = Comparisons(asks)
        self._said: Memos[Hashable, tuple[Ruling, ...]] = Memos()
        self._ensured: Memos[Function, tuple[Ruling, ...]] = Memos()

    # ---------------------------------------------------------------- applying

    def cleared(self, value: Value, where: Where) -> Value:
        """A value without the dangers that are ruled out where it is used."""
        if self.asks.checking or not has_strands(value):
            return value
        return applied(value, self.rulings_at(where))

    def cleared_by(self, value: Value, test: f.Expr, truth: bool, where: Where) -> Value:
        """A value without the dangers that a test rules out."""
        if self.asks.checking or not has_strands(value):
            return value
        return applied(value, self._rulings(test, truth, where, 0))

    def cleared_anywhere(self, value: Value, function: Function) -> Value:
        """A value without the dangers that a function rules out at any place, in some branch: of what it only makes."""
        if self.asks.checking or not has_strands(value):
            return value
        return applied(value, self._kept(("anywhere", function), lambda: self._anywhere(function)))

    def _anywhere(self, function: Function) -> Iterator[Ruling]:
        module = function.module
        for index, block in enumerate(module.facts.blocks):
            if block.function == function.index and block.kind in ("if", "while") and block.test is not None:
                where = (module, index if block.kind == "while" else block.parent, block.start)
                for truth in (True, False):
                    yield from self._rulings(block.test, truth, where, 0)
        for test in module.facts.tests:
            if module.facts.blocks[test.block].function == function.index:
                yield from self._rulings(test.value, True, (module, test.block, test.start), 0)
        for call in function.calls:
            yield from self._kept((module, call.start, call.end), partial(self._raising, module, call))

    def rulings_at(self, where: Where) -> Iterator[Ruling]:
        """Everything that is ruled out at a place: by tests, by calls that raise, by look-ups."""
        for held in self.holding.at(where):
            yield from self._of_held(held)
        function = where[0].enclosing(where[1])
        for each, place in chain(function, where) if function is not None else ():
            yield from self._of_statements(each, place)

    def _of_held(self, held: Held) -> tuple[Ruling, ...]:
        key = (held.module, held.block, held.at, held.truth, held.test)
        return self._kept(key, lambda: self._rulings(held.test, held.truth, held.where, 0))

    def _asked(self, key: Hashable, answer: Callable[[], Iterable[Ruling]]) -> tuple[Ruling, ...]:
        nothing: tuple[Ruling, ...] = ()
        return circles.ask((self, key), lambda: tuple(answer()), nothing)

    def _kept(self, key: Hashable, answer: Callable[[], Iterable[Ruling]]) -> tuple[Ruling, ...]:
        return recording.recalled(self._said, key, lambda: self._asked(key, lambda: dict.fromkeys(answer())))

    # ---------------------------------------------------------------- statements

    def _of_statements(self, function: Function, where: Where) -> Iterator[Ruling]:
        """What calls before a place rule out by raising otherwise, and subscripts by finding nothing."""
        module = function.module
        for call in function.calls:
            if call.end > where[2] or not (call.args or self._is_of_object(call, module)):
                continue
            if self.holding.runs_before(module, call.block, call.end, where):
                yield from self._kept((module, call.start, call.end), partial(self._raising, module, call))
        for assign in module.assigns_in.get(function.index, ()):
            if isinstance(assign.value, f.Sub) and self.holding.runs_before(module, assign.block, assign.end, where):
                for item in assign.value.items:
                    if isinstance(item, (f.Name, f.Attr)) and assign.value.value != item:
                        place = (module, assign.block, assign.start)
                        key = (module, "[]", assign.start)
                        yield from self._kept(key, partial(of_all, self.asks, item, place))

    def _is_of_object(self, call: f.Call, module: Module) -> bool:
        """Whether a call is one of a method of the project, which may check what its object holds."""
        if not isinstance(call.func, f.Attr):
            return False
        target, _ = self.asks.callee(call, (module, call.block, call.start))
        return isinstance(target, FunctionObject) and target.function.cls is not None

    def _raising(self, module: object, call: f.Call) -> Iterator[Ruling]:
        """What is known when a call has come back."""
        where: Where = (module, call.block, call.start)  # type: ignore[assignment]
        target, args = self.asks.callee(call, where)
        guard = None
        match target:
            case FunctionObject(function=function):
                guard = self._own_guard(function)
                if guard is None:
                    yield from self._through(self.ensured(function), function, call, args, where)
                    yield from self._by_name(function, args, where)
                    return
                is_check = False
            case External(name=name):
                guard = self.asks.known.guard(name)
                is_check = guard is None and is_called_like_a_check(self.asks, name)
            case Method(cls=cls, name=name):
                guard = self.asks.known.guard_method(cls, name)
                is_check = guard is None and cls not in ("str", "dict") and VALIDATING.search(name) is not None
            case ClassObject(cls=Class() as made):
                is_check = self.asks.types.is_subclass(made, "enum.Enum")
            case None:
                name = f.last_name(call.func)
                guard = self.asks.known.guard_by_name(name) if isinstance(call.func, f.Attr) else None
                is_check = guard is None and VALIDATING.search(name) is not None
            case _:
                return
        if guard is not None and guard.raises:
            yield from self._guarded(guard, call, args, where)
            if f.last_name(call.func) in ("int", "float") and args:
                yield from of_numbers(self.asks, args[0].value, where)
        elif is_check:
            for arg in args:
                yield from of_all(self.asks, arg.value, where, whole=True)

    def _own_guard(self, function: Function) -> Guard | None:
        """What the user's configuration says of a function of the project."""
        return self.asks.known.guard(self.asks.types.own_name(function)) if self.asks.known.is_extended else None

    def _by_name(self, function: Function, args: tuple[f.Arg, ...], where: Where) -> Iterator[Ruling]:
        """What a function of the project is called like: of addresses alone, which are checked in too many ways."""
        if is_called_and_may_be_a_check(self.asks, function):
            for arg in args:
                for strand in strands(self.asks.subjects(arg.value, where)):
                    yield Ruling(strand.origin, strand.part, HOST, True)

    def ensured(self, function: Function) -> tuple[Ruling, ...]:
        """What of its parameters a function has ruled out when it comes back without an error."""
        if function.name == "<lambda>":
            return ()
        return recording.recalled(
            self._ensured, function, lambda: self._asked(function, lambda: self._at_its_ends(function))
        )

    def _at_its_ends(self, function: Function) -> Iterator[Ruling]:
        if function.is_generator or not function.params:
            return
        module, body = function.module, function.facts.block
        ends: list[Where] = [(module, e.block, e.end) for e in function.exits if e.kind == "return"]
        if not any(e.block == body and e.kind in ("return", "raise") for e in function.exits):
            ends.append(self.holding.end_of(function))
        if not ends or len(ends) > 8:
            return
        said = [{ruling for ruling in self.rulings_at(end) if isinstance(ruling.origin, Slot)} for end in ends]
        for leave in function.exits:  # of what is not in a table nothing comes back
            if leave.kind == "return" and isinstance(leave.value, f.Sub) and len(leave.value.items) == 1:
                item, where = leave.value.items[0], (module, leave.block, leave.end)
                if isinstance(item, (f.Name, f.Attr)):
                    said[ends.index(where)].update(of_all(self.asks, item, where))
        unlisted = [self._unlisted(end) for end in ends]
        if all(unlisted):
            unlisted = [frozenset[Slot]()] * len(ends)
        first, *others = (found for found, keys in zip(said, unlisted, strict=True) if not keys)
        for ruling in sorted(first, key=repr):
            if all(any(other.covers(ruling) for other in found) for found in others):
                open_ends = (
                    keys
                    for found, keys in zip(said, unlisted, strict=True)
                    if keys and not any(other.covers(ruling) for other in found)
                )
                provided = frozenset[Slot]().union(*open_ends)
                if ruling.origin not in provided:
                    yield replace(ruling, provided=provided)

    def _unlisted(self, end: Where) -> frozenset[Slot]:
        """The parameters of which it is known at a place that they are no keys of a table: `if table.get(key) is None`,
        `if key not in table`."""
        found: set[Slot] = set()
        for held in self.holding.at(end):
            test, truth = held.test, held.truth
            while isinstance(test, f.Unary) and test.op == "not":
                test, truth = test.value, not truth
            match test:
                case f.Compare(operators=("in" | "not in" as operator,), operands=(key, table)):
                    is_key = (operator == "in") is truth
                    if not is_key and not has_strands(self.asks.subjects(table, held.where)):
                        found.update(self._slots(key, held.where, looked_up=False))
                case f.Compare(operators=("is" | "==" | "is not" | "!=" as operator,), operands=(value, none)):
                    if is_none(none) and (operator in ("is", "==")) is truth:
                        found.update(self._slots(value, held.where, looked_up=True))
                case f.Name() if not truth:
                    found.update(self._slots(test, held.where, looked_up=True))
        return frozenset(found)

    def _slots(self, expr: f.Expr, where: Where, *, looked_up: bool) -> Iterator[Slot]:
        """The parameters an expression is made of; `looked_up`: if all that it is was looked up with them."""
        known = list(strands(self.asks.subjects(expr, where)))
        if not looked_up or all(one.opaque for one in known):
            yield from (one.origin for one in known if isinstance(one.origin, Slot))

    # ---------------------------------------------------------------- tests

    def _rulings(self, test: f.Expr, truth: bool, where: Where, depth: int) -> Iterator[Ruling]:
        """What a test rules out when it is true, or not."""
        if depth > _DEEPEST:
            return
        yield from self.comparisons.of_sets(test, truth, where)
        match test:
            case f.Unary(op="not", value=value):
                yield from self._rulings(value, not truth, where, depth)
            case f.Await(value=value):
                yield from self._rulings(value, truth, where, depth)
            case f.Choice(options=options, test=None, op=op):
                for option in options:
                    if op == "and" and not truth and isinstance(option, (f.Name, f.Attr, f.Sub)):
                        yield from self._truth(option, None, where, depth + 1)  # one of them is false: which?
                    else:
                        yield from self._rulings(option, truth, where, depth + 1)
            case f.Compare(operators=operators, operands=operands):
                for operator, left, right in zip(operators, operands, operands[1:], strict=False):
                    is_missing = operator in ("is", "==") if truth else operator in ("is not", "!=")
                    if not (is_missing and is_none(right) and self._is_of_a_query(left, where)):
                        yield from self.comparisons.compared(operator, left, right, truth, where)
            case f.CallRef(index=index):
                yield from self._called(where[0].facts.calls[index], test, truth, where, depth)
            case f.Each(block=block) if not truth:  # nothing is left of what was picked out
                for one in where[0].facts.tests:
                    if one.kind == "filter" and one.block == block:
                        yield from self._rulings(one.value, False, (where[0], block, where[2]), depth + 1)
            case f.Name() | f.Attr() | f.Sub():
                yield from self._truth(test, truth, where, depth)

    def _truth(self, test: f.Expr, truth: bool | None, where: Where, depth: int) -> Iterator[Ruling]:
        """`if found:`: of what was looked up, and of what is empty; a variable may hold a test. None: who knows."""
        if truth is False and self._is_of_a_query(test, where):
            return
        for strand in strands(self.asks.subjects(test, where)):
            if strand.opaque:
                yield Ruling(strand.origin, "", ALL)
            elif strand.part == "host" and truth is False:
                yield Ruling(strand.origin, "", HOST)
            elif truth is False and not strand.part:
                yield Ruling(strand.origin, "", ALL, True)  # an empty text, a list with nothing in it
        if isinstance(test, f.Name):
            found = self.asks.types.find_bindings(test.id, where)
            if len(found) == 1 and isinstance(entry := found[0].entry, f.Assign) and entry.value is not None:
                if isinstance(entry.value, (f.Compare, f.CallRef, f.Unary, f.Choice, f.Await, f.Each, f.Binary)):
                    place = (where[0], entry.block, entry.start)
                    yield from self._rulings(entry.value, bool(truth), place, depth + 1)

    def _is_of_a_query(self, expr: f.Expr, where: Where) -> bool:
        """Whether a variable holds the row of a query, or None: that there is none says nothing about the text."""
        if not isinstance(expr, f.Name):
            return False
        values = []
        for binding in self.asks.types.find_bindings(expr.id, where):
            value = binding.entry.value if isinstance(binding.entry, f.Assign) else None
            values.append(value.value if isinstance(value, f.Await) else value)
        calls = where[0].facts.calls
        return bool(values) and all(
            isinstance(value, f.CallRef) and f.last_name(calls[value.index].func) in _ROWS for value in values
        )

    # ---------------------------------------------------------------- calls in tests

    def _called(self, call: f.Call, test: f.CallRef, truth: bool, where: Where, depth: int) -> Iterator[Ruling]:
        target, args = self.asks.callee(call, where)
        last = f.last_name(call.func)
        guard = None
        by_name = False
        match target:
            case FunctionObject(function=function):
                guard = self._own_guard(function)
                if guard is None:
                    yield from self._through(self._answered(function, truth, depth), function, call, args, where)
                    yield from self._by_name(function, args, where)
                if not truth or all(isinstance(one.value, _TESTS) for one in function.exits if one.kind == "return"):
                    return
            case External(name="any" | "all") if args and isinstance(args[0].value, f.Each):
                each = args[0].value
                yield from self._rulings(each.element, truth, (where[0], each.block, where[2]), depth + 1)
                return
            case External(name="bool") if args:
                yield from self._rulings(args[0].value, truth, where, depth + 1)
                return
            case External(name="isinstance") if len(args) == 2 and truth:
                if f.last_name(args[1].value) not in ("str", "bytes", "list", "dict", "UploadFile", "Path", ""):
                    yield from of_all(self.asks, args[0].value, where)
                return
            case External(name=name):
                guard = self.asks.known.guard(name)
                by_name = guard is None and is_called_like_a_check(self.asks, name)
            case Method(cls=cls, name=name):
                guard = self.asks.known.guard_method(cls, name)
                by_name = guard is None and cls not in ("str", "dict") and VALIDATING.search(name) is not None
            case None:
                guard = self.asks.known.guard_by_name(last) if isinstance(call.func, f.Attr) else None
                by_name = guard is None and VALIDATING.search(last) is not None
        if guard is not None and truth:
            yield from self._guarded(guard, call, args, where)
        elif by_name:
            for arg in args:
                for strand in strands(self.asks.subjects(arg.value, where)):
                    yield Ruling(strand.origin, "", ALL, True)
        elif last == "startswith" and isinstance(call.func, f.Attr) and args:
            yield from self.comparisons.begins(call.func.value, args[0].value, truth, where)
        elif guard is None:
            for strand in strands(self.asks.subjects(test, where)):
                if strand.opaque:
                    yield Ruling(strand.origin, "", ALL)

    def _guarded(self, guard: Guard, call: f.Call, args: tuple[f.Arg, ...], where: Where) -> Iterator[Ruling]:
        positional = [arg.value for arg in args if arg.name == ""]
        given: list[f.Expr] = []
        for each in guard.takes:
            if each == "self":
                given += [call.func.value] if isinstance(call.func, f.Attr) else []
            elif each.isdigit():
                given += positional[int(each) : int(each) + 1]
            else:
                given += [arg.value for arg in args if arg.name == each]
        for one in given:
            for strand in strands(self.asks.subjects(one, where)):
                if not guard.resolved or may_be_resolved(strand):
                    yield Ruling(strand.origin, strand.part, frozenset(guard.against))

    def _answered(self, function: Function, truth: bool, depth: int) -> tuple[Ruling, ...]:
        """What a function of the project has ruled out when its result is true, or not."""
        return self._kept(("answer", function, truth), lambda: self._by_results(function, truth, depth))

    def _by_results(self, function: Function, truth: bool, depth: int) -> Iterator[Ruling]:
        yield from self.ensured(function)
        module = function.module
        said: list[set[Ruling]] = []
        for leave in function.exits:
            if leave.kind != "return":
                continue
            value = leave.value
            if isinstance(value, f.Const) and bool(value.value) is not truth:
                continue
            where = (module, leave.block, leave.start)
            found = {one for one in self.rulings_at(where) if isinstance(one.origin, Slot)}
            if value is not None and not isinstance(value, f.Const):
                found |= {one for one in self._rulings(value, truth, where, depth + 1) if isinstance(one.origin, Slot)}
            said.append(found)
        for ruling in sorted(set[Ruling]().union(*said), key=repr):
            if all(any(other.covers(ruling) for other in each) for each in said):
                yield ruling

    def _through(
        self, rulings: Iterable[Ruling], function: Function, call: f.Call, args: tuple[f.Arg, ...], where: Where
    ) -> Iterator[Ruling]:
        """What is ruled out of a function's parameters, as ruled out of what a call gives for them."""
        for ruling in rulings:
            if not isinstance(ruling.origin, Slot):
                continue
            if ruling.origin.function != function:
                yield from self._of_object(ruling, ruling.origin, call, where)
                continue
            keys = (self._given(key, call, args, where) for key in ruling.provided)
            if any(has_strands(applied(key, self.rulings_at(where))) for key in keys):
                continue
            for strand in strands(self._given(ruling.origin, call, args, where)):
                yield Ruling(strand.origin, strand.part or ruling.part, ruling.against, ruling.whole)

    def _of_object(self, ruling: Ruling, slot: Slot, call: f.Call, where: Where) -> Iterator[Ruling]:
        """What a method rules out of what its object was made of."""
        if slot.method is None or ruling.provided or not isinstance(call.func, f.Attr):
            return
        around = where[0].enclosing(where[1])
        if around is not None and around.cls is not None and around.params:
            if call.func.value == f.Name(around.params[0].name):
                yield ruling
                return
        made = maker(call.func.value, where, self.asks)
        if made is not None and made.init == slot.function:
            for strand in strands(self._given(slot, made.call, made.args, made.where)):
                yield Ruling(strand.origin, strand.part or ruling.part, ruling.against, ruling.whole)

    def _given(self, slot: Slot, call: f.Call, args: tuple[f.Arg, ...], where: Where) -> Value:
        """What a call gives for a parameter, as a test looks at it."""
        was, self.asks.checking = self.asks.checking, True
        try:
            return self.asks.filled(((Strand(slot, ""),),), slot.function, call, args, where)
        finally:
            self.asks.checking = was
