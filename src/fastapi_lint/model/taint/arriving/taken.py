"""Whether a call lets a place of the function that it calls run, by the constants that it gives: the branch of a mode
that nobody asks for is not taken. What is not known takes every branch."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.branches import NO_SETTINGS, Branches, Settings
from fastapi_lint.model.calls.ways.conditional import conditions
from fastapi_lint.model.calls.ways.constants import Unknown
from fastapi_lint.model.calls.ways.objects import own_name
from fastapi_lint.model.names.symbols import Function
from fastapi_lint.model.types.inference.inference import Inference, Where


class Place(NamedTuple):
    """Where a text leaves a function: at a sink, or at a call that hands it on."""

    function: Function
    block: int
    at: int


class Taken:
    """Answers "does this place run for that call"."""

    def __init__(self, types: Inference) -> None:
        self.types = types
        self.branches = types.shared(Branches)

    def is_taken(self, place: Place, function: Function, call: f.Call, args: tuple[f.Arg, ...], where: Where) -> bool:
        """Whether a place may run when `call` runs `function`, or makes the object whose method the place is in."""
        module = place.function.module
        chooses = any(each.kind == "choice" for each in module.blocks_in.get(place.function.index, ()))
        if not chooses and place.at not in conditions(module):
            return True
        settings = self._settings(place.function, function, call, args, where)
        return not settings or not self.branches.is_ruled_out(place.function, settings, place.block, place.at)

    def _settings(
        self, inner: Function, function: Function, call: f.Call, args: tuple[f.Arg, ...], where: Where
    ) -> Settings:
        module, objects = where[0], self.branches.objects
        if inner is not function:
            own = own_name(inner)
            number = module.call_numbers.get((call.start, call.end))
            if not own or function.name != "__init__" or number is None:
                return NO_SETTINGS
            value = objects.made(module, number)
            return NO_SETTINGS if isinstance(value, Unknown) else frozenset({(own, value)})
        caller = module.enclosing(where[1])
        found = set(objects.itself(function, call, caller, NO_SETTINGS)) if caller is not None else set()
        given = msgspec.structs.replace(call, args=args)
        return frozenset(found.union(self.branches.constants.given(function, given, where)))
