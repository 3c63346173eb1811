"""What comparisons rule out: membership, equality, how a text begins. Looks at the two sides, and at no calls."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import External
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.checking.rulings import ALL, HOST, Ruling, of_all
from fastapi_lint.model.taint.checking.schemes import stays_here
from fastapi_lint.model.taint.strands import ADDRESS, BESIDE, LEVEL, Slot, Strand, has_strands, strands
from fastapi_lint.model.types.inference.inference import Where, is_none

_SIGNS: dict[str, frozenset[str]] = {
    "..": frozenset({"path"}), ".": frozenset({LEVEL}), "/": frozenset({"path"}), "\\": frozenset({"path"}),
    "'": frozenset({"sql"}), '"': frozenset({"sql"}), ";": frozenset({"sql", "shell"}), "<": frozenset({"html"}),
    "://": frozenset({"url", "redirect"}), "//": frozenset({"url", "redirect"}), "\0": frozenset(),
}  # fmt: skip
"""What a sign is dangerous in: a text that does not have it is not dangerous there."""
_SCHEME = ".scheme"
_PATH = frozenset({"path"})
_SHARED = {"os.path.commonpath": "folders", "os.path.commonprefix": "letters"}
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_URL_WITH_HOST = re.compile(rf"{_URL.pattern}[^/]+/", re.IGNORECASE)


def _is_of_parents(expr: f.Expr) -> bool:
    """Whether an expression is the folders around a path, perhaps with itself: `(path, *path.parents)`."""
    if isinstance(expr, f.Display):
        return any(isinstance(item, f.Star) and _is_of_parents(item.value) for item in expr.items)
    return isinstance(expr, f.Attr) and expr.attr == "parents"


class Comparisons:
    """Answers "what is ruled out when this comparison is true, or not"."""

    def __init__(self, asks: Asks) -> None:
        self.asks = asks

    def compared(self, operator: str, left: f.Expr, right: f.Expr, truth: bool, where: Where) -> Iterator[Ruling]:
        """What `left operator right` rules out."""
        if operator in ("in", "not in"):
            is_in = (operator == "in") is truth
            yield from self._membership(left, right, is_in, where)
            yield from self._of_scheme(left, right, is_in, where)
        elif operator in ("==", "!=", "is", "is not"):
            is_same = operator in ("==", "is")
            yield from self._equality(left, right, is_same is truth, where)
            yield from self._of_scheme(left, right, is_same is truth, where)

    def of_sets(self, test: f.Expr, truth: bool, where: Where) -> Iterator[Ruling]:
        """`set(names) <= KNOWN`, `set(names).issubset(KNOWN)`, and `set(names) - KNOWN` with nothing in it."""
        for part, among in _sets_within(test, truth, where):
            if not has_strands(self.asks.subjects(among, where)):
                yield from of_all(self.asks, part, where, whole=True)

    def _membership(self, left: f.Expr, right: f.Expr, is_in: bool, where: Where) -> Iterator[Ruling]:
        inside = list(strands(self.asks.subjects(left, where)))
        among = list(strands(self.asks.subjects(right, where)))
        own = {one.origin for one in inside}
        chosen = all(one.opaque and one.origin not in own for one in among)  # of which list it is, not what is in it
        if inside and is_in and chosen:
            yield from (Ruling(one.origin, "" if one.opaque else one.part, ALL) for one in inside)
        elif among and is_in and _is_own(inside) and _is_of_parents(right):
            yield from (Ruling(one.origin, "", _PATH) for one in among if may_be_resolved(one))
        elif among and not is_in and not inside:
            against = frozenset[str]().union(*(_SIGNS.get(sign, frozenset()) for sign in self._constants(left, where)))
            if against:
                yield from (Ruling(one.origin, one.part, against) for one in among)
        for one in (*inside, *among):
            if one.opaque:
                yield Ruling(one.origin, "", ALL)

    def _of_scheme(self, scheme: f.Expr, other: f.Expr, is_same: bool, where: Where) -> Iterator[Ruling]:
        """`parsed.scheme == "file"`: no other scheme says anything of the host."""
        found = [one for one in strands(self.asks.subjects(scheme, where)) if one.part == _SCHEME] if is_same else []
        items = other.items if isinstance(other, f.Display) else (other,)
        texts = [text for item in items for text in self._constants(item, where)] if found else []
        if texts and all(stays_here(f"{text}:") for text in texts):
            yield from (Ruling(one.origin, "", frozenset({"url"})) for one in found)

    def _constants(self, expr: f.Expr, where: Where) -> Iterator[str]:
        for text in self.asks.value(expr, where, (), 1):
            if len(text) == 1 and isinstance(text[0], str):
                yield text[0]
            elif isinstance(expr, f.Name):  # a sign of a text that is walked through: `for c in "/\\"`
                for binding in self.asks.types.find_bindings(expr.id, where):
                    if isinstance(binding.entry, f.Block) and binding.entry.test is not None:
                        place = (where[0], binding.entry.parent, binding.entry.start)
                        for inner in self.asks.value(binding.entry.test, place, (), 1):
                            yield from "".join(piece for piece in inner if isinstance(piece, str))
                            yield from (piece for piece in inner if isinstance(piece, str))

    def _equality(self, left: f.Expr, right: f.Expr, is_same: bool, where: Where) -> Iterator[Ruling]:
        sides = [(left, right), (right, left)]
        for one, other in sides:
            shared = self._shared(one, where)
            if shared == "letters":
                continue
            found = list(strands(self.asks.subjects(one, where)))
            if not found:
                continue
            opposite = list(strands(self.asks.subjects(other, where)))
            for strand in found:
                chosen = all(each.opaque and each.origin != strand.origin for each in opposite)
                if strand.opaque:
                    yield Ruling(strand.origin, "", ALL)
                elif shared == "folders":
                    if is_same and _is_own(opposite) and strand not in opposite and may_be_resolved(strand):
                        yield Ruling(strand.origin, "", _PATH)
                elif is_same and not is_none(other) and other != f.Const("") and chosen:  # what was looked up
                    yield Ruling(strand.origin, strand.part, ALL)
                elif is_same and opposite:  # `os.path.basename(name) == name`
                    safe = frozenset[str]().union(*(each.safe for each in opposite if each.origin == strand.origin))
                    if safe:
                        yield Ruling(strand.origin, "", safe)
                    if strand.part == "host" and any(each.origin != strand.origin for each in opposite):
                        yield Ruling(strand.origin, "", HOST)

    def _shared(self, expr: f.Expr, where: Where) -> str:
        """What of paths is compared: the "folders" of `commonpath`, or the "letters" of `commonprefix`, which lets in
        the folder beside; "" for anything else."""
        if not isinstance(expr, f.CallRef):
            return ""
        target, _ = self.asks.callee(where[0].facts.calls[expr.index], where)
        return _SHARED.get(target.name, "") if isinstance(target, External) else ""

    def begins(self, subject: f.Expr, prefix: f.Expr, truth: bool, where: Where) -> Iterator[Ruling]:
        """`text.startswith(prefix)`: of a resolved path a folder that ends in a separator, of a URL its host."""
        found = list(strands(self.asks.subjects(subject, where)))
        if not found:
            return
        values = self.asks.value(prefix, where, (), 1)
        if isinstance(prefix, f.Display):
            values = tuple(text for item in prefix.items for text in self.asks.value(item, where, (), 1))
        ends = all(text and isinstance(text[-1], str) and text[-1].endswith(("/", "\\")) for text in values)
        begins = [text[0] if text and isinstance(text[0], str) else "" for text in values]
        for strand in found:
            if truth and ends and strand.resolved:
                yield Ruling(strand.origin, "", frozenset({"path"}))
            if truth and not ends and strand.resolved:
                yield Ruling(strand.origin, "", frozenset({BESIDE}))
            if truth and begins and not strand.part and all(map(_URL.match, begins)):
                yield Ruling(strand.origin, "", frozenset({ADDRESS}))
            if truth and begins and all(_URL_WITH_HOST.match(text) for text in begins):
                yield Ruling(strand.origin, strand.part, HOST)
            if truth and begins and all(stays_here(text) for text in begins):
                yield Ruling(strand.origin, strand.part, frozenset({"url"}))
            if truth and begins == ["/"]:
                yield Ruling(strand.origin, strand.part, frozenset({"/slash"}))
            if not truth and any(text.startswith("..") for text in begins):
                yield Ruling(strand.origin, strand.part, frozenset({"path"}))
            if not truth and "/" in begins:
                yield Ruling(strand.origin, strand.part, frozenset({"/none"}))
            if not truth and any(text.startswith(("//", "/\\")) for text in begins):
                yield Ruling(strand.origin, strand.part, frozenset({"/double"}))


def _sets_within(test: f.Expr, truth: bool, where: Where) -> Iterator[tuple[f.Expr, f.Expr]]:
    """Which set lies in which other one when a test is true, or not."""
    match test:
        case f.Compare(operators=("<=" | "<",), operands=(left, right)) if truth and _is_set(left, where):
            yield left, right
        case f.Compare(operators=(">=" | ">",), operands=(left, right)) if truth and _is_set(right, where):
            yield right, left
        case f.Binary(op="-", left=left, right=right) if not truth:
            yield left, right
        case f.CallRef(index=index):
            call = where[0].facts.calls[index]
            match call.func, call.args:
                case f.Attr(value=owner, attr="issubset"), (f.Arg(value=given),) if truth:
                    yield owner, given
                case f.Attr(value=owner, attr="issuperset"), (f.Arg(value=given),) if truth:
                    yield given, owner
                case f.Attr(value=owner, attr="difference"), (f.Arg(value=given),) if not truth:
                    yield owner, given


def _is_set(expr: f.Expr, where: Where) -> bool:
    """Whether an expression makes a set, of which a comparison asks whether it lies in another one."""
    match expr:
        case f.CallRef(index=index):
            return f.last_name(where[0].facts.calls[index].func) in ("set", "frozenset")
        case f.Display(kind=kind) | f.Each(kind=kind):
            return kind == "set"
    return False


def may_be_resolved(strand: Strand) -> bool:
    """Whether a path has no `..` in it: it was resolved, or it is a parameter, which may have been before."""
    return strand.resolved or isinstance(strand.origin, Slot)


def _is_own(found: list[Strand]) -> bool:
    """Whether the program itself gives what something is compared with: nothing of it is a client's."""
    return all(isinstance(each.origin, Slot) for each in found)
