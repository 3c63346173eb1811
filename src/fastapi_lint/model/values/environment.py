"""What parameters and loop targets stand for in one call and one round. Works nothing out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.types.inference.inference import Where


@dataclass(frozen=True)
class Condition:
    """A block (of an `if`, or one that is skipped by an early `return`) of which it is not known whether it runs.

    `option` numbers the alternatives of a choice between values (`a if debug else b`), which are no blocks, from 1.
    """

    module: Module = field(repr=False)
    block: int
    start: int
    option: int = 0


class Environment(dict[str, "Bound"]):
    """An expression, where it is written, and the environment there, by name; and what has to hold to come here."""

    __slots__ = ("conditions",)
    __hash__ = object.__hash__  # type: ignore[assignment]  # never changed once made, compared by identity

    def __init__(self, bound: Mapping[str, Bound] = {}, conditions: tuple[Condition, ...] = ()) -> None:
        super().__init__(bound)
        self.conditions = conditions

    def with_bound(self, bound: Mapping[str, Bound], conditions: tuple[Condition, ...] = ()) -> Environment:
        """This environment with more names and conditions."""
        if not bound and not conditions:
            return self
        return Environment({**self, **bound}, tuple(dict.fromkeys((*self.conditions, *conditions))))


Bound = tuple[f.Expr, Where, Environment]
NOWHERE = Environment()
"""The environment of module level outside all loops."""
