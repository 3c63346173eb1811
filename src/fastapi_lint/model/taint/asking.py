"""What the parts of following a text ask of each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fastapi_lint.catalog.dangers import Dangers
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Function, Type
from fastapi_lint.model.taint.strands import Path, Value
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values.constants import Values

Called = tuple[Type, tuple[f.Arg, ...]]
"""What is called, and with which arguments."""


class Asks(Protocol):
    """Whoever follows texts; `checking`: it is asked what a test looks at, and whatever depends on a text counts."""

    types: Inference
    known: Dangers
    values: Values
    checking: bool

    def value(self, expr: f.Expr | None, where: Where, path: Path = (), depth: int = 0) -> Value:
        """What an expression is made of, or what is taken out of it."""

    def returned(self, function: Function, path: Path, entered: bool, depth: int) -> Value:
        """What a call of a function gives, in terms of its parameters; `entered`: what it yields."""

    def cleared(self, value: Value, where: Where) -> Value:
        """A value without the dangers that are ruled out at a place."""

    def attribute_of(self, cls: Class, path: Path, depth: int) -> Value:
        """What an attribute of an object is made of, as its own methods set it."""

    def of_object(self, kind: Type, path: Path, depth: int, own: Callable[[Path], Value]) -> Value:
        """What is taken out of an object of the project, of which `own` says what its fields hold."""

    def subjects(self, expr: f.Expr | None, where: Where) -> Value:
        """What a test looks at."""

    def filled(self, value: Value, function: Function, call: f.Call, args: tuple[f.Arg, ...], where: Where) -> Value:
        """What a function gives, with its parameters as a call fills them."""

    def is_narrow(self, cls: Class, name: str) -> bool:
        """Whether a field of a class admits no text of just any kind."""

    def callee(self, call: f.Call, where: Where) -> Called:
        """What a call calls, with which arguments; that of a hand-off is what is handed over."""

    def callees(self, call: f.Call, where: Where) -> tuple[Called, ...]:
        """As `callee`; of several that the code chooses from each."""
