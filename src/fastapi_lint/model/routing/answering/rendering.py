"""Response classes of the project that make their body themselves, and whether that is any. Judges nothing."""

from __future__ import annotations

import re

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, Module
from fastapi_lint.model.types.inference.inference import Inference


def rendering(types: Inference, module: Module, call: f.Call | None) -> Function | None:
    """The method by which the response that a call makes renders its content; None when the library's does."""
    made = types.callee(module, call) if call is not None else None
    bases = types.mro(made.cls) if isinstance(made, ClassObject) else ()
    own = (base.methods.get("render") for base in bases if isinstance(base, Class))
    return next((method for method in own if method is not None), None)


def writes(render: Function) -> bool:
    """Whether a `render` makes its one result of what it is given."""
    returned = [leaving for leaving in render.exits if leaving.kind == "return"]
    if len(returned) != 1 or len(render.params) < 2 or render.module.assigns_in.get(render.index):
        return False
    text = render.module.source.slice(returned[0].start, returned[0].end)
    return re.search(rf"\b{re.escape(render.params[1].name)}\b", text) is not None


def is_something(content: f.Expr) -> bool:
    """Whether what is rendered is written out and not empty."""
    match content:
        case f.Mapping(items=items) | f.Display(items=items):
            return bool(items)
        case f.Joined():
            return True
        case f.Const(value=value):
            return isinstance(value, str) and value != ""
    return False
