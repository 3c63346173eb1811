"""FAPI633: the client names the columns that are written. Judged is whose the keys of a dict are, not its values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Function, FunctionObject, Method, Module
from fastapi_lint.model.calls import filled
from fastapi_lint.model.data import MAPPERS, is_mapped, row_class
from fastapi_lint.model.names import chained, walk
from fastapi_lint.model.taint import EACH, KEYS, Arrival, trail
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_STATEMENTS = ("sqlalchemy.", "sqlmodel.")
_LONGEST = 20
_ROWS = ("list", "tuple", "typing.Sequence", "typing.List")
_HELPERS = 3
_VALIDATING = frozenset({"model_validate", "parse_obj"})
_CLASS_METHODS = frozenset({
    "create", "acreate", "get_or_create", "update_or_create", "model_validate", "parse_obj", "objects", "insert",
    "update_from_dict", "sqlmodel_update", "model_construct", "construct",
})  # fmt: skip
_TAKING_ROWS = _CLASS_METHODS | {"values", "update", "execute", "bulk_insert_mappings", "bulk_update_mappings"}
_NAMING = _TAKING_ROWS | {"setattr"}
_OWN = re.compile(
    r"(?:^|_)(?:admin|superuser|staff|roles?|permissions?|scopes?|owner|verified|password|balance|credits?|tenant|plan)"
    r"(?:_|$)"
)
"""What columns are called that are not the client's to set: named in the message, no more."""


@rule("FAPI633", severity=Severity.ERROR, needs_requests=True)
def mass_assignment(module: Module, check: Check) -> Iterator[Finding]:
    """A dict that the client sent decides which columns of a row are written.

    Why is this bad?
    The client writes every column that the class has: `is_admin`, `owner_id`, `balance`. Nothing in the code says so,
    and a column that is added next year is open, too.

    Declare a schema with the fields that clients may set, and write what that dumps; or take the fields one by one.

    Known limits
    Schemas with declared fields are left alone, whatever their fields are, unless they allow others. So are dicts that
    are made of fixed keys or cut down to some, columns that hold JSON, objects that are validated and never written,
    and `**kwargs` of functions. Keys that are taken out (`data.pop("id")`) leave all others open.

    References
    - [OWASP: mass assignment](https://cheatsheetseries.owasp.org/cheatsheets/Mass_Assignment_Cheat_Sheet.html)
    - [CWE-915](https://cwe.mitre.org/data/definitions/915.html)
    """
    for arrival, cls in () if module.is_test else _arrivals(module, check):
        found = next(check.project.taint.entering(arrival, "columns"), None)
        if found is None:
            continue
        strand = found[0]
        shown = strand.shown.removesuffix("[...]")
        yield check.finding(
            (arrival.start, arrival.end),
            f"`{shown}` of the client decides which columns {_of(cls)}are written",
            why=_why(cls, check),
            instead="declare a schema with the fields that clients may set, and write what it dumps",
            related=[check.related(step, step.message, module=step.module) for step in trail(strand, arrival)],
            chain=True,
        )


def _arrivals(module: Module, check: Check) -> Iterator[tuple[Arrival, Class | None]]:
    """What names columns in the functions of a module, with the class whose they are."""
    flows = check.project.taint
    for call in _likely(module):
        function = module.enclosing(call.block)
        if function is None:
            continue
        span, where = (call.start, call.end), (module, call.block, call.start)
        name = f.last_name(call.func)
        if name == "setattr" and len(call.args) == 3:
            cls = row_class(check.project, call.args[0].value, where)
            if cls is not None:
                for arrival in flows.given(call.args[1].value, function, span, call.block, "columns"):
                    yield arrival, cls
            continue
        for arg in call.args:
            if arg.name == "**" and (found := _written(function, call, check)) is not None:
                for arrival in flows.given(arg.value, function, span, call.block, "columns", path=(KEYS,)):
                    yield arrival, found[0]
        rows = _rows(function, call, check) if name in _TAKING_ROWS else None
        if rows is not None and not (name in _VALIDATING and _stays(function, call, check)):
            value, cls = rows
            several = isinstance(value, f.Display) or name.startswith("bulk_") or _is_row_of(value, where, check)
            for path in ((EACH, KEYS), (KEYS,)) if several or name == "execute" else ((KEYS,),):
                if arrivals := list(flows.given(value, function, span, call.block, "columns", path=path)):
                    yield arrivals[0], cls
                    break


def _likely(module: Module) -> Iterator[f.Call]:
    """The calls of a module that may name columns: by what they call, or by `**`."""
    unpacking = module.calls_by_keyword.get("**", ())
    for index in unpacking:
        yield module.facts.calls[index]
    for name in _NAMING & module.calls_by_name.keys():
        for index in module.calls_by_name[name]:
            if index not in unpacking and module.facts.calls[index].args:
                yield module.facts.calls[index]


def _is_row_of(value: f.Expr, where: Where, check: Check) -> bool:
    """Whether a value is a list: of dicts, where a statement is given rows."""
    types = check.project.types
    return types.is_instance(types.infer(value, where), *_ROWS)


def _stays(function: Function, call: f.Call, check: Check) -> bool:
    """Whether what a call makes is written nowhere: of its variable only attributes are used, in helpers as well."""
    module = function.module
    made = f.CallRef(module.call_numbers[call.start, call.end])
    held = [entry.target for entry in module.assigns_in.get(function.index, ()) if entry.value == made]
    return len(held) == 1 and isinstance(held[0], f.Name) and _is_only_read(function, held[0], check, _HELPERS)


def _is_only_read(function: Function, held: f.Name, check: Check, depth: int) -> bool:
    """Whether a function uses an object by its attributes alone, and gives it to none but those that do the same."""
    module = function.module
    others = [leave.value for leave in function.exits]
    others += [entry.value for entry in module.assigns_in.get(function.index, ())]
    for call in function.calls:
        if isinstance(call.func, f.Attr) and call.func.value == held:
            return False  # a method may save it
        for number, arg in enumerate(call.args):
            if arg.value != held:
                others.append(arg.value)
                continue
            callee = check.project.callee(module, call)
            if not isinstance(callee, FunctionObject) or depth <= 0:
                return False
            names = callee.function.positional[filled(check.project.types, callee) :]
            name = arg.name or (names[number] if number < len(names) else "")
            if not name or not _is_only_read(callee.function, f.Name(name), check, depth - 1):
                return False
    for expr in others:
        parts = list(walk(expr))
        if parts.count(held) > sum(isinstance(part, f.Attr) and part.value == held for part in parts):
            return False
    return True


def _written(function: Function, call: f.Call, check: Check) -> tuple[Class | None] | None:
    """Whether keyword arguments of a call are columns, and of which class, if that is known."""
    callee, where = check.project.callee(function.module, call), (function.module, call.block, call.start)
    if isinstance(callee, ClassObject):
        return (callee.cls,) if is_mapped(check.project, callee.cls) else None
    name = f.last_name(call.func)
    if name == "values":
        return _statement(call, check, where)
    if isinstance(call.func, f.Attr) and (name == "update" or name in _CLASS_METHODS):
        cls = row_class(check.project, call.func.value, where)
        if cls is not None:
            return (cls,)
        if isinstance(callee, Method) and callee.cls.startswith(MAPPERS):
            return (None,)
    return None


def _rows(function: Function, call: f.Call, check: Check) -> tuple[f.Expr, Class | None] | None:
    """A dict, or a list of such, whose keys are columns: of `values(data)`, `execute(insert(...), rows)`."""
    name, first = f.last_name(call.func), call.args[0]
    callee, where = check.project.callee(function.module, call), (function.module, call.block, call.start)
    cls = callee.cls if isinstance(callee, Method) else ""
    second = call.args[1].value if len(call.args) > 1 and call.args[1].name == "" else None
    is_first = first.name in ("", "values")
    match name:
        case "values" if is_first and (found := _statement(call, check, where)) is not None:
            return first.value, found[0]
        case "update" if cls.endswith("orm.Query") and is_first:
            return first.value, None
        case "execute" if second is not None and isinstance(first.value, f.CallRef):
            found = _statement(function.module.facts.calls[first.value.index], check, where)
            return (second, found[0]) if found is not None else None
        case "bulk_insert_mappings" | "bulk_update_mappings" if second is not None:
            return second, row_class(check.project, first.value, where)
        case "model_validate" | "parse_obj" | "sqlmodel_update" | "update_from_dict" if first.name == "":
            owner = call.func.value if isinstance(call.func, f.Attr) else None
            model = row_class(check.project, owner, where) if owner is not None else None
            return (first.value, model) if model is not None else None
    return None


def _statement(call: f.Call, check: Check, where: Where) -> tuple[Class | None] | None:
    """Whether a call stands in the chain of an `insert(...)` or `update(...)`, and the class that this writes."""
    for each in islice(chained(where[0], call), _LONGEST):
        name = check.project.called_name(where[0], each) or ""
        if name.startswith(_STATEMENTS) and name.rpartition(".")[2] in ("insert", "update"):
            return (row_class(check.project, each.args[0].value, where) if each.args else None,)
    return None


def _of(cls: Class | None) -> str:
    return f"of `{cls.name}` " if cls is not None else ""


def _why(cls: Class | None, check: Check) -> str:
    model = check.project.orm.of(cls) if cls is not None else None
    own = next((column.name for column in model.columns if _OWN.search(column.name)), None) if model else None
    return f"it can set `{own}` as well" if own else "it can set any column, also those that are not its to set"
