"""Which expressions stand for columns and conditions of SQL, not for values of Python. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import ClassObject
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_MAKING = frozenset({"sqlalchemy.and_", "sqlalchemy.or_", "sqlalchemy.not_", "sqlalchemy.func", "sqlalchemy.case"})
_FUNC = "sqlalchemy.func."
_DEEPEST = 12


def is_sql(project: Project, expr: f.Expr | None, where: Where, depth: int = 0) -> bool:
    """Whether an expression is known to be a column of a mapped class, or made of one by an operator or a method."""
    if depth > _DEEPEST:
        return False
    match expr:
        case f.Attr(value=value, attr=attr):
            owner = project.infer(value, *where)
            model = project.orm.of(owner.cls) if isinstance(owner, ClassObject) else None
            return model is not None and any(column.name == attr for column in model.columns)
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
