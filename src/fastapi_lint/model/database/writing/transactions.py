"""Who writes to the database, who commits, and where a session comes from. Judges nothing.

What may commit counts as committing: a method of that name on any object, a `begin` block, an engine that does so by
itself. A session whose making is not seen is nobody's: of it nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.steps import shown, written
from fastapi_lint.model.database.holders import is_conversation
from fastapi_lint.model.database.sessions import SESSION_WRITES, is_raw_connection, is_scoped, is_session_like
from fastapi_lint.model.database.statements import statements
from fastapi_lint.model.names.expressions import attributes_of
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Partial,
    Type,
)
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.tracking import collected, memoized, memoized_cyclic
from fastapi_lint.tracking.tables import grouped

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

COMMITS = frozenset({"commit", "begin", "autocommit", "commit_prepared"})
_EXECUTES = frozenset({"execute", "exec", "scalar", "scalars"})
_QUERIES = frozenset({"delete", "update"})
WRITING = _EXECUTES.union(_QUERIES, SESSION_WRITES)
_NEXT = frozenset({"next", "anext"})
_ENTERS = frozenset({"enter_context", "enter_async_context"})
_TEXT = frozenset({"text"})
_DEEPEST = 8


@dataclass(frozen=True, eq=False)
class Write:
    """A call that changes what a session holds: on `session`, an expression; `text` is how the call reads."""

    module: Module = field(repr=False)
    call: f.Call
    session: f.Expr
    text: str

    @property
    def owner(self) -> str:
        """The session as the code names it."""
        return shown(self.module, self.session)

    @property
    def where(self) -> Where:
        return (self.module, self.call.block, self.call.start)


@dataclass(frozen=True, eq=False)
class Late:
    """What commits when a generator goes on behind its `yield`: a call of `commit`, or that of the block around the
    `yield` (`is_block`), which commits at its end and rolls back by itself. `is_raw`: a connection of a driver itself,
    or a function that is given what was lent."""

    call: f.Call
    is_block: bool
    yielding: f.Exit
    is_raw: bool = False


def _by_itself(module: Module) -> Iterator[tuple[str, object]]:
    """What makes sessions or engines commit without being told: options, and listeners that do it."""
    if module.is_test or not module.mentions("autocommit", "isolation_level", "listens_for"):
        return
    for call in module.facts.calls:
        for arg in call.args:
            if arg.name == "autocommit" and arg.value != f.Const(False):
                yield "option", True
            given = arg.value.items if isinstance(arg.value, f.Mapping) else ()
            named = [value for key, value in given if key == f.Const("isolation_level")]
            for level in [arg.value] if arg.name == "isolation_level" else named:
                if not isinstance(level, f.Const) or str(level.value).upper() == "AUTOCOMMIT":
                    yield "option", True
    for function in module.functions if module.mentions("listens_for") else ():
        for decorator in function.facts.decorators:
            if isinstance(decorator, f.CallRef):
                listens = f.last_name(module.facts.calls[decorator.index].func) == "listens_for"
                if listens and any(f.last_name(call.func) in COMMITS for call in function.calls):
                    yield "listener", True


class Transactions:
    """Answers who writes, who commits, and whether a session is made for one request where it can be seen."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @collected("transactions.commits_by_itself", whole=True, pairs=_by_itself)
    def commits_by_itself(self) -> bool:
        """Whether something in the project makes sessions or engines commit without being told."""
        return bool(grouped(self._project.types.modules.tables, "transactions.commits_by_itself"))

    # ---------------------------------------------------------------- who writes

    @memoized
    def writes(self, function: Function) -> tuple[Write, ...]:
        """The calls of a function's own body that write to the database through a session, in source order."""
        module = function.module
        found = []
        for call in function.calls_named(WRITING):
            if (session := self._written(module, call)) is not None:
                found.append(Write(module, call, session, written(module, call) or f.last_name(call.func)))
        return tuple(found)

    def _written(self, module: Module, call: f.Call) -> f.Expr | None:
        """The session through which a call writes; None when it does not."""
        if not isinstance(call.func, f.Attr):
            return None
        where, name, receiver = (module, call.block, call.start), call.func.attr, call.func.value
        types = self._project.types
        if name in SESSION_WRITES and name != "merge":
            owner = types.infer(receiver, where)
            if is_session_like(types, owner) and call.args:
                return receiver
        if name in _EXECUTES and call.args:
            given = f.keyword(call, "statement") or call.args[0]
            if is_session_like(types, types.infer(receiver, where)):
                return receiver if any(True for _ in statements(self._project, given.value, where)) else None
        if name in _QUERIES and types.is_instance(types.infer(receiver, where), "sqlalchemy.orm.Query"):
            session = queried(module, receiver)
            return session if is_session_like(types, types.infer(session, where)) else None
        return None

    # ---------------------------------------------------------------- who commits

    @memoized
    def may_commit(self, function: Function) -> bool:
        """Whether a function's own body commits, begins a block that does, or hands `commit` to somebody."""
        module = function.module
        if module.mentions(*COMMITS):
            for part, block, at in attributes_of(function):
                if part.attr in COMMITS and not self._is_of_something_else(part, (module, block, at)):
                    return True
        for call in function.calls_named(_TEXT):
            if call.args and isinstance(call.args[0].value, f.Const):
                if str(call.args[0].value.value).strip(" ;\n").upper() in ("COMMIT", "END"):
                    return True
        return False

    def _is_of_something_else(self, part: f.Attr, where: Where) -> bool:
        """Whether a method of the project is only called like this, and has nothing to do with a database: all that it
        calls are built-ins and methods of plain values."""
        types = self._project.types
        owner = types.infer(part.value, where)
        if not isinstance(owner, Instance) or not isinstance(owner.cls, Class):
            return False
        method = types.member(owner.cls, part.attr, owner)
        if not isinstance(method, FunctionObject) or method.function.is_empty or types.subclasses(owner.cls):
            return False
        called = [types.callee(method.function.module, call) for call in method.function.calls]
        return all(
            (isinstance(each, External) and "." not in each.name) or (isinstance(each, Method) and "." not in each.cls)
            for each in called
        )

    def commits_at_once(self, function: Function) -> bool:
        """Whether all that a function's own body does to commit are calls of `commit`: these keep what is written
        before them, and nothing else."""
        named = sum(part.attr in COMMITS for part, _, _ in attributes_of(function))
        called = sum(isinstance(call.func, f.Attr) and call.func.attr == "commit" for call in function.calls)
        return named == called > 0

    @memoized_cyclic(())
    def behind_yield(self, function: Function) -> tuple[Late, ...]:
        """What commits behind the `yield` of a generator, in source order."""
        yields = [leave for leave in function.exits if leave.kind == "yield"]
        if not function.is_generator or not yields:
            return ()
        module, first = function.module, yields[0]
        found = []
        for call in function.calls:
            if call.start > first.end and f.last_name(call.func) == "commit":
                if self._is_transaction(module, call):
                    found.append(Late(call, False, first))
                elif isinstance(call.func, f.Attr) and is_raw_connection(
                    self._project.types, self._project.infer(call.func.value, module, call.block, call.start)
                ):
                    found.append(Late(call, False, first, is_raw=True))
            elif call.start > first.end and self._hands_over(function, call, first):
                found.append(Late(call, False, first, is_raw=True))
        for block in module.block_chain(first.block):
            if block.kind == "with" and isinstance(block.test, f.CallRef):
                call = module.facts.calls[block.test.index]
                if self._commits_at_end(module, call):
                    found.append(Late(call, True, first))
        return tuple(sorted(found, key=lambda each: each.call.start))

    def _hands_over(self, function: Function, call: f.Call, yielding: f.Exit) -> bool:
        """Whether what was lent is given to a function of the project that commits it, where nothing has failed."""
        if not isinstance(yielding.value, f.Name) or all(arg.value != yielding.value for arg in call.args):
            return False
        if any(block.kind in ("except", "finally") for block in function.module.block_chain(call.block)):
            return False
        types = self._project.types
        lent = types.infer(yielding.value, (function.module, yielding.block, yielding.start))
        if not (is_conversation(types, lent) or is_session_like(types, lent) or is_raw_connection(types, lent)):
            return False
        callee = types.callee(function.module, call)
        if not isinstance(callee, FunctionObject):
            return False
        return any(f.last_name(each.func) == "commit" for each in callee.function.calls)

    def _is_transaction(self, module: Module, call: f.Call) -> bool:
        """Whether a method is one of a session, a connection, or an object of the project that commits."""
        types = self._project.types
        owner = (
            types.infer(call.func.value, (module, call.block, call.start)) if isinstance(call.func, f.Attr) else None
        )
        if is_conversation(types, owner) or is_session_like(types, owner):
            return True
        callee = types.callee(module, call)
        return isinstance(callee, FunctionObject) and self.may_commit(callee.function)

    def _commits_at_end(self, module: Module, call: f.Call) -> bool:
        """Whether a `with` over what a call gives commits at its end."""
        types = self._project.types
        callee = types.callee(module, call)
        match callee:
            case Method(cls=cls, name="begin"):
                return cls.startswith(("sqlalchemy.", "sqlmodel."))
            case FunctionObject(function=function):
                return bool(self.behind_yield(function))
            case ClassObject(cls=cls):
                ending = self._project.effects.execution.own_methods(cls, "__exit__", "__aexit__")
                return any(self.may_commit(each) for each in ending)
        return False

    # ---------------------------------------------------------------- where a session comes from

    def is_seen(self, expr: f.Expr | None, where: Where, depth: int = 0) -> bool:
        """Whether it is seen where a session is made, and that this is done anew for each request, or that it is given
        to a function by the project itself."""
        if depth > _DEEPEST:
            return False
        module = where[0]
        match expr:
            case f.Await(value=value) | f.Star(value=value):
                return self.is_seen(value, where, depth + 1)
            case f.Choice(options=options):
                return all(self.is_seen(option, where, depth + 1) for option in options if option != f.Const(None))
            case f.CallRef(index=index):
                return self._is_made(module, module.facts.calls[index], depth)
            case f.Name(id=name):
                found = self._project.types.find_bindings(name, where)
                return bool(found) and all(self._is_bound(module, name, each, depth) for each in found)
            case f.Attr(value=owner, attr=attr):
                return self._is_held(owner, attr, where, depth)
        return False

    def _is_made(self, module: Module, call: f.Call, depth: int) -> bool:
        types = self._project.types
        callee = types.callee(module, call)
        where = (module, call.block, call.start)
        match callee:
            case External(name=name) if name in _NEXT and call.args:
                return self.is_seen(call.args[0].value, where, depth + 1)
            case External() | Instance(cls=str()) if not is_scoped(types, callee):
                made = types.infer(f.CallRef(module.call_numbers[call.start, call.end]), where)
                return is_session_like(types, made) and not self._commits_when_closed(made)
            case ClassObject(cls=cls):
                made = Instance(cls)
                return is_session_like(types, made) and not self._commits_when_closed(made)
            case FunctionObject(function=function):
                return self.gives_seen(function, depth + 1)
            case Method(name=name) if name in _ENTERS and call.args:
                return self.is_seen(call.args[0].value, where, depth + 1)
            case Partial(callable=FunctionObject(function=function)):
                return self.gives_seen(function, depth + 1)
        return False

    def gives_seen(self, function: Function, depth: int = 0) -> bool:
        """Whether all sessions that a function gives back, or yields, are made where it is seen."""
        kinds = ("yield", "yield from") if function.is_generator else ("return",)
        values = [(leave.value, leave) for leave in function.exits if leave.kind in kinds and leave.value is not None]
        return bool(values) and all(
            self.is_seen(value, (function.module, leave.block, leave.start), depth + 1) for value, leave in values
        )

    def _commits_when_closed(self, made: Type) -> bool:
        """Whether a session is of a class of the project that commits somewhere."""
        types = self._project.types
        if is_scoped(types, made):
            return True
        if not isinstance(made, Instance) or not isinstance(made.cls, Class):
            return False
        bases = [base for base in types.mro(made.cls) if isinstance(base, Class)]
        return any(self.may_commit(method) for base in bases for method in base.methods.values())

    def _is_bound(self, module: Module, name: str, binding: object, depth: int) -> bool:
        entry, block = getattr(binding, "entry", None), getattr(binding, "block", 0)
        at = getattr(binding, "start", 0)
        if module.facts.blocks[block].function < 0:
            return False
        match entry:
            case f.Assign(target=f.Name()):
                return self.is_seen(entry.value, (module, block, at), depth + 1)
            case f.Block(test=test, parent=parent):
                return self.is_seen(test, (module, max(parent, 0), at), depth + 1)
            case f.Param():
                return self._is_given(module, module.enclosing(block), entry, depth)
        return False

    def _is_given(self, module: Module, function: Function | None, param: f.Param, depth: int) -> bool:
        if function is None:
            return False
        where = (module, function.facts.outer, param.start)
        if self._project.types.depends_call(param, where) is None:
            return function not in self._project.routes.by_handler
        target = self._project.types.dependency_of(param, where)
        return self.provides_seen(target, depth + 1)

    def provides_seen(self, target: Type, depth: int = 0) -> bool:
        """Whether the session that a dependency gives is made where it is seen."""
        match target:
            case FunctionObject(function=function):
                return self.gives_seen(function, depth + 1)
            case Instance(cls=Class() as cls):
                found = self._project.effects.execution.own_methods(cls, "__call__")
                return bool(found) and all(self.gives_seen(each, depth + 1) for each in found)
            case Instance(cls=str()) | External():
                made = self._project.types.dependency_result(target)
                return isinstance(target, Instance) and is_session_like(self._project.types, made)
        return False

    def _is_held(self, owner: f.Expr, attr: str, where: Where, depth: int) -> bool:
        """Whether the session in an attribute is seen: it is put there by a constructor, or injected."""
        types = self._project.types
        root = owner
        while isinstance(root, f.Attr):
            root = root.value
        if isinstance(root, f.CallRef):
            return True
        bound = types.find_bindings(root.id, where) if isinstance(root, f.Name) else []
        if not bound or any(where[0].facts.blocks[each.block].function < 0 for each in bound):
            return False
        value = types.infer(owner, where)
        if not isinstance(value, Instance) or not isinstance(value.cls, Class):
            return False
        for base in types.mro(value.cls):
            if not isinstance(base, Class):
                continue
            if (entry := base.assigns.get(attr)) is not None:
                place = (base.module, entry.block, entry.start)
                return self._is_declared(base, entry, place, depth)
            if stored := types.self_assigns(base).get(attr):
                return all(
                    self.is_seen(entry.value, (function.module, entry.block, entry.start), depth + 1)
                    for entry, function in stored
                    if entry.value is not None and entry.value != f.Const(None)
                )
            if attr in base.methods:
                return self.gives_seen(base.methods[attr], depth + 1)
        return False

    def _is_declared(self, cls: Class, entry: f.Assign, place: Where, depth: int) -> bool:
        """Whether a session in the body of a class is injected from where it is seen, or given to the constructor."""
        types = self._project.types
        dependencies = self._project.dependencies
        if isinstance(entry.value, f.CallRef) and (found := dependencies.depends(cls.module, entry.value.index)):
            return self.provides_seen(found.target, depth + 1)
        for module, expr, _ in types.metadata(entry.annotation, place) if entry.annotation is not None else ():
            if isinstance(expr, f.CallRef) and (found := dependencies.depends(module, expr.index)):
                return self.provides_seen(found.target, depth + 1)
        return entry.value is None


def queried(module: Module, expr: f.Expr | None) -> f.Expr | None:
    """The session on which a chain of calls began with `query`."""
    while isinstance(expr, (f.CallRef, f.Attr)):
        if isinstance(expr, f.CallRef):
            func = module.facts.calls[expr.index].func
            if isinstance(func, f.Attr) and func.attr == "query":
                return func.value
            expr = func
        else:
            expr = expr.value
    return None
