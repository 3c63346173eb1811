"""Whether configuration decides: what an expression is, or whether a place runs at all. Judges nothing."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.arguments import is_field
from fastapi_lint.model.names.symbols import Class, FunctionObject, Instance, Module
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.constants import Values
from fastapi_lint.model.values.readers import environment_read, is_environment, reads_environment

_DEEPEST = 8


def runs_by_configuration(values: Values, module: Module, block: int) -> bool:
    """Whether a block stands in a branch that settings or the environment choose."""
    blocks = module.facts.blocks
    while block >= 0:
        entry = blocks[block]
        if entry.kind in ("if", "else") and entry.parent >= 0 and blocks[entry.parent].kind == "choice":
            for sibling in blocks:
                if sibling.parent == entry.parent and sibling.kind == "if" and sibling.start <= entry.start:
                    if is_configured(values, sibling.test, (module, entry.parent, sibling.start)):
                        return True
        block = entry.parent
    return False


def is_configured(values: Values, expr: f.Expr | None, where: Where, depth: int = 0) -> bool:
    """Whether a field of settings or a variable of the environment is part of what an expression is made of."""
    if expr is None or depth > _DEEPEST:
        return False

    def inside(*parts: f.Expr) -> bool:
        return any(is_configured(values, part, where, depth + 1) for part in parts)

    match expr:
        case f.Name() | f.Attr():
            if is_environment(expr):
                return True
            if isinstance(expr, f.Attr):
                owner = values.types.infer(expr.value, where)
                if isinstance(owner, Instance) and isinstance(owner.cls, Class):
                    if is_field(values, owner.cls, expr.attr):
                        return True
                    method = owner.cls.methods.get(expr.attr)  # a property
                    if method is not None:
                        return any(
                            is_configured(values, leave.value, (method.module, leave.block, leave.start), depth + 1)
                            for leave in method.exits
                            if leave.kind == "return"
                        )
            return any(is_configured(values, *found, depth + 2) for found in values.definitions(expr, where))
        case f.CallRef(index=index):
            call = where[0].facts.calls[index]
            if environment_read(where[0], call) is not None or reads_environment(where[0], call):
                return True
            callee = values.types.callee(where[0], call)
            if isinstance(callee, FunctionObject):
                function = callee.function
                if any(
                    is_configured(values, leave.value, (function.module, leave.block, leave.start), depth + 2)
                    for leave in function.exits
                    if leave.kind == "return"
                ):
                    return True
            receiver = (call.func.value,) if isinstance(call.func, f.Attr) else ()
            return inside(*receiver, *(arg.value for arg in call.args))
        case f.Compare(operands=operands):
            return inside(*operands)
        case f.Unary(value=value) | f.Await(value=value):
            return inside(value)
        case f.Choice(options=options, test=test):
            return inside(*options, *((test,) if test is not None else ()))
        case f.Binary(left=left, right=right):
            return inside(left, right)
        case f.Sub(value=value):
            return inside(value)
    return False
