"""Which schemas routes read from their requests and give in their responses, however deep. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.data.schemas import Schema, SchemaField, Schemas
from fastapi_lint.model.injection.dependencies import Dependencies, Parameter
from fastapi_lint.model.names.symbols import Class, ClassObject, External, Function, FunctionObject, Module, Type
from fastapi_lint.model.routing.makers import is_built, makes_routes
from fastapi_lint.model.routing.routes import Route, Routes
from fastapi_lint.model.types.alternatives import admitted
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.tracking import memoized
from fastapi_lint.tracking.tables import collected

_PARTS = frozenset({"exclude_unset", "exclude_none", "exclude_defaults", "include", "**"})
_ASKING = frozenset({"isinstance", "issubclass", "cast", "TypeAdapter", "type"})
_BODY = frozenset({"", "fastapi.Body", "fastapi.Form", "fastapi.File"})


@dataclass(frozen=True, eq=False)
class Use:
    """How a route uses a schema: directly (empty `trail`) or through the fields of others, outermost first.

    `parameter` is the body parameter of a request, in the handler or one of its dependencies; None for a response.
    """

    route: Route
    schema: Schema
    trail: tuple[SchemaField, ...]
    parameter: Parameter | None = None

    @property
    def is_body(self) -> bool:
        """Whether the handler itself reads the schema (or a list of it), not as a part of another one."""
        return not self.trail and self.parameter is not None and self.parameter.function is self.route.handler

    @property
    def is_written_whole(self) -> bool:
        """Whether the handler takes every field out of what it reads, those that were not sent among them."""
        function = self.parameter.function if self.parameter is not None else None
        return any(self._dumps(call) for call in function.calls) if function is not None else False

    def _dumps(self, call: f.Call) -> bool:
        match call.func:
            case f.Attr(value=f.Name(id=name), attr="model_dump" | "dict"):
                is_this = self.parameter is not None and name == self.parameter.name
                return is_this and all(
                    arg.name and (arg.name not in _PARTS or arg.value == f.Const(False)) for arg in call.args
                )
        return False


def response_types(schemas: Schemas, route: Route) -> list[Type]:
    """What a route declares to return, one type for each alternative: `response_model`, else the return annotation.

    Response classes are among them; nothing for `response_model=None`, and for what is not declared or not known.
    """
    given = route.keyword("response_model")
    if given is not None:
        expr, where, environment = given.value, route.where, route.environment
        while isinstance(expr, f.Name) and expr.id in environment:  # registered in a loop or by a function
            expr, where, environment = environment[expr.id]
        return list(admitted(schemas.types, expr, where))
    if route.handler is None:
        return []
    facts = route.handler.facts
    return list(admitted(schemas.types, facts.returns, (route.handler.module, facts.outer, facts.start)))


def body_parameters(
    schemas: Schemas, function: Function, parameters: Callable[[Function], tuple[Parameter, ...]]
) -> Iterator[tuple[Parameter, tuple[Type, ...]]]:
    """The parameters of a callable that FastAPI reads from the body because of their schema, with their types.

    These have no marker, or Body, Form or File; schemas behind Query, Header, Cookie and Depends are no body.
    `parameters` is `Dependencies.parameters`.
    """
    for parameter in parameters(function):
        if parameter.marker in _BODY and not _may_be_injected(schemas, parameter):
            where = (function.module, function.facts.outer, parameter.start)
            found = admitted(schemas.types, parameter.fact.annotation, where)
            if any(schemas.closure(one) for one in found):
                yield parameter, found


def _may_be_injected(schemas: Schemas, parameter: Parameter) -> bool:
    """Whether a function of the project makes the default or metadata of a parameter: it may well return a Depends."""
    function, fact = parameter.function, parameter.fact
    where = (function.module, function.facts.outer, fact.start)
    found = [
        (where[0], fact.default),
        *((module, expr) for module, expr, _ in schemas.types.metadata(fact.annotation, where)),
    ]
    made = [schemas.types.callee(m, m.facts.calls[e.index]) for m, e in found if isinstance(e, f.CallRef)]
    return not parameter.marker and any(not isinstance(one, (External, ClassObject)) for one in made)


def _injected(route: Route, dependencies: Dependencies) -> Iterator[Function]:
    """The handler of a route and the functions it depends on, each once."""
    if route.handler is None:
        return
    seen = {route.handler: None}
    for outer in dependencies.of_handler(route):
        for one in dependencies.closure(outer):
            if isinstance(one.target, FunctionObject):
                seen[one.target.function] = None
    yield from seen


class Exchange:
    """Answers which routes read or send a class, each question once. Tests have no routes here."""

    def __init__(self, schemas: Schemas, routes: Routes, dependencies: Dependencies) -> None:
        self.types = schemas.types
        self.schemas = schemas
        self.routes = routes
        self.dependencies = dependencies

    @collected("exchange.received")
    def received(self) -> Mapping[Class, tuple[Use, ...]]:
        """The classes that routes read from their bodies: in handlers and in what these depend on."""
        return _by_class(use for route in self._routes() for use in self._read(route))

    @collected("exchange.sent")
    def sent(self) -> Mapping[Class, tuple[Use, ...]]:
        """The classes that routes declare to return. `responses=` is documentation and not read."""
        return _by_class(
            Use(route, schema, trail)
            for route in self._routes()
            for declared in response_types(self.schemas, route)
            for schema, trail in self.schemas.closure(declared)
        )

    @collected("exchange.senders")
    def senders(self) -> Mapping[Class, tuple[Route, ...]]:
        """The routes that declare to return something with fields of a class, its own or inherited by others."""
        table: dict[Class, dict[Route, None]] = {}
        for uses in self.sent.values():
            for use in uses:
                for owner in {one.owner for one in use.schema.fields}:
                    table.setdefault(owner, {})[use.route] = None
        order = {route: number for number, route in enumerate(self.routes.all)}
        return {cls: tuple(sorted(found, key=order.__getitem__)) for cls, found in table.items()}

    def is_exchanged(self, cls: Class) -> bool:
        """Whether a route reads or sends a class."""
        return cls in self.received or cls in self.sent

    @memoized
    def is_handed_on(self, cls: Class) -> bool:
        """Whether a class is given as a value or a type argument to something that makes routes, as far as is known.

        Of what the project builds itself, no route reads anything that is not seen; nor do tests count.
        """
        return any(
            self.types.infer(given, where) == ClassObject(cls) and makes_routes(self.types, self._maker(to, where))
            for module in self.types.modules
            if not module.is_test and module.mentions(cls.name)
            for given, where, to in _given_values(module)
            if f.last_name(given) == cls.name
        ) and not is_built(self.types, self.types.modules, cls)

    def _maker(self, to: f.Expr | f.Call | Class, where: Where) -> Type:
        if isinstance(to, Class):
            return ClassObject(to)
        if not isinstance(to, f.Call):
            return self.types.infer(to, where)
        return self.types.callee(where[0], to)

    def _routes(self) -> Iterator[Route]:
        return (route for route in self.routes.all if not route.module.is_test)

    def _read(self, route: Route) -> Iterator[Use]:
        for function in _injected(route, self.dependencies):
            for parameter, found in body_parameters(self.schemas, function, self.dependencies.parameters):
                for one in found:
                    for schema, trail in self.schemas.closure(one):
                        yield Use(route, schema, trail, parameter)


def _given_values(module: Module) -> Iterator[tuple[f.Expr, Where, f.Expr | f.Call | Class]]:
    """What calls and the bases of classes are given, also between brackets (`Crud[Item](Item)`), and what it is given
    to: a call, a base, or the class whose attribute it is."""
    for call in module.facts.calls:
        where = (module, call.block, call.start)
        if f.last_name(call.func) not in _ASKING:
            items = call.func.items if isinstance(call.func, f.Sub) else ()
            yield from ((expr, where, call) for expr in (*items, *(arg.value for arg in call.args)))
    for each in module.facts.classes:
        where = (module, each.outer, each.start)
        for base in each.bases:
            if isinstance(base, f.Sub):
                yield from ((item, where, base.value) for item in base.items)
    for entry in module.facts.assigns:
        if entry.value is not None and (cls := module.facts.blocks[entry.block].cls) >= 0:
            yield entry.value, (module, entry.block, entry.start), module.classes[cls]


def _by_class(found: Iterable[Use]) -> dict[Class, tuple[Use, ...]]:
    table: dict[Class, list[Use]] = {}
    for use in found:
        table.setdefault(use.schema.cls, []).append(use)
    return {cls: tuple(uses) for cls, uses in table.items()}
