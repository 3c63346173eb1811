"""The parts of which a dict is made, and the calls through which they come to it: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Module
from fastapi_lint.model.types.inference.inference import Where


@dataclass(frozen=True)
class Frame:
    """A call of a function, and what it gives the parameters."""

    module: Module = field(repr=False)
    call: f.Call
    function: Function
    bound: tuple[tuple[str, f.Expr | None], ...]
    extra: tuple[tuple[str, f.Expr], ...] = ()
    is_open: bool = False

    @property
    def where(self) -> Where:
        return self.module, self.call.block, self.call.start


Chain = tuple[Frame, ...]
"""The calls through which a function was come to, the innermost first."""


@dataclass(frozen=True)
class Part:
    """One entry of a payload (`key`), or another dict that is put into it (None); `at`: only where control comes by."""

    key: str | None
    value: f.Expr
    where: Where
    chain: Chain
    span: tuple[int, int]
    at: tuple[int, int] | None = None
    is_declared: bool = False
    """The value is the annotation of a field, not what it holds."""
    is_fallback: bool = False
    """Put in only where the key was not there (`setdefault`)."""


@dataclass(frozen=True)
class Alternative:
    """What one dict is made of."""

    parts: tuple[Part, ...]
    function: Function | None = None
    use: tuple[int, int] = (0, 0)
    is_open: bool = False
    is_given: bool = False
