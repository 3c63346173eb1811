"""The linked project: the one object that rules ask. Immutable for its askers; answers are worked out on first use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.callers import Callers
from fastapi_lint.model.database import OrmModels
from fastapi_lint.model.dependencies import Dependencies, Depends
from fastapi_lint.model.effects import Effects
from fastapi_lint.model.expansion import Expansion
from fastapi_lint.model.names import Modules
from fastapi_lint.model.routes import Routes
from fastapi_lint.model.schemas import Schemas
from fastapi_lint.model.symbols import Function, FunctionObject, Module, Type
from fastapi_lint.model.types import Inference
from fastapi_lint.model.values import Values
from fastapi_lint.model.versions import Versions

if TYPE_CHECKING:
    import libcst as cst


class Project:
    """Every module of an analysed tree, and what is inferred about them together."""

    def __init__(
        self,
        modules: Iterable[Module],
        *,
        roots: Sequence[str] = (),
        declared: Mapping[str, str] | None = None,
        targets: Mapping[str, str] | None = None,
        blocking: Sequence[Mapping[str, object]] = (),
    ) -> None:
        """`roots` are folders from which imports start; `declared` the texts of dependency files by path; `targets`
        configured version specifiers by package; `blocking` the user's additions to the catalogue."""
        self.modules = Modules(modules, roots)
        self.types = Inference(self.modules)
        self.values = Values(self.types)
        self.declared = dict(declared or {})
        self.targets = dict(targets or {})
        self._blocking = tuple(blocking)

    def prepare(self) -> None:
        """Work out what nearly every rule asks for: before processes are made that inherit the answers."""
        _ = self.routes.all, self.dependencies.used, self.effects, self.lifespans, self.schemas.all

    @cached_property
    def effects(self) -> Effects:
        """What calls do: which functions block the event loop, and through which chain."""
        return Effects(self.types, self._blocking, self.is_lifespan)

    @cached_property
    def routes(self) -> Routes:
        """Routers, routes, inclusions and apps."""
        return Routes(self.types, self.values, Expansion(self.types, self.values))

    @cached_property
    def dependencies(self) -> Dependencies:
        """Parameters, the Depends graph, authentication."""
        return Dependencies(self.types, self.routes)

    @cached_property
    def callers(self) -> Callers:
        """Who calls a function directly, and with what."""
        return Callers(self.types)

    @cached_property
    def versions(self) -> Versions:
        """What the project declares for Python and its libraries."""
        return Versions(self.declared, self.targets)

    @cached_property
    def schemas(self) -> Schemas:
        """Pydantic and SQLModel classes with their fields."""
        return Schemas(self.types, self.values)

    @cached_property
    def orm(self) -> OrmModels:
        """SQLAlchemy and SQLModel tables with their columns and relationships."""
        return OrmModels(self.types, self.values)

    @cached_property
    def re_exporting(self) -> frozenset[Module]:
        """The modules from which another one takes a name that they only import themselves (or everything)."""
        found = set()
        for module in self.modules:
            for entry in module.facts.imports:
                source = self.modules.imported_from(module, entry) if entry.name else None
                if source is None or source is module:
                    continue
                bound = self.types.bindings(source).get((-1, -1), {}).get(entry.name, [])
                if entry.name == "*" or any(isinstance(binding.entry, f.Import) for binding in bound):
                    found.add(source)
        return frozenset(found)

    @cached_property
    def dependency_subjects(self) -> tuple[Depends, ...]:
        """One use of every project function that something depends on, in order of path and place."""
        uses = sorted(self.dependencies.used.items(), key=lambda item: (item[0].module.path, item[0].start))
        return tuple(found[0] for _, found in uses)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """Every function, method and lambda, in order of path and place."""
        return tuple(function for module in self.modules for function in module.functions)

    @cached_property
    def lifespans(self) -> frozenset[Function]:
        """The functions given as `lifespan=` to an app or router, and start-up and shut-down handlers."""
        found = set()
        for router in self.routes.routers.values():
            argument = router.keyword("lifespan")
            if argument is not None:
                value = self.infer(argument.value, *router.where)
                if isinstance(value, FunctionObject):
                    found.add(value.function)
        return frozenset(found)

    def is_lifespan(self, function: Function) -> bool:
        """Whether a function runs once at start-up or shut-down: a lifespan, or an `on_event` handler."""
        if function in self.lifespans or "lifespan" in function.name.lower():
            return True
        for decorator in function.facts.decorators:
            if isinstance(decorator, f.CallRef):
                called = function.module.facts.calls[decorator.index].func
                if isinstance(called, f.Attr) and called.attr == "on_event":
                    return True
        return False

    def infer(self, expr: f.Expr | None, module: Module, block: int, at: int) -> Type:
        """The type of an expression of a module at a byte offset inside a block; None when it is not known."""
        return self.types.infer(expr, (module, block, at))

    def callee(self, module: Module, call: f.Call) -> Type:
        """What a call calls."""
        return self.types.callee(module, call)

    def name(self, expr: f.Expr | None, module: Module, block: int, at: int) -> str | None:
        """The full dotted name of what an expression stands for, through imports and aliases; None when unknown."""
        return self.types.name_of_type(self.types.infer(expr, (module, block, at)))

    def called_name(self, module: Module, call: f.Call) -> str | None:
        """The full dotted name of what a call calls ("fastapi.Depends", "httpx.Client.get")."""
        return self.types.name_of_type(self.types.callee(module, call))

    def name_of_node(self, node: cst.BaseExpression, module: Module, block: int) -> str | None:
        """As `name`, for a libcst Name or Attribute inside the function or class whose body is `block`."""
        expr = expression_of(node)
        return None if expr is None else self.name(expr, module, block, module.facts.blocks[block].end)

    def type_of_node(self, node: cst.BaseExpression, module: Module, block: int) -> Type:
        """As `infer`, for a libcst Name or Attribute."""
        expr = expression_of(node)
        return None if expr is None else self.infer(expr, module, block, module.facts.blocks[block].end)

    def subjects(self, names: Iterable[str]) -> Iterator[tuple[str, list[tuple[object, Module]]]]:
        """For each kind of project-wide subject among `names`, every subject with the module it is reported in."""
        for name in names:
            if name == "Project":
                first = next(iter(self.modules), None)
                yield name, [(self, first)] if first else []
            elif name == "Route":
                yield name, [(route, route.module) for route in self.routes.all]
            elif name == "Router":
                yield name, [(router, router.module) for router in self.routes.routers.values()]
            elif name == "App":
                yield name, [(app, app.module) for app in self.routes.apps]
            elif name == "Schema":
                yield name, [(schema, schema.cls.module) for schema in self.schemas.all]
            elif name == "Depends":
                yield name, [(d, d.function.module) for d in self.dependency_subjects if d.function]


def expression_of(node: cst.CSTNode) -> f.Expr | None:
    """A Name or dotted Attribute of libcst as an expression of facts; None for anything else."""
    kind = type(node).__name__
    if kind == "Name":
        return f.Name(node.value)  # type: ignore[attr-defined]
    if kind == "Attribute":
        value = expression_of(node.value)  # type: ignore[attr-defined]
        return None if value is None else f.Attr(value, node.attr.value)  # type: ignore[attr-defined]
    return None


def empty_facts() -> f.Facts:
    """The facts of a file that could not be read: a module with nothing in it."""
    block = f.Block("module", -1, -1, -1, False, None, None, 0, 0)
    return f.Facts((block,), (), (), (), (), (), (), None, (), (), (), (), False)
