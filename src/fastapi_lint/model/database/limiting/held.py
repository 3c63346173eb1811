"""Which expressions of a function hold a number, what bounds it there, and how it is given back. Follows no calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.calls.ways.cases import captures, case_of
from fastapi_lint.model.database.limiting.fates import NOTHING, Fate, variable_of
from fastapi_lint.model.names.expressions import walk, with_values
from fastapi_lint.model.names.symbols import ClassObject, External, Function, FunctionObject, Method, Type
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


TRANSPARENT = frozenset({"int", "max", "abs", "round", "float", "str", "math.ceil", "math.floor", "typing.cast"})
"""Functions whose result is as large as what they are given."""
_ROUNDS = 3


class HeldNumber:
    """One function, and the expressions in it that hold the number; `zero` and `positive` say what is seen of it."""

    def __init__(
        self,
        project: Project,
        function: Function,
        carried: f.Expr,
        measured: frozenset[str],
        gives_back: Callable[[f.Call, int, FunctionObject], bool],
    ) -> None:
        """`gives_back`: whether a function of the project gives back an argument of a call of it."""
        self.project = project
        self._gives_back = gives_back
        self.measured = measured
        self.function = function
        self.module = function.module
        self.expressions: set[f.Expr] = {carried}
        self.root = variable_of(carried)
        self.zero = self.positive = False
        self.functions = [function, *self.module.functions_within(function.facts.start, function.facts.end)]

    def _asks_for_zero(self, test: f.Expr) -> bool:
        """Whether a condition tells zero from other numbers: `limit`, `not limit`, `limit == 0`, `limit > 0`."""
        match test:
            case f.Unary(op="not", value=value):
                return value in self.expressions
            case f.Compare(operands=(value, f.Const(value=0 | 1))):
                return value in self.expressions
        return test in self.expressions

    def holds(self, expr: f.Expr | None) -> bool:
        """Whether an expression is the number, or is worked out from it."""
        if expr is None:
            return False
        if expr in self.expressions:
            return True
        match expr:
            case f.Choice(options=options, test=test):
                holding = [option for option in options if self.holds(option)]
                if holding and f.Const(None) in options and (test is None or self._asks_for_zero(test)):
                    self.zero = True
                return bool(holding)
            case f.Binary(op="//", left=left, right=right):  # what is divided by it is how often it fits
                return self.holds(left) and not self.holds(right)
            case f.Binary(op="+" | "-" | "*", left=left, right=right):
                return self.holds(left) or self.holds(right)
            case f.Unary(value=value):
                return self.holds(value)
            case f.CallRef(index=index):
                return self._call_holds(self.module.facts.calls[index])
        return False

    def _call_holds(self, call: f.Call) -> bool:
        match call.func:
            case f.Attr(value=f.Name(id=name), attr="get") if call.args and isinstance(call.args[0].value, f.Const):
                return f.Sub(f.Name(name), (call.args[0].value,)) in self.expressions
        callee = self.project.callee(self.module, call)
        if isinstance(callee, FunctionObject):
            holding = [number for number, arg in enumerate(call.args) if self.holds(arg.value)]
            return any(self._gives_back(call, number, callee) for number in holding)
        name = name_of(callee)
        if name not in TRANSPARENT or not any(self.holds(arg.value) for arg in call.args):
            return False
        least = [arg.value.value for arg in call.args if isinstance(arg.value, f.Const)]
        self.positive = self.positive or (name == "max" and any(isinstance(n, int) and n > 0 for n in least))
        return True

    def assigned(self) -> Fate:
        """Find the variables that hold it, and what assignments do with it."""
        found = NOTHING
        entries = [
            e for each in self.functions for e in self.module.assigns_in.get(each.index, ()) if e.value is not None
        ]
        for _ in range(_ROUNDS):
            before = len(self.expressions)
            for entry in entries:
                for target, value in self._taken_apart(entry):
                    if isinstance(target, f.Name) and self.holds(value):
                        self.expressions.add(target)
            for each in self.functions:
                self._captured(each)
            if len(self.expressions) == before:
                break
        for entry in entries:
            self._put_under_keys(entry)
            if isinstance(entry.target, f.Sub) and self.holds(entry.value):
                found |= Fate(leaves=True)  # put under a key of something
            elif isinstance(entry.value, (f.Mapping, f.Display)) and self.is_in(entry.value):
                found |= Fate(leaves=True)
        return found

    def _put_under_keys(self, entry: f.Assign) -> None:
        """Find the entries of dicts that get it: `options["limit"] = limit`, `options = {"limit": limit}`."""
        match entry.target, entry.value:
            case f.Sub(value=f.Name(), items=(f.Const(),)) as target, value if self.holds(value):
                self.expressions.add(target)
            case f.Name() as target, f.Mapping(items=pairs):
                for key, value in pairs:
                    if isinstance(key, f.Const) and self.holds(value):
                        self.expressions.add(f.Sub(target, (key,)))

    def _captured(self, function: Function) -> None:
        """Find the names that a `match` gives it: `case n if n > 100`."""
        blocks = self.module.facts.blocks
        for block in self.module.blocks_in.get(function.index, ()):
            if block.kind == "case" and block.target is not None and self.holds(blocks[block.parent].test):
                case = case_of(self.module, block)
                names = target_names(block.target) if case is not None else ()
                self.expressions |= {f.Name(name) for name in names if case and () in captures(case.pattern, name)}

    def _taken_apart(self, entry: f.Assign) -> Iterator[tuple[f.Expr, f.Expr | None]]:
        """The targets of an assignment with their values: also of `start, size = window`, item by item."""
        if isinstance(entry.target, f.Display) and isinstance(entry.value, (f.Name, f.Attr)):
            for number, item in enumerate(entry.target.items):
                yield item, f.Sub(entry.value, (f.Const(number),))
        else:
            yield from with_values(entry.target, entry.value)

    def is_in(self, expr: f.Expr) -> bool:
        """Whether the number is somewhere in an expression."""
        return any(self.holds(part) for part in walk(expr))

    def bounds(self, compare: f.Compare, where: Where) -> bool:
        """Whether a comparison holds the number itself against something that can be its bound."""
        for position, operator in enumerate(compare.operators):
            left, right = compare.operands[position], compare.operands[position + 1]
            if operator in (">", ">=", "<", "<=") and (left in self.expressions) != (right in self.expressions):
                other = right if left in self.expressions else left
                above = (operator[0] == ">") == (left in self.expressions)
                if self._is_bound(other, where, above=above):
                    return True
            if operator in ("in", "not in") and left in self.expressions:
                if not isinstance(right, f.CallRef):
                    return True
                end = [arg.value for arg in self.module.facts.calls[right.index].args[:2] if not arg.name]
                called = self.project.called_name(self.module, self.module.facts.calls[right.index])
                if called == "range" and end and self._is_bound(end[-1], where, above=True):
                    return True
        return False

    def _is_bound(self, other: f.Expr, where: Where, *, above: bool) -> bool:
        """Whether what the number is compared with stands still: a constant, a setting. Zero and one bound nothing."""
        match other:
            case f.Const(value=int() | float() as number):
                return number > 1
            case f.Name(id=name):
                found = self.project.types.find_bindings(name, where)
                if any(isinstance(binding.entry, f.Param) for binding in found):
                    return name not in self.measured
                blocks = self.module.facts.blocks
                return not found or all(blocks[binding.block].function < 0 for binding in found)
            case f.Attr():
                return self._stands_still(other, where)
        return False

    def _stands_still(self, expr: f.Attr, where: Where) -> bool:
        name = variable_of(expr)
        if name is None or name in ("self", "cls"):
            return True
        found = self.project.types.find_bindings(name, where)
        blocks = self.module.facts.blocks
        return all(blocks[b.block].function < 0 or isinstance(b.entry, f.Param) for b in found)

    def given_back(self) -> Iterator[str]:
        """The forms in which the function gives the number back: returned, in a dict, or on its object."""
        for leaving in self.function.exits:
            if leaving.kind not in ("return", "yield"):
                continue
            match leaving.value:
                case f.Mapping(items=items):
                    for key, value in items:
                        if isinstance(key, f.Const) and self.holds(value):
                            yield f"[{key.value}]"
                case f.Display(kind="tuple", items=values):
                    yield from (f"[{number}]" for number, value in enumerate(values) if self.holds(value))
                case f.CallRef(index=index):
                    call = self.module.facts.calls[index]
                    if isinstance(made := self.project.callee(self.module, call), ClassObject):
                        fields = [name for name, entry in made.cls.assigns.items() if entry.annotation is not None]
                        for number, arg in enumerate(call.args):
                            name = arg.name or (fields[number] if number < len(fields) else "")
                            if name.isidentifier() and self.holds(arg.value):
                                yield f".{name}"
                    elif self.holds(leaving.value):
                        yield ""
                case value if self.holds(value):
                    yield ""
        itself = self.function.params[0].name if self.function.cls is not None and self.function.params else None
        for entry in self.module.assigns_in.get(self.function.index, ()):
            match entry.target:
                case f.Attr(value=f.Name(id=owner), attr=attr) if owner == itself and self.holds(entry.value):
                    yield f".{attr}"


def name_of(callee: Type) -> str:
    """The dotted name of a library's function or method; "?.?" for anything else."""
    match callee:
        case External(name=name):
            return name
        case Method(cls=cls, name=name):
            return f"{cls}.{name}"
    return "?.?"
