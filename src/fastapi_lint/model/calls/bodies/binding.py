"""What a call passes: an argument at its place, and whether all of them fit. Looks at one call."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import decorated_by, walk
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, Module
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.model.types.inference.questions import is_one_object

_KEEPING = frozenset({"staticmethod", "classmethod"})
_NO_FIELDS = frozenset({"ClassVar", "InitVar", "KW_ONLY"})
_OTHERWISE = frozenset({"init", "kw_only", "*", "**"})
"""Options of dataclasses and of their fields that change the constructor, and what may hold such."""


def can_bind(function: Function, owner: Instance | ClassObject | None, call: f.Call) -> bool:
    """Whether the arguments of a call fit to a function's parameters; True where that cannot be told.

    Those that do not fit raise TypeError before the body runs. `owner` is what the function is bound to. What is
    decorated may take something else.
    """
    decorators = [f.last_name(each) for each in function.facts.decorators]
    if any(name not in _KEEPING for name in decorators) or function.name == "<lambda>":
        return True
    if any(arg.name in ("*", "**") for arg in call.args):
        return True
    params = list(function.params)
    if function.facts.cls >= 0 and "staticmethod" not in decorators:
        is_bound = (
            isinstance(owner, Instance) or "classmethod" in decorators or function.name in ("__init__", "__new__")
        )
        if owner is None or not params:
            return True
        if is_bound:
            params = params[1:]
    return _fit(params, call)


def can_make(types: Inference, cls: Class, call: f.Call) -> bool:
    """Whether the arguments of a call fit to the fields of a dataclass; True for other classes, and for those whose
    constructor is not what their own fields say."""
    calls, decorators = cls.module.facts.calls, cls.facts.decorators
    if len(decorators) != 1 or any(base not in (cls, "object") for base in types.mro(cls)):
        return True
    options = calls[decorators[0].index].args if isinstance(decorators[0], f.CallRef) else ()
    where = (cls.module, cls.facts.outer, cls.facts.start)
    name = types.name_of_type(types.infer(decorated_by(cls.module, decorators[0]), where))
    if name != "dataclasses.dataclass" or any(arg.name in _OTHERWISE for arg in (*options, *call.args)):
        return True
    params: list[f.Param] = []
    for entry in cls.assigns.values():
        if entry.annotation is None:
            continue
        if any(_is_text(part) or f.last_name(part) in _NO_FIELDS for part in walk(entry.annotation)):
            return True
        made = calls[entry.value.index] if isinstance(entry.value, f.CallRef) else None
        said = made.args if made is not None and f.last_name(made.func) == "field" else None
        if said is not None and any(arg.name in _OTHERWISE for arg in said):
            return True
        default = entry.value if said is None or any(arg.name.startswith("default") for arg in said) else None
        params.append(f.Param(f.last_name(entry.target), "normal", None, default, entry.start, entry.end))
    return _fit(params, call)


def _is_text(expr: f.Expr) -> bool:
    """Whether an annotation, or a part of one, is written as a text: what it says is not looked at."""
    return isinstance(expr, f.Const) and isinstance(expr.value, str)


def _fit(params: list[f.Param], call: f.Call) -> bool:
    """Whether the arguments of a call, none of them unpacked, fit to parameters."""
    positional = [param for param in params if param.kind in ("positional-only", "normal")]
    named = {param.name for param in params if param.kind in ("normal", "keyword-only")}
    given = sum(arg.name == "" for arg in call.args)
    keywords = [arg.name for arg in call.args if arg.name]
    kinds = {param.kind for param in params}
    if given > len(positional) and "args" not in kinds:
        return False
    if "kwargs" not in kinds and any(name not in named for name in keywords):
        return False
    filled = {param.name for param in positional[:given]}
    if any(name in filled and name in named for name in keywords):
        return False
    wanted = [param for param in params if param.kind in ("positional-only", "normal", "keyword-only")]
    return all(param.default is not None or param.name in filled or param.name in keywords for param in wanted)


def filled(types: Inference, callee: FunctionObject) -> int:
    """How many parameters what a function is bound to fills, before the arguments: `self`, `cls`, or none."""
    function, owner = callee.function, callee.owner
    if function.cls is None or owner is None:
        return 0
    decorators = types.decorators(function)
    if "staticmethod" in decorators:
        return 0
    named = function.name in ("__init__", "__new__", "__init_subclass__", "__class_getitem__")
    return 1 if isinstance(owner, Instance) or named or "classmethod" in decorators else 0


def argument_at(call: f.Call, position: int, keyword: str) -> f.Arg | None:
    """The argument of a call at a position, or with a keyword; None behind an unpacked one."""
    for index, arg in enumerate(call.args):
        if arg.name in ("*", "**") and index <= position:
            return None
        if (arg.name == "" and index == position) or (keyword and arg.name == keyword):
            return arg
    return None


def is_of_one_object(types: Inference, module: Module, call: f.Call) -> bool:
    """Whether a call is of a method of one of several objects."""
    func = call.func
    return type(func) is f.Attr and is_one_object(types.infer(func.value, (module, call.block, call.start)))
