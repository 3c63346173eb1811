"""Queries of MongoDB: which calls ask for something at once, and which give documents. Judges nothing.

Collections are rarely typed, so that a call counts as well by its name with a filter, or on `db["name"]`.
"""

from __future__ import annotations

from itertools import islice

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import chained
from fastapi_lint.model.names.symbols import Class, ClassObject, Instance, Module
from fastapi_lint.model.types.inference.inference import Inference

_ASKING = frozenset({"find_one", "count_documents", "distinct"})
_GIVING = frozenset({"find", "aggregate", "find_all", "find_many"})
_ENDING = frozenset({"to_list", "count", "exists", "first_or_none"})
"""Methods by which a cursor, or a query of Beanie, is run."""
_KEEPING = frozenset({"sort", "skip", "limit", "batch_size", "project", "to_list", "allow_disk_use", "hint"})
_LIBRARIES = ("motor.", "pymongo.", "beanie.", "mongomock_motor.")
_DOCUMENT = "beanie.Document"


def asks_for_documents(types: Inference, module: Module, call: f.Call) -> bool:
    """Whether a call asks MongoDB for something at once."""
    name = f.last_name(call.func)
    if name == "get" and isinstance(call.func, f.Attr) and call.args:
        owner = types.infer(call.func.value, (module, call.block, call.start))
        return isinstance(owner, ClassObject) and types.is_subclass(owner.cls, _DOCUMENT)
    if name in _ENDING:
        return _runs_a_query(types, module, call)
    return name in _ASKING and _is_of_collection(types, module, call)


def _runs_a_query(types: Inference, module: Module, call: f.Call) -> bool:
    """Whether a call runs the query that is written in front of it: `Order.find(...).sort("-at").to_list()`."""
    for before in islice(chained(module, call), 1, None):
        if gives_documents(types, module, before):
            return True
        if not keeps_documents(before):
            return False
    return False


def gives_documents(types: Inference, module: Module, call: f.Call) -> bool:
    """Whether a call gives the documents of a query, or a cursor over them."""
    return f.last_name(call.func) in _GIVING and _is_of_collection(types, module, call)


def keeps_documents(call: f.Call) -> bool:
    """Whether a method of a cursor gives the same documents."""
    return f.last_name(call.func) in _KEEPING


def _is_of_collection(types: Inference, module: Module, call: f.Call) -> bool:
    if not isinstance(call.func, f.Attr):
        return False
    receiver = call.func.value
    owner = types.infer(receiver, (module, call.block, call.start))
    match owner:
        case ClassObject(cls=cls):
            return types.is_subclass(cls, _DOCUMENT)
        case Instance(cls=str(name)):
            return name.startswith(_LIBRARIES)
        case Instance(cls=Class()):
            return False
        case None:
            first = call.args[0].value if call.args and call.args[0].name in ("", "filter", "pipeline") else None
            is_filter = isinstance(first, f.Mapping) or (isinstance(first, f.Display) and first.kind == "list")
            is_named = isinstance(receiver, f.Sub) and len(receiver.items) == 1 and _is_text(receiver.items[0])
            return is_filter or (is_named and first is None)
    return False


def _is_text(expr: f.Expr) -> bool:
    return isinstance(expr, f.Const) and isinstance(expr.value, str)
