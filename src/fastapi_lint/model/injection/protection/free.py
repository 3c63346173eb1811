"""What must not be there yet, such as a code or a name that has to be free: who knows none gets in all the more.

A truth or a text that a look-up gives may be what is wrong with a credential, so that only objects count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import asked_about
from fastapi_lint.model.names.symbols import Class, Function, Instance
from fastapi_lint.model.types.inference.inference import Inference


@dataclass(frozen=True)
class Free:
    """The places in a function where it asks for something that must not be there."""

    places: tuple[tuple[int, int], ...]

    def holds(self, at: int) -> bool:
        """Whether a place of the function is one of these."""
        return any(start <= at < end for start, end in self.places)


def must_be_free(types: Inference, function: Function) -> Free:
    """The look-ups of a function that have to find no object, since it raises where they do, and the questions whether
    a value changes for which there is nothing else to do."""
    blocks = function.module.facts.blocks
    raising = {entry.block for entry in function.exits if entry.kind == "raise"}
    numbers = function.module.block_numbers_in.get(function.index, ()) if raising else ()
    tests = [number for number in numbers if blocks[number].kind == "if"]
    found = [place for number in tests if number in raising for place in _looked_up(types, function, blocks[number])]
    leaving = {entry.block for entry in function.exits}
    for number in tests if found else ():
        block = blocks[number]
        inside = any(block.start < place.start < block.end for place in found)
        if inside and number not in leaving and _asks_for_change(block.test):
            found.append(block)
    return Free(tuple((place.start, place.end) for place in found))


def _looked_up(types: Inference, function: Function, block: f.Block) -> Iterator[f.Block | f.Assign]:
    """The look-up whose hit is what a condition asks for: in the condition itself, or assigned to a variable."""
    module = function.module
    test, is_alone = block.test, True
    if isinstance(test, f.Choice) and test.op == "and":
        test, is_alone = test.options[0], False
    name = asked_about(test, is_there=True) or ""
    made = [entry for entry in module.assigns_in.get(function.index, ()) if entry.target == f.Name(name)]
    place = made[0] if len(made) == 1 else block
    value = place.value if isinstance(place, f.Assign) else test
    if isinstance(value, f.Compare) and value.operators == ("is not",) and value.operands[1] == f.Const(None):
        value = value.operands[0]
    if not isinstance(value, (f.CallRef, f.Await)) or not (is_alone or _is_for(name, function, place, block)):
        return
    found = types.infer(value, (module, block.parent, place.start))
    if isinstance(found, Instance) and isinstance(found.cls, Class):
        yield place


def _is_for(name: str, function: Function, made: f.Block | f.Assign, block: f.Block) -> bool:
    """Whether a variable is made for one condition, and nothing behind that uses it."""
    text = function.module.text
    word = re.compile(rb"\b" + re.escape(name.encode()) + rb"\b")
    return (
        bool(name)
        and word.search(text, made.end, block.start) is None
        and word.search(text, block.end, function.facts.end) is None
    )


def _asks_for_change(test: f.Expr | None) -> bool:
    """`data.code != row.code`, maybe with `data.code and` before it."""
    if isinstance(test, f.Choice) and test.op == "and":
        return any(map(_asks_for_change, test.options))
    match test:
        case f.Compare(operators=("!=",), operands=(f.Attr(attr=one), f.Attr(attr=other))):
            return one == other
    return False
