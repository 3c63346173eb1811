"""What FastAPI injects: the parameters of callables, the Depends graph, and which dependencies authenticate."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from fastapi_lint.index import facts as f
from fastapi_lint.model.injection.authentication import Authentication
from fastapi_lint.model.injection.lists import Listed, Lists
from fastapi_lint.model.injection.parameters import MARKERS, Depends, Parameter, called_for
from fastapi_lint.model.names.places import place_of
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    Partial,
    Type,
    without_partials,
)
from fastapi_lint.model.routing.routes import Address, Inclusion, Route, Router, Routes
from fastapi_lint.model.types.inference.inference import DEPENDS, Inference, Where
from fastapi_lint.tracking import memoized
from fastapi_lint.tracking.tables import collected, contributions, numbered

__all__ = ["MARKERS", "Dependencies", "Depends", "Parameter"]
_DEEPEST = 3


class Dependencies:
    """Answers what a callable needs injected, and what a route has in front of it."""

    def __init__(self, types: Inference, routes: Routes) -> None:
        self.types = types
        self.routes = routes
        self._authentication = Authentication(self, types, routes.values)
        self._lists = Lists(types, routes, self.depends)

    # ---------------------------------------------------------------- parameters

    @memoized
    def parameters(self, function: Function) -> tuple[Parameter, ...]:
        """The parameters of a function with their markers, `self` excluded."""
        return tuple(self._read(function))

    def _read(self, function: Function) -> Iterator[Parameter]:
        module, facts = function.module, function.facts
        static = "staticmethod" in self.types.decorators(function) if facts.cls >= 0 else True
        for index, param in enumerate(function.params):
            if index == 0 and not static:
                continue
            where = (module, facts.outer, param.start)
            declared = self.types.annotation(param.annotation, where) if param.annotation is not None else None
            marker = self._marker(param, where)
            if marker is None:
                yield Parameter(function, param, declared)
            else:
                name, call, holder, in_annotation = marker
                yield Parameter(function, param, declared, name, call, holder, in_annotation)

    def _marker(self, param: f.Param, where: Where) -> tuple[str, f.Call | None, Module, bool] | None:
        if param.default is not None and (found := self._marker_of(param.default, where)):
            return (*found, False)
        if param.annotation is not None:
            for module, expr, place in reversed(list(self.types.metadata(param.annotation, where))):
                if found := self._marker_of(expr, (module, place[1], place[2])):
                    return (*found, True)
        return None

    def _marker_of(self, expr: f.Expr, where: Where, depth: int = 0) -> tuple[str, f.Call | None, Module] | None:
        module = where[0]
        if isinstance(expr, (f.Name, f.Attr)):
            for value, place in self.routes.values.definitions(expr, where):
                if isinstance(value, f.CallRef):
                    return self._marker_of(value, place, depth)
        if isinstance(expr, f.CallRef):
            call = module.facts.calls[expr.index]
            callee = self.types.callee(module, call)
            name = self.types.name_of_type(callee)
            if name in MARKERS and isinstance(callee, Partial):
                return None  # what it says stands elsewhere
            if name in DEPENDS or name in MARKERS:
                return name or "", call, module
            for value, place in self.types.given_back(module, expr.index) if depth < _DEEPEST else ():
                if isinstance(value, f.CallRef) and (found := self._marker_of(value, place, depth + 1)):
                    return found
        return None

    # ---------------------------------------------------------------- the graph

    def depends(self, module: Module, index: int) -> Depends | None:
        """The Depends or Security that a call is; None when it is another call."""
        call = module.facts.calls[index]
        name = self.types.name_of_type(self.types.callee(module, call))
        if name not in DEPENDS:
            return None
        target: Type = None
        for argument in call.args:
            if argument.name in ("", "dependency"):
                target = self.types.infer(argument.value, (module, call.block, call.start))
                break
        return Depends(target, module, call, name == "fastapi.Security")

    def of_function(self, function: Function) -> tuple[Depends, ...]:
        """The dependencies in a function's own signature, in order."""
        found = []
        for parameter in self.parameters(function):
            if (
                parameter.marker in DEPENDS
                and parameter.marker_call is not None
                and parameter.marker_module is not None
            ):
                where = (function.module, function.facts.outer, parameter.start)
                target = self.types.dependency_of(parameter.fact, where)
                security = parameter.marker == "fastapi.Security"
                found.append(Depends(target, parameter.marker_module, parameter.marker_call, security))
        return tuple(found)

    def needs(self, target: Type) -> tuple[Depends, ...]:
        """The sub-dependencies of what Depends was given: of the function, the class's `__init__`, or `__call__`."""
        called = called_for(target, self.types)
        own = self.of_function(called) if called is not None else ()
        made = without_partials(target)
        return own + tuple(self._fields(made.cls)) if isinstance(made, ClassObject) else own

    def _fields(self, cls: Class) -> Iterator[Depends]:
        """Dependencies declared as class attributes: dataclasses as dependencies, class-based views."""
        for base in self.types.mro(cls):
            if not isinstance(base, Class):
                continue
            for entry in base.assigns.values():
                if isinstance(entry.value, f.CallRef) and (found := self.depends(base.module, entry.value.index)):
                    if found.target is None and not found.call.args and entry.annotation is not None:
                        declared = self.types.annotation(entry.annotation, (base.module, entry.block, entry.start))
                        if isinstance(declared, Instance) and isinstance(declared.cls, Class):
                            found = Depends(ClassObject(declared.cls), found.module, found.call, found.is_security)
                    yield found
                elif entry.annotation is not None:
                    where = (base.module, entry.block, entry.start)
                    for module, expr, _ in self.types.metadata(entry.annotation, where):
                        if isinstance(expr, f.CallRef) and (found := self.depends(module, expr.index)):
                            yield found

    def closure(self, depends: Depends) -> Iterator[Depends]:
        """A dependency and all that it depends on, each callable once, outermost first."""
        seen: set[object] = set()
        queue = [depends]
        while queue:
            current = queue.pop(0)
            key = current.target if current.target is not None else place_of(current.module, current.call)
            if key in seen:
                continue
            seen.add(key)
            yield current
            queue.extend(self.needs(current.target))

    # ---------------------------------------------------------------- routes

    def of_handler(self, route: Route) -> tuple[Depends, ...]:
        """The dependencies in a handler's signature, and of the class around it (class-based views)."""
        if route.handler is None:
            return ()
        own = self.of_function(route.handler)
        cls = route.handler.cls
        return own + (self.needs(ClassObject(cls)) if cls is not None else ())

    def effective(self, address: Address) -> Listed:
        """All dependencies in front of an address, outermost first, and whether every list of them could be read."""
        found: list[Depends] = []
        complete = True
        holders: list[tuple[Router | Inclusion | Route, Inclusion | None]] = [(address.app, None)]
        for inclusion in address.inclusions:
            holders.append((inclusion, None))
            child = self.routes.router_of(inclusion.child)
            if child is not None:
                holders.append((child, inclusion))
        if isinstance(address.route, Route):
            holders.append((address.route, None))
        for holder, included in holders:
            given, known = self.holder_dependencies(holder, included)
            found.extend(given)
            complete = complete and known
        if isinstance(address.route, Route):
            found.extend(self.of_handler(address.route))
            complete = complete and address.route.handler is not None
        return tuple(found), complete

    def holder_dependencies(self, holder: Router | Inclusion | Route, inclusion: Inclusion | None = None) -> Listed:
        """What a `dependencies=` argument lists, and whether it could be read; of a router that a function makes, by
        the call that is included."""
        return self._lists.of_holder(holder, inclusion)

    @collected("dependencies.used")
    def used(self) -> Mapping[Function, list[Depends]]:
        """Every project function that something depends on, with those uses."""
        table: dict[Function, list[Depends]] = {}
        for found in self._given()[0]:
            if isinstance(found.target, FunctionObject):
                table.setdefault(found.target.function, []).append(found)
        return table

    @collected("dependencies.foreign", whole=True)
    def foreign(self) -> frozenset[str]:
        """The full names of what the project depends on outside of itself; "" stands for what is not known, but for
        classes that the type of a parameter says (`Depends()`), of which only objects are made."""
        found = set()
        for one in self._given()[0]:
            match one.target:
                case External(name=name) | Instance(cls=str(name)):
                    found.add(name)
                case None if one.call.args:
                    found.add("")
        return frozenset(found)

    @memoized
    def _given(self) -> tuple[list[Depends], list[Class]]:
        """Every use of a dependency in the project, and the classes that parameters depend on by their type."""
        uses: list[Depends] = []
        classes: list[Class] = []
        contributions(self.types.modules.tables, "dependencies", lambda module: self.contribute(module, uses, classes))
        return uses, classes

    def contribute(self, module: Module, uses: list[Depends], classes: list[Class]) -> Collection[int]:
        """Add the dependencies that are used in a module: at calls, and (below 0) by parameters of functions."""
        known = self.types.modules.tables.places("dependencies", module)
        found = set()
        before = len(uses), len(classes)
        aliases = dict(_annotated_calls(module))
        for index, call in enumerate(module.facts.calls):
            last = f.last_name(call.func) if known is None or index in known else ""
            if last[:1].isupper() or "epends" in last or "ecurity" in last:
                if (depends := self.depends(module, index)) is not None:
                    uses.append(depends)
                    found.add(index)
                    declared = self.types.annotation(*aliases[index]) if not call.args and index in aliases else None
                    if isinstance(declared, Instance) and isinstance(declared.cls, Class):
                        classes.append(declared.cls)
        for function in module.functions:
            for param in function.params if known is None or -1 - function.index in known else ():
                if isinstance(param.default, f.CallRef) or isinstance(param.annotation, f.Sub):
                    target = self.types.dependency_of(param, (module, function.facts.outer, param.start))
                    if isinstance(target, ClassObject):
                        classes.append(target.cls)
                        found.add(-1 - function.index)
        return numbered(found, [uses[before[0] :], classes[before[1] :]])

    @collected("dependencies.unresolved")
    def unresolved(self) -> Mapping[str, bool]:
        """The last names of what stands in a Depends whose target is not known."""
        found = set()
        for one in self._given()[0]:
            for arg in one.call.args if one.target is None else ():
                name = f.last_name(arg.value)
                if isinstance(arg.value, f.CallRef):
                    name = f.last_name(one.module.facts.calls[arg.value.index].func)
                found.add(name)
        return dict.fromkeys(sorted(found - {""}), True)

    @collected("dependencies.used_classes")
    def used_classes(self) -> Mapping[Class, bool]:
        """Every project class that something depends on: `Depends(Class)`, `Depends()` on a parameter of its type."""
        uses, classes = self._given()
        found = {
            one.target.cls
            for one in uses
            if isinstance(one.target, ClassObject) and f.last_name(one.call.func) in ("Depends", "Security")
        }
        return dict.fromkeys(sorted(found.union(classes), key=lambda cls: (cls.module.path, cls.index)), True)

    @collected("dependencies.injected")
    def injected(self) -> Mapping[Function, bool]:
        """Every project function that FastAPI calls for a dependency: itself, as `__init__`, or as `__call__`."""
        found = set(self.used)
        targets: list[Type] = [ClassObject(cls) for cls in self.used_classes]
        for one in self._given()[0]:
            if f.last_name(one.call.func)[:1].isupper():
                targets.append(one.target)
        called = (called_for(target, self.types) for target in targets)
        found.update(function for function in called if function is not None)
        return dict.fromkeys(sorted(found, key=lambda each: (each.module.path, each.index)), True)

    @collected("dependencies.wrapped")
    def wrapped(self) -> Mapping[Function, int]:
        """The project functions that FastAPI calls by way of a `partial` only, which it knows, with how many parameters
        that fills by position."""
        found: dict[Function, int] = {}
        direct = {one.target.function for one in self._given()[0] if isinstance(one.target, FunctionObject)}
        for one in self._given()[0]:
            target, taken = one.target, 0
            while isinstance(target, Partial):
                taken += sum(arg.name == "" for arg in target.made.facts.args[1:]) if target.made is not None else 0
                target = target.callable
                if isinstance(target, FunctionObject):
                    found[target.function] = min(found.get(target.function, taken), taken)
        order = sorted(found, key=lambda each: (each.module.path, each.index))
        return {each: found[each] for each in order if each not in direct}

    # ---------------------------------------------------------------- authentication

    def authenticates(self, depends: Depends) -> bool | None:
        """Whether a dependency, or one below it, checks who is asking; None when it cannot be known."""
        return self._authentication.authenticates(depends)

    def identifies(self, depends: Depends) -> bool:
        """Whether a dependency that authenticates can tell callers apart, and does not only answer 403."""
        return self._authentication.identifies(depends)

    def demands_authentication(self, depends: Depends) -> bool:
        """Whether a dependency that authenticates turns strangers away instead of giving None."""
        return self._authentication.demands(depends)

    def refuses(self, function: Function) -> bool:
        """Whether a function's own body raises an error with status 401 or 403, or reads a credential of a request."""
        return self._authentication.refuses(function)


def _annotated_calls(module: Module) -> Iterator[tuple[int, tuple[f.Expr, Where]]]:
    """The calls in the metadata of aliases (`Alias = Annotated[X, Depends()]`), each with the type beside it."""
    for entry in module.facts.assigns:
        if isinstance(entry.value, f.Sub):
            for item in entry.value.items[1:]:
                if isinstance(item, f.CallRef):
                    yield item.index, (entry.value.items[0], (module, entry.block, entry.start))
