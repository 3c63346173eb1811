"""Whether a function reads an injected parameter in one call by hand, and not just to ask what it is. Judges nothing.

Reads are those that facts keep: names in texts, comments and other scopes are none. What a call passes decides which
branches run; what a function of the project does with a value that it is handed is looked at there.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.calls.bodies.binding import filled
from fastapi_lint.model.calls.bodies.wrapping import Wrapping
from fastapi_lint.model.calls.ways.branches import Branches, Settings
from fastapi_lint.model.calls.ways.constants import PRESENT, UNKNOWN, Value
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Function, FunctionObject, Module
from fastapi_lint.model.types.alternatives import admits_none
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.model.values.expansion import Expansion

_ASKING = frozenset({"isinstance", "type", "callable", "hasattr", "issubclass"})
_DEEPEST = 3


class Reading:
    """Answers about one call after the other; keeps nothing but what its parts do."""

    def __init__(self, types: Inference) -> None:
        self._types = types
        self._branches = Branches(types)
        self._wrapping = Wrapping(types)

    def reads(self, function: Function, name: str, call: f.Call, module: Module) -> bool:
        """Whether a call of a function makes it read the value of a parameter that the call does not pass."""
        return self._reads(function, name, self._settings(function, call, module), 0)

    def _reads(self, function: Function, name: str, settings: Settings, depth: int) -> bool:
        if self._asks(function, name):
            return False
        assigned = {entry.start for entry in function.module.assigns_in.get(function.index, ()) if _unpacks(entry)}
        places = [
            (block, at)
            for expr, block, at in (*evaluated(function, nested=True), *_tests(function))
            if any(part == f.Name(name) for part in walk(expr))
            and not self._is_handed_on(function, name, expr, at)
            and not (isinstance(expr, f.Display) and at in assigned)
            and not self._is_rebound(function, name, block)
        ]
        handed = list(self._handed(function, name, depth))
        first = min((at for _, at in (*places, *handed)), default=-1)
        if self._is_replaced(function, name, first):
            return False
        ruled_out = self._branches.is_ruled_out
        return any(not ruled_out(function, settings, block, at) for block, at in (*places, *handed))

    def _is_handed_on(self, function: Function, name: str, expr: f.Expr, at: int) -> bool:
        """Whether an expression is the parameter itself, as an argument of a call: `_handed` looks into that."""
        if expr != f.Name(name):
            return False
        return any(call.start == at and any(arg.value is expr for arg in call.args) for call in function.calls)

    def _handed(self, function: Function, name: str, depth: int) -> Iterator[tuple[int, int]]:
        """The calls that are given the parameter and read it, as far as is known."""
        module = function.module
        for call in function.calls:
            if not any(arg.value == f.Name(name) for arg in call.args) or self._is_rebound(function, name, call.block):
                continue
            callee = self._types.callee(module, call)
            if not isinstance(callee, FunctionObject) or depth >= _DEEPEST:
                yield call.block, call.start
                continue
            bodies = self._wrapping.bodies(callee.function) or (callee.function,)
            if any(self._asks(body, "") for body in bodies if body is not callee.function):
                continue
            shift = filled(self._types, callee)
            where = (module, call.block, call.start)
            given = Expansion.given(callee.function, call, where, NOWHERE, shift)
            names = [param for param, bound in given.items() if bound[0] == f.Name(name)]
            known = {param.name for param in callee.function.params}
            settings = self._settings(callee.function, call, module)
            if not known.issuperset(names) or any(
                self._reads(callee.function, param, settings, depth + 1) for param in names
            ):
                yield call.block, call.start

    @staticmethod
    def _asks(function: Function, name: str) -> bool:
        """Whether a function asks what a parameter is (any of them, for no name): a marker is then told apart."""
        names = {name} if name else {param.name for param in function.params}
        return any(
            f.last_name(call.func) in _ASKING
            and bool(call.args)
            and any(isinstance(part, f.Name) and part.id in names for part in walk(call.args[0].value))
            for call in function.calls
        )

    @staticmethod
    def _is_replaced(function: Function, name: str, first: int) -> bool:
        """Whether the body binds the name to something else before it reads it."""
        for entry in function.module.assigns_in.get(function.index, ()):
            if entry.block == function.facts.block and entry.op == "=" and name in target_names(entry.target):
                return first < 0 or entry.start < first
        return any(
            block.kind == "with" and block.parent == function.facts.block and name in target_names(block.target)
            for block in function.module.blocks_in.get(function.index, ())
            if block.target is not None and (first < 0 or block.start < first)
        )

    @staticmethod
    def _is_rebound(function: Function, name: str, block: int) -> bool:
        """Whether a `with`, a loop, a handler or a function inside around a place binds the name to something else."""
        module = function.module
        blocks = module.facts.blocks
        while block not in (function.facts.block, -1):
            around = blocks[block]
            if around.target is not None and name in target_names(around.target):
                return True
            if around.kind in ("function", "lambda") and _has_own(module.functions[around.function], name):
                return True
            block = around.parent
        return False

    # ---------------------------------------------------------------- what a call passes

    def _settings(self, function: Function, call: f.Call, module: Module) -> Settings:
        where = (module, call.block, call.start)
        owned = function.cls is not None and "staticmethod" not in self._types.decorators(function)
        given = Expansion.given(function, call, where, NOWHERE, 1 if owned else 0)
        found: list[tuple[str, Value]] = []
        for name, (expr, place, _) in given.items():
            value = self._branches.constants.of(expr, place)
            if value is UNKNOWN and self._is_present(expr, place):
                value = PRESENT
            found.append((name, value))
        return frozenset(found)

    def _is_present(self, expr: f.Expr, where: Where) -> bool:
        """Whether a value is known not to be None."""
        match expr:
            case f.Joined() | f.Display() | f.Mapping() | f.Compare() | f.Each() | f.Lambda():
                return True
            case f.Name(id=name):
                bindings = self._types.find_bindings(name, where)
                entry = bindings[0].entry if len(bindings) == 1 else None
                if isinstance(entry, f.Param) and entry.annotation is not None and not is_none(entry.default):
                    function = where[0].enclosing(where[1])
                    place = (where[0], function.facts.outer, entry.start) if function is not None else where
                    known = self._types.annotation(entry.annotation, place) is not None
                    return known and not admits_none(self._types, entry.annotation, place)
        return False


def _tests(function: Function) -> Iterator[tuple[f.Expr, int, int]]:
    """What a body, or a function inside it, asserts, filters a comprehension by, or evaluates for nothing."""
    facts = function.facts
    for test in function.module.facts.tests:
        if facts.head_end <= test.start < facts.end:
            yield test.value, test.block, test.start


def _has_own(function: Function, name: str) -> bool:
    """Whether a name is a parameter or a variable of a function inside, which hides the one around it."""
    assigned = function.module.assigns_in.get(function.index, ())
    return any(param.name == name for param in function.params) or any(
        name in target_names(entry.target) for entry in assigned
    )


def _unpacks(entry: f.Assign) -> bool:
    return isinstance(entry.target, f.Display)
