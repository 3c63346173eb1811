"""Whether a number decides how many rows are loaded, and what bounds it on the way. Judges nothing.

In go a function and an expression in it (a parameter, an attribute of one, an entry of one); the value is followed
through variables, arithmetic, and functions of the project that it is passed to. Out comes its `Fate`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.binding import filled
from fastapi_lint.model.database.statements import ends_in_limit, is_limit, is_query, is_sql, limit_name
from fastapi_lint.model.names.expressions import evaluated, walk, with_values
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Type,
)
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.tracking import memoized

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_LIMITS = frozenset({"limit", "fetch", "fetchmany", "to_list", "limit_by", "with_limit"})
_PAGE_KEYWORDS = frozenset({"paginate_by", "page_size", "limit", "items_per_page"})
_LIMIT_KEYWORDS = frozenset({"limit", "length", "max_rows", "fetch"})
_CLIPS = re.compile(r"min|clip|clamp\w*|bound\w*|max_\w+|validate_\w+|normali[sz]e_\w+|cap_\w+|restrict\w*")
_TRANSPARENT = frozenset({"int", "max", "abs", "round", "float", "str", "math.ceil", "math.floor", "typing.cast"})
_LOADERS = ("pymongo.", "motor.", "beanie.", "odmantic.", "mongoengine.", "databases.", "sqlalchemy.", "sqlmodel.")
_TELLERS = frozenset({
    "debug", "info", "warning", "warn", "error", "exception", "critical", "log", "trace", "success", "print",
    "set_attribute", "set_tag", "add_event", "set_attributes", "observe", "inc",
})  # fmt: skip
_DEEPEST = 5
_ROUNDS = 3


@dataclass(frozen=True)
class Fate:
    """What becomes of a number.

    `limits`: it limits a query; `works`: as many steps are done; `is_bounded`: it is compared with a bound, or cut down
    to one; `zero_is_all`: the limit is left out where it is zero; `leaves`: somebody gets it who cannot be followed;
    `forms`: in which it is given back: "" itself, ".name" as an attribute, "[name]" under a key, "[1]" as an
    item of a tuple.
    """

    limits: bool = False
    works: bool = False
    is_bounded: bool = False
    zero_is_all: bool = False
    leaves: bool = False
    forms: frozenset[str] = frozenset()

    def __or__(self, other: Fate) -> Fate:
        return Fate(
            self.limits or other.limits,
            self.works or other.works,
            self.is_bounded or other.is_bounded,
            self.zero_is_all or other.zero_is_all,
            self.leaves or other.leaves,
            self.forms | other.forms,
        )


_NOTHING = Fate()


def carrier(name: str, form: str) -> f.Expr:
    """The expression by which a variable holds a number in a form (see `Fate`)."""
    if form.startswith("."):
        return f.Attr(f.Name(name), form[1:])
    key = form[1:-1]
    return f.Sub(f.Name(name), (f.Const(int(key) if key.isdecimal() else key),)) if form else f.Name(name)


class Limits:
    """Answers "what becomes of this number"."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @memoized
    def fate(self, function: Function, carried: f.Expr, depth: int = 0) -> Fate:
        """What becomes of what an expression of a function holds."""
        if depth > _DEEPEST:
            return Fate(leaves=True)
        return _Body(self, self._project, function, carried, depth).fate()


class _Body:
    """One function, and the expressions in it that hold the number."""

    def __init__(self, limits: Limits, project: Project, function: Function, carried: f.Expr, depth: int) -> None:
        self.limits = limits
        self.project = project
        self.function = function
        self.module = function.module
        self.depth = depth
        self.held: set[f.Expr] = {carried}
        self.root = _root(carried)
        self.zero = self.positive = False
        self.functions = [function, *self.module.functions_within(function.facts.start, function.facts.end)]

    def fate(self) -> Fate:
        """What becomes of the number here, and where it is handed on to."""
        found = self._assigned()
        for each in self.functions:
            for expr, block, start in evaluated(each):
                for part in walk(expr):
                    if isinstance(part, f.Compare) and self._bounds(part, (self.module, block, start)):
                        found |= Fate(is_bounded=True)
                    elif (isinstance(part, f.Joined) and self._is_sql(part)) or (
                        isinstance(part, f.Mapping)
                        and any(key == f.Const("$limit") and self.holds(value) for key, value in part.items)
                    ):
                        found |= Fate(limits=True)
            for call in each.calls:
                for position, arg in enumerate(call.args):
                    found |= self._argument(call, position, arg)
        forms = frozenset(self._given_back())
        zero = (found.zero_is_all or (self.zero and found.limits)) and not self.positive
        return replace(found, zero_is_all=zero, forms=forms)

    # ---------------------------------------------------------------- what holds it

    def _asks_for_zero(self, test: f.Expr) -> bool:
        """Whether a condition tells zero from other numbers: `limit`, `not limit`, `limit == 0`, `limit > 0`."""
        match test:
            case f.Unary(op="not", value=value):
                return value in self.held
            case f.Compare(operands=(value, f.Const(value=0 | 1))):
                return value in self.held
        return test in self.held

    def holds(self, expr: f.Expr | None) -> bool:
        """Whether an expression is the number, or is worked out from it."""
        if expr is None:
            return False
        if expr in self.held:
            return True
        match expr:
            case f.Choice(options=options, test=test):
                holding = [option for option in options if self.holds(option)]
                if holding and f.Const(None) in options and (test is None or self._asks_for_zero(test)):
                    self.zero = True
                return bool(holding)
            case f.Binary(op="+" | "-" | "*" | "//", left=left, right=right):
                return self.holds(left) or self.holds(right)
            case f.Unary(value=value):
                return self.holds(value)
            case f.CallRef(index=index):
                return self._call_holds(self.module.facts.calls[index])
        return False

    def _call_holds(self, call: f.Call) -> bool:
        match call.func:
            case f.Attr(value=f.Name(id=name), attr="get") if call.args and isinstance(call.args[0].value, f.Const):
                return f.Sub(f.Name(name), (call.args[0].value,)) in self.held
        name = self._name(self.project.callee(self.module, call))
        if name not in _TRANSPARENT or not any(self.holds(arg.value) for arg in call.args):
            return False
        least = [arg.value.value for arg in call.args if isinstance(arg.value, f.Const)]
        self.positive = self.positive or (name == "max" and any(isinstance(n, int) and n > 0 for n in least))
        return True

    def _assigned(self) -> Fate:
        """Find the variables that hold it, and what assignments do with it."""
        found = _NOTHING
        entries = [
            e for each in self.functions for e in self.module.assigns_in.get(each.index, ()) if e.value is not None
        ]
        for _ in range(_ROUNDS):
            before = len(self.held)
            for entry in entries:
                for target, value in self._taken_apart(entry):
                    if isinstance(target, f.Name) and self.holds(value):
                        self.held.add(target)
            if len(self.held) == before:
                break
        for entry in entries:
            if isinstance(entry.target, f.Sub) and self.holds(entry.value):
                found |= Fate(leaves=True)  # put under a key of something
            elif isinstance(entry.value, (f.Mapping, f.Display)) and self._mentions(entry.value):
                found |= Fate(leaves=True)
        return found

    def _taken_apart(self, entry: f.Assign) -> Iterator[tuple[f.Expr, f.Expr | None]]:
        """The targets of an assignment with their values: also of `start, size = window`, item by item."""
        if isinstance(entry.target, f.Display) and isinstance(entry.value, f.Name):
            for number, item in enumerate(entry.target.items):
                yield item, f.Sub(entry.value, (f.Const(number),))
        else:
            yield from with_values(entry.target, entry.value)

    def _mentions(self, expr: f.Expr) -> bool:
        return any(self.holds(part) for part in walk(expr))

    # ---------------------------------------------------------------- bounds

    def _bounds(self, compare: f.Compare, where: Where) -> bool:
        """Whether a comparison holds the number itself against something that can be its bound."""
        for position, operator in enumerate(compare.operators):
            left, right = compare.operands[position], compare.operands[position + 1]
            if operator in (">", ">=", "<", "<=") and (left in self.held) != (right in self.held):
                other = right if left in self.held else left
                above = (operator[0] == ">") == (left in self.held)
                if self._is_bound(other, where, above=above):
                    return True
            if operator in ("in", "not in") and left in self.held:
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
                    return True
                blocks = self.module.facts.blocks
                return not found or all(blocks[binding.block].function < 0 for binding in found)
            case f.Attr():
                return self._stands_still(other, where)
        return False

    def _stands_still(self, expr: f.Attr, where: Where) -> bool:
        root = _root(expr)
        if root is None or root in ("self", "cls"):
            return True
        found = self.project.types.find_bindings(root, where)
        blocks = self.module.facts.blocks
        return all(blocks[b.block].function < 0 or isinstance(b.entry, f.Param) for b in found)

    # ---------------------------------------------------------------- hands

    def _argument(self, call: f.Call, position: int, arg: f.Arg) -> Fate:
        """What becomes of the number as an argument of a call."""
        callee = self.project.callee(self.module, call)
        name = f.last_name(call.func)
        if arg.name in ("*", "**"):
            return self._unpacked(call, arg, callee)
        whole = self.root is not None and arg.value == f.Name(self.root) and arg.value not in self.held
        if whole:
            return self._handed_whole(call, position, arg, callee)
        if not self.holds(arg.value):
            if isinstance(arg.value, (f.Mapping, f.Display)) and self._mentions(arg.value):
                return self._in_collection(call, arg.value)
            return _NOTHING
        if name in _LIMITS and isinstance(call.func, f.Attr) and not isinstance(callee, FunctionObject):
            if arg.name in _LIMIT_KEYWORDS or (not arg.name and position == 0):
                self._note_guard(call)
                return Fate(limits=True)
        if self._is_size_of_page(call, position, arg, callee):
            return Fate(limits=True)
        if _CLIPS.fullmatch(name) and not isinstance(callee, FunctionObject):
            return Fate(is_bounded=True)
        match callee:
            case FunctionObject(function=function):
                return self._inside(function, callee, position, arg, f.Name)
            case ClassObject(cls=cls):
                return self._made(cls, position, arg)
        return self._outside(call, arg, callee)

    def _is_size_of_page(self, call: f.Call, position: int, arg: f.Arg, callee: Type) -> bool:
        """Whether an argument says how many rows a piece of a query has: `paginate(page, size)`, `slice(start, stop)`,
        `text("... LIMIT :size").bindparams(size=size)`."""
        if not isinstance(call.func, f.Attr) or isinstance(callee, FunctionObject):
            return False
        match call.func.attr:
            case "paginate":
                return arg.name in _PAGE_KEYWORDS or (not arg.name and position == 1)
            case "slice" if position == 1 and is_query(self.project, call.func, (self.module, call.block, call.start)):
                return not self.holds(call.args[0].value)
            case "bindparams" | "params" if arg.name and isinstance(call.func.value, f.CallRef):
                inner = self.module.facts.calls[call.func.value.index]
                return arg.name == limit_name(self._statement(inner))
        return False

    def _outside(self, call: f.Call, arg: f.Arg, callee: Type) -> Fate:
        """What a function that is not the project's does with the number."""
        full = self._name(callee)
        text = self._statement(call)
        if text and not arg.name:  # a value of a statement: `fetch("... LIMIT $1", limit)`
            return Fate(limits=is_limit(text, call.args.index(arg)))
        if full == "range":
            return Fate(works=True)
        if full.startswith(_LOADERS) and arg.name in _LIMIT_KEYWORDS:
            return Fate(limits=True)
        if full in _TRANSPARENT or f.last_name(call.func) in _TELLERS:
            return _NOTHING
        if "." not in full and isinstance(callee, External):
            return _NOTHING
        return Fate(leaves=True)

    def _inside(self, function: Function, callee: FunctionObject, position: int, arg: f.Arg, by: type[f.Name]) -> Fate:
        """What a function of the project does with the number."""
        name = arg.name or self._parameter(callee, position)
        if not name or all(param.name != name for param in function.params):
            return Fate(leaves=True)
        inner = self.limits.fate(function, by(name), self.depth + 1)
        return Fate(
            inner.limits, inner.works, inner.is_bounded or _CLIPS.fullmatch(function.name) is not None,
            inner.zero_is_all, inner.leaves,
        )  # fmt: skip

    def _parameter(self, callee: FunctionObject, position: int) -> str:
        """The parameter that a positional argument fills."""
        params = [param for param in callee.function.params if param.kind in ("positional-only", "normal")]
        place = position + filled(self.project.types, callee)
        return params[place].name if place < len(params) else ""

    def _made(self, cls: Class, position: int, arg: f.Arg) -> Fate:
        """What making an object of the project with the number does: the answer, or something that carries it on."""
        types = self.project.types
        init = types.member(cls, "__init__", Instance(cls))
        if isinstance(init, FunctionObject):
            inner = self._inside(init.function, FunctionObject(init.function, Instance(cls)), position, arg, f.Name)
            return inner | Fate(leaves=True)
        entry = cls.assigns.get(arg.name)
        if entry is not None and re.search(r"\b(?:le|lt)\s*=", cls.module.source.slice(entry.start, entry.end)):
            return Fate(is_bounded=True)
        return _NOTHING

    def _handed_whole(self, call: f.Call, position: int, arg: f.Arg, callee: Type) -> Fate:
        """What becomes of the object or dict that holds the number, when it is handed on as a whole."""
        if not isinstance(callee, FunctionObject):
            return _NOTHING if f.last_name(call.func) in _TELLERS else Fate(leaves=True)
        name = arg.name or self._parameter(callee, position)
        found = _NOTHING
        for each in [each for each in self.held if _root(each) == self.root and not isinstance(each, f.Name)]:
            if name:
                found |= self.limits.fate(callee.function, _renamed(each, name), self.depth + 1)
        return found

    def _unpacked(self, call: f.Call, arg: f.Arg, callee: Type) -> Fate:
        """`list_items(**commons)`: the parameter of the name of the key gets it."""
        found = _NOTHING
        for each in self.held:
            match each:
                case f.Sub(value=value, items=(f.Const(value=str(key)),)) if arg.value == value:
                    if not isinstance(callee, FunctionObject):
                        return Fate(leaves=True)
                    if any(param.name == key for param in callee.function.params):
                        found |= self.limits.fate(callee.function, f.Name(key), self.depth + 1)
        return found

    def _in_collection(self, call: f.Call, values: f.Mapping | f.Display) -> Fate:
        """The number in a list or dict of values: those of a statement with a limit, or somebody else's parameters."""
        text = self._statement(call)
        if (named := limit_name(text)) is not None:
            if isinstance(values, f.Display):
                at = next((n for n, item in enumerate(values.items, 1) if self.holds(item)), 0)
                return Fate(limits=not at or is_limit(text, at))
            names = [key.value for key, value in values.items if isinstance(key, f.Const) and self.holds(value)]
            return Fate(limits=not named or not names or named in names)
        return _NOTHING if f.last_name(call.func) in _TELLERS else Fate(leaves=True)

    def _statement(self, call: f.Call) -> str:
        """The SQL text that a call is given first, perhaps by way of `text(...)`, also in a variable; "" for others."""
        given: f.Expr | None = call.args[0].value if call.args and not call.args[0].name else None
        where = (self.module, call.block, call.start)
        if isinstance(given, (f.Name, f.Attr)) and not self.holds(given):
            found = list(self.project.values.definitions(given, where))
            if len(found) == 1 and isinstance(found[0][0], f.CallRef):
                given, where = found[0]
        if isinstance(given, f.CallRef):
            inner = where[0].facts.calls[given.index]
            given = inner.args[0].value if inner.args else None
        if not isinstance(given, (f.Const, f.Joined, f.Name, f.Attr, f.Binary)) or self.holds(given):
            return ""
        text = self.project.values.pieces(given, where)
        return text if is_sql(text) else ""

    def _is_sql(self, joined: f.Joined) -> bool:
        """`f"... LIMIT {limit}"`."""
        before = ""
        for part in joined.parts:
            if isinstance(part, f.Const):
                before = str(part.value)
            elif self.holds(part) and ends_in_limit(before):
                return True
        return False

    def _note_guard(self, call: f.Call) -> None:
        """Remember when the limit is left out for zero: `if limit:`, `if limit > 0:`."""
        for block in self.module.block_chain(call.block):
            if block.kind != "if" or block.test is None:
                continue
            for part in walk(block.test):
                if part in self.held and (part == block.test or isinstance(block.test, f.Choice)):
                    self.zero = True
                if isinstance(part, f.Compare) and part.operands[0] in self.held and part.operators[0] in (">", "!="):
                    self.zero = self.zero or part.operands[1] == f.Const(0)

    def _given_back(self) -> Iterator[str]:
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

    @staticmethod
    def _name(callee: Type) -> str:
        match callee:
            case External(name=name):
                return name
            case Method(cls=cls, name=name):
                return f"{cls}.{name}"
        return "?.?"


def _root(expr: f.Expr) -> str | None:
    while isinstance(expr, (f.Attr, f.Sub)):
        expr = expr.value
    return expr.id if isinstance(expr, f.Name) else None


def _renamed(expr: f.Expr, name: str) -> f.Expr:
    match expr:
        case f.Attr(value=value, attr=attr):
            return f.Attr(_renamed(value, name), attr)
        case f.Sub(value=value, items=items):
            return f.Sub(_renamed(value, name), items)
    return f.Name(name)
