"""Of which mapped class a row is that was loaded or made: by its type, or by the query that gave it. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, FunctionObject, Instance
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

MAPPERS = ("tortoise.", "peewee.", "ormar.", "django.", "beanie.", "gino.", "piccolo.", "mongoengine.", "odmantic.")
"""Libraries whose classes are mapped besides those of SQLAlchemy and SQLModel."""
_RUNS = frozenset({"execute", "exec", "scalar", "scalars", "stream_scalars", "scalar_one", "fetch_one"})
_NAMES = frozenset({"select", "query", "get", "get_one", "merge", "find_one"})
_DEEPEST = 14


def is_mapped(project: Project, cls: Class) -> bool:
    """Whether objects of a class are rows of a table."""
    if project.orm.is_orm(cls):
        return True
    return any(isinstance(base, str) and base.startswith(MAPPERS) for base in project.types.mro(cls))


def row_class(project: Project, expr: f.Expr | None, where: Where, depth: int = 0) -> Class | None:
    """The mapped class that an expression is, or is a row of; None when it is none, or not known."""
    if expr is None or depth > _DEEPEST:
        return None
    kind = project.infer(expr, *where)
    if isinstance(kind, (ClassObject, Instance)) and isinstance(kind.cls, Class):
        return kind.cls if is_mapped(project, kind.cls) else None
    match expr:
        case f.Await(value=value) | f.Star(value=value):
            return row_class(project, value, where, depth + 1)
        case f.Sub(value=value, items=(f.Const(value=int()),)):
            return row_class(project, value, where, depth + 1)
        case f.Choice(options=options):
            return next((found for each in options if (found := row_class(project, each, where, depth + 1))), None)
        case f.Name(id=name):
            return _bound(project, name, where, depth)
        case f.CallRef(index=index):
            return _called(project, where[0].facts.calls[index], where, depth)
    return None


def _bound(project: Project, name: str, where: Where, depth: int) -> Class | None:
    module = where[0]
    for binding in project.types.find_bindings(name, where)[:4]:
        match binding.entry:
            case f.Assign(target=f.Name(), value=value) as assign if value is not None:
                found = row_class(project, value, (module, assign.block, assign.start), depth + 1)
            case f.Block(kind="for" | "comprehension", target=f.Name(), test=test) as block:
                found = row_class(project, test, (module, block.parent, block.start), depth + 1)
            case _:
                continue
        if found is not None:
            return found
    return None


def _called(project: Project, call: f.Call, where: Where, depth: int) -> Class | None:
    """The class of what a call loads: of `select(User)` down its chain, or of a function by what it returns."""
    module = where[0]
    place = (module, call.block, call.start)
    callee = project.callee(module, call)
    if isinstance(callee, FunctionObject):
        function = callee.function
        for leave in function.exits:
            if leave.kind == "return" and leave.value is not None:
                inner = (function.module, leave.block, leave.start)
                if (found := row_class(project, leave.value, inner, depth + 2)) is not None:
                    return found
        return None
    name = f.last_name(call.func)
    first = call.args[0].value if call.args and call.args[0].name in ("", "entity", "statement") else None
    if name in _NAMES and first is not None:
        kind = project.infer(first, *place)
        if isinstance(kind, ClassObject):
            return kind.cls if is_mapped(project, kind.cls) else None
    if name in _RUNS and first is not None:
        return row_class(project, first, place, depth + 1)
    return row_class(project, call.func.value, place, depth + 1) if isinstance(call.func, f.Attr) else None
