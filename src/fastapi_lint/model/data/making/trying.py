"""Whether an endpoint may only try if something can be reached: it tells no more than whether it worked, or what it
asks is not seen to be always the same.

Reads the facts of the functions on the way. Judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.data.making.roots import Root
from fastapi_lint.model.names.expressions import parts, stands_in, with_copies
from fastapi_lint.model.names.symbols import Function, Module
from fastapi_lint.model.values.constants import UNKNOWN

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_OUTCOME = frozenset({
    "status_code", "status", "ok", "is_success", "is_error", "reason", "reason_phrase", "elapsed", "closed",
    "is_closed", "is_connected",
})  # fmt: skip
"""What an answer says of whether it worked."""
_ASKING = frozenset({"bool", "len", "type", "isinstance"})
_HOST = re.compile(rf"[a-z][a-z0-9+.-]{{0,30}}://[^/{UNKNOWN}]{{1,200}}(?:/|\Z)", re.IGNORECASE)
_COPIES = 3
_DEEPEST = 4


def only_tries(project: Project, root: Root, function: Function, made: f.Call) -> bool:
    """Whether nothing that was got by what a call makes comes back to the endpoint, or leaves it; or no address is seen
    with which it works."""
    if not _asks_a_known_one(project, function, made):
        return True
    ways = [(function, made), *((caller, step.call) for caller, step in reversed(root.steps) if step.call is not None)]
    return not all(_gives(each, call) for each, call in ways)


def _asks_a_known_one(project: Project, function: Function, made: f.Call) -> bool:
    """Whether an address whose host the source says is given to what a call makes, or to what is asked of that."""
    module = function.module
    held = _held(function, made, ("with",), 1)
    asked = [made, *(each for each in function.calls if isinstance(each.func, f.Attr) and each.func.value in held)]
    return any(
        _HOST.match(project.values.pieces(arg.value, (module, call.block, call.start))) is not None
        for call in asked
        for arg in call.args
    )


def _gives(function: Function, call: f.Call) -> bool:
    """Whether a function gives back something of what a call gives, or of what is asked of that."""
    module, held = function.module, _held(function, call, ("with", "for", "comprehension"), _COPIES)
    return any(
        leave.kind in ("return", "yield") and _holds(leave.value, held, module, _DEEPEST) for leave in function.exits
    )


def _held(function: Function, call: f.Call, kinds: Collection[str], rounds: int) -> set[f.Expr]:
    """What a call gives, and what holds something of it: by assignments, and by blocks of some kinds that bind it."""
    module = function.module
    held: set[f.Expr] = {f.CallRef(module.call_numbers[call.start, call.end])}
    binding = [each for each in module.blocks_in.get(function.index, ()) if each.kind in kinds]
    for _ in range(rounds):
        held = with_copies(held, function, 1)
        for block in binding:
            if block.target is not None and stands_in(held, block.test, module):
                held.add(block.target)
    return held


def _holds(expr: f.Expr | None, held: set[f.Expr], module: Module, depth: int) -> bool:
    """Whether some of a value is one of others, and not only the answer to a question about it."""
    match expr:
        case None | f.Compare() | f.Unary(op="not"):
            return False
        case _ if expr in held:
            return True
        case f.Attr(attr=attr) if attr in _OUTCOME:
            return False
        case f.Choice(options=options):
            return any(_holds(each, held, module, depth) for each in options)
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            if depth <= 0 or f.last_name(call.func) in _ASKING:
                return False
            return any(_holds(each, held, module, depth - 1) for each in (call.func, *(arg.value for arg in call.args)))
    return any(_holds(each, held, module, depth) for each in parts(expr))
