"""Whether a way through the project's calls can be gone at all, as far as constant texts tell. Infers no types."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.execution import Step
from fastapi_lint.model.names.symbols import Function

_TEST = re.compile(rb"(?:el)?if\s+([A-Za-z_]\w*)\s*(?:(\.startswith)\(\s*|==\s*)([\"'])([^\"'\\\n]+)\3\s*(?(2)\))\s*:")
_PLAIN = re.compile(r"\w+")


def is_ruled_out(steps: Sequence[Step]) -> bool:
    """Whether a step stands below a test of a parameter that a constant text, passed on the way, does not meet.

    That is `if name.startswith("oidc/"):` or `if kind == "remote":` in a function that is called with "TOKEN".
    """
    return any(_contradicts(steps, index) for index in range(1, len(steps)))


def _contradicts(steps: Sequence[Step], index: int) -> bool:
    step, function = steps[index], steps[index - 1].function
    if step.call is None or function is None or function.module is not step.module:
        return False
    text = step.module.source.utf8
    for block in step.module.block_chain(step.call.block):
        if block.kind in ("function", "lambda", "class", "module"):
            return False
        found = _TEST.match(text, block.start, block.end) if block.kind == "if" else None
        if found is None:
            continue
        name, wanted = found[1].decode(), found[4].decode("utf-8", "replace")
        value = _passed(steps, index - 1, name)
        if value is None or (function.rebinds(name) and (found[2] is None or not _PLAIN.fullmatch(value))):
            continue
        if not (value.startswith(wanted) if found[2] else value == wanted):
            return True
    return False


def _passed(steps: Sequence[Step], index: int, name: str) -> str | None:
    """The constant text that a step's call passes for a parameter, or that was passed to its own function before."""
    step = steps[index]
    if step.call is None or step.function is None:
        return None
    expr = _argument(step.function, step.call, name)
    match expr:
        case f.Const(value=str(text)):
            return text
        case f.Name(id=outer) if index > 0:
            caller = steps[index - 1].function
            if caller is None or not any(param.name == outer for param in caller.params) or caller.rebinds(outer):
                return None
            return _passed(steps, index - 1, outer)
    return None


def _argument(function: Function, call: f.Call, name: str) -> f.Expr | None:
    """What a call passes for a parameter, else its default; None when that is not seen."""
    if any(arg.name in ("*", "**") for arg in call.args):
        return None
    positional = function.positional
    given = [arg.value for arg in call.args if arg.name == ""]
    if name in positional and positional.index(name) < len(given):
        return given[positional.index(name)]
    if (found := f.keyword(call, name)) is not None:
        return found.value
    known = {param.name: param.default for param in function.params if param.kind not in ("args", "kwargs")}
    return known.get(name)
