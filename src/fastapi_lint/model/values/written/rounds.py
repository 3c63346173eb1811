"""What is asked of whoever knows what expressions stand for where code runs several times."""

from __future__ import annotations

from typing import Protocol

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Type
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import Values
from fastapi_lint.model.values.environment import Bound, Environment


class Rounds(Protocol):
    """Who knows what expressions stand for in one round of a loop, or one call of a function."""

    types: Inference
    folding: Values

    def values(self, expr: f.Expr, where: Where, environment: Environment, depth: int = 0) -> list[Type]:
        """Every value an expression can have."""

    def pieces(self, expr: f.Expr | None, where: Where, environment: Environment, depth: int = 0) -> str:
        """A folded text."""

    def source(self, expr: f.Expr, where: Where, environment: Environment) -> Bound:
        """What a name stands for."""
