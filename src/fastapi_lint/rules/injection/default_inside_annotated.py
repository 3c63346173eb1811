"""FAPI203: a default inside the marker of an Annotated parameter. Follows aliases into other modules."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.calls import argument_node, value_text
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.application import is_called_by_hand
from fastapi_lint.model.injection import MARKERS
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_UNSET = ("ndefined", "_Unset", "Required", "Ellipsis")


@rule("FAPI203", severity=Severity.ERROR, fix=Safety.SAFE)
def default_inside_annotated(function: Function, check: Check) -> Iterator[Finding]:
    """A marker inside `Annotated` carries the default of its parameter.

    Why is this bad?
    FastAPI refuses it when the route is registered: an alias may serve many parameters, and a default hidden in it
    would not be the one that Python uses when the function is called. The default belongs in the signature:
    `q: Annotated[str, Query(max_length=50)] = "x"`. A path parameter has no default at all.

    Known limits
    An alias is reported where it is defined, and rewritten by hand: every parameter that uses it needs the default.
    Functions that only the code itself is seen to call are left alone.

    References
    - [Query parameters and string validations](https://fastapi.tiangolo.com/tutorial/query-params-str-validations/#query-as-the-default-value-or-in-annotated)
    """
    module = function.module
    by_hand: bool | None = None
    for index, param in enumerate(function.params):
        where = (module, function.facts.outer, param.start)
        annotation, place = param.annotation, where
        if isinstance(annotation, (f.Name, f.Attr)):
            alias = check.project.types.alias(annotation, where)
            if alias is None:
                continue
            annotation, place = alias
        for call, default in _defaults(annotation, place, check):
            by_hand = is_called_by_hand(check.project, function) if by_hand is None else by_hand
            if by_hand:
                return
            holder = place[0]
            marker = (check.project.called_name(holder, call) or "").rsplit(".", 1)[-1]
            inline = holder is module and param.start <= call.start < param.end
            text = value_text(holder, default)
            where_to = f"behind the annotation of `{param.name}`" if inline else "in each signature that uses it"
            yield check.finding(
                default,
                f"`{marker}` in `Annotated` has the default `{text}`",
                why="FastAPI refuses it when the route is registered",
                instead="remove it: a path parameter is always there"
                if marker == "Path"
                else f"write `= {text}` {where_to}",
                module=holder,
                fix=partial(_fix, function, index, call, default, marker) if inline else None,
            )


def _defaults(annotation: f.Expr | None, where: Where, check: Check) -> Iterator[tuple[f.Call, f.Arg]]:
    """The marker calls of an Annotated annotation that have a default, each with that argument."""
    types, module = check.project.types, where[0]
    if (
        not isinstance(annotation, f.Sub)
        or types.name_of_type(types.infer(annotation.value, where)) != "typing.Annotated"
    ):
        return
    for item in annotation.items[1:]:
        if not isinstance(item, f.CallRef):
            continue
        call = module.facts.calls[item.index]
        if check.project.called_name(module, call) not in MARKERS:
            continue
        given = next((a for i, a in enumerate(call.args) if a.name == "default" or (i == 0 and a.name == "")), None)
        if given is not None and not _is_unset(given.value, where, check):
            yield call, given


def _is_unset(value: f.Expr, where: Where, check: Check) -> bool:
    """Whether a value means "no default": the Ellipsis, or a name for it."""
    if isinstance(value, f.Raw):
        return value.kind == "ellipsis"
    if not isinstance(value, (f.Name, f.Attr)):
        return False
    if (value.id if isinstance(value, f.Name) else value.attr).endswith(_UNSET):
        return True
    found = list(check.project.values.definitions(value, where))
    return not found or any(isinstance(target, f.Raw) for target, _ in found)


def _fix(function: Function, index: int, call: f.Call, default: f.Arg, marker: str) -> Fix | None:
    module, param = function.module, function.params[index]
    found = argument_node(module, call, default)
    if found is None or edits.comments_in(found[0], found[2]):
        return None
    if isinstance(found[2].value, (cst.NamedExpr, cst.Await, cst.Yield)):
        return None  # it stands alone only in parentheses, or binds a name where it stands
    removed = edits.remove_argument(*found)
    if marker == "Path" or param.default is not None:
        return Fix("Remove the default", Safety.SAFE, (removed,))
    if param.kind != "keyword-only" and not _may_have_default(function, index, module):
        return None
    place = module.source.span(param.end, param.end)
    return Fix(
        "Move the default into the signature", Safety.SAFE, (removed, Edit(place, f" = {value_text(module, default)}"))
    )


def _may_have_default(function: Function, index: int, module: Module) -> bool:
    """Whether all positional parameters after one have defaults, as Python demands."""
    later = [param for param in function.params[index + 1 :] if param.kind in ("positional-only", "normal")]
    return all(param.default is not None for param in later)
