"""The linked project: the one object that rules ask. Immutable for its askers; answers are worked out on first use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, TypeVar

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.callers import Callers
from fastapi_lint.model.calls.concurrent.coroutines import Coroutines
from fastapi_lint.model.calls.concurrent.outliving import Outliving
from fastapi_lint.model.calls.effects import Effects
from fastapi_lint.model.data.exchange import Exchange
from fastapi_lint.model.data.schemas import Schemas
from fastapi_lint.model.data.unread.uncalled import Uncalled
from fastapi_lint.model.database.inserts import Inserts
from fastapi_lint.model.database.limiting.limits import Limits
from fastapi_lint.model.database.loading import Loading
from fastapi_lint.model.database.mapping.orm import OrmModels
from fastapi_lint.model.database.requests import Requests
from fastapi_lint.model.database.writing.transactions import Transactions
from fastapi_lint.model.injection.dependencies import Dependencies, Depends
from fastapi_lint.model.injection.protection.protection import Protection
from fastapi_lint.model.names.modules import Modules
from fastapi_lint.model.names.reach import settled
from fastapi_lint.model.names.symbols import Class, Function, Module, Type
from fastapi_lint.model.routing.answering.answers import Answers
from fastapi_lint.model.routing.answering.channels import Channels
from fastapi_lint.model.routing.answering.failures import Failures
from fastapi_lint.model.routing.routes import Routes
from fastapi_lint.model.taint.errors.told import Telling
from fastapi_lint.model.types.callables import function_of
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.model.values.constants import Values
from fastapi_lint.model.values.expansion import Expansion
from fastapi_lint.model.versions.layout import LineLengths
from fastapi_lint.model.versions.versions import Versions
from fastapi_lint.tracking import memoized, memory, recording
from fastapi_lint.tracking.fingerprints import modules_in
from fastapi_lint.tracking.queries import GATHERED, gathered
from fastapi_lint.tracking.recording import Slice
from fastapi_lint.tracking.tables import collected, contribution, fingerprints

if TYPE_CHECKING:
    import libcst as cst

    from fastapi_lint.model.injection.browsing import Browsing
    from fastapi_lint.model.secrets.uses import Secrets
    from fastapi_lint.model.taint.flows import Flows

V = TypeVar("V")


class Project:
    """Every module of an analysed tree, and what is inferred about them together."""

    TABLES = "modules.tables"
    SUBJECTS: ClassVar = {
        "Route": "routes.all",
        "Router": "routes.routers",
        "App": "routes.apps",
        "Schema": "schemas.classes",
        "Depends": "depended_on",
    }
    """Kinds of subjects that the project has, not a single module, each with the table in which they are collected."""

    def __init__(
        self,
        modules: Iterable[Module],
        *,
        roots: Sequence[str] = (),
        declared: Mapping[str, str] | None = None,
        targets: Mapping[str, str] | None = None,
        blocking: Sequence[Mapping[str, object]] = (),
        taint: Sequence[Mapping[str, object]] = (),
    ) -> None:
        """`roots` are folders from which imports start; `declared` the texts of dependency files by path, and the paths
        of templates; `targets` configured version specifiers by package; `blocking` and `taint` the user's additions to
        the catalogue."""
        self.modules = Modules(modules, roots)
        self.types = Inference(self.modules)
        self.values = Values(self.types)
        self.declared = dict(declared or {})
        self.targets = dict(targets or {})
        self._lengths = LineLengths(self.declared)
        for module in self.modules.by_path.values():
            module.source.line_length = self._lengths.of(module.path)
        self._blocking = tuple(blocking)
        self._taint = tuple(taint)
        self.served_tests = settled(self.modules)

    def turn(self, changed: Sequence[Module], *, is_settled: bool) -> None:
        """Other states of some modules: from now on all questions are about them.

        What is known is looked at again when somebody asks (`tracking.memory`), if the state before `is_settled`; all
        of it is about a project with the same `served_tests`.
        """
        memory.turn(is_settled=is_settled)
        recording.renew()
        self.modules.replace(changed)
        self.served_tests = settled(self.modules)
        for module in changed:
            module.source.line_length = self._lengths.of(module.path)

    def prepare(self) -> None:
        """Work out what nearly every rule asks for: before processes are made that inherit the answers."""
        _ = self.routes.all, self.effects, self.schemas.all
        for table in (self.routes.by_handler, self.dependencies.used, self.lifespans_of_all):
            len(table)

    @cached_property
    def effects(self) -> Effects:
        """What calls do: which functions block the event loop, and through which chain."""
        return Effects(self.types, self._blocking, self.is_lifespan)

    @cached_property
    def coroutines(self) -> Coroutines:
        """What becomes of the coroutines that functions make."""
        return Coroutines(self.types, self.effects)

    @cached_property
    def outliving(self) -> Outliving:
        """What functions start and leave running."""
        return Outliving(self.types)

    @cached_property
    def routes(self) -> Routes:
        """Routers, routes, inclusions and apps."""
        return Routes(
            self.types, self.values, Expansion(self.types, self.values), self._copies_routes, self.is_lifespan
        )

    def _copies_routes(self, path: str) -> bool:
        """Whether `include_router` takes a copy with every declared FastAPI: since 0.137 it looks at each request."""
        return self.versions.for_path(path).never_at_least("fastapi", "0.137", default=False) is True

    @cached_property
    def inserts(self) -> Inserts:
        """What creates rows in a database."""
        return Inserts(self)

    @cached_property
    def limits(self) -> Limits:
        """How many rows a number makes the program load."""
        return Limits(self)

    @cached_property
    def requests(self) -> Requests:
        """What the endpoints run."""
        return Requests(self)

    @cached_property
    def loading(self) -> Loading:
        """What queries give, and which calls read from the database."""
        return Loading(self)

    @cached_property
    def transactions(self) -> Transactions:
        """Who writes to the database, and who commits."""
        return Transactions(self)

    @cached_property
    def answers(self) -> Answers:
        """What goes to the client: response objects, HTTP errors, returned values."""
        return Answers(self.types, self.routes.expansion)

    @cached_property
    def failures(self) -> Failures:
        """Exception handlers of apps."""
        return Failures(self.types, self.values, self.routes.expansion)

    @cached_property
    def channels(self) -> Channels:
        """What goes to the client piece by piece: streams and sockets."""
        return Channels(self.types, self.answers, self.routes)

    @cached_property
    def telling(self) -> Telling:
        """What expressions say of caught exceptions."""
        return Telling(self)

    @cached_property
    def dependencies(self) -> Dependencies:
        """Parameters, the Depends graph, authentication."""
        return Dependencies(self.types, self.routes)

    @cached_property
    def protection(self) -> Protection:
        """What other than a dependency may refuse a request."""
        return Protection(self.types, self.routes, self.dependencies, self.failures)

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
    def exchange(self) -> Exchange:
        """Which routes read or send which classes."""
        return Exchange(self.schemas, self.routes, self.dependencies)

    @cached_property
    def orm(self) -> OrmModels:
        """SQLAlchemy and SQLModel tables with their columns and relationships."""
        return OrmModels(self.types, self.values)

    @cached_property
    def taint(self) -> Flows:
        """What clients send, followed to where it hurts."""
        from fastapi_lint.catalog.dangers import dangers
        from fastapi_lint.catalog.format import taint_from
        from fastapi_lint.model.taint.flows import Flows
        from fastapi_lint.model.taint.tracing import Tracing

        known = dangers(taint_from(self._taint, "taint"))
        tracing = Tracing(self.types, self.values, self.routes, self.dependencies, self.schemas, known)
        return Flows(tracing, self.callers, known, self.effects.execution)

    @cached_property
    def uncalled(self) -> Uncalled:
        """Which functions nobody calls."""
        return Uncalled(self)

    @cached_property
    def browsing(self) -> Browsing:
        """Who reads what browsers send by themselves."""
        from fastapi_lint.model.injection.browsing import Browsing

        return Browsing(self)

    @cached_property
    def secrets(self) -> Secrets:
        """What keys, passwords and tokens are used for."""
        from fastapi_lint.model.secrets.uses import Secrets

        return Secrets(self)

    def contributes(self, group: str, module: Module) -> Collection[int]:
        """The places at which a module contributes to a group of tables, asked alone (see `tables.contribution`)."""
        if group in GATHERED:
            return GATHERED[group](self, module)
        contribute: dict[str, Callable[[Module], Collection[int]]] = {
            "routes": Routes(self.types, self.values, self.routes.expansion).contribute,
            "dependencies": lambda each: self.dependencies.contribute(each, [], []),
            "schemas": lambda each: self.schemas.contribute(each, []),
            "settings": lambda each: self.schemas.contribute_groups(each, {}),
            "orm": lambda each: self.orm.contribute(each, []),
            "inheriting": lambda each: self.routes.expansion.objects.contribute(each, {}),
            "middleware": lambda each: self.protection.contribute(each, {}),
            "failures": lambda each: self.failures.contribute(each, {}),
            "channels": lambda each: self.channels.contribute(each, []),
            "secrets": lambda each: self.secrets.contribute(each, {}),
        }
        return contribution(self.modules.tables, group, module, contribute[group])

    @memoized
    def about(self, make: Callable[[Project], V]) -> V:
        """An object that answers questions about the project, made once."""
        return make(self)

    @collected("re_exporting", whole=True)
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

    @collected("depended_on")
    def depended_on(self) -> Mapping[Function, Depends]:
        """One use of every project function that something depends on, in order of path and place."""
        uses = sorted(self.dependencies.used.items(), key=lambda item: (item[0].module.path, item[0].start))
        return {function: found[0] for function, found in uses}

    @property
    def functions(self) -> tuple[Function, ...]:
        """Every function, method and lambda, in order of path and place."""
        return tuple(function for module in self.modules for function in module.functions)

    @collected("lifespans")
    def lifespans(self) -> Mapping[Function, bool]:
        """The functions given as `lifespan=` to an app or router."""
        found = set()
        for router in self.routes.routers.values():
            argument = router.keyword("lifespan")
            if argument is not None:
                found.add(function_of(self.types, self.infer(argument.value, *router.where)))
        return dict.fromkeys((each for each in found if each is not None), True)

    @collected("lifespans_of_all")
    def lifespans_of_all(self) -> Mapping[Function, bool]:
        """As `lifespans`, also of what is no app of ours: a server of another protocol, another framework's app."""
        return dict.fromkeys(_lifespans_in(self), True)

    def is_lifespan(self, function: Function) -> bool:
        """Whether a function runs once at start-up or shut-down: a lifespan, or an `on_event` handler."""
        if function in self.lifespans_of_all or self.types.is_made_like_lifespan(function):
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

    def is_app(self, expr: f.Expr | None, module: Module, block: int, at: int) -> bool:
        """Whether an expression is known to be an app of FastAPI or Starlette."""
        value = self.infer(expr, module, block, at)
        return self.types.is_instance(value, "fastapi.FastAPI", "starlette.applications.Starlette")

    def callee(self, module: Module, call: f.Call) -> Type:
        """What a call calls."""
        return self.types.callee(module, call)

    def name(self, expr: f.Expr | None, module: Module, block: int, at: int) -> str | None:
        """The full dotted name of what an expression stands for, through imports and aliases; None when unknown."""
        return self.types.name_of_type(self.types.infer(expr, (module, block, at)))

    def called_name(self, module: Module, call: f.Call) -> str | None:
        """The full dotted name of what a call calls ("fastapi.Depends", "httpx.Client.get")."""
        return self.types.name_of_type(self.types.callee(module, call))

    def full_name(self, value: Type) -> str | None:
        """The dotted name of what a value is or is an instance of; that of what is ours, as other modules import it."""
        return self.types.full_name(value)

    def name_of_node(self, node: cst.BaseExpression, module: Module, block: int) -> str | None:
        """As `name`, for a libcst Name or Attribute inside the function or class whose body is `block`."""
        expr = expression_of(node)
        return None if expr is None else self.name(expr, module, block, module.facts.blocks[block].end)

    def type_of_node(self, node: cst.BaseExpression, module: Module, block: int) -> Type:
        """As `infer`, for a libcst Name or Attribute."""
        expr = expression_of(node)
        return None if expr is None else self.infer(expr, module, block, module.facts.blocks[block].end)

    def sources_of(self, subject: object) -> Hashable:
        """What a subject is made from, to be noted by whoever judges it (see `reading`)."""
        if isinstance(subject, Class):  # a schema, when it is opened
            return recording.tracked(lambda: self.schemas.of(subject))[1]
        return modules_in(subject)

    def opened(self, subject: object) -> object:
        """A subject as a rule is given it: of a class that is a schema, the schema."""
        return self.schemas.of(subject) if isinstance(subject, Class) else subject

    def slices(self, wanted: Iterable[Slice]) -> dict[Slice, bytes]:
        """The fingerprints of slices of the project's tables."""
        return fingerprints(self, self.modules.tables, wanted)

    def subjects_by_module(
        self, kinds: Collection[str], modules: Iterable[Module]
    ) -> dict[Module, list[tuple[str, object]]]:
        """The subjects of some kinds (of `SUBJECTS`) by the module in which they are reported, each with its kind.

        Those in which is more than what they are known by are closed (see `opened`).
        """
        placed: dict[Module, list[tuple[str, object]]] = {module: [] for module in modules}
        for kind in kinds:
            for subject, module in self._subjects(kind):
                if module in placed:
                    placed[module].append((kind, subject))
        return placed

    def _subjects(self, kind: str) -> Iterator[tuple[object, Module]]:
        match kind:
            case "Route":
                yield from ((route, route.module) for route in self.routes.all)
            case "Router":
                yield from ((router, router.module) for router in self.routes.routers.values())
            case "App":
                yield from ((app, app.module) for app in self.routes.apps)
            case "Schema":
                yield from ((cls, cls.module) for cls in self.schemas.classes)
            case "Depends":
                yield from ((each, each.function.module) for each in self.depended_on.values() if each.function)


@gathered
def _lifespans_in(project: Project, module: Module) -> Iterator[Function]:
    """The functions that a module gives as `lifespan=`."""
    for call in module.facts.calls if module.mentions("lifespan") else ():
        for argument in call.args:
            if argument.name == "lifespan":
                value = project.infer(argument.value, module, call.block, call.start)
                if (function := function_of(project.types, value)) is not None:
                    yield function


def expression_of(node: cst.CSTNode) -> f.Expr | None:
    """A Name or dotted Attribute of libcst as an expression of facts; None for anything else."""
    kind = type(node).__name__
    if kind == "Name":
        return f.Name(node.value)  # type: ignore[attr-defined]
    if kind == "Attribute":
        value = expression_of(node.value)  # type: ignore[attr-defined]
        return None if value is None else f.Attr(value, node.attr.value)  # type: ignore[attr-defined]
    return None
