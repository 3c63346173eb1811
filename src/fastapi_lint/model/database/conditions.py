"""Which expressions stand for columns and conditions of SQL, not for values of Python. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.database.mapping.mapped import OrmModel
from fastapi_lint.model.names.symbols import ClassObject
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_MAKING = frozenset({
    f"{package}.{name}"
    for package in ("sqlalchemy", "sqlmodel")
    for name in (
        "and_", "or_", "not_", "func", "case", "cast", "type_coerce", "exists", "extract", "tuple_", "between",
        "distinct", "literal", "literal_column", "column", "col",
    )
})  # fmt: skip
_ALIASED = "sqlalchemy.orm.aliased"
_FUNC = "sqlalchemy.func."
_DEEPEST = 12


def is_sql(project: Project, expr: f.Expr | None, where: Where, depth: int = 0) -> bool:
    """Whether an expression is known to be a column of a mapped class or a table, or made of one by an operator or a
    method."""
    if depth > _DEEPEST:
        return False
    match expr:
        case f.Attr(value=f.Attr(value=table, attr="c" | "columns")):
            return project.types.is_instance(project.infer(table, *where), "sqlalchemy.Table")
        case f.Attr(value=value, attr=attr):
            model = _model(project, value, where)
            return model is not None and any(column.name == attr for column in model.columns)
        case f.Name():
            found = list(project.values.definitions(expr, where))
            return len(found) == 1 and found[0][0] != expr and is_sql(project, *found[0], depth + 1)
        case f.Compare(operators=(operator,), operands=operands) if operator not in ("is", "is not", "in", "not in"):
            return any(is_sql(project, operand, where, depth + 1) for operand in operands)
        case f.Binary(left=left, right=right):
            return is_sql(project, left, where, depth + 1) or is_sql(project, right, where, depth + 1)
        case f.Unary(op="~" | "-", value=value):
            return is_sql(project, value, where, depth + 1)
        case f.CallRef(index=index):
            call = where[0].facts.calls[index]
            if isinstance(call.func, f.Attr) and is_sql(project, call.func.value, where, depth + 1):
                return True
            name = project.called_name(where[0], call) or ""
            return name in _MAKING or name.startswith(_FUNC)
    return False


def _model(project: Project, expr: f.Expr, where: Where) -> OrmModel | None:
    """The mapped class that an expression is, or an alias of it."""
    owner = project.infer(expr, *where)
    if isinstance(owner, ClassObject):
        return project.orm.of(owner.cls)
    found = list(project.values.definitions(expr, where)) if isinstance(expr, f.Name) else []
    match found:
        case [(f.CallRef(index=index), (module, block, at))]:
            call = module.facts.calls[index]
            if call.args and project.called_name(module, call) == _ALIASED:
                inner = project.infer(call.args[0].value, module, block, at)
                return project.orm.of(inner.cls) if isinstance(inner, ClassObject) else None
    return None
