"""Under which conditions something is registered that its router does not share, and which call makes that router.
Finds no registrations."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.binding import filled
from fastapi_lint.model.names.modules import Modules
from fastapi_lint.model.names.symbols import Function, FunctionObject, Module, Origin
from fastapi_lint.model.routing.routers import RouterKey
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import Values
from fastapi_lint.model.values.environment import NOWHERE, Bound, Condition, Environment
from fastapi_lint.model.values.expansion import Expansion
from fastapi_lint.model.values.frames import DEPTH, call_of


class Circumstances:
    """Answers "does this exist whenever its router does"."""

    def __init__(self, types: Inference, values: Values, expansion: Expansion) -> None:
        self.types = types
        self.values = values
        self.expansion = expansion
        self._callers_of: dict[Function, int] = {}

    def conditions(
        self, key: RouterKey, module: Module, call: f.Call, environment: Environment
    ) -> tuple[Condition, ...]:
        """The conditions of a registration that the router's own creation does not share."""
        origin = key if isinstance(key, Origin) else None
        found = [
            one
            for one in environment.conditions
            if not any(_shares(one, made) for made in (origin, origin.maker if origin else None) if made is not None)
        ]
        maker = self.maker_of(key)
        if (
            origin is not None
            and maker is not None
            and maker.cls is None
            and not self._made_inside(maker, module, call, environment)
        ):
            if maker not in self._callers_of:
                calls = self.expansion.objects.callers(maker.name)
                places = [m for m, c in calls if not m.is_test and self._is_call_of(maker, m, c)]
                self._callers_of[maker] = len(places)
            if self._callers_of[maker] > 1:  # one of several factories that start from the same one
                place, block = self._factory(module, call, environment)  # what one registers, the others do not
                found.append(Condition(place, block, origin.start))
        return tuple(found)

    def making(self, key: RouterKey, expr: f.Expr, where: Where, environment: Environment) -> Bound | None:
        """The call of the function of the project that makes a router, which an expression stands for: what the
        function is given there decides its prefix and paths. None for a router that no function makes."""
        maker = self.maker_of(key)
        if maker is None:
            return None
        if (made := environment.get(call_of(maker))) is not None and lies_in(maker, *where[:2]):
            return made
        for _ in range(DEPTH):
            expr, where, environment = self.expansion.source(expr, where, environment)
            if isinstance(expr, f.CallRef):
                call = where[0].facts.calls[expr.index]
                is_made = self._is_call_of(maker, where[0], call)
                return (expr, (where[0], call.block, call.start), environment) if is_made else None
            found = list(self.values.definitions(expr, where))
            if len(found) != 1:
                return None
            (expr, where), environment = found[0], NOWHERE
        return None

    @staticmethod
    def maker_of(key: RouterKey) -> Function | None:
        """The function of the project that makes a router."""
        if not isinstance(key, Origin) or key.owner is not None:
            return None
        return key.module.enclosing(key.facts.block)

    def given_by(self, made: Bound, maker: Function) -> Environment:
        """What the parameters of a function stand for in the call of it that makes a router."""
        expr, where, environment = made
        assert isinstance(expr, f.CallRef)
        call = where[0].facts.calls[expr.index]
        callee = self.types.callee(where[0], call)
        before = filled(self.types, callee) if isinstance(callee, FunctionObject) else 0
        bound = self.expansion.given(maker, call, where, environment, before)
        if before and isinstance(call.func, f.Attr) and maker.params:
            bound[maker.params[0].name] = call.func.value, where, environment
        return NOWHERE.with_bound(bound)

    def _is_call_of(self, function: Function, module: Module, call: f.Call) -> bool:
        callee = self.types.callee(module, call)
        return isinstance(callee, FunctionObject) and callee.function is function

    @staticmethod
    def _factory(module: Module, call: f.Call, environment: Environment) -> tuple[Module, int]:
        """The outermost function from which a registration is reached: its module and index, -1 for module level."""
        block, queue, seen = call.block, [environment], 0
        while queue and seen < 100:
            for _, where, inner in queue.pop().values():
                if where[0].enclosing(where[1]) is not None:
                    module, block = where[0], where[1]
                queue.append(inner)
                seen += 1
        around = [function.index for function in module.functions_around(block)]
        return module, around[-1] if around else -1

    @staticmethod
    def _made_inside(maker: Function, module: Module, call: f.Call, environment: Environment) -> bool:
        """Whether a registration is part of the function that makes the router, or of what that calls."""
        places = [(module, call.block)]
        queue = [environment]
        while queue and len(places) < 100:
            for _, where, inner in queue.pop().values():
                places.append((where[0], where[1]))
                queue.append(inner)
        return any(lies_in(maker, place, block) for place, block in places)


def lies_in(maker: Function, module: Module, block: int) -> bool:
    """Whether a block stands in a function, or in one inside it."""
    return any(function is maker for function in module.functions_around(block))


def _shares(condition: Condition, origin: Origin) -> bool:
    """Whether a router is made under the same condition that its routes are registered under."""
    if condition.module is not origin.module or condition.option:
        return False
    blocks = origin.module.facts.blocks
    block = origin.facts.block
    if blocks[condition.block].function == blocks[block].function and condition.start < origin.start:
        inside = condition.block
        while inside >= 0 and inside != block:
            inside = blocks[inside].parent
        if inside == block and blocks[condition.block].end <= origin.start:
            return True  # returned before the router was made
    while block >= 0:
        if block == condition.block:
            return True
        block = blocks[block].parent
    return False


def is_imported_behind(modules: Modules, module: Module, home: Module, end: int) -> bool:
    """Whether all that imports a module stands behind a place in another one, at its top: its body runs after that."""
    if module.is_package or not module.parts:
        return False
    name, is_known = module.parts[-1], False
    if not any(name in (entry.name, entry.module.rsplit(".", 1)[-1]) for entry in _behind(home, end)):
        return False  # as nearly always, and all modules need not be searched for the name
    for other in modules.with_word(name):
        for entry in other.facts.imports if other is not module and not other.is_test else ():
            if entry.name != name and entry.module.rsplit(".", 1)[-1] != name:
                continue
            source = modules.imported_from(other, entry)
            if source is not module and (source is None or modules.submodule(source, name) is not module):
                return False  # another one of this name, or one that cannot be told
            if other is not home or home.enclosing(entry.block) is not None or entry.start < end:
                return False
            is_known = True
    return is_known


def _behind(home: Module, end: int) -> Iterator[f.Import]:
    """The imports at the top of a module that stand behind a place."""
    for entry in home.facts.imports:
        if entry.start >= end and home.enclosing(entry.block) is None:
            yield entry
