"""What is known of a text when all the pieces that it was taken apart into are numbers: `int(a), int(b)`."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.checking.rulings import Ruling, of_all
from fastapi_lint.model.types.inference.inference import Where

_PARTS = frozenset({"split", "rsplit", "partition", "rpartition"})
_NUMBERS = frozenset({"int", "float"})


def of_numbers(asks: Asks, piece: f.Expr, where: Where) -> Iterator[Ruling]:
    """What is ruled out of a text where a piece of it becomes a number, as all others do in the same function."""
    module = where[0]
    found = asks.types.find_bindings(piece.id, where) if isinstance(piece, f.Name) else []
    entry = found[0].entry if len(found) == 1 else None
    if not isinstance(entry, f.Assign) or not isinstance(entry.target, f.Display):
        return
    if not isinstance(entry.value, f.CallRef):
        return
    apart = module.facts.calls[entry.value.index]
    if not isinstance(apart.func, f.Attr) or apart.func.attr not in _PARTS:
        return
    calls = module.calls_in.get(module.facts.blocks[entry.block].function, ())
    numbers = [call.args[0].value for call in calls if f.last_name(call.func) in _NUMBERS and call.args]
    if all(each in numbers for each in entry.target.items):
        yield from of_all(asks, apart.func.value, (module, entry.block, entry.start))
