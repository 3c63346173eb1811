"""What stands around a time: the names that it is given for, the conditions that lead to it, where it is written."""

from __future__ import annotations

import re

from fastapi_lint.catalog.secrecy.secrets import words
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.tokens.parts import Chain
from fastapi_lint.model.types.inference.inference import Where

_WORD = re.compile(rb"\w+")


def names_around(module: Module, call: f.Call) -> frozenset[str]:
    """What the value of a call is given for: the variable, the argument or entry that takes it, the function around."""
    found = set()
    index = module.call_numbers[call.start, call.end]
    for entry in module.facts.assigns:
        if entry.start <= call.start < entry.end and any(one == f.CallRef(index) for one in walk(entry.value)):
            found.add(f.last_name(entry.target))
    for other in module.facts.calls:
        if other.start < call.start and call.end <= other.end:
            found |= {arg.name for arg in other.args if arg.start <= call.start < arg.end and arg.name}
    before = module.text[max(0, call.start - 120) : call.start]
    line = before[before.rfind(b"\n") + 1 :]
    found |= {piece.decode("utf-8", "replace") for piece in line.replace(b"'", b'"').split(b'"')[1::2]}
    function = module.enclosing(call.block)
    if function is not None:
        found.add(function.name)
    return frozenset(found - {""})


def tests_around(where: Where) -> frozenset[str]:
    """The names and texts in the conditions under which a place is reached (`if remember_me:`, `case "refresh":`).

    Behind a condition that asks for access tokens, `else` is for others.
    """
    module, block, _ = where
    blocks = module.facts.blocks
    found: set[str] = set()
    for each in module.block_chain(block):
        if each.kind == "if":
            found |= _said(each.test)
        elif each.kind == "case":
            end = module.text.find(b"\n", each.start)
            found |= {one.decode("utf-8", "replace") for one in _WORD.findall(module.text[each.start : max(end, 0)])}
        elif each.kind == "else" and blocks[each.parent].kind == "choice":
            others = (one for one in module.blocks_in.get(each.function, ()) if one.parent == each.parent)
            if any("access" in words(name) for one in others if one.kind == "if" for name in _said(one.test)):
                found.add("refresh")
    return frozenset(found - {""})


def _said(test: f.Expr | None) -> set[str]:
    names = {f.last_name(one) for one in walk(test)}
    return names | {str(one.value) for one in walk(test) if isinstance(one, f.Const)}


def names_on_the_way(chain: Chain) -> frozenset[str]:
    """What stands around the calls through which a value has come."""
    found: set[str] = set()
    for frame in chain:
        found |= {frame.function.name} | names_around(frame.module, frame.call) | tests_around(frame.where)
    return frozenset(found)


def name_at(place: tuple[Module, int, int]) -> str:
    """The constant or setting that an assignment at a place binds; empty when there is none."""
    module, start, end = place
    entry = next((one for one in module.facts.assigns if (one.start, one.end) == (start, end)), None)
    return f.last_name(entry.target) if entry is not None and module.facts.blocks[entry.block].function < 0 else ""


def assignment(place: Where, value: f.Expr) -> tuple[Module, int, int] | None:
    """The statement of a module or class that gives a name its value."""
    module, block, start = place
    if module.facts.blocks[block].function >= 0:
        return None
    entry = next((one for one in module.facts.assigns if one.start == start and one.value == value), None)
    return (module, entry.start, entry.end) if entry is not None else None
