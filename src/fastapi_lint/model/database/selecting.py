"""What a `select` says: of which mapped classes it gives rows, and which relationships it loads with them.

A statement is followed to where it is made. Options that cannot be read count as loading everything (None).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, External, FunctionObject, Module
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


LOADERS = frozenset({
    "joinedload", "selectinload", "subqueryload", "immediateload", "contains_eager", "raiseload", "noload",
})  # fmt: skip
"""Options by which a query says how a relationship is loaded."""
KEEP = frozenset({
    "all", "scalars", "unique", "mappings", "tuples", "fetchall", "fetchmany", "columns", "filter", "filter_by",
    "where", "order_by", "group_by", "having", "limit", "offset", "slice", "join", "outerjoin", "join_from",
    "select_from", "distinct", "options", "execution_options", "with_for_update", "with_entities", "add_columns",
    "correlate", "populate_existing", "enable_eagerloads", "copy", "values",
})  # fmt: skip
"""Methods of queries, statements and results after which it is still about the same rows."""
_DEEPEST = 14


class Selected(NamedTuple):
    """What a statement says: mapped classes, and options."""

    entities: tuple[Class, ...]
    eager: frozenset[str] | None


class Selecting:
    """Answers "what does this statement select"."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def statement(self, expr: f.Expr | None, where: Where, depth: int) -> Selected | None:
        """What a `select` selects, with its options; None when it is not seen."""
        if depth > _DEEPEST:
            return None
        match expr:
            case f.Choice(options=options):
                return _agreed(self.statement(option, where, depth + 1) for option in options)
            case f.Name() | f.Attr():
                found = list(self._project.values.definitions(expr, where))
                if not found and isinstance(expr, f.Name):
                    return self._refined(expr, where, depth)
                return _agreed(self.statement(value, place, depth + 1) for value, place in found)
            case f.CallRef(index=index):
                call = where[0].facts.calls[index]
                return self._selected(where[0], call, depth)
        return None

    def _refined(self, name: f.Name, where: Where, depth: int) -> Selected | None:
        """What a variable selects that conditions bind again to some of it: `if tag: query = query.where(...)`."""
        module = where[0]
        bases: list[Selected | None] = []
        further: list[tuple[f.Call, frozenset[str] | None]] = []
        for each in self._project.types.find_bindings(name.id, where):
            entry = each.entry
            if not isinstance(entry, f.Assign) or entry.target != name or entry.op != "=":
                return None
            added = self._added(module, entry.value, name)
            if added is None:
                bases.append(self.statement(entry.value, (module, each.block, each.start), depth + 1))
            else:
                further.append(added)
        if not bases and further:  # each branch refines what was there before
            first = further[0][0]
            bases.append(self.statement(name, (module, first.block, first.start), depth + 2))
        base = _agreed(bases)
        return base and Selected(base.entities, reduce(joined, (eager for _, eager in further), base.eager))

    def _added(self, module: Module, expr: f.Expr | None, name: f.Name) -> tuple[f.Call, frozenset[str] | None] | None:
        """What methods add to a statement that has a name: the call on that name, and the options; None where it is
        something else."""
        eager: frozenset[str] | None = frozenset()
        while isinstance(expr, f.CallRef):
            call = module.facts.calls[expr.index]
            if not isinstance(call.func, f.Attr) or call.func.attr not in KEEP:
                return None
            if call.func.attr == "options":
                eager = joined(eager, self.options(module, call))
            expr = call.func.value
            if expr == name:
                return call, eager
        return None

    def _selected(self, module: Module, call: f.Call, depth: int) -> Selected | None:
        where = (module, call.block, call.start)
        callee = self._project.callee(module, call)
        if isinstance(callee, External):
            if not callee.name.startswith(("sqlalchemy.", "sqlmodel.")) or not callee.name.endswith(".select"):
                return None
            entities = tuple(self.mapped(arg.value, where) for arg in call.args)
            return Selected(tuple(each for each in entities if each is not None), frozenset())
        if isinstance(callee, FunctionObject):
            exits = [leave for leave in callee.function.exits if leave.kind == "return" and leave.value is not None]
            home = callee.function.module
            return _agreed(self.statement(each.value, (home, each.block, each.start), depth + 2) for each in exits)
        if not isinstance(call.func, f.Attr):
            return None
        inner = self.statement(call.func.value, where, depth + 1)
        if inner is None or call.func.attr not in KEEP:
            return None
        if call.func.attr == "options":
            return Selected(inner.entities, joined(inner.eager, self.options(module, call)))
        return inner

    def mapped(self, expr: f.Expr, where: Where) -> Class | None:
        """The mapped class that an expression names."""
        value = self._project.infer(expr, *where)
        if isinstance(value, ClassObject) and self._project.orm.is_orm(value.cls):
            return value.cls
        return None

    def options(self, module: Module, call: f.Call) -> frozenset[str] | None:
        """The relationships that `.options(...)` names; None when not all of them can be read."""
        where = (module, call.block, call.start)
        found: frozenset[str] | None = frozenset()
        for arg in call.args:
            found = joined(found, None if arg.name else self._option(module, arg.value, where))
        return found

    def listed(self, module: Module, expr: f.Expr, where: Where) -> frozenset[str] | None:
        """As `options`, of those that stand in a list."""
        if not isinstance(expr, f.Display):
            return None
        found: frozenset[str] | None = frozenset()
        for item in expr.items:
            found = joined(found, self._option(module, item, where))
        return found

    def _option(self, module: Module, expr: f.Expr, where: Where) -> frozenset[str] | None:
        """The relationships that `selectinload(User.items).joinedload(Item.tags)` names; None when not known."""
        names: set[str] = set()
        current = expr
        while isinstance(current, f.CallRef):
            call = module.facts.calls[current.index]
            name = f.last_name(call.func)
            if name in LOADERS:
                for arg in call.args:
                    attribute = arg.value
                    while isinstance(attribute, f.CallRef):  # User.items.of_type(...), User.items.and_(...)
                        func = module.facts.calls[attribute.index].func
                        attribute = func.value if isinstance(func, f.Attr) else f.Unknown()
                    if isinstance(attribute, f.Attr):
                        names.add(attribute.attr)
                    elif arg.name not in ("innerjoin", "alias", "sql_only", "recursion_depth"):
                        return None
            elif name in ("load_only", "defer", "undefer", "lazyload", "defaultload", "options", "with_expression"):
                if name == "options":
                    return None
            else:
                return None
            if not isinstance(call.func, f.Attr):
                break
            owner = call.func.value
            if not isinstance(owner, f.CallRef):
                break
            current = owner
        return frozenset(names) if isinstance(expr, f.CallRef) else None


def joined(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """The names of both; None when one of them is not known."""
    return None if one is None or other is None else one | other


def _agreed(found: Iterable[Selected | None]) -> Selected | None:
    """What several statements have in common that one expression may be; the options of all of them."""
    every = list(found)
    if not every or None in every:
        return None
    known = [each for each in every if each is not None]
    eager = known[0].eager
    for one in known[1:]:
        if one.entities != known[0].entities:
            return None
        eager = joined(eager, one.eager)
    return Selected(known[0].entities, eager)
