"""What is put into a token before it is signed: each claim with its value, and on which ways. Judges nothing.

What the dict is made of is found out by `unfolding`; what that cannot follow is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fastapi_lint.catalog.secrecy import tokens
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.binding import argument_at
from fastapi_lint.model.calls.ways.passing import passes_all
from fastapi_lint.model.names.symbols import Function, FunctionObject, Module
from fastapi_lint.model.tokens.expressions import read_of
from fastapi_lint.model.tokens.parts import Alternative, Chain, Frame, Part
from fastapi_lint.model.tokens.unfolding import MOST_CALLERS, MOST_FRAMES, Unfolding
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.literals import quoted_between

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

Presence = Literal["always", "never", "unknown", "given"]
"""given: it depends on what the callers of the function pass."""

_DEPTH = 12
_FAR = 4000
"""How many bytes behind the start of its statement a key is looked for."""


@dataclass(frozen=True)
class Encoding:
    """A call that signs a payload."""

    module: Module = field(repr=False)
    call: f.Call
    payload: f.Expr
    by: tokens.Encoder

    @property
    def where(self) -> Where:
        return self.module, self.call.block, self.call.start


def encodings(module: Module, project: Project) -> Iterator[Encoding]:
    """The calls of a module that sign a payload."""
    if not module.mentions("jwt", "jose"):
        return
    for call in module.calls_named(module.words_for(frozenset({"encode"}))):
        by = tokens.encoder(project.called_name(module, call) or "")
        given = argument_at(call, by.position, by.keyword) if by is not None else None
        if by is not None and given is not None:
            yield Encoding(module, call, given.value, by)


def is_signed(value: f.Expr | None, where: Where, project: Project, depth: int = 3) -> bool:
    """Whether a value is a token that is signed there, or by a function of the project that gives it."""
    if isinstance(value, f.Await):
        value = value.value
    if isinstance(value, f.Name):
        found = list(project.values.definitions(value, where))
        return (
            bool(depth)
            and bool(found)
            and all(made != value and is_signed(made, place, project, depth - 1) for made, place in found)
        )
    if not isinstance(value, f.CallRef):
        return False
    module = where[0]
    call = module.facts.calls[value.index]
    if tokens.encoder(project.called_name(module, call) or "") is not None:
        return True
    callee = project.callee(module, call)
    if not depth or not isinstance(callee, FunctionObject):
        return False
    given = [leave for leave in callee.function.exits if leave.kind == "return" and leave.value is not None]
    home = callee.function.module
    return bool(given) and all(
        is_signed(leave.value, (home, leave.block, leave.start), project, depth - 1) for leave in given
    )


def place_of_claim(part: Part) -> tuple[int, int] | None:
    """Where a claim is written: an argument, an assignment, or the key in a dict display."""
    start, end = part.span
    if end > start:
        return part.span
    module = part.where[0]
    for literal in quoted_between(module, start, start + _FAR):
        if literal.text == part.key and module.text[literal.end : literal.end + 20].lstrip().startswith(b":"):
            return literal.start, literal.end
    return None


class Payloads:
    """Answers about one payload after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.types = project.types
        self.unfolding = Unfolding(project)

    # ---------------------------------------------------------------- is a claim there

    def without(self, encoding: Encoding, key: str) -> Frame | Encoding | None:
        """The call that leads to a payload without a claim, the signing itself when every call does; else None."""
        self.unfolding.begin()
        pending: list[tuple[Chain, Function | None]] = [((), encoding.module.enclosing(encoding.call.block))]
        for _ in range(MOST_CALLERS):
            if not pending:
                break
            chain, outermost = pending.pop(0)
            presence = self.presence(encoding.payload, encoding.where, chain, key)
            if presence == "never":
                return chain[-1] if chain else encoding
            if presence == "given" and outermost is not None and len(chain) < MOST_FRAMES:
                for frame in self.unfolding.frames(outermost):
                    pending.append(((*chain, frame), frame.module.enclosing(frame.call.block)))
        return None

    def presence(self, expr: f.Expr, where: Where, chain: Chain, key: str, depth: int = _DEPTH) -> Presence:
        """Whether a dict holds a key."""
        alternatives = self.unfolding.unfold(expr, where, chain) if depth >= 0 else None
        if not alternatives:
            return "unknown"
        found = {self._holds(each, chain, key, depth) for each in alternatives}
        for answer in ("unknown", "given"):
            if answer in found:
                return answer
        if len(found) == 1:
            return found.pop()
        # One of several ways leads to a dict without the key: a way of which it is known who takes it.
        function = alternatives[0].function
        if function is None:
            return "unknown"
        is_known = not function.params or any(frame.function is function for frame in self._all(alternatives, chain))
        return "never" if is_known else "given"

    @staticmethod
    def _all(alternatives: list[Alternative], chain: Chain) -> Chain:
        inner = [part.chain for each in alternatives for part in each.parts]
        return (*chain, *(frame for one in inner for frame in one))

    def _holds(self, alternative: Alternative, chain: Chain, key: str, depth: int) -> Presence:
        base: list[Presence] = ["unknown"] if alternative.is_open else ["given"] if alternative.is_given else []
        places: list[tuple[int, int]] = []
        doubted: list[tuple[int, int]] = []
        for part in alternative.parts:
            answer: Presence
            if part.key is not None:
                answer = "always" if part.key == key else "never"
            else:
                answer = self.presence(part.value, part.where, part.chain, key, depth - 1)
            if part.at is None:
                base.append(answer)
            elif answer == "always":
                places.append(part.at)
            elif answer != "never":
                doubted.append(part.at)
        if "always" in base:
            return "always"
        function = alternative.function
        conditional: Presence = "never"
        if function is not None and (places or doubted):
            if passes_all(function, places, alternative.use, self.types):
                return "always"
            conditional = self._on_some_way(function, (*places, *doubted), chain)
        found = {*base, conditional}
        if "unknown" in found:
            return "unknown"
        return "given" if "given" in found else "never"

    def _on_some_way(self, function: Function, places: Sequence[tuple[int, int]], chain: Chain) -> Presence:
        """Whether control comes by one of some places, by what the call passes for the parameters that are tested."""
        frame = next((each for each in chain if each.function is function), None)
        if frame is None:
            return "given" if function.params else "unknown"
        settings = self.unfolding.settings(frame)
        if all(self.unfolding.branches.is_ruled_out(function, settings, block, at) for block, at in places):
            return "never"
        return "given" if len(chain) < MOST_FRAMES else "unknown"

    def keys(self, encoding: Encoding, chain: Chain = ()) -> frozenset[str] | None:
        """Every claim that a payload may have; None when something else may be in it."""
        self.unfolding.begin()
        found: set[str] = set()
        is_known = self._add_keys(encoding.payload, encoding.where, chain, found, _DEPTH)
        return frozenset(found) if is_known else None

    def _add_keys(self, expr: f.Expr, where: Where, chain: Chain, found: set[str], depth: int) -> bool:
        alternatives = self.unfolding.unfold(expr, where, chain) if depth >= 0 else None
        if not alternatives or any(each.is_open or each.is_given for each in alternatives):
            return False
        parts = [part for each in alternatives for part in each.parts]
        found.update(part.key for part in parts if part.key is not None)
        return all(
            self._add_keys(part.value, part.where, part.chain, found, depth - 1) for part in parts if part.key is None
        )

    # ---------------------------------------------------------------- which values has a claim

    def claims(self, encoding: Encoding, key: str | None = None) -> Iterator[Part]:
        """The entries of a payload under a key (all of them without one), also those that only some calls give it."""
        seen: set[tuple[Module, int, int, str | None]] = set()
        self.unfolding.begin()
        pending: list[tuple[Chain, Function | None]] = [((), encoding.module.enclosing(encoding.call.block))]
        for _ in range(MOST_CALLERS):
            if not pending:
                break
            chain, outermost = pending.pop(0)
            needs_callers: list[bool] = []
            for part in self._entries(encoding.payload, encoding.where, chain, key, needs_callers):
                place = (part.where[0], *part.span, part.key)
                if place not in seen:
                    seen.add(place)
                    yield part
            if any(needs_callers) and outermost is not None and len(chain) < MOST_FRAMES:
                for frame in self.unfolding.frames(outermost):
                    pending.append(((*chain, frame), frame.module.enclosing(frame.call.block)))

    def _entries(
        self, expr: f.Expr, where: Where, chain: Chain, key: str | None, given: list[bool], depth: int = _DEPTH
    ) -> Iterator[Part]:
        for alternative in self.unfolding.unfold(expr, where, chain) or () if depth >= 0 else ():
            parts = alternative.parts if key is None else self._left(alternative, key, depth)
            if len(parts) == len(alternative.parts):
                given.append(alternative.is_given)
            for part in parts:
                if part.key is not None:
                    if key is None or part.key == key:
                        yield part
                else:
                    yield from self._entries(part.value, part.where, part.chain, key, given, depth - 1)

    def _left(self, alternative: Alternative, key: str, depth: int) -> tuple[Part, ...]:
        """The parts from the last one on that replaces what the others gave a key."""
        if alternative.function is None:
            return alternative.parts
        places = (self._replaced_at(part, alternative, alternative.function, key, depth) for part in alternative.parts)
        last = max((at for at in places if at is not None), default=None)
        if last is None:
            return alternative.parts
        return tuple(part for part in alternative.parts if part.at is not None and part.at[1] >= last)

    def _replaced_at(
        self, part: Part, alternative: Alternative, function: Function, key: str, depth: int
    ) -> int | None:
        """Where a part sets a key on every way, or makes a text of what stands there."""
        if part.at is None or part.is_fallback or part.key not in (key, None):
            return None
        if part.key is None and self.presence(part.value, part.where, part.chain, key, depth - 1) != "always":
            return None
        is_sure = _is_own_text(part) or passes_all(function, [part.at], alternative.use, self.types)
        return part.at[1] if is_sure else None


def _is_own_text(part: Part) -> bool:
    """`payload["sub"] = str(payload["sub"])`, which is also written below the question whether that is needed."""
    if not isinstance(part.value, f.CallRef) or part.key is None:
        return False
    call = part.where[0].facts.calls[part.value.index]
    if call.func != f.Name("str") or len(call.args) != 1:
        return False
    read = read_of(call.args[0].value, part.where[0])
    return read is not None and read.key == part.key
