"""Reads the dependencies in `dependencies=[...]`: displays, names, entries of tables, what a parameter stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from fastapi_lint.index import facts as f
from fastapi_lint.model.injection.parameters import Depends
from fastapi_lint.model.names.symbols import FunctionObject, Module
from fastapi_lint.model.routing.routes import Inclusion, Route, Router, Routes
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.model.values.environment import NOWHERE, Bound, Environment
from fastapi_lint.tracking.acyclic import Acyclic

Listed = tuple[tuple[Depends, ...], bool]
"""Dependencies in a list, and whether all of it could be read."""

_NOTHING: Listed = ((), True)
_UNREAD: Listed = ((), False)
_DEEPEST = 8
_COPYING = frozenset({"list", "tuple"})


class Lists:
    """Answers "which dependencies does this list, and is that all"."""

    def __init__(self, types: Inference, routes: Routes, depends: Callable[[Module, int], Depends | None]) -> None:
        """`depends` gives the use of a dependency that a call is."""
        self.types = types
        self.routes = routes
        self._depends = depends
        self._lists: Acyclic[Where, Listed] = Acyclic(_UNREAD)

    def of_holder(self, holder: Router | Inclusion | Route, inclusion: Inclusion | None = None) -> Listed:
        """What a router, inclusion or route is given; of a router that a function makes, by the included call."""
        if isinstance(holder, Inclusion):
            argument = f.keyword(holder.call, "dependencies")
            if argument is None:
                return (), f.keyword(holder.call, "**") is None
            return self.listed(argument.value, holder.where, holder.environment)
        if isinstance(holder, Router):
            return self._of_router(holder, inclusion)
        if holder.forwarded is not None:  # what the function of the project adds, and what it may hand on
            module, call = holder.forwarded
            inner, own = f.keyword(call, "dependencies"), f.keyword(holder.call, "dependencies")
            given = (
                self.listed(inner.value, (module, call.block, call.start), holder.environment) if inner else _NOTHING
            )
            return _joined((given, self.listed(own.value, holder.where) if own else _NOTHING))
        bound = holder.given("dependencies")
        if bound is None:
            return (), not holder.hides_arguments
        return self.listed(*bound)

    def _of_router(self, router: Router, inclusion: Inclusion | None) -> Listed:
        given = router.given("dependencies")
        if given is None:
            return _NOTHING
        expr, where, environment = given
        maker = self.routes.maker_of(router.origin)
        if not environment and router.origin.owner is not None:  # a class makes one for each of its objects
            own = self.routes.of_owner(router, self.routes.expansion.environments(*where, (expr,)))
            return self.listed(expr, where, own[0] if len(own) == 1 else NOWHERE)
        if environment or maker is None:
            return self.listed(*given)
        if inclusion is not None and inclusion.made is not None:
            return self.listed(expr, where, self.routes.given_by(inclusion.made, maker))
        found = self.listed(expr, where)
        if found[1] or inclusion is not None:
            return found
        ways = self.routes.expansion.environments(*where, (expr,))  # of an app: by the one call of what makes it
        return self.listed(expr, where, ways[0]) if len(ways) == 1 else found

    def listed(self, expr: f.Expr | None, where: Where, environment: Environment = NOWHERE, depth: int = 0) -> Listed:
        """The dependencies in a `dependencies=[...]` argument, and whether all of it could be read."""
        if expr is None or is_none(expr):
            return _NOTHING
        if depth > _DEEPEST:
            return _UNREAD
        further = depth + 1
        match expr:
            case f.Display(items=items):
                return _joined(self._one(item, where, environment, further) for item in items)
            case f.Binary(op="+", left=left, right=right):
                return _joined(self.listed(side, where, environment, further) for side in (left, right))
            case f.Choice(options=options):
                chosen = self.routes.expansion.chosen(expr, where, environment)
                if chosen is not None:
                    return self.listed(chosen, where, environment, further)
                return _joined(self.listed(option, where, environment, further) for option in options)[0], False
            case f.CallRef(index=index):
                return self._made(where[0], index, environment, further)
            case f.Each(kind="list" | "generator"):
                return _joined(
                    self._one(*each, further) for each in self.routes.expansion.elements(expr, where, environment)
                )[0], False
        if (bound := self._standing(expr, where, environment)) is not None:
            return self.listed(*bound, further)
        places = self._places(expr, where)
        if len(places) == 1:
            if isinstance(expr, f.Sub):  # several entries of one table stand at one place
                return self.listed(*places[0], NOWHERE, further)
            return self._lists.ask(places[0][1], lambda: self.listed(*places[0]))
        return _UNREAD

    def _one(self, item: f.Expr, where: Where, environment: Environment, depth: int) -> Listed:
        if depth > _DEEPEST:
            return _UNREAD
        match item:
            case f.Star(value=value):
                return self.listed(value, where, environment, depth + 1)
            case f.CallRef(index=index):
                found = self._depends(where[0], index)
                if found is not None:
                    return (self._filled(found, where, environment),), True
                return self._given_back(where[0], index)
        if (bound := self._standing(item, where, environment)) is not None:
            return self._one(*bound, depth + 1)
        places = self._places(item, where)
        return self._one(*places[0], NOWHERE, depth + 1) if len(places) == 1 else _UNREAD

    def _filled(self, depends: Depends, where: Where, environment: Environment) -> Depends:
        """A use of a dependency that is a parameter, or the target of a loop: with what that stands for."""
        given = [arg.value for arg in depends.call.args if arg.name in ("", "dependency")]
        if depends.target is not None or not environment or len(given) != 1:
            return depends
        values = self.routes.expansion.values(given[0], where, environment)
        return replace(depends, target=values[0]) if len(values) == 1 else depends

    def _standing(self, expr: f.Expr, where: Where, environment: Environment) -> Bound | None:
        """What a parameter or loop target stands for; None for anything else."""
        if not environment or not isinstance(expr, (f.Name, f.Attr)):
            return None
        bound = self.routes.expansion.source(expr, where, environment)
        return None if bound[0] == expr and bound[1] == where else bound

    def _places(self, expr: f.Expr, where: Where) -> list[tuple[f.Expr, Where]]:
        """The right sides that a name, or the entry of a table under a constant, can stand for."""
        if isinstance(expr, f.Sub) and len(expr.items) == 1:
            return list(self._entries(expr.value, expr.items[0], where))
        return list(self.routes.values.definitions(expr, where)) if isinstance(expr, (f.Name, f.Attr)) else []

    def _entries(self, table: f.Expr, key: f.Expr, where: Where) -> Iterator[tuple[f.Expr, Where]]:
        """What a dict, list or tuple that is written down once has under a key, unless it is filled elsewhere."""
        tables = list(self.routes.values.definitions(table, where)) if isinstance(table, (f.Name, f.Attr)) else []
        if len(tables) != 1 or _is_filled(tables[0][1][0], f.last_name(table)):
            return
        match tables[0][0], key:
            case f.Mapping(items=items), f.Const() | f.Attr() if all(one is not None for one, _ in items):
                found = [value for one, value in items if one == key]
                if len(found) == 1:
                    yield found[0], tables[0][1]
            case f.Display(items=items), f.Const(value=int(at)) if not any(isinstance(one, f.Star) for one in items):
                if 0 <= at < len(items):
                    yield items[at], tables[0][1]

    def _made(self, module: Module, index: int, environment: Environment, depth: int) -> Listed:
        """A list that a call gives: a copy, or what a function of the project returns in its one `return`."""
        call = module.facts.calls[index]
        where = (module, call.block, call.start)
        if f.last_name(call.func) in _COPYING and [arg.name for arg in call.args] in ([], [""]):
            return self.listed(call.args[0].value, where, environment, depth) if call.args else _NOTHING
        callee = self.types.callee(module, call)
        if isinstance(callee, FunctionObject) and not callee.function.is_async and not callee.function.is_generator:
            function = callee.function
            leaving = [each for each in function.exits if each.kind == "return"]
            if len(leaving) == 1 and function.cls is None and not function.facts.decorators:
                inner = NOWHERE.with_bound(self.routes.expansion.given(function, call, where, environment, 0))
                place = (function.module, leaving[0].block, leaving[0].start)
                return self.listed(leaving[0].value, place, inner, depth)
        return _UNREAD

    def _given_back(self, module: Module, index: int) -> Listed:
        """The dependency that a function of the project returns: `Depends(...)` in one of its returns."""
        callee = self.types.callee(module, module.facts.calls[index])
        for entry in callee.function.exits if isinstance(callee, FunctionObject) else ():
            if entry.kind == "return" and isinstance(entry.value, f.CallRef):
                inner = self._depends(callee.function.module, entry.value.index)  # type: ignore[union-attr]
                if inner is not None:
                    return (inner,), True
        return _UNREAD


def _is_filled(module: Module, name: str) -> bool:
    """Whether a module assigns to an entry of what it calls so."""
    return any(
        isinstance(entry.target, f.Sub) and f.last_name(entry.target.value) == name for entry in module.facts.assigns
    )


def _joined(lists: Iterable[Listed]) -> Listed:
    several = list(lists)
    return tuple(one for found, _ in several for one in found), all(is_known for _, is_known in several)
