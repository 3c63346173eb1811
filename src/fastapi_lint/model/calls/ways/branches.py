"""Which places of a function run, given what a call passes for its parameters: dead branches, and what is conditional.

What is passed and not known may be anything; a parameter that is not passed has its default. The values that are
followed are constants: None, booleans, numbers, texts, tuples of these, and members of enumerations.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.calls.bodies.arguments import bound_before, completed
from fastapi_lint.model.calls.ways.conditional import as_tree, conditions, is_given_empty, names_in, said_of
from fastapi_lint.model.calls.ways.constants import UNKNOWN, Constants, Unknown, Value, field_of, truth
from fastapi_lint.model.calls.ways.judging import fitting, judged
from fastapi_lint.model.calls.ways.keywords import Keywords, collecting
from fastapi_lint.model.calls.ways.objects import Objects, own_name
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.calls.ways.written import Written
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import (
    ClassObject,
    Function,
    FunctionObject,
    Instance,
    Module,
    Type,
    without_partials,
)
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.tracking import memoized

Settings = frozenset[tuple[str, Value]]
"""Parameters of a function that a call sets to something else than their defaults: a constant, or what is not known."""
NO_SETTINGS: Settings = frozenset()

_HEAD = re.compile(rb"(?:el)?if\b\s*|while\b\s*|match\b\s*")
_WORD = re.compile(rb"(?<![\w.])[A-Za-z_]\w*")
_LOOPS = frozenset({"for", "comprehension"})
_BRANCHES = frozenset({"if", "else", "case", "except", "finally"})
_LONGEST = 400
_MOST_BLOCKS = 300
_FURTHEST = 12
"""How many calls a parameter is followed down."""
_MOST_REACHED = 200


@dataclass
class _Ways:
    """What is known about the ways through a function: blocks that do not run, those that do, and where all ends.

    `skipped` is where calls start that do not run, as a test in their own expression is false; `behind` is what follows
    in the body of a `try` on what always leaves it.
    """

    dead: set[int] = field(default_factory=set)
    sure: set[int] = field(default_factory=set)
    skipped: set[int] = field(default_factory=set)
    behind: list[tuple[int, int]] = field(default_factory=list)
    stop: int = -1


class Branches:
    """Answers "does this place run", with what a call passes."""

    def __init__(self, types: Inference) -> None:
        self.types = types
        self.constants = Constants(types)
        self.objects = Objects(self.constants)
        self.written = Written()

    # ---------------------------------------------------------------- what is asked

    def is_dead(self, function: Function, settings: Settings, block: int, at: int) -> bool:
        """Whether a place of a function does not run with these settings."""
        if function.is_async or not self._is_tested(function, settings):
            return False
        return self.is_ruled_out(function, settings, block, at)

    def is_ruled_out(self, function: Function, settings: Settings, block: int, at: int) -> bool:
        """As `is_dead`, for coroutine functions as well."""
        ways = self._ways(function, settings)
        if 0 <= ways.stop < at or at in ways.skipped:
            return True
        if any(start <= at < end for start, end in ways.behind):
            return True
        return bool(ways.dead) and any(index in ways.dead for index in _chain(function.module, block))

    def is_conditional(self, function: Function, settings: Settings, block: int, at: int) -> bool:
        """Whether a place of a function may well not run: below a condition, in a handler, behind an early return."""
        module = function.module
        is_tested = not function.is_async and self._is_tested(function, settings)
        sure = self._ways(function, settings).sure if is_tested else set()
        around = _chain(module, block)
        for index in around:
            if module.facts.blocks[index].kind in _BRANCHES and index not in sure:
                return True
        inside = set(around)
        for leave in function.exits:
            if leave.kind == "return" and leave.start < at and leave.block not in inside:
                return True
        return False

    def settings(self, function: Function, call: f.Call | None, caller: Function | None, known: Settings) -> Settings:
        """What a call sets those parameters to on which something depends; `known` are the caller's own settings."""
        if call is None:
            return NO_SETTINGS
        found = set(self.objects.itself(function, call, caller, known))
        held = bound_before(self.types, caller, call) if caller is not None and self.relevant(function) else None
        call = completed(call, held[0]) if held is not None else call
        wanted = self.relevant(function) if call.args else frozenset()
        if not wanted:
            return frozenset(found)
        defaults = self.defaults(function)
        collected = collecting(function)
        seen = {collected}
        for name, expr in bound(function, call):
            if name not in wanted:
                continue
            seen.add(name)
            if held is not None and any(expr is arg.value for arg in held[0]):
                value = self.constants.of(expr, held[1])
            else:
                value = self._passed(expr, call, caller, known)
                if value is UNKNOWN and caller is not None:
                    value = said_of(expr, caller, call) if isinstance(expr, f.Name) else UNKNOWN
                    if value is UNKNOWN and (
                        function.module.mentions("isinstance") or self.constants.is_several(function, name)
                    ):
                        value = self.constants.kind_of(expr, (caller.module, call.block, call.start))
            default = defaults.get(name, UNKNOWN)
            if value != default or type(value) is not type(default):
                found.add((name, value))
        if collected in wanted or any(arg.name in ("*", "**") for arg in call.args):
            own = {**self.defaults(caller), **dict(known)} if caller is not None else {}
            keywords = Keywords(self.constants, call, caller, own)
            found.update(keywords.unpacked_for(wanted - seen, defaults))
            if collected in wanted:
                named = {arg.name: self._passed(arg.value, call, caller, known) for arg in call.args}
                found.update(keywords.collected_by(function, named))
        return frozenset(found)

    def _passed(self, expr: f.Expr, call: f.Call, caller: Function | None, known: Settings) -> Value:
        if caller is None:
            return UNKNOWN
        if isinstance(expr, f.Name) and any(param.name == expr.id for param in caller.params):
            if caller.is_async or caller.rebinds(expr.id):
                return UNKNOWN
            return {**self.defaults(caller), **dict(known)}.get(expr.id, UNKNOWN)
        if isinstance(expr, f.Attr) and expr.value == f.Name(own_name(caller)):
            return field_of(dict(known).get(own_name(caller), UNKNOWN), expr.attr)
        return self.constants.of(expr, (caller.module, call.block, call.start))

    # ---------------------------------------------------------------- parameters

    def _is_tested(self, function: Function, settings: Settings) -> bool:
        """Whether conditions of a function are about what can be known here."""
        return bool(self.tested(function)) or (
            any(name == own_name(function) for name, _ in settings) and self._tests_itself(function)
        )

    @memoized
    def _tests_itself(self, function: Function) -> bool:
        return own_name(function) in self._condition_words(function)

    def _condition_words(self, function: Function) -> set[str]:
        """The words in the conditions of a function."""
        module = function.module
        words: set[str] = set()
        for block in module.blocks_in.get(function.index, ()):
            if block.kind in ("if", "while", "case") or (block.kind == "choice" and block.test is not None):
                words |= _words(module, block.start, _first_line(module, block))
            elif block.kind in _LOOPS and isinstance(block.test, (f.Name, f.Attr)):
                words |= {part.id for part in walk(block.test) if isinstance(part, f.Name)}
        for test, _, _ in self._tests_of_calls(function):
            words |= names_in(test, module)
        return words

    def _tests_of_calls(self, function: Function) -> Iterator[tuple[f.Expr, f.Call, int]]:
        """The calls of a function that depend on a test in their own expression, and where their statement starts."""
        module = function.module
        tests = conditions(module)
        for call in function.calls:
            if call.start in tests:
                yield tests[call.start], call, self._statement(function, call.start)

    @staticmethod
    def _statement(function: Function, at: int) -> int:
        """Where the assignment or the way out starts that a place stands in, else the place itself."""
        places = [(each.start, each.end) for each in function.module.assigns_in.get(function.index, ())]
        places += [(each.start, each.end) for each in function.exits]
        return min([*(start for start, end in places if start <= at < end), at])

    @memoized
    def defaults(self, function: Function) -> dict[str, Value]:
        """The parameters with a constant default."""
        where = (function.module, function.facts.outer, function.facts.start)
        found = {param.name: self.constants.of(param.default, where) for param in function.params if param.default}
        if name := collecting(function):
            found[name] = ()
        return {name: value for name, value in found.items() if not isinstance(value, Unknown)}

    @memoized
    def tested(self, function: Function) -> frozenset[str]:
        """The parameters that conditions of a function mention, themselves or by a variable that is made of them."""
        names = {param.name for param in function.params} - {"self", "cls"}
        if not names or function.is_async:
            return frozenset()
        module = function.module
        words = self._condition_words(function)
        found = names & words
        for assign in module.assigns_in.get(function.index, ()):
            if isinstance(assign.target, f.Name) and assign.target.id in words:
                found |= names & _words(module, assign.start, min(assign.end, assign.start + _LONGEST))
        return frozenset(found | self.constants.called_for_callers(function, names - found))

    @memoized
    def relevant(self, function: Function) -> frozenset[str]:
        """The parameters on which something depends in a function, or in what it hands them on to (`_FURTHEST`)."""
        found: set[str] = set()
        reached = {(function, param.name, param.name) for param in function.params}
        seen = set(reached)
        for _ in range(_FURTHEST):
            found |= {own for at, name, own in reached if name in self.tested(at)}
            reached = {
                (target, inner, own)
                for at, name, own in reached
                if own not in found
                for target, inner in self._handed_on(at).get(name, ())
            } - seen
            if not reached or len(seen) > _MOST_REACHED:
                break
            seen |= reached
        return frozenset(found)

    @memoized
    def _handed_on(self, function: Function) -> dict[str, list[tuple[Function, str]]]:
        """The parameters of a synchronous function that it gives to others, and which of theirs that is."""
        names = {param.name for param in function.params} - self.tested(function) - {"self", "cls"}
        found: dict[str, list[tuple[Function, str]]] = {}
        if not names or function.is_async:
            return found
        for call in function.calls:
            if not any(isinstance(arg.value, f.Name) and arg.value.id in names for arg in call.args):
                continue
            target = _function_of(self.types.callee(function.module, call), self.types)
            if target is None:
                continue
            given = dict(bound(target, call))
            for inner, expr in given.items():
                if isinstance(expr, f.Name) and expr.id in names:
                    found.setdefault(expr.id, []).append((target, inner))
            for arg in call.args:
                if arg.name == "**" and isinstance(arg.value, f.Name) and arg.value.id in names:
                    rest = [param.name for param in target.params if param.name not in given]
                    found.setdefault(arg.value.id, []).extend((target, inner) for inner in rest)
        return found

    # ---------------------------------------------------------------- ways

    @memoized
    def _ways(self, function: Function, settings: Settings) -> _Ways:
        """Goes through a function from top to bottom, as far as the conditions in it can be told."""
        module = function.module
        blocks = module.facts.blocks
        values: dict[str, Value] = {**self.defaults(function), **dict(settings)}
        ways = _Ways()
        own = [index for index, block in enumerate(blocks) if block.function == function.index]
        if len(own) > _MOST_BLOCKS:
            return ways
        events: list[tuple[int, int, f.Assign | f.Exit | tuple[f.Expr, f.Call] | int]] = []
        events += [
            (blocks[index].start, 0, index)
            for index in own
            if blocks[index].kind in ("if", "else", "while", "case", "for")
        ]
        events += [
            (self._statement(function, blocks[index].start), 0, index)
            for index in own
            if blocks[index].kind == "comprehension"
        ]
        events += [(start, 0, (test, call)) for test, call, start in self._tests_of_calls(function)]
        events += [(assign.start, 1, assign) for assign in module.assigns_in.get(function.index, ())]
        events += [(leave.start, 2, leave) for leave in function.exits if leave.kind in ("return", "raise")]
        met: dict[int, list[bool | None]] = {}
        for _, _, event in sorted(events, key=lambda item: item[:2]):
            if isinstance(event, int):
                self._enter(function, event, values, ways, met)
            elif isinstance(event, f.Assign):
                self._assign(function, event, values, ways)
            elif isinstance(event, tuple):
                tree = as_tree(event[0], module.facts.calls)
                if tree is not None and truth(self._judged(function, tree, values, event[1].start)) is False:
                    ways.skipped.add(event[1].start)
            elif self._is_sure(function, event.block, ways):
                tried = [blocks[each] for each in _chain(module, event.block) if blocks[each].kind == "body"]
                if not tried:
                    ways.stop = event.end
                    break
                ways.behind.append((event.end, tried[0].end))
        return ways

    def _enter(
        self,
        function: Function,
        index: int,
        values: dict[str, Value],
        ways: _Ways,
        met: dict[int, list[bool | None]],
    ) -> None:
        """Tells of a branch whether it runs, by its condition and those before it."""
        block = function.module.facts.blocks[index]
        if block.kind == "while":
            if self._truth(function, index, values) is False:
                ways.dead.add(index)
            return
        if block.kind in _LOOPS:
            if isinstance(block.test, (f.Name, f.Attr)) and is_given_empty(function, block.test, values):
                ways.dead.add(index)
            return
        before = met.setdefault(block.parent, [])
        if any(each is True for each in before):
            ways.dead.add(index)
            return
        if block.kind == "case":
            own = self._fits(function, index, values)
        else:
            own = True if block.kind == "else" else self._truth(function, index, values)
        before.append(own)
        if own is False:
            ways.dead.add(index)
        elif own is True and all(each is False for each in before[:-1]):
            ways.sure.add(index)

    def _assign(self, function: Function, assign: f.Assign, values: dict[str, Value], ways: _Ways) -> None:
        chain = _chain(function.module, assign.block)
        if any(index in ways.dead for index in chain):
            return
        for name in target_names(assign.target):
            value: Value = UNKNOWN
            if (
                assign.op in ("=", ":=")
                and isinstance(assign.target, f.Name)
                and self._is_sure(function, assign.block, ways)
                and not _may_be_filled(assign.value)
            ):
                value = self._evaluated(function, assign, values)
            values[name] = value

    def _is_sure(self, function: Function, block: int, ways: _Ways) -> bool:
        """Whether a block runs whenever its function does."""
        blocks = function.module.facts.blocks
        return all(
            blocks[index].kind in ("function", "choice", "with", "try", "body") or index in ways.sure
            for index in _chain(function.module, block)
        )

    def _truth(self, function: Function, index: int, values: dict[str, Value]) -> bool | None:
        module = function.module
        block = module.facts.blocks[index]
        head = _HEAD.match(module.text, block.start)
        if head is None:
            return None
        test = self.written.condition(module, head.end(), block.end)
        return None if test is None else truth(self._judged(function, test, values, block.start))

    def _fits(self, function: Function, index: int, values: dict[str, Value]) -> bool | None:
        """Whether what a `match` looks at fits the pattern of a case, and its guard."""
        module = function.module
        blocks = module.facts.blocks
        whole = blocks[blocks[index].parent]
        head = _HEAD.match(module.text, whole.start)
        subject = self.written.condition(module, head.end(), whole.end) if head is not None else None
        case = self.written.case(module, blocks[index])
        if case is None or subject is None:
            return None

        def judge(tree: ast.expr) -> bool | None:
            return truth(self._judged(function, tree, values, blocks[index].start))

        fits = fitting(case.pattern, subject, judge)
        if case.guard is None or fits is False:
            return fits
        guard = judge(case.guard) if blocks[index].target is None else None
        return False if guard is False else (fits if guard is True else None)

    def _evaluated(self, function: Function, assign: f.Assign, values: dict[str, Value]) -> Value:
        tree = self.written.assigned(function.module, assign)
        return UNKNOWN if tree is None else self._judged(function, tree, values, assign.start)

    def _judged(self, function: Function, tree: ast.expr, values: dict[str, Value], at: int) -> Value:
        def named(expr: f.Expr) -> Value:
            where = (function.module, function.facts.block, at)
            value = self.constants.of(expr, where)
            if value is UNKNOWN and function.module.mentions("isinstance"):
                value = self.constants.kind_of(expr, where)
            return value

        return judged(tree, values, named)


def _chain(module: Module, block: int) -> list[int]:
    """A block and those around it, up to the body of the function."""
    found = []
    blocks = module.facts.blocks
    while block >= 0:
        found.append(block)
        if blocks[block].kind in ("function", "class", "lambda", "module"):
            break
        block = blocks[block].parent
    return found


def _may_be_filled(value: f.Expr | None) -> bool:
    """Whether something is an empty list, set or dict: what is put into it later is not followed."""
    match value:
        case f.Display(kind="list" | "set", items=()) | f.Mapping(items=()):
            return True
    return False


def _first_line(module: Module, block: f.Block) -> int:
    end = module.text.find(b"\n", block.start, block.end)
    return end if end >= 0 else min(block.end, block.start + _LONGEST)


def _words(module: Module, start: int, end: int) -> set[str]:
    return {found[0].decode() for found in _WORD.finditer(module.text, start, end)}


def _function_of(callee: Type, types: Inference) -> Function | None:
    match without_partials(callee):
        case FunctionObject(function=function):
            return function
        case ClassObject(cls=cls):
            found = types.member(cls, "__init__", Instance(cls))
            return found.function if isinstance(found, FunctionObject) else None
    return None
