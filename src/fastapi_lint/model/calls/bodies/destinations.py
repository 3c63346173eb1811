"""Where a call connects to, as far as its arguments say."""

from __future__ import annotations

import re

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.values.constants import Values

_HERE = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,20}://)?(?:[^/@]{0,80}@)?(?:localhost|[\w-]{1,60}\.localhost|127\.\d|\[::1\]|0\.0\.0\.0)(?:[:/?#.\d]|\Z)"
)


def stays_here(module: Module, call: f.Call, values: Values) -> bool:
    """Whether a call connects to the own machine: by its address, or by all addresses that its client is used with."""
    texts = [values.pieces(arg.value, (module, call.block, call.start)) for arg in call.args]
    if any(_HERE.match(text) for text in texts):
        return True
    name = _bound(module, call)
    if not name:
        return False
    function = module.facts.blocks[call.block].function
    used = [
        other
        for other in module.calls_in.get(function, ())
        if isinstance(other.func, f.Attr) and other.func.value == f.Name(name) and other.args
    ]
    return bool(used) and all(
        any(_HERE.match(values.pieces(arg.value, (module, one.block, one.start))) for arg in one.args) for one in used
    )


def _bound(module: Module, call: f.Call) -> str:
    """The variable that holds what a call makes."""
    function = module.facts.blocks[call.block].function
    index = module.call_numbers.get((call.start, call.end), -1)
    for block in module.blocks_in.get(function, ()):
        if block.kind == "with" and block.test == f.CallRef(index) and isinstance(block.target, f.Name):
            return block.target.id
    for assign in module.assigns_in.get(function, ()):
        if assign.value == f.CallRef(index) and isinstance(assign.target, f.Name):
            return assign.target.id
    return ""
