"""What becomes of a number, and the forms in which it is carried: itself, an attribute, an entry. Data alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi_lint.index import facts as f

_STEPS = re.compile(r"\.(\w+)|\[([^\]]*)\]")


@dataclass(frozen=True)
class Fate:
    """What becomes of a number.

    `limits`: it limits a query; `works`: as many steps are done; `is_bounded`: it is compared with a bound, or cut down
    to one; `zero_is_all`: the limit is left out for zero, or below; `leaves`: somebody gets it who cannot be followed;
    `forms`: in which it is given back: "" itself, ".name" as an attribute, "[name]" under a key, "[1]" as an
    item of a tuple, ".window[1]" as an item of an attribute.
    """

    limits: bool = False
    works: bool = False
    is_bounded: bool = False
    zero_is_all: bool = False
    leaves: bool = False
    forms: frozenset[str] = frozenset()

    def __or__(self, other: Fate) -> Fate:
        return Fate(
            self.limits or other.limits,
            self.works or other.works,
            self.is_bounded or other.is_bounded,
            self.zero_is_all or other.zero_is_all,
            self.leaves or other.leaves,
            self.forms | other.forms,
        )


NOTHING = Fate()


def carrier(name: str, form: str) -> f.Expr:
    """The expression by which a variable holds a number in a form (see `Fate`)."""
    found: f.Expr = f.Name(name)
    for attr, key in _STEPS.findall(form):
        item = f.Const(int(key) if key.isdecimal() else key)
        found = f.Attr(found, attr) if attr else f.Sub(found, (item,))
    return found


def variable_of(expr: f.Expr) -> str | None:
    """The variable of which something is an attribute or an entry; None when it is none's."""
    while isinstance(expr, (f.Attr, f.Sub)):
        expr = expr.value
    return expr.id if isinstance(expr, f.Name) else None


def renamed(expr: f.Expr, name: str) -> f.Expr:
    """The same attribute or entry of another variable."""
    match expr:
        case f.Attr(value=value, attr=attr):
            return f.Attr(renamed(value, name), attr)
        case f.Sub(value=value, items=items):
            return f.Sub(renamed(value, name), items)
    return f.Name(name)
