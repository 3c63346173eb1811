"""Decorators and methods of the project that register what they are given: which function that is, and where.

`def read(path): return router.get(path)` used as `@read("/x")`, and methods of router classes that override a verb.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import is_super
from fastapi_lint.model.names.symbols import Class, External, Function, FunctionObject, Instance, Method, Module
from fastapi_lint.model.routing.registering.verbs import ADDERS, HTTP_METHODS, STARLETTES, VERBS, Verbs, asked_for
from fastapi_lint.model.routing.routers import Event, Route, RouterKey, Routing, argument
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import UNKNOWN, Values
from fastapi_lint.model.values.environment import NOWHERE, Environment
from fastapi_lint.model.values.expansion import Expansion
from fastapi_lint.model.values.frames import DECORATED, DECORATOR, names_needed


def takes(route: Route, name: str) -> bool:
    """Whether a registration takes an argument of a name where it is written: a function in between may give the
    argument itself, or pass none on."""
    if route.forwarded is None or route.keyword(name) is not None:
        return True
    call = route.forwarded[1]
    return f.keyword(call, name) is None and any(arg.name == "**" for arg in call.args)


class Forwarding(Verbs):
    """Answers "which function does this decorator of the project register"."""

    def __init__(self, types: Inference, values: Values, expansion: Expansion) -> None:
        super().__init__(types, values, expansion)
        self._decorator_starts: dict[Module, frozenset[int]] = {}

    # ---------------------------------------------------------------- answered by `Registrations`

    @property
    def whole(self) -> Routing:
        raise NotImplementedError

    def add(self, key: RouterKey, event: Event, *, first: bool = False) -> None:
        raise NotImplementedError

    def methods(self, call: f.Call, attr: str, where: Where, environment: Environment) -> tuple[str, tuple[str, ...]]:
        """The kind of a route, and its methods as far as they are known, by what registers it."""
        if "websocket" in attr:
            return "websocket", ()
        if attr in HTTP_METHODS:
            return "http", (attr.upper(),)
        given = f.keyword(call, "methods")
        if given is not None:
            items = self.expansion.elements(given.value, where, environment)
        elif any(arg.name == "**" for arg in call.args):
            if "methods" not in environment:
                return "http", ()
            items = self.expansion.elements(*environment["methods"])  # what a method of a router class hands on
        else:
            return "http", ("GET",)
        names = [self._method(*item) for item in items]
        return "http", tuple(dict.fromkeys(name.upper() for name in names if name and UNKNOWN not in name))

    def _method(self, item: f.Expr, where: Where, environment: Environment) -> str:
        """The name of a method: a text, or a member of `http.HTTPMethod`."""
        expr, where, environment = self.expansion.source(item, where, environment)
        member = expr.value if isinstance(expr, f.Attr) and expr.attr == "value" else expr
        if isinstance(member, (f.Attr, f.Name)):
            value = self.types.infer(member, where)
            if isinstance(value, External) and value.name.startswith("http.HTTPMethod."):
                return value.name.rpartition(".")[2]
        return self.expansion.pieces(expr, where, environment)

    # ---------------------------------------------------------------- overridden verbs

    def is_spared(self, module: Module, call: f.Call, receiver: f.Expr, attr: str) -> bool:
        """Whether a registering call counts where it ends: in a method of the project, or the other way round.

        `router.get(...)` of a class that overrides `get` ends in that method. When it only hands everything on to the
        method of the same name above it, it is the outer call that counts, and not the one in the method.
        """
        if is_super(module, receiver):
            function = module.method_around(call.block)
            if function is not None and function.name in VERBS | ADDERS and _hands_on(function):
                return True
            callee = self.types.callee(module, call)
            return isinstance(callee, FunctionObject) and not _hands_on(callee.function)
        owner = self.types.infer(receiver, (module, call.block, call.start))
        if not isinstance(owner, Instance) or not isinstance(owner.cls, Class):
            return False
        method = self.types.member(owner.cls, attr, owner)
        return isinstance(method, FunctionObject) and not _hands_on(method.function)

    def is_changed(self, receiver: f.Expr, attr: str, where: Where) -> bool:
        """Whether FastAPI gets other arguments than a call gives: by a method of the project that overrides a verb."""
        owner = self.types.infer(receiver, where)
        if not isinstance(owner, Instance) or not isinstance(owner.cls, Class):
            return False
        method = self.types.member(owner.cls, attr, owner)
        return isinstance(method, FunctionObject) and _changes(method.function)

    @staticmethod
    def itself(module: Module, call: f.Call, receiver: f.Expr) -> f.Expr:
        """The object on which something is registered: for `super()` the first parameter of the method."""
        if not is_super(module, receiver):
            return receiver
        function = module.method_around(call.block)
        return f.Name(function.params[0].name) if function is not None and function.params else receiver

    # ---------------------------------------------------------------- decorators of the project

    def decorator_of(self, handler: Function | None, environment: Environment) -> tuple[Module, f.Call] | None:
        """The decorator above a function by which it got to a function of the project that registers it."""
        if handler is None or DECORATOR not in environment:
            return None
        expr, (module, _, _), _ = environment[DECORATOR]
        if not isinstance(expr, f.CallRef) or handler not in self.decorated(module).get(expr.index, ()):
            return None
        return module, module.facts.calls[expr.index]

    def forward(self, module: Module, call: f.Call) -> None:
        """A function of the project that is used as a decorator and registers what it decorates on a router.

        `def protected(method, path): return method(path, dependencies=[...])`, used as `@protected(router.get, "/x")`;
        `def read(path): return router.get(path)`, used as `@read("/x")`.
        """
        where = (module, call.block, call.start)
        if self._is_of_library(call.func, where) or not self._may_decorate(module, call):
            return
        path = argument(call, 0, "path")
        receiver = call.func.value if isinstance(call.func, f.Attr) else None
        itself = self.itself(module, call, receiver) if receiver is not None else None
        values = [*asked_for(module, call.func), *(arg.value for arg in call.args)]
        needed = {name for value in values for name in names_needed(value, module)}
        used = (*values, f.Name(DECORATED), *([itself] if itself is not None else ()))
        for environment in self.expansion.environments(module, call.block, call.start, used):
            found = self.verb_in(call.func, where, environment)
            if found is None:
                continue
            method, place, _ = found
            for outer, index, handler in self._decorators_behind(environment, needed):
                inner = environment if place == where else NOWHERE
                folded = self.expansion.pieces(path.value, where, environment) if path else no_path(call)
                kind, methods = self.methods(call, method.attr, where, environment)
                decorator = outer.facts.calls[index]
                on = itself if itself is not None and method is call.func else method.value
                for key in self.keys(on, place, inner):
                    conditions = self.conditions(key, outer, decorator, NOWHERE)
                    route = Route(
                        self.whole, key, outer, decorator, kind, methods, folded, UNKNOWN not in folded, handler,
                        environment, True, conditions, (module, call), method.attr not in STARLETTES,
                    )  # fmt: skip
                    self.add(key, route)

    def _is_of_library(self, func: f.Expr, where: Where) -> bool:
        """Whether a call is known to be of an object of a library that is no router (`requests.get(url)`)."""
        owner = self.types.infer(func.value, where) if isinstance(func, f.Attr) else None
        match owner:
            case External() | Method() | Instance(cls=str()):
                return not self.is_router(owner)
        return False

    def _may_decorate(self, module: Module, call: f.Call) -> bool:
        """Whether a function around a call is used as a decorator anywhere (or makes the object that is one).

        `return client.get(url)` is far more common than a decorator of the project's own, and to work out its
        environments means to look at all callers of its callers.
        """
        objects = self.expansion.objects
        for function in module.functions_around(call.block):
            if any(self._is_decorating(place, call) for place, call in objects.decorating(function.name)):
                return True
            if function.cls is not None and objects.is_entry(function.name):
                if any(maker.start in self._decorating(maker.module) for maker in objects.makers(function.cls)):
                    return True
        return False

    def _is_decorating(self, module: Module, call: f.Call) -> bool:
        """Whether a decorating call is not known to be of a decorator of a library (`@router.get`)."""
        return not isinstance(self.types.callee(module, call), (Method, External))

    def _decorating(self, module: Module) -> frozenset[int]:
        """Where the calls that are decorators start."""
        if module not in self._decorator_starts:
            calls = module.facts.calls
            self._decorator_starts[module] = frozenset(calls[index].start for index in self.decorated(module))
        return self._decorator_starts[module]

    def _decorators_behind(self, environment: Environment, needed: set[str]) -> Iterator[tuple[Module, int, Function]]:
        """The decorating calls that bound the names of an environment, with the functions below them."""
        if DECORATOR in environment:
            expr, (place, _, _), _ = environment[DECORATOR]
            for handler in self.decorated(place).get(expr.index, ()) if isinstance(expr, f.CallRef) else ():
                yield place, expr.index, handler  # type: ignore[union-attr]
            return
        seen = set()
        for name, (_, (module, block, start), _) in environment.items():
            if name not in needed or (module, start) in seen:
                continue
            seen.add((module, start))
            for index, handlers in self.decorated(module).items():
                made = module.facts.calls[index]
                if made.start == start and made.block == block:
                    for handler in handlers:
                        yield module, index, handler


def no_path(call: f.Call) -> str:
    """The path of a registration without a path argument: unknown when it may be unpacked."""
    return UNKNOWN if any(arg.name in ("*", "**") for arg in call.args) else ""


def _changes(method: Function) -> bool:
    """Whether a method adds keywords to what it hands on to the method above it, or changes those it was given."""
    collected = next((f.Name(param.name) for param in method.params if param.kind == "kwargs"), None)
    for call in method.calls:
        match call.func:
            case f.Attr(value=value, attr="setdefault" | "update" | "pop") if value == collected:
                return True
            case f.Attr(value=receiver) if is_super(method.module, receiver):
                if any(arg.name.isidentifier() and arg.value != f.Name(arg.name) for arg in call.args):
                    return True
    assigned = (entry.target for entry in method.module.assigns_in.get(method.index, ()))
    return collected is not None and any(
        target == collected or (isinstance(target, f.Sub) and target.value == collected) for target in assigned
    )


def _hands_on(method: Function) -> bool:
    """Whether a method that overrides a verb hands its path on, as it is, to the method above it."""
    names = method.positional[:1]
    for call in method.calls:
        if not isinstance(call.func, f.Attr) or not is_super(method.module, call.func.value):
            continue
        if call.func.attr in VERBS | ADDERS and call.args:
            first = argument(call, 0, "path")
            if call.args[0].name in ("*", "**") or (
                first is not None and isinstance(first.value, f.Name) and first.value.id in (names or ["path"])
            ):
                return not method.rebinds(names[0]) if names else True
    return False
