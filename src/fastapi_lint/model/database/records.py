"""Queries of Tortoise: which calls ask for something at once, which give rows, and what is loaded along.

Judges nothing.

A query is made by methods of the model's class, one behind the other, and runs when the whole is awaited, or gone over
by `async for`. A foreign key of a row that was not loaded along is a query of its own, which runs when it is awaited.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import chained
from fastapi_lint.model.names.symbols import Class, ClassObject, Module
from fastapi_lint.model.types.inference.inference import Inference

_MODEL = ("tortoise.models.Model", "tortoise.Model")
_MANY = frozenset({"all", "filter", "exclude", "raw", "select_for_update", "annotate"})
_ONE = frozenset({"get", "get_or_none", "first", "earliest", "latest", "last"})
_KEEPING = frozenset({
    "all", "filter", "exclude", "order_by", "limit", "offset", "distinct", "annotate", "group_by", "only", "using_db",
    "select_for_update", "prefetch_related", "select_related", "force_index", "use_index", "resolve_expression",
})  # fmt: skip
_TAKING = frozenset({"values", "values_list"})
_COUNTING = frozenset({"count", "exists"})
_LOADING = frozenset({"prefetch_related", "select_related"})
_BEGINNING = _MANY | _KEEPING
_WHOLE = _BEGINNING | _ONE | _COUNTING
"""What asks for something by itself."""
_KEYS = frozenset({"ForeignKeyField", "OneToOneField"})


class Asked(NamedTuple):
    """What a chain of calls asks for: rows of a model, many or one (`gives_rows` is False for a number), with which
    relations (None when that cannot be told); `is_taken`: values of the rows."""

    model: Class
    many: bool
    gives_rows: bool
    is_taken: bool
    along: frozenset[str] | None


def asks_for_records(types: Inference, module: Module, call: f.Call) -> bool:
    """Whether a call asks the database by Tortoise for something at once; not one that writes."""
    if not call.awaited or not isinstance(call.func, f.Attr):
        return False
    if call.func.attr == "fetch_related":  # only rows of Tortoise have such a method
        owner = types.infer(call.func.value, (module, call.block, call.start))
        return owner is None or types.is_instance(owner, *_MODEL)
    return asked(types, module, call) is not None


def asked(types: Inference, module: Module, call: f.Call) -> Asked | None:
    """What a call asks for that ends a chain of calls on the class of a model; None for what is none, or writes."""
    chain = list(chained(module, call))
    names = [f.last_name(each.func) for each in chain]  # the last one first
    first, last = names[-1], names[0]
    if first not in _WHOLE or not _KEEPING.issuperset(names[1:-1]):
        return None
    if (last not in _WHOLE and last not in _TAKING) or (len(names) > 1 and first not in _BEGINNING):
        return None
    root = chain[-1]
    owner = types.infer(root.func.value, (module, root.block, root.start)) if isinstance(root.func, f.Attr) else None
    if not isinstance(owner, ClassObject) or not isinstance(owner.cls, Class):
        return None
    if not any(types.is_subclass(owner.cls, each) for each in _MODEL):
        return None
    is_one = last in _ONE
    return Asked(owner.cls, not is_one, last not in _COUNTING, last in _TAKING, along(chain))


def keeps_records(call: f.Call) -> bool:
    """Whether a method of a query gives the same rows, or fewer."""
    return f.last_name(call.func) in _KEEPING


def loads_a_key(types: Inference, model: Class, attr: str) -> bool:
    """Whether an attribute of a row is a foreign key, which is awaited to load the row that it leads to."""
    for cls in types.mro(model):
        entry = cls.assigns.get(attr) if isinstance(cls, Class) else None
        if entry is not None and isinstance(cls, Class):
            made = cls.module.facts.calls[entry.value.index] if isinstance(entry.value, f.CallRef) else None
            return made is not None and f.last_name(made.func) in _KEYS
    return False


def along(chain: Sequence[f.Call]) -> frozenset[str] | None:
    """The relations that a query loads along; None where one is not written as a text."""
    found: set[str] = set()
    for call in chain:
        if f.last_name(call.func) in _LOADING:
            for arg in call.args:
                if not isinstance(arg.value, f.Const) or not isinstance(arg.value.value, str):
                    return None
                found.add(arg.value.value.split("__")[0])
    return frozenset(found)
