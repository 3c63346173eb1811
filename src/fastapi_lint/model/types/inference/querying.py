"""What queries of SQLAlchemy and SQLModel give: the mapped class that a statement selects, through results.

Known is one class alone (`select(User)`, `session.query(User)`, `session.get(User, 1)`); rows of several things,
columns and what is not seen are unknown.
"""

from __future__ import annotations

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.names.symbols import Class, ClassObject, Coroutine, Instance, Module, Type
from fastapi_lint.model.types.inference.questions import Questions, Where

_SESSIONS = (
    "sqlalchemy.orm.Session",
    "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.ext.asyncio.async_scoped_session",
)
_ASKING = frozenset({"get", "get_one", "scalar", "execute", "exec", "scalars", "query"})
_RESULTS = {
    "execute": "sqlalchemy.Result", "exec": "sqlalchemy.Result", "scalars": "sqlalchemy.ScalarResult",
}  # fmt: skip
_ROWS = frozenset({"sqlalchemy.Result", "sqlalchemy.ScalarResult", "sqlalchemy.orm.Query"})
_SCALAR = frozenset({"scalar", "scalar_one", "scalar_one_or_none"})
_ONE = frozenset({"first", "one", "one_or_none", "get"})
_ALL = frozenset({"all", "fetchall"})
_SAME = frozenset({"unique", "yield_per", "execution_options"})
_OF_STATEMENTS = frozenset({
    "where", "filter", "filter_by", "order_by", "limit", "offset", "options", "join", "outerjoin", "distinct",
    "group_by", "having", "with_for_update", "execution_options", "select_from", "join_from", "slice",
})  # fmt: skip
_TABLE = frozenset({"__tablename__", "__table__"})
_OTHERS = frozenset({"with_entities", "add_columns", "add_entity", "values"})
"""Methods of a query after which it gives something else."""
FOUND = "beanie.odm.queries.find.FindMany"
_DEEPEST = 30


class Querying(Questions):
    """What queries give."""

    def queried(self, cls: str, name: str, owner: Instance | ClassObject | None, call: f.Call, where: Where) -> Type:
        """What a method of a session, query or result gives that has to do with one mapped class; None for the rest."""
        if cls in _ROWS:
            return self._taken_of(cls, name, owner)
        if cls == FOUND:
            return self._found(name, owner, call)
        if name not in _ASKING or not catalog.is_below(cls, _SESSIONS):
            return None
        given = next((arg.value for arg in call.args if arg.name in ("", "entity", "statement")), None)
        made: Type = None
        if name in ("get", "get_one") and given is not None:
            made = self._mapped(given, where)
        elif name == "scalar" and given is not None:
            made = self._selected(given, where)
        elif name in _RESULTS and given is not None and (entity := self._selected(given, where)) is not None:
            is_plain = name == "exec"  # of SQLModel, which gives the objects and no rows
            made = Instance("sqlalchemy.ScalarResult" if is_plain else _RESULTS[name], (entity,))
        elif name == "query" and len(call.args) == 1 and given is not None and catalog.is_below(cls, _SESSIONS[:1]):
            entity = self._mapped(given, where)
            return Instance("sqlalchemy.orm.Query", (entity,)) if entity is not None else None
        is_async = catalog.awaitable_method(cls, name) is not None
        return Coroutine(made) if made is not None and is_async else made

    @staticmethod
    def _taken_of(cls: str, name: str, owner: Instance | ClassObject | None) -> Type:
        if not isinstance(owner, Instance) or len(owner.args) != 1 or owner.args[0] is None:
            return None
        entity = owner.args[0]
        if name in _OTHERS:
            return Instance(cls)
        if name in _SAME:
            return owner
        if name == "scalars":
            return Instance("sqlalchemy.ScalarResult", (entity,))
        if name in _SCALAR:
            return entity
        if cls == "sqlalchemy.Result":
            return None  # rows of one object each
        return entity if name in _ONE else Instance("list", (entity,)) if name in _ALL else None

    @staticmethod
    def found_by(owner: ClassObject, given: str, call: f.Call) -> Type:
        """What a query on a class of documents gives that a library declares with `given`: such a document, or many."""
        if any(arg.name in ("projection_model", "**") for arg in call.args):
            return None
        document = Instance(owner.cls, owner.args)
        return Instance(FOUND, (document,)) if given == FOUND else document

    @staticmethod
    def _found(name: str, owner: Instance | ClassObject | None, call: f.Call) -> Type:
        """The same of methods of a query: `User.find(...).sort("name").to_list()`."""
        if not isinstance(owner, Instance) or len(owner.args) != 1:
            return None
        if name == "project" or any(arg.name == "projection_model" for arg in call.args):
            return Instance(FOUND)
        if name == "to_list":
            return Coroutine(Instance("list", owner.args))
        return Coroutine(owner.args[0]) if name == "first_or_none" else None

    def _mapped(self, expr: f.Expr, where: Where) -> Type:
        """An object of the mapped class that an expression names."""
        value = self.infer(expr, where)
        return Instance(value.cls) if isinstance(value, ClassObject) and self._is_table(value.cls) else None

    def is_mapped_query(self, call: f.Call, where: Where) -> bool:
        """Whether an unknown object is asked for mapped classes or their columns: only a synchronous session has that.

        `AsyncSession` has no `query`, and no other library takes SQLAlchemy's classes for one.
        """
        asked = [arg.value for arg in call.args]
        if not asked or any(arg.name for arg in call.args):
            return False
        for expr in asked:
            value = self.infer(expr, where)
            if isinstance(expr, f.Attr) and not isinstance(value, ClassObject):  # a column, not a class of a module
                value = self.infer(expr.value, where)
            if not isinstance(value, ClassObject) or not self._is_table(value.cls):
                return False
        return True

    def _is_table(self, cls: Class) -> bool:
        order = self.mro(cls)
        if any(isinstance(base, str) and base.startswith("sqlmodel.") for base in order):
            return True
        return any(isinstance(base, Class) and not _TABLE.isdisjoint(base.assigns) for base in order) and any(
            isinstance(base, str) and (base.startswith("sqlalchemy.") or base == "?") for base in order
        )

    def _selected(self, expr: f.Expr | None, where: Where, depth: int = 0) -> Type:
        """An object of the one mapped class that a statement selects."""
        module = where[0]
        if depth > _DEEPEST:
            return None
        match expr:
            case f.Name(id=name):
                return self._of_name(name, where, depth)
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                at = (module, call.block, call.start)
                if isinstance(call.func, f.Attr) and call.func.attr in _OF_STATEMENTS:
                    return self._selected(call.func.value, at, depth + 1)
                if f.last_name(call.func) != "select" or len(call.args) != 1 or call.args[0].name:
                    return None
                made = self.name_of_type(self.callee(module, call)) or ""
                return self._mapped(call.args[0].value, at) if made.startswith(("sqlalchemy.", "sqlmodel.")) else None
        return None

    def _of_name(self, name: str, where: Where, depth: int) -> Type:
        """As `_selected`, of a statement that a variable holds; it may be built further by its own name."""
        module = where[0]
        found = [(each.entry, each.block, each.start) for each in self.find_bindings(name, where)]
        if all(_builds_upon(entry, name, module) for entry, _, _ in found):
            function = module.facts.blocks[where[1]].function
            all_of_them = module.assigns_in.get(function, ())
            found = [(each, each.block, each.start) for each in all_of_them if name in target_names(each.target)]
        made = [
            self._selected(entry.value, (module, block, start), depth + 1)
            if isinstance(entry, f.Assign) and entry.target == f.Name(name)
            else None
            for entry, block, start in found
            if not _builds_upon(entry, name, module)
        ]
        return self.agree(made)


def _builds_upon(entry: object, name: str, module: Module) -> bool:
    """Whether a statement is made of itself: `query = query.where(...)`."""
    value = entry.value if isinstance(entry, f.Assign) else None
    while isinstance(value, f.CallRef) and isinstance(func := module.facts.calls[value.index].func, f.Attr):
        if func.attr not in _OF_STATEMENTS:
            return False
        value = func.value
    return value == f.Name(name)
