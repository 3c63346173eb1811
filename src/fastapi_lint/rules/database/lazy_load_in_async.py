"""FAPI515: relationships of async sessions that nothing has loaded when they are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fastapi_lint.finding import Finding, Related, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Function, Instance, Module
from fastapi_lint.model.data import response_types
from fastapi_lint.model.database import Relationship, Rows, classes_of, is_async_session
from fastapi_lint.model.names import attributes_of, evaluated, walk
from fastapi_lint.model.types import PROPERTIES, Where
from fastapi_lint.rule import Check, rule

_FLUSHES = frozenset({"flush", "commit"})
_JOINS = frozenset({"join", "outerjoin", "select_from"})
"""What names a class in a query without loading it."""
_FACTORIES = ("async_sessionmaker", "sessionmaker", "AsyncSession")
_VALIDATES = frozenset({"model_validate", "from_orm", "parse_obj"})


@dataclass(frozen=True)
class _Loaded:
    """An object that a query gave, or that the function made and flushed: what is loaded of it, and where."""

    entity: Class
    eager: frozenset[str]
    since: f.Call
    module: Module
    is_made: bool = False
    given: frozenset[str] = frozenset()
    """The attributes that one that was made got."""


@rule("FAPI515", severity=Severity.ERROR, since="0.2.0")
def lazy_load_in_async(function: Function, check: Check) -> Iterator[Finding]:
    """A relationship is read that the query of an `AsyncSession` has not loaded.

    Why is this bad?
    Reading it would run a query in the middle of an attribute access, where nothing can be awaited: SQLAlchemy raises
    `MissingGreenlet`. The same happens when a response model, or `model_validate`, reads it.

    Add `selectinload` (for collections) or `joinedload` to the options of the query, read it through
    `await obj.awaitable_attrs.name`, or have `refresh` load it by name.

    Known limits
    The making and the flush of the object have to stand in the same function, and so does the query, unless an endpoint
    reads what a function of the project gives it. A many-to-one whose target the function has loaded or is given, what
    any option or `refresh` names in code that runs for the request, and relationships that are loaded eagerly by their
    own definition are left alone.

    References
    - [SQLAlchemy: preventing implicit I/O](https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#preventing-implicit-io-when-using-asyncsession)
    """
    module = function.module
    if not function.is_async or module.is_test or not module.mentions("await"):
        return
    relationships = check.project.orm.relationship_names
    named = check.project.loading.named_in_options(function) if relationships else None
    if named is None:
        return
    told: set[tuple[str, str]] = set()
    targets = {(entry.start, entry.target) for entry in module.assigns_in.get(function.index, ())}
    read = [each for each in attributes_of(function) if each[0].attr in relationships and each[0].attr not in named]
    for part, block, at in sorted(read, key=lambda each: each[2]):
        if (at, part) in targets:
            continue
        found = _of_object(part.value, part.attr, (module, block, at), function, check)
        key = (_text(part.value), part.attr)
        if found is None or key in told:
            continue
        relationship = _lazy(found, part.attr, function, check)
        if relationship is not None:
            told.add(key)
            place = _place(function, at, part)
            yield _finding(place, f"`{_text(part.value)}.{part.attr}` is not loaded", found, relationship, check)
    yield from _validated(function, named, check)
    yield from _answered(function, named, check)


def _finding(at: tuple[int, int], title: str, found: _Loaded, relationship: Relationship, check: Check) -> Finding:
    name = f"{relationship.owner.name}.{relationship.name}"
    by_query = f"add `.options(selectinload({name}))` to the query, or read it through `awaitable_attrs`"
    by_refresh = f'load it: `await session.refresh(..., ["{relationship.name}"])`'
    said = "it is flushed here" if found.is_made else "its query"
    related: list[Related] = [check.related((found.since.start, found.since.name_end), said, module=found.module)]
    return check.finding(
        at,
        title,
        why="an `AsyncSession` does not load it on access: it raises MissingGreenlet",
        instead=by_refresh if found.is_made else by_query,
        related=related,
    )


def _of_object(expr: f.Expr, attr: str, where: Where, function: Function, check: Check) -> _Loaded | None:
    """The object that an expression stands for, if the function itself has loaded or made it with an async session."""
    if not isinstance(expr, (f.Name, f.Attr)) or (isinstance(expr, f.Attr) and expr.attr == "awaitable_attrs"):
        return None
    rows = check.project.loading.rows(expr, where)
    if rows is not None:
        entity = check.project.loading.entity(expr, where, rows)
        if rows.many or rows.is_taken or not rows.is_async or rows.eager is None or rows.place is None:
            return None
        if entity is None or not _is_followed(rows.place, attr, function, check):
            return None
        return _Loaded(entity, rows.eager, rows.place[1], rows.place[0])
    return _made(expr, attr, where, function, check) if isinstance(expr, f.Name) else None


def _is_followed(place: tuple[Module, f.Call], attr: str, function: Function, check: Check) -> bool:
    """Whether a query stands in the function itself, or it is an endpoint for which nothing names the attribute."""
    home = place[0].enclosing(place[1].block)
    if home is function:
        return True
    routes = check.project.routes.by_handler.get(function, ())
    code = check.project.requests.of(routes[0]) if routes else None
    if code is None or home not in code.functions:
        return False
    named = (check.project.loading.named_in_options(each) for each in code.functions)
    return all(names is not None and attr not in names for names in named)


def _made(expr: f.Name, attr: str, where: Where, function: Function, check: Check) -> _Loaded | None:
    """An object that the function has made, added and flushed before a place, without touching an attribute."""
    module, _, at = where
    found = check.project.types.find_bindings(expr.id, where)
    entry = found[0].entry if len(found) == 1 else None
    if not isinstance(entry, f.Assign) or not isinstance(entry.value, f.CallRef) or entry.target != expr:
        return None
    call = module.facts.calls[entry.value.index]
    made = check.project.callee(module, call)
    if not isinstance(made, ClassObject) or check.project.orm.of(made.cls) is None:
        return None
    if any(arg.name in (attr, "*", "**") for arg in call.args):
        return None
    added: f.Call | None = None
    for each in function.calls:
        if not isinstance(each.func, f.Attr) or not call.end <= each.start < at:
            continue
        owner = check.project.infer(each.func.value, module, each.block, each.start)
        if not is_async_session(check.project.types, owner):
            continue
        if each.func.attr in ("add", "add_all") and any(expr in walk(arg.value) for arg in each.args):
            added = each
        elif each.func.attr in _FLUSHES and added is not None and each.awaited:
            touched = any(
                f.Attr(expr, attr) in walk(part) for part, _, start in evaluated(function) if start < each.start
            )
            given = {arg.name for arg in call.args} | {
                entry.target.attr
                for entry in module.assigns_in.get(function.index, ())
                if isinstance(entry.target, f.Attr) and entry.target.value == expr and entry.start < at
            }
            return None if touched else _Loaded(made.cls, frozenset(), each, module, True, frozenset(given))
    return None


def _lazy(found: _Loaded, attr: str, function: Function, check: Check) -> Relationship | None:
    """The relationship that an attribute is, when nothing has loaded it."""
    model = check.project.orm.of(found.entity)
    relationship = model.relationship(attr) if model is not None else None
    if relationship is None or not relationship.loads_on_access or attr in found.eager:
        return None
    if check.project.loading.is_single(relationship):
        if _may_be_held(relationship, found, function, check) or _is_empty(relationship, found, check):
            return None
    return relationship


def _is_empty(relationship: Relationship, found: _Loaded, check: Check) -> bool:
    """Whether a many-to-one of what was made leads nowhere: without its key it is None, and no query runs.

    After a commit that is so where sessions do not expire their objects.
    """
    model = check.project.orm.of(found.entity)
    target = check.project.orm.of(relationship.target) if relationship.target is not None else None
    if not found.is_made or model is None or target is None:
        return False
    keys = [column for column in model.columns if (column.foreign_key or "").rpartition(".")[0] == target.tablename]
    if not keys or any(column.name in found.given or column.keyword("default") for column in keys):
        return False
    return f.last_name(found.since.func) == "flush" or any(
        (option := f.keyword(call, "expire_on_commit")) is not None and option.value == f.Const(False)
        for name in _FACTORIES
        for _, call in check.project.routes.expansion.objects.callers(name)
    )


def _may_be_held(relationship: Relationship, found: _Loaded, function: Function, check: Check) -> bool:
    """Whether the session may hold the target of a many-to-one: the function, or a dependency, has loaded one."""
    if relationship.target is None:
        return True
    types, target = check.project.types, relationship.target
    routes = check.project.routes.by_handler.get(function, ())
    code = check.project.requests.of(routes[0]) if routes else None
    for each in (function, *(code.functions if code is not None else ())):
        if relationship.name in (check.project.loading.named_in_options(each) or ()):
            return True
        for param in each.params:
            given = types.parameter(each, param)
            if each is function and (given is None or target in classes_of(given)):
                return True
        for call in each.calls:
            if call is found.since or f.last_name(call.func) in _JOINS:
                continue
            if any(_is_class(arg.value, target, each, call, check) for arg in call.args):
                return True
    return False


def _is_class(expr: f.Expr, cls: Class, function: Function, call: f.Call, check: Check) -> bool:
    if not isinstance(expr, (f.Name, f.Attr)):
        return False
    value = check.project.infer(expr, function.module, call.block, call.start)
    return isinstance(value, ClassObject) and value.cls is cls


def _validated(function: Function, named: frozenset[str], check: Check) -> Iterator[Finding]:
    """Objects that `model_validate` reads into a schema with a relationship."""
    module = function.module
    for call in function.calls:
        if f.last_name(call.func) not in _VALIDATES or not isinstance(call.func, f.Attr) or not call.args:
            continue
        owner = check.project.infer(call.func.value, module, call.block, call.start)
        if isinstance(owner, ClassObject):
            where = (module, call.block, call.start)
            at = (call.start, call.name_end)
            yield from _read_by(owner.cls, call.args[0].value, where, at, function, named, check)


def _answered(function: Function, named: frozenset[str], check: Check) -> Iterator[Finding]:
    """Objects that an endpoint returns for a response model with a relationship."""
    for route in check.project.routes.by_handler.get(function, ())[:1]:
        classes: set[Class] = {
            cls
            for one in response_types(check.project.schemas, route)
            for cls in classes_of(one)
            if check.project.schemas.of(cls) and not check.project.orm.is_orm(cls)
        }
        if len(classes) != 1:
            continue
        for leave in function.exits:
            if leave.kind == "return" and leave.value is not None:
                where = (function.module, leave.block, leave.start)
                at = (leave.start, leave.end)
                yield from _read_by(next(iter(classes)), leave.value, where, at, function, named, check)


def _read_by(
    cls: Class,
    expr: f.Expr,
    where: Where,
    at: tuple[int, int],
    function: Function,
    named: frozenset[str],
    check: Check,
) -> Iterator[Finding]:
    schema = check.project.schemas.of(cls)
    if schema is None:
        return
    rows = check.project.loading.rows(expr, where)
    fields = (one.name for one in schema.fields if not {"validation_alias", "alias"} & {*one.keywords})
    told: set[str] = set()
    for name, attr in _attributes(fields, expr, where, rows, check):
        if attr in named or attr in told:
            continue
        found = _of_object(expr, attr, where, function, check)
        is_whole = rows is not None and (rows.many or isinstance(expr, (f.Await, f.CallRef)))
        if found is None and rows is not None and is_whole and not rows.is_taken and rows.is_async:
            entity, place = rows.entities[0] if len(rows.entities) == 1 else None, rows.place
            if entity is not None and rows.eager is not None and place is not None:
                if _is_followed(place, attr, function, check):
                    found = _Loaded(entity, rows.eager, place[1], place[0])
        relationship = _lazy(found, attr, function, check) if found is not None else None
        if found is not None and relationship is not None:
            told.add(attr)
            owner = relationship.owner.name
            title = f"`{cls.name}` reads `{owner}.{attr}`, which is not loaded"
            if name != attr:
                title = f"`{cls.name}` reads `{owner}.{name}`, and that `{attr}`, which is not loaded"
            yield _finding(at, title, found, relationship, check)


def _attributes(
    fields: Iterable[str], expr: f.Expr, where: Where, rows: Rows | None, check: Check
) -> Iterator[tuple[str, str]]:
    """The relationships that fields of a schema read, each with the field: by its name, or by a property of that name
    that reads one each time."""
    relationships = check.project.orm.relationship_names
    value = check.project.types.infer(expr, where) if rows is None else None
    entities = rows.entities if rows is not None else ()
    entity = entities[0] if len(entities) == 1 else value.cls if isinstance(value, Instance) else None
    for name in fields:
        if name in relationships:
            yield name, name
        elif isinstance(entity, Class) and (method := entity.methods.get(name)) is not None:
            if not PROPERTIES.isdisjoint(check.project.types.decorators(method)):
                found = attributes_of(method)
                read = {part.attr for part, block, _ in found if block == method.facts.block and _is_own(part)}
                yield from ((name, attr) for attr in sorted(read & relationships))


def _is_own(part: f.Attr) -> bool:
    return part.value == f.Name("self")


def _text(expr: f.Expr) -> str:
    return f"{_text(expr.value)}.{expr.attr}" if isinstance(expr, f.Attr) else f.last_name(expr)


def _place(function: Function, at: int, part: f.Attr) -> tuple[int, int]:
    """Where an attribute is read, in the expression that begins at a place."""
    shown = f"{_text(part.value)}.{part.attr}".encode()
    found = re.compile(re.escape(shown) + rb"\b").search(function.module.text, at, function.facts.end)
    return found.span() if found is not None else (at, at + 1)
