"""The items of collections as they are written: displays, comprehensions, what calls give, packages gone through."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import FunctionObject
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.environment import NOWHERE, Bound, Condition, Environment
from fastapi_lint.model.values.frames import DEPTH, Element, Frames
from fastapi_lint.model.values.written.packages import is_by_name, modules_of


class Collections(Frames):
    """Answers "which items does this hold, one by one"."""

    # ---------------------------------------------------------------- answered by `Expansion`

    def standing(self, name: str, where: Where, environment: Environment) -> Bound:
        raise NotImplementedError

    def sources(self, value: f.Expr, attr: str, where: Where, environment: Environment) -> list[Bound]:
        raise NotImplementedError

    def pieces(self, expr: f.Expr | None, where: Where, environment: Environment, depth: int = 0) -> str:
        raise NotImplementedError

    def source(self, expr: f.Expr, where: Where, environment: Environment) -> Bound:
        raise NotImplementedError

    # ---------------------------------------------------------------- collections

    def elements(self, expr: f.Expr, where: Where, environment: Environment, depth: int = 0) -> Iterator[Element]:
        """The items of a collection as they are written, through variables, `dict.items()` and concatenation."""
        if depth > DEPTH:
            return
        match expr:
            case f.Name(id=name) if name in environment:
                yield from self.elements(*self.standing(name, where, environment), depth + 1)
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
            case f.Binary(op="+" | "|", left=left, right=right):
                yield from self.elements(left, where, environment, depth + 1)
                yield from self.elements(right, where, environment, depth + 1)
            case f.Choice(options=options):
                for number, option in enumerate(options, 1):
                    only = Condition(where[0], where[1], where[2], number)
                    for item, place, inner in self.elements(option, where, environment, depth + 1):
                        yield item, place, inner.with_bound({}, (only,))
            case f.Attr(value=value, attr=attr) if sources := self.sources(value, attr, where, environment):
                for source in sources:
                    yield from self.elements(*source, depth + 1)
            case f.Name(id=name) if built := self.objects.built(name, where):
                for value, place in built:
                    for inner in self._rounds_around(value, place, environment, depth):
                        yield from self.elements(value, place, inner, depth + 1)
            case f.Name() | f.Attr():
                for value, place in self.folding.definitions(expr, where):
                    name = _name_at(value, place) if place[0] is not where[0] else ""
                    grown = self.objects.built(name, place) if name else []  # a list that another module has filled
                    for one, at in grown or [(value, place)]:
                        for inner in self._rounds_around(one, at, environment, depth):
                            yield from self.elements(one, at, inner, depth + 1)
            case f.CallRef(index=index):
                yield from self._called_elements(index, where, environment, depth)
            case f.Each(kind="list" | "set" | "generator", element=element, block=block):
                yield from self._comprehended(element, block, where, environment, depth)

    def _rounds_around(self, value: f.Expr, place: Where, environment: Environment, depth: int) -> list[Environment]:
        """In which rounds of the loops around a list grows: `routers.append(module.router)`."""
        if not any(block.kind == "for" for block in place[0].block_chain(place[1])):
            return [environment]
        inside = value.items if isinstance(value, f.Display) else (value,)
        found = self.environments(*place, inside, depth + 1)
        return [environment.with_bound(each, each.conditions) for each in found]

    def _comprehended(
        self, element: f.Expr, block: int, where: Where, environment: Environment, depth: int
    ) -> Iterator[Element]:
        """The element of a comprehension in each of its rounds; whether a filter lets it in is not known."""
        module = where[0]
        blocks = module.facts.blocks
        loops: list[int] = []
        index = block
        while blocks[index].kind == "comprehension" and blocks[index].start == blocks[block].start:
            loops.append(index)
            index = blocks[index].parent
        rounds = [environment]
        for loop in reversed([blocks[one] for one in loops]):
            if loop.test is None or loop.target is None:
                return
            place = (module, loop.parent, loop.start)
            rounds = [
                outer.with_bound(self._bind(loop.target, item, at, inner), inner.conditions)
                for outer in rounds
                for item, at, inner in self.elements(loop.test, place, outer, depth + 1)
            ]
        is_filtered = any(test.kind == "filter" and test.block in loops for test in module.facts.tests)
        only = (Condition(module, block, blocks[block].start),) if is_filtered else ()
        for inner in rounds:
            yield element, (module, block, blocks[block].start), inner.with_bound({}, only)

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
        if is_by_name(call):
            yield from modules_of(self, call, where, environment)
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


def _name_at(value: f.Expr, place: Where) -> str:
    """The name that is bound to a value at a place of its module."""
    module, block, at = place
    for entry in module.assigns_in.get(module.facts.blocks[block].function, ()):
        if entry.start == at and entry.value == value and isinstance(entry.target, f.Name):
            return entry.target.id
    return ""
