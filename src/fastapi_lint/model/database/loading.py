"""What queries give: rows or one of them, of which classes, with what loaded eagerly; and which calls read. Judges
nothing.

A query is followed from where its rows are used to where it is made: through variables, results, functions of the
project. What cannot be followed is None, and options that cannot be read count as loading everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.steps import Step, written
from fastapi_lint.model.calls.trails import Memo, Trail
from fastapi_lint.model.calls.ways.branches import NO_SETTINGS
from fastapi_lint.model.database.documents import asks_for_documents, gives_documents, keeps_documents
from fastapi_lint.model.database.mapping.mapped import Relationship
from fastapi_lint.model.database.records import along, asked, asks_for_records, keeps_records
from fastapi_lint.model.database.selecting import KEEP, LOADERS, Selecting, joined
from fastapi_lint.model.database.sessions import (
    QUERY_IO,
    is_async_connection,
    is_async_session,
    is_session_like,
    is_sync_connection,
)
from fastapi_lint.model.database.statements import statements
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Class, External, Function, FunctionObject, Instance, Module
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_GIVE_MANY = frozenset({"execute", "exec", "scalars"})
_GIVE_ONE = frozenset({"scalar", "get", "get_one"})
_FIRST = frozenset({
    "first", "one", "one_or_none", "scalar", "scalar_one", "scalar_one_or_none", "fetchone", "get", "get_one",
})  # fmt: skip
_COPIES = frozenset({"list", "set", "sorted", "tuple", "frozenset", "enumerate", "reversed", "zip", "iter", "filter"})
_EMPTY = f.Display("list", ())
_FILLING = frozenset({"append", "extend", "insert"})
_READS = frozenset({"execute", "exec", "scalar", "scalars", "get", "get_one", "refresh"})
_OF_ASYNCPG = frozenset({"fetch", "fetchrow", "fetchval"})
_ASYNCPG = ("asyncpg.Connection", "asyncpg.Pool")
_COLLECTIONS = frozenset({"list", "List", "set", "Set", "Sequence", "Collection", "dict", "Dict", "Iterable", "tuple"})
_MOST_STEPS = 4
_DEEPEST = 14


@dataclass(frozen=True)
class Rows:
    """What a query gives. `entities` are the mapped classes that it selects; `eager` the relationships for which it has
    an option (None when it cannot be told); `many` is False for a single object; `is_async` that of the session.

    `is_taken`: values that were taken out of the rows, such as ids. `place` is the call that asks the database.
    `are_documents`: of MongoDB. `record`: the model of Tortoise that they are rows of.
    """

    entities: tuple[Class, ...]
    eager: frozenset[str] | None
    many: bool
    is_async: bool
    is_taken: bool = False
    place: tuple[Module, f.Call] | None = field(default=None, compare=False)
    are_documents: bool = False
    record: Class | None = None

    @property
    def by_async_for(self) -> bool:
        """Whether `async for` goes over them as over a list."""
        return self.are_documents or self.record is not None


class Loading:
    """Answers what queries give, and which calls read from the database."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._selecting = Selecting(project)
        self._memo: Memo[str] = Memo()

    # ---------------------------------------------------------------- which calls read

    def reads(self, module: Module, call: f.Call) -> bool:
        """Whether a call asks the database for something at once; not one that writes."""
        if not isinstance(call.func, f.Attr):
            return False
        types, name, where = self._project.types, call.func.attr, (module, call.block, call.start)
        if name in _READS:
            owner = types.infer(call.func.value, where)
            if is_session_like(types, owner) or is_sync_connection(types, owner) or is_async_connection(types, owner):
                given = f.keyword(call, "statement") or next(iter(call.args), None)
                if name == "refresh" and given is not None:
                    return not _is_added(module, call, given.value)
                if given is None or name in ("get", "get_one"):
                    return given is not None
                return not any(True for _ in statements(self._project, given.value, where))
        if name in QUERY_IO and name not in ("delete", "update"):
            if types.is_instance(types.infer(call.func.value, where), "sqlalchemy.orm.Query"):
                return True
        if name in _OF_ASYNCPG:
            return types.is_instance(types.infer(call.func.value, where), *_ASYNCPG)
        return asks_for_documents(types, module, call) or asks_for_records(types, module, call)

    def reading(self, function: Function) -> Trail[str] | None:
        """The way from a function to the nearest query that runs whenever the function does; None when there is none,
        or it is far away."""
        effects = self._project.effects
        trail = effects.search(function, lambda each, _: self._own(each), self._memo, through_await=True, always=True)
        return trail if trail is not None and trail.length <= _MOST_STEPS else None

    def _own(self, function: Function) -> tuple[Step, str] | None:
        module = function.module
        for call in function.calls:
            if self.reads(module, call):
                if self._project.effects.branches.is_conditional(function, NO_SETTINGS, call.block, call.start):
                    return None  # what stands before it may know the answer
                shown = written(module, call) or f.last_name(call.func)
                return Step(module, call.start, call.name_end, None, call, shown), shown
        return None

    # ---------------------------------------------------------------- what queries give

    def rows(self, expr: f.Expr | None, where: Where, depth: int = 0) -> Rows | None:
        """What an expression holds of a query; None when that is not seen, or it is something else."""
        if depth > _DEEPEST:
            return None
        match expr:
            case f.Await(value=value):
                return self.rows(value, where, depth + 1)
            case f.Choice(options=options):
                known = [option for option in options if not isinstance(option, (f.Const, f.Display))]
                return _together(self.rows(option, where, depth + 1) for option in known)
            case f.Name():
                return self._of_name(expr, where, depth)
            case f.Attr():
                return self._of_attribute(expr, where, depth)
            case f.Sub(value=value, items=items):
                found = self.rows(value, where, depth + 1)
                if found is None or not found.many:
                    return None
                return found if isinstance(items[0], f.Unknown) else replace(found, many=False)
            case f.Each(block=block, element=element):
                return self._of_comprehension(where[0], block, element, depth)
            case f.CallRef(index=index):
                return self._of_call(where[0], where[0].facts.calls[index], depth)
        return None

    def _of_name(self, expr: f.Name, where: Where, depth: int) -> Rows | None:
        types = self._project.types
        found = types.find_bindings(expr.id, where)
        if len(found) == 1 and isinstance(found[0].entry, f.Param):
            function = where[0].enclosing(found[0].block)
            if function is None:
                return None
            target = types.dependency_of(found[0].entry, (where[0], function.facts.outer, found[0].entry.start))
            if isinstance(target, FunctionObject) and not target.function.is_generator:
                return self._of_function(target.function, depth)
            return None
        if len(found) == 1 and isinstance(found[0].entry, f.Block) and found[0].entry.kind in ("for", "comprehension"):
            entry = found[0].entry
            if entry.target != expr and not _is_numbered(where[0], entry, expr):
                return None
            inner = self.rows(entry.test, (where[0], max(entry.parent, 0), entry.start), depth + 1)
            if entry.is_async and (inner is None or not inner.by_async_for):
                return None
            return replace(inner, many=False) if inner is not None and inner.many and not inner.is_taken else None
        return _together(self._of_binding(where[0], each.entry, each.block, each.start, expr, depth) for each in found)

    def _of_binding(self, module: Module, entry: object, block: int, at: int, name: f.Name, depth: int) -> Rows | None:
        if not isinstance(entry, f.Assign) or entry.target != name or entry.value is None:
            return None
        if module.facts.blocks[block].function < 0:
            return None
        if entry.value == _EMPTY:
            return self._of_filled(module, module.facts.blocks[block].function, name, depth)
        return self.rows(entry.value, (module, block, at), depth + 1)

    def _of_filled(self, module: Module, function: int, name: f.Name, depth: int) -> Rows | None:
        """The rows that are put one by one into a list that begins empty."""
        filling = [
            call
            for call in module.functions[function].calls
            if isinstance(call.func, f.Attr) and call.func.value == name and call.func.attr in _FILLING
        ]
        if any(f.last_name(call.func) != "append" or len(call.args) != 1 for call in filling):
            return None
        found = _together(
            self.rows(call.args[0].value, (module, call.block, call.start), depth + 1) for call in filling
        )
        return replace(found, many=True) if found is not None and not found.many else None

    def _of_attribute(self, expr: f.Attr, where: Where, depth: int) -> Rows | None:
        """The members of a relationship of an object that was loaded."""
        above = self.rows(expr.value, where, depth + 1)
        if above is None or above.is_taken or above.many:
            return None
        entity = self.entity(expr.value, where, above)
        model = self._project.orm.of(entity) if entity is not None else None
        relationship = model.relationship(expr.attr) if model is not None else None
        if relationship is None or relationship.target is None:
            return None
        return Rows((relationship.target,), above.eager, True, above.is_async, place=above.place)

    def entity(self, expr: f.Expr, where: Where, rows: Rows | None) -> Class | None:
        """The mapped class of an object, by its type or by the query that it comes from."""
        owner = self._project.infer(expr, *where)
        if isinstance(owner, Instance) and isinstance(owner.cls, Class):
            return owner.cls
        return rows.entities[0] if rows is not None and len(rows.entities) == 1 else None

    def _of_comprehension(self, module: Module, index: int, element: f.Expr, depth: int) -> Rows | None:
        block = module.facts.blocks[index]
        if block.test is None:
            return None
        found = self.rows(block.test, (module, max(block.parent, 0), block.start), depth + 1)
        if found is None or not found.many or (block.is_async and not found.by_async_for):
            return None
        return found if element == block.target else replace(found, is_taken=True)

    def _of_call(self, module: Module, call: f.Call, depth: int) -> Rows | None:
        where = (module, call.block, call.start)
        callee = self._project.callee(module, call)
        if isinstance(callee, External) and callee.name in _COPIES and call.args:
            return self.rows(call.args[-1 if callee.name == "filter" else 0].value, where, depth + 1)
        if isinstance(callee, FunctionObject):
            return self._of_function(callee.function, depth)
        if not isinstance(call.func, f.Attr):
            return None
        name, receiver = call.func.attr, call.func.value
        types = self._project.types
        owner = types.infer(receiver, where)
        if is_session_like(types, owner):
            return self._asked(module, call, name, depth, is_async=is_async_session(types, owner))
        if name == "fetch" and types.is_instance(owner, *_ASYNCPG):
            return Rows((), frozenset(), True, True, place=(module, call))
        if gives_documents(types, module, call):
            return Rows((), frozenset(), True, True, place=(module, call), are_documents=True)
        if (query := asked(types, module, call)) is not None:
            if not query.gives_rows:
                return None
            return Rows((), query.along, query.many, True, query.is_taken, (module, call), record=query.model)
        if name not in KEEP and name not in _FIRST and not keeps_documents(call) and not keeps_records(call):
            return None
        found = self.rows(receiver, where, depth + 1)
        if found is None or (found.are_documents and not keeps_documents(call)):
            return None
        if found.record is not None:
            return replace(found, eager=joined(found.eager, along((call,)))) if keeps_records(call) else None
        if name == "options":
            return replace(found, eager=joined(found.eager, self._selecting.options(module, call)))
        if name in _FIRST:
            return replace(found, many=False) if found.many else found
        return found

    def _asked(self, module: Module, call: f.Call, name: str, depth: int, *, is_async: bool) -> Rows | None:
        """What a method of a session gives."""
        where = (module, call.block, call.start)
        place = module, call
        if name == "query":
            entities = tuple(self._selecting.mapped(arg.value, where) for arg in call.args)
            known = tuple(each for each in entities if each is not None)
            return Rows(known, frozenset(), True, is_async, len(known) < len(entities), place)
        if not call.args or (name not in _GIVE_MANY and name not in _GIVE_ONE):
            return None
        if name in ("get", "get_one"):
            entity = self._selecting.mapped(call.args[0].value, where)
            given = f.keyword(call, "options")
            eager = frozenset[str]() if given is None else self._selecting.listed(module, given.value, where)
            return Rows((entity,), eager, False, is_async, place=place) if entity is not None else None
        given = f.keyword(call, "statement") or call.args[0]
        selected = self._selecting.statement(given.value, where, depth + 1)
        if selected is None:
            return None
        many = name in _GIVE_MANY
        return Rows(selected.entities, selected.eager, many, is_async, not selected.entities, place)

    def _of_function(self, function: Function, depth: int) -> Rows | None:
        """What a function of the project gives back, when all that it gives back is of queries."""
        if function.is_generator:
            return None
        values = [
            self.rows(leave.value, (function.module, leave.block, leave.start), depth + 2)
            for leave in function.exits
            if leave.kind == "return" and leave.value is not None and not isinstance(leave.value, (f.Const, f.Display))
        ]
        return _together(values)

    # ---------------------------------------------------------------- relationships

    def is_single(self, relationship: Relationship) -> bool:
        """Whether a relationship leads to one object that the session may hold already: many-to-one."""
        heads = {f.last_name(part) for part in walk(relationship.annotation)}
        if relationship.annotation is not None and not heads.isdisjoint(_COLLECTIONS):
            return False
        if any(arg.name == "uselist" and arg.value == f.Const(True) for arg in relationship.call.args):
            return False
        model = self._project.orm.of(relationship.owner)
        target = self._project.orm.of(relationship.target) if relationship.target is not None else None
        if model is None or target is None:
            return True
        tables = {(column.foreign_key or "").rpartition(".")[0] for column in model.columns if column.foreign_key}
        return target.tablename is None or target.tablename in tables or "" in tables

    def named_in_options(self, function: Function) -> frozenset[str] | None:
        """The relationships that a body names in options of queries, or gives to `refresh`; None when not all of them
        can be read."""
        names: set[str] = set()
        for call in function.calls:
            last = f.last_name(call.func)
            if last in LOADERS:
                names |= {part.attr for arg in call.args for part in walk(arg.value) if isinstance(part, f.Attr)}
            if last == "refresh" and len(call.args) > 1:
                given = call.args[1].value
                if not isinstance(given, f.Display):
                    return None
                names |= {str(item.value) for item in given.items if isinstance(item, f.Const)}
        return frozenset(names)


def _is_numbered(module: Module, loop: f.Block, name: f.Name) -> bool:
    """Whether a name is the item of a loop over `enumerate(rows)`."""
    test, target = loop.test, loop.target
    if not isinstance(test, f.CallRef) or not isinstance(target, f.Display) or len(target.items) != 2:
        return False
    return target.items[1] == name and module.facts.calls[test.index].func == f.Name("enumerate")


def _is_added(module: Module, call: f.Call, row: f.Expr) -> bool:
    """Whether the function around a call adds a row to the same session: what is read of it then is part of a write."""
    function = module.enclosing(call.block)
    added = f.Attr(call.func.value, "add") if isinstance(call.func, f.Attr) else None
    return function is not None and any(
        each.func == added and any(arg.value == row for arg in each.args) for each in function.calls
    )


def _together(found: Iterable[Rows | None] | Iterator[Rows | None]) -> Rows | None:
    """What several expressions give that one name may stand for: None when one of them is not known."""
    every = list(found)
    if not every or None in every:
        return None
    known = [each for each in every if each is not None]
    first = known[0]
    for one in known[1:]:
        if one.entities != first.entities or one.many != first.many:
            return None
        first = replace(first, eager=joined(first.eager, one.eager), is_taken=first.is_taken or one.is_taken)
    return first
