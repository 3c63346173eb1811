"""What a test says of a text: which dangers it rules out, and for what that counts. Data, and how it is compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.strands import HARMLESS, VALIDATING, Entry, Slot, Strand, Value, mapped, strands
from fastapi_lint.model.types.inference.inference import Where

ALL = frozenset({"all"})
HOST = frozenset({"url", "redirect"})
"""The dangers of a text that is an address, which all end with a host that is known."""
_NO_CHECKS = ("pydantic.BaseModel.", "sqlmodel.SQLModel.", "subprocess.check_")
"""Called like checks of texts. What a model admits, its fields say: `model_validate` lets any text into a text."""


@dataclass(frozen=True)
class Ruling:
    """What a test says: of which text, what it rules out. `whole`: of everything that is taken out of it, too.

    `provided`: only when these are fixed texts, and as such taken for keys of the table that the list comes from.
    """

    origin: Entry | Slot
    part: str
    against: frozenset[str]
    whole: bool = False
    provided: frozenset[Slot] = frozenset()

    def applies(self, strand: Strand) -> bool:
        """Whether it speaks of a strand."""
        if self.part and self.part not in ("host", strand.part):
            return False
        if _is_same(self.origin, strand.origin):
            return True
        mine, other = self.origin, strand.origin
        if isinstance(mine, Entry) and isinstance(other, Entry):
            same = (mine.function, mine.start) == (other.function, other.start)
            return same and (mine.shown == other.shown or (self.whole and mine.whole))
        return self.whole and _holds(mine, other)

    def covers(self, other: Ruling) -> bool:
        """Whether it rules out all that another one does, of the same text."""
        is_same = _is_same(self.origin, other.origin) or (self.whole and _holds(self.origin, other.origin))
        return is_same and (self.against >= other.against or "all" in self.against)


def _is_same(mine: Entry | Slot, other: Entry | Slot) -> bool:
    """Whether two are the same text; which method takes it out of its object does not matter."""
    if mine == other or not isinstance(mine, Slot) or not isinstance(other, Slot):
        return mine == other
    return (mine.function, mine.param, mine.path) == (other.function, other.param, other.path)


def _holds(mine: Entry | Slot, other: Entry | Slot) -> bool:
    """Whether something is taken out of what a parameter holds."""
    if not isinstance(mine, Slot) or not isinstance(other, Slot):
        return False
    return mine.function == other.function and mine.param == other.param and not mine.path


def of_all(asks: Asks, expr: f.Expr, where: Where, *, whole: bool = False) -> Iterator[Ruling]:
    """Every danger ruled out of all that an expression is made of."""
    for strand in strands(asks.subjects(expr, where)):
        yield Ruling(strand.origin, strand.part, ALL, whole)


def is_called_like_a_check(asks: Asks, name: str) -> bool:
    """Whether a function of a library is taken for a check by its name alone.

    Not one of which is known what it gives: `urlsafe_b64decode`, `safe_load` and `unescape` let everything through.
    """
    if VALIDATING.search(name.rpartition(".")[2]) is None or name.startswith(_NO_CHECKS):
        return False
    return asks.known.passing(name) is None


def applied(value: Value, rulings: Iterable[Ruling]) -> Value:
    """A value without what is ruled out of it."""
    known = tuple(rulings)
    if not known:
        return value

    def clear(strand: Strand) -> Strand | object:
        gone = frozenset[str]().union(*(ruling.against for ruling in known if ruling.applies(strand)))
        if {"/slash", "/double"} <= gone | ({"/slash", "/double"} & strand.safe):
            gone |= HOST
        return HARMLESS if "all" in gone else strand.without(gone)

    return mapped(value, clear)  # type: ignore[arg-type]
