"""The values an expression can have where code runs several times: loops over displays, parameters over their callers.

Used for routers, which are often registered in loops and in functions that are handed the app.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fastapi_lint.index import facts as f
from fastapi_lint.model.symbols import Function, FunctionObject, Instance, Module, Type
from fastapi_lint.model.types import Inference, Where
from fastapi_lint.model.values import UNKNOWN, Values

Environment = Mapping[str, tuple[f.Expr, Where, "Environment"]]
"""What loop targets and parameters stand for in one round of the loops and one call: an expression where it is written."""
_MOST_ROUNDS = 400
_DEPTH = 6


class Expansion:
    """Answers "which values can this be, one by one"."""

    def __init__(self, types: Inference, values: Values) -> None:
        self.types = types
        self.folding = values
        self._callers: dict[str, list[tuple[Module, f.Call]]] | None = None

    def environments(
        self, module: Module, block: int, used: Iterable[f.Expr] = (), depth: int = 0
    ) -> list[Environment]:
        """One environment for every round of the loops over literal collections around a block, and for every call of
        the function around it when the expressions in `used` need its parameters. One, empty, without either."""
        found: list[Environment] = [{}]
        wanted = {name for expr in used for name in names_in(expr)}
        function = module.enclosing(block)
        if function is not None and depth < _DEPTH and any(p.name in wanted for p in function.params):
            found = list(self._calls(function, wanted, depth))[:_MOST_ROUNDS] or found
        for entry in reversed(module.block_chain(block)):
            if entry.kind != "for" or entry.target is None or entry.test is None:
                continue
            where = (module, entry.parent, entry.start)
            found = [
                dict(environment) | dict(self._bind(entry.target, element, place, inner))
                for environment in found
                for element, place, inner in self._rounds(entry.test, where, environment)
            ][:_MOST_ROUNDS]
        return found

    def _rounds(self, expr: f.Expr, where: Where, environment: Environment) -> list[tuple[f.Expr, Where, Environment]]:
        if isinstance(expr, f.Name) and expr.id in environment:
            value, place, inner = environment[expr.id]
            return [(*element, inner) for element in self.elements(value, place)] or [(f.Unknown(), where, {})]
        return [(*element, environment) for element in self.elements(expr, where)] or [(f.Unknown(), where, {})]

    def _calls(self, function: Function, wanted: set[str], depth: int) -> Iterator[Environment]:
        """What the parameters of a function stand for in each of its calls."""
        for module, call in self.callers(function):
            callee = self.types.callee(module, call)
            if not isinstance(callee, FunctionObject) or callee.function is not function:
                continue
            shift = 1 if function.cls is not None and callee.owner is not None else 0
            given: dict[str, f.Expr] = {}
            position = shift
            for arg in call.args:
                if arg.name == "" and position < len(function.params):
                    given[function.params[position].name] = arg.value
                    position += 1
                elif arg.name not in ("", "*", "**"):
                    given[arg.name] = arg.value
            where = (module, call.block, call.start)
            values = [value for name, value in given.items() if name in wanted]
            for outer in self.environments(module, call.block, values, depth + 1):
                bound = {name: (value, where, outer) for name, value in given.items()}
                for param in function.params:
                    if param.name not in bound and param.default is not None:
                        place = (function.module, function.facts.outer, param.start)
                        bound[param.name] = (param.default, place, {})
                yield bound

    def _bind(self, target: f.Expr, value: f.Expr, where: Where, inner: Environment) -> Environment:
        match target, value:
            case f.Name(id=name), _:
                return {name: (value, where, inner)}
            case f.Display(items=targets), f.Display(items=items) if len(targets) == len(items):
                bound: dict[str, tuple[f.Expr, Where, Environment]] = {}
                for one, item in zip(targets, items):
                    bound.update(self._bind(one, item, where, inner))
                return bound
        return {}

    def elements(self, expr: f.Expr, where: Where, depth: int = 0) -> Iterator[tuple[f.Expr, Where]]:
        """The items of a collection as they are written, through variables, `dict.items()` and concatenation."""
        if depth > _DEPTH:
            return
        match expr:
            case f.Display(items=items):
                for item in items:
                    if isinstance(item, f.Star):
                        yield from self.elements(item.value, where, depth + 1)
                    else:
                        yield item, where
            case f.Mapping(items=items):
                for key, _ in items:
                    if key is not None:
                        yield key, where
            case f.Binary(op="+", left=left, right=right):
                yield from self.elements(left, where, depth + 1)
                yield from self.elements(right, where, depth + 1)
            case f.Name() | f.Attr():
                for value, place in self.folding.definitions(expr, where):
                    yield from self.elements(value, place, depth + 1)
            case f.CallRef(index=index):
                yield from self._called_elements(index, where, depth)

    def _called_elements(self, index: int, where: Where, depth: int) -> Iterator[tuple[f.Expr, Where]]:
        module = where[0]
        call = module.facts.calls[index]
        match call.func:
            case f.Attr(value=receiver, attr="items" | "values" as attr):
                for mapping, place in self._mappings(receiver, where):
                    for key, value in mapping.items:
                        if key is not None:
                            yield (value if attr == "values" else f.Display("tuple", (key, value))), place
                return
            case f.Name(id="list" | "tuple" | "reversed" | "sorted" | "set") if len(call.args) == 1:
                yield from self.elements(call.args[0].value, where, depth + 1)
                return
            case f.Name(id="enumerate") if call.args:
                for value, place in self.elements(call.args[0].value, where, depth + 1):
                    yield f.Display("tuple", (f.Unknown(), value)), place
                return
        callee = self.types.callee(module, call)
        if isinstance(callee, FunctionObject):
            function = callee.function
            returned = [e for e in function.exits if e.kind == "return" and e.value is not None]
            if len(returned) == 1 and returned[0].value is not None:
                place = (function.module, returned[0].block, returned[0].start)
                yield from self.elements(returned[0].value, place, depth + 1)

    def _mappings(self, expr: f.Expr, where: Where) -> Iterator[tuple[f.Mapping, Where]]:
        if isinstance(expr, f.Mapping):
            yield expr, where
        elif isinstance(expr, (f.Name, f.Attr)):
            for value, place in self.folding.definitions(expr, where):
                if isinstance(value, f.Mapping):
                    yield value, place

    def values(self, expr: f.Expr, where: Where, environment: Environment, depth: int = 0) -> list[Type]:
        """Every value an expression can have; empty when one of them is not known."""
        if depth > _DEPTH:
            return []
        if isinstance(expr, f.Name) and expr.id in environment:
            value, place, inner = environment[expr.id]
            return self.values(value, place, inner, depth + 1)
        if isinstance(expr, f.Attr) and names_in(expr.value) & environment.keys():
            owners = self.values(expr.value, where, environment, depth + 1)
            return [found for owner in owners if (found := self.types.attribute(owner, expr.attr)) is not None]
        found = self.types.infer(expr, where)
        if found is None or (isinstance(found, Instance) and found.origin is None):
            return self._several(expr, where) or ([] if found is None else [found])
        return [found]

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

    def callers(self, function: Function) -> list[tuple[Module, f.Call]]:
        """The calls in the project whose callee ends in a function's name."""
        if self._callers is None:
            self._callers = {}
            for module in self.types.modules:
                for call in module.facts.calls:
                    name = call.func.id if isinstance(call.func, f.Name) else getattr(call.func, "attr", "")
                    if name:
                        self._callers.setdefault(name, []).append((module, call))
        return self._callers.get(function.name, [])

    def pieces(self, expr: f.Expr | None, where: Where, environment: Environment) -> str:
        """Folded text as `Values.pieces`, with loop targets and parameters replaced."""
        match expr:
            case f.Name(id=name) if name in environment:
                return self.pieces(*environment[name])
            case f.Attr() if names_in(expr) & environment.keys():
                return UNKNOWN
            case f.Joined(parts=parts):
                return "".join(self.pieces(part, where, environment) for part in parts)
            case f.Binary(op="+", left=left, right=right):
                return self.pieces(left, where, environment) + self.pieces(right, where, environment)
        return self.folding.pieces(expr, where)


def names_in(expr: f.Expr | None) -> set[str]:
    """The bare names an expression begins with: of a name, attribute, subscript, f-string or sum."""
    match expr:
        case f.Name(id=name):
            return {name}
        case f.Attr(value=value) | f.Sub(value=value):
            return names_in(value)
        case f.Joined(parts=parts):
            return {name for part in parts for name in names_in(part)}
        case f.Binary(left=left, right=right):
            return names_in(left) | names_in(right)
    return set()
