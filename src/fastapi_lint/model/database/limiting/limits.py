"""Whether a number decides how many rows are loaded, and what bounds it on the way. Judges nothing.

In go a function and an expression in it (a parameter, an attribute of one, an entry of one); the value is followed
through variables, arithmetic, and functions of the project that it is passed to. Out comes its `Fate`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.binding import filled
from fastapi_lint.model.database.limiting.fates import NOTHING, Fate, renamed, variable_of
from fastapi_lint.model.database.limiting.held import TRANSPARENT, HeldNumber, name_of
from fastapi_lint.model.database.limiting.slices import slices
from fastapi_lint.model.database.statements import ends_in_limit, is_limit, is_query, is_sql, limit_name
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    OneOf,
    Type,
)
from fastapi_lint.tracking import memoized

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_LIMITS = frozenset({"limit", "fetch", "fetchmany", "to_list", "limit_by", "with_limit"})
_PAGE_KEYWORDS = frozenset({"paginate_by", "page_size", "limit", "items_per_page"})
_LIMIT_KEYWORDS = frozenset({"limit", "length", "max_rows", "fetch"})
_CLIPS = re.compile(r"min|clip|clamp\w*|bound\w*|max_\w+|validate_\w+|normali[sz]e_\w+|cap_\w+|restrict\w*")
_CLIPS_OF_SEVERAL = {"min": 2, "median": 3, "sorted": 3}
"""What gives the least of several numbers, or lines them up for the middle one, and how many that takes."""
_LOADERS = ("pymongo.", "motor.", "beanie.", "odmantic.", "mongoengine.", "databases.", "sqlalchemy.", "sqlmodel.")
_MONGO = ("pymongo.", "motor.", "beanie.", "mongoengine.")
"""To their cursors a limit of zero is none."""
_TELLERS = frozenset({
    "debug", "info", "warning", "warn", "error", "exception", "critical", "log", "trace", "success", "print",
    "set_attribute", "set_tag", "add_event", "set_attributes", "observe", "inc",
})  # fmt: skip
_DEEPEST = 5


class Limits:
    """Answers "what becomes of this number"."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @memoized
    def fate(self, function: Function, carried: f.Expr, depth: int = 0, measured: frozenset[str] = frozenset()) -> Fate:
        """What becomes of what an expression of a function holds; `measured` are parameters that say how much came."""
        if depth > _DEEPEST:
            return Fate(leaves=True)
        return _Body(self, self._project, function, carried, depth, measured).fate()


class _Body:
    """What one function does with the number, and whom it hands it to."""

    def __init__(
        self,
        limits: Limits,
        project: Project,
        function: Function,
        carried: f.Expr,
        depth: int,
        measured: frozenset[str],
    ) -> None:
        self.limits = limits
        self.project = project
        self.function = function
        self.module = function.module
        self.depth = depth
        self.carried = carried
        self.number = HeldNumber(project, function, carried, measured, self._gives_back)

    def fate(self) -> Fate:
        """What becomes of the number here, and where it is handed on to."""
        found = self.number.assigned()
        for each in self.number.functions:
            noted = [e.value for e in self.module.assigns_in.get(each.index, ()) if isinstance(e.target, f.Attr)]
            for expr, block, start in evaluated(each):
                is_noted = expr in noted  # `self.more = size < total` decides nothing
                for part in walk(expr):
                    if (
                        isinstance(part, f.Compare)
                        and not is_noted
                        and self.number.bounds(part, (self.module, block, start))
                    ):
                        found |= Fate(is_bounded=True)
                    elif (isinstance(part, f.Joined) and self._is_sql(part)) or (
                        isinstance(part, f.Mapping)
                        and any(key == f.Const("$limit") and self.number.holds(value) for key, value in part.items)
                    ):
                        found |= Fate(limits=True)
            for test in self.module.facts.tests:
                if test.kind == "assert" and self.module.facts.blocks[test.block].function == each.index:
                    where = (self.module, test.block, test.start)
                    compares = (part for part in walk(test.value) if isinstance(part, f.Compare))
                    found |= Fate(is_bounded=any(self.number.bounds(part, where) for part in compares))
            for call in each.calls:
                found |= self._by_its_object(call)
                for position, arg in enumerate(call.args):
                    found |= self._argument(call, position, arg)
            found |= Fate(limits=any(self._counts(*bounds) for bounds in slices(self.project, each)))
        forms = frozenset(self.number.given_back())
        zero = (found.zero_is_all or (self.number.zero and found.limits)) and not self.number.positive
        return replace(found, zero_is_all=zero, forms=forms)

    # ---------------------------------------------------------------- hands

    def _by_its_object(self, call: f.Call) -> Fate:
        """What a method of the object that carries the number does with it, if that limits, works or bounds."""
        root = self.number.root
        if root is None or not isinstance(call.func, f.Attr) or call.func.value != f.Name(root):
            return NOTHING
        callee = self.project.callee(self.module, call) if self.carried != f.Name(root) else None
        found = NOTHING
        for each in callee.options if isinstance(callee, OneOf) else (callee,):  # which one it is, another may bound
            if not isinstance(each, FunctionObject) or filled(self.project.types, each) != 1:
                continue
            method = each.function
            if method is not self.function and method.params:
                carried = renamed(self.carried, method.params[0].name)
                found |= replace(self.limits.fate(method, carried, self.depth + 1), forms=frozenset())
        return found if found.limits or found.works or found.is_bounded else NOTHING

    def _argument(self, call: f.Call, position: int, arg: f.Arg) -> Fate:
        """What becomes of the number as an argument of a call."""
        callee = self.project.callee(self.module, call)
        name = f.last_name(call.func)
        if arg.name in ("*", "**"):
            return self._unpacked(call, arg, callee)
        whole = (
            self.number.root is not None
            and arg.value == f.Name(self.number.root)
            and arg.value not in self.number.expressions
        )
        if whole:
            return self._handed_whole(call, position, arg, callee)
        if not self.number.holds(arg.value):
            if isinstance(arg.value, (f.Mapping, f.Display)) and self.number.is_in(arg.value):
                return self._in_collection(call, arg.value)
            return NOTHING
        if name in _LIMITS and isinstance(call.func, f.Attr) and not isinstance(callee, FunctionObject):
            if arg.name in _LIMIT_KEYWORDS or (not arg.name and position == 0):
                self._note_guard(call)
                return Fate(limits=True, zero_is_all=name == "limit" and name_of(callee).startswith(_MONGO))
        if self._is_size_of_page(call, position, arg, callee):
            return Fate(limits=True)
        if _CLIPS.fullmatch(name) and not isinstance(callee, FunctionObject):
            return Fate(is_bounded=True)
        match callee:
            case FunctionObject(function=function):
                return self._inside(function, callee, position, arg, f.Name, self._measured(call, callee))
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
                return self._counts(call.args[0].value, arg.value)
            case "bindparams" | "params" if arg.name and isinstance(call.func.value, f.CallRef):
                inner = self.module.facts.calls[call.func.value.index]
                return arg.name == limit_name(self._statement(inner))
        return False

    def _counts(self, start: f.Expr, stop: f.Expr) -> bool:
        """Whether the number says how many rows lie between two bounds: `start` and `start + size`."""
        match stop:
            case f.Binary(op="+", left=left, right=right) if start in (left, right):
                return self.number.holds(right if start == left else left)
        return self.number.holds(stop) and not self.number.holds(start)

    def _outside(self, call: f.Call, arg: f.Arg, callee: Type) -> Fate:
        """What a function that is not the project's does with the number."""
        full = name_of(callee)
        text = self._statement(call)
        if text and not arg.name:  # a value of a statement: `fetch("... LIMIT $1", limit)`
            return Fate(limits=is_limit(text, call.args.index(arg)))
        if full == "range":
            return Fate(works=True)
        if full.startswith(_LOADERS) and arg.name in _LIMIT_KEYWORDS:
            return Fate(limits=True)
        if full in TRANSPARENT or f.last_name(call.func) in _TELLERS:
            return NOTHING
        if "." not in full and isinstance(callee, External):
            return NOTHING
        return Fate(leaves=True)

    def _measured(self, call: f.Call, callee: FunctionObject) -> frozenset[str]:
        """The parameters that a call gives the length of something, which is no bound of the number."""
        given = {arg.name or self._parameter(callee, n): arg.value for n, arg in enumerate(call.args)}
        calls = self.module.facts.calls
        return frozenset(
            name
            for name, value in given.items()
            if name and isinstance(value, f.CallRef) and calls[value.index].func == f.Name("len")
        )

    def _inside(
        self,
        function: Function,
        callee: FunctionObject,
        position: int,
        arg: f.Arg,
        by: type[f.Name],
        measured: frozenset[str] = frozenset(),
    ) -> Fate:
        """What a function of the project does with the number."""
        name = arg.name or self._parameter(callee, position)
        carried: f.Expr = by(name)
        if not name or all(param.name != name for param in function.params):
            collects = next((param.name for param in function.params if param.kind == "kwargs"), "")
            if not arg.name or not collects:
                return Fate(leaves=True)
            carried = f.Sub(f.Name(collects), (f.Const(name),))
        inner = self.limits.fate(function, carried, self.depth + 1, measured)
        if isinstance(carried, f.Sub) and not inner.limits:
            return Fate(leaves=True)
        return Fate(is_bounded=True) if function.is_empty and _CLIPS.fullmatch(function.name) else inner

    def _gives_back(self, call: f.Call, position: int, callee: FunctionObject) -> bool:
        """Whether a function of the project gives back what it is given, as it is or worked out from it."""
        name = call.args[position].name or self._parameter(callee, position)
        if callee.function is self.function or not any(param.name == name for param in callee.function.params):
            return False
        return "" in self.limits.fate(callee.function, f.Name(name), self.depth + 1).forms

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
        return NOTHING

    def _handed_whole(self, call: f.Call, position: int, arg: f.Arg, callee: Type) -> Fate:
        """What becomes of the object or dict that holds the number, when it is handed on as a whole."""
        if not isinstance(callee, FunctionObject):
            return NOTHING if f.last_name(call.func) in _TELLERS else Fate(leaves=True)
        name = arg.name or self._parameter(callee, position)
        found = NOTHING
        for each in [
            each
            for each in self.number.expressions
            if variable_of(each) == self.number.root and not isinstance(each, f.Name)
        ]:
            if name:
                found |= self.limits.fate(callee.function, renamed(each, name), self.depth + 1)
        return found

    def _unpacked(self, call: f.Call, arg: f.Arg, callee: Type) -> Fate:
        """`list_items(**commons)`: the parameter of the name of the key gets it; `list_items(*window)`: by place."""
        found = NOTHING
        for each in self.number.expressions:
            match each:
                case f.Sub(value=value, items=(f.Const(value=str(key)),)) if arg.value == value:
                    if not isinstance(callee, FunctionObject):
                        return Fate(leaves=True)
                    if any(param.name == key for param in callee.function.params):
                        found |= self.limits.fate(callee.function, f.Name(key), self.depth + 1)
                case f.Sub(value=value, items=(f.Const(value=int(number)),)) if arg.value == value and arg.name == "*":
                    if not isinstance(callee, FunctionObject):
                        return Fate(leaves=True)
                    if name := self._parameter(callee, call.args.index(arg) + number):
                        found |= self.limits.fate(callee.function, f.Name(name), self.depth + 1)
        return found

    def _in_collection(self, call: f.Call, values: f.Mapping | f.Display) -> Fate:
        """The number in a list or dict of values: those of a statement with a limit, or somebody else's parameters."""
        fewest = _CLIPS_OF_SEVERAL.get(f.last_name(call.func))
        if fewest is not None and isinstance(values, f.Display) and len(values.items) >= fewest:
            return Fate(is_bounded=True)
        text = self._statement(call)
        if (named := limit_name(text)) is not None:
            if isinstance(values, f.Display):
                at = next((n for n, item in enumerate(values.items, 1) if self.number.holds(item)), 0)
                return Fate(limits=not at or is_limit(text, at))
            names = [key.value for key, value in values.items if isinstance(key, f.Const) and self.number.holds(value)]
            return Fate(limits=not named or not names or named in names)
        return NOTHING if f.last_name(call.func) in _TELLERS else Fate(leaves=True)

    def _statement(self, call: f.Call) -> str:
        """The SQL text that a call is given first, perhaps by way of `text(...)`, also in a variable; "" for others."""
        given: f.Expr | None = call.args[0].value if call.args and not call.args[0].name else None
        where = (self.module, call.block, call.start)
        if isinstance(given, (f.Name, f.Attr)) and not self.number.holds(given):
            found = list(self.project.values.definitions(given, where))
            if len(found) == 1 and isinstance(found[0][0], f.CallRef):
                given, where = found[0]
        if isinstance(given, f.CallRef):
            inner = where[0].facts.calls[given.index]
            given = inner.args[0].value if inner.args else None
        if not isinstance(given, (f.Const, f.Joined, f.Name, f.Attr, f.Binary)) or self.number.holds(given):
            return ""
        text = self.project.values.pieces(given, where)
        return text if is_sql(text) else ""

    def _is_sql(self, joined: f.Joined) -> bool:
        """`f"... LIMIT {limit}"`."""
        before = ""
        for part in joined.parts:
            if isinstance(part, f.Const):
                before = str(part.value)
            elif self.number.holds(part) and ends_in_limit(before):
                return True
        return False

    def _note_guard(self, call: f.Call) -> None:
        """Remember when the limit is left out for zero or less: `if limit:`, `if limit > 0:`, `if limit != -1:`."""
        for block in self.module.block_chain(call.block):
            if block.kind != "if" or block.test is None:
                continue
            for part in walk(block.test):
                if part in self.number.expressions and (part == block.test or isinstance(block.test, f.Choice)):
                    self.number.zero = True
                if (
                    isinstance(part, f.Compare)
                    and part.operands[0] in self.number.expressions
                    and part.operators[0] in (">", ">=", "!=")
                ):
                    least = self.project.values.number(part.operands[1], (self.module, call.block, call.start))
                    most = 1 if part.operators[0] == ">=" else 0
                    self.number.zero = self.number.zero or (least is not None and least <= most)
