"""Texts as the pieces that they are made of, and what of them the client wrote. Data, and how it is put together.

A `Value` is what an expression may be: one `Text` for each alternative. A text is its pieces in order: what is constant
as it stands, what comes from a client or a caller as a `Strand`, and what is not known as `HIDDEN`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Union

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Module

VALIDATING = re.compile(
    r"valid|check|sanit|safe|secur|clean|verif|allow|authori|permission|ensure|assert|normali|slug|escape|trusted|"
    r"within|inside|belongs|contains|ssrf|forbid|reject|permit|restrict|or_404|or_raise|lookup|exists_in|resolve_host",
    re.IGNORECASE,
)
"""Names of functions that are called like a check."""
_BEGINNING = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//[^/?#]*\Z", re.IGNORECASE)
"""A scheme and as much of an authority as there is: what follows belongs to the host, or ends it."""
_MOST = 8
"""Alternatives of a value that are followed; of more, those without anything from outside are given up first."""
_LONGEST = 40
_MOST_STEPS = 10

Key = Union[str, int]
"""An attribute (`.name`), a key of a mapping (its text), the number of an item; `EACH` is any item, `KEYS` any
key, `SOME` the item under a key that is not known."""
EACH = "[]"
SOME = "[?]"
KEYS = "{}"
BESIDE = "/beside"
"""What is ruled out by the beginning of a path alone: all but folders beside that begin so, too."""
ADDRESS = "/address"
"""What is ruled out where a text begins like an address (`gs://`): as a path it stands below a folder `gs:`, which is
not there. What is cut out of it is a path like any other."""
SHORN = "/shorn"
"""That what a text begins with may have been taken off, which rules out nothing: `uri.removeprefix("gs://")`."""
RISES = "/rises"
"""What `normpath` leaves of a path by itself: one that may begin with `..`, and is then nowhere behind another path."""
LEVEL = "/level"
"""What is ruled out where there is no dot: it leads no folder up, though it may begin with a slash."""
CUT = "|"
"""What the mark of a piece begins with that was cut out at a sign (`split`, `splitext`)."""
Path = tuple[Key, ...]
"""What is taken out of an object, outermost first."""


@dataclass(frozen=True)
class Step:
    """A place on the way of a text, and what happens there."""

    module: Module = field(repr=False)
    start: int
    end: int
    message: str


@dataclass(frozen=True)
class Entry:
    """Where a text of the client comes in: a parameter of `function` that FastAPI fills, or a part of what it holds.

    `shown` is it as the code names it, `what` what it is ("query parameter"). `part`: a path parameter without slashes,
    of which only `..` leads elsewhere. `whole`: not a text, but all that was sent (`data: dict`, a model).
    """

    function: Function = field(repr=False)
    start: int
    end: int
    shown: str
    what: str
    part: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Slot:
    """A parameter that callers fill, or what is taken out of it.

    `method`: the parameter is one of a constructor, and this method takes what it was given out of the object.
    """

    function: Function = field(repr=False)
    param: f.Param
    path: Path = ()
    method: Function | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """It as the code would name it."""
        return named(self.param.name, self.path)


@dataclass(frozen=True)
class Strand:
    """A piece of a text that comes from outside.

    `safe` are the dangers that it cannot bring any more, `part` what tells a piece of it from the whole (`name[:3]`),
    `resolved` a path without `..`, `opaque` what only depends on it. `shown` is how it is named where it is used.
    """

    origin: Entry | Slot
    shown: str
    safe: frozenset[str] = frozenset()
    part: str = ""
    resolved: bool = False
    opaque: bool = False
    steps: tuple[Step, ...] = field(default=(), compare=False, repr=False)

    def __hash__(self) -> int:  # of these two, as alternatives are compared all the time; the rest seldom decides
        return hash((self.shown, self.part))

    @property
    def is_cut(self) -> bool:
        """Whether it is what stands between two signs of a text."""
        return self.part.startswith(CUT)

    def is_safe(self, danger: str) -> bool:
        """Whether it cannot bring a danger."""
        return danger in self.safe or "all" in self.safe

    def without(self, dangers: Iterable[str]) -> Strand:
        """The same when some dangers have been ruled out."""
        more = self.safe.union(dangers)
        return self if more == self.safe else replace(self, safe=more)

    def behind(self, step: Step) -> Strand:
        """The same one step further."""
        steps = _further(self.steps, step)
        if steps is self.steps:
            return self
        # `replace` asks for each field in turn: too slow for what is done at every step.
        return Strand(self.origin, self.shown, self.safe, self.part, self.resolved, self.opaque, steps)


def _further(steps: tuple[Step, ...], step: Step) -> tuple[Step, ...]:
    """Steps with one more, unless that is the last one already, or there are many."""
    return steps if (steps and steps[-1] == step) or len(steps) >= _MOST_STEPS else (*steps, step)


@dataclass(frozen=True)
class Hidden:
    """A piece that is not known; `is_harmless` when it is at least a number, a date or the like."""

    is_harmless: bool = False


HIDDEN = Hidden()
HARMLESS = Hidden(True)
Piece = Union[str, Strand, Hidden]
Text = tuple[Piece, ...]
Value = tuple[Text, ...]
UNKNOWN: Value = ((HIDDEN,),)
NUMBER: Value = ((HARMLESS,),)
NOTHING: Value = ()


def named(name: str, path: Path) -> str:
    """An object and what is taken out of it, as Python writes it."""
    text = name
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif key in (EACH, KEYS, SOME):
            text += "[...]"
        elif key.startswith("."):
            text += key
        elif key.endswith("()"):
            text += f".{key}"
        else:
            text += f"[{key!r}]"
    return text


def renamed(strand: Strand, name: str, path: Path) -> Strand:
    """An item of many is called as the variable that holds it."""
    return replace(strand, shown=named(name, path)) if "[...]" in strand.shown else strand


def strands(value: Value) -> Iterator[Strand]:
    """Every piece from outside."""
    for text in value:
        for piece in text:
            if isinstance(piece, Strand):
                yield piece


def has_strands(value: Value) -> bool:
    """Whether anything in it comes from outside."""
    for text in value:  # asked of every value that is followed: a generator takes three times as long
        for piece in text:
            if type(piece) is Strand:
                return True
    return False


def union(values: Iterable[Value]) -> Value:
    """One of several values."""
    found = tuple(dict.fromkeys([text for value in values for text in value]))
    return found if len(found) <= _MOST else bounded(found)


def bounded(texts: Iterable[Text]) -> Value:
    """Some of the alternatives, those with something from outside first."""
    every = tuple(texts)
    if len(every) <= _MOST:
        return every
    if all(text == (HARMLESS,) or all(isinstance(piece, str) for piece in text) for text in every):
        return (*every[: _MOST - 1], (HARMLESS,))
    outside = [text for text in every if any(isinstance(piece, Strand) for piece in text)]
    return (*outside[:_MOST], *([(HIDDEN,)] if len(outside) < _MOST else []))


def concatenated(values: Iterable[Value]) -> Value:
    """Texts one behind the other."""
    found: Value = ((),)
    for value in values:
        found = tuple([_appended(text, more) for text in found for more in value or UNKNOWN])
        if len(found) > _MOST:
            found = bounded(found)
    return found


def _appended(text: Text, more: Text) -> Text:
    """A text with another one behind it."""
    first = more[0] if more and text else None
    if type(first) is Strand and RISES in first.safe:
        more = (replace(first, safe=first.safe - {RISES}, resolved=False), *more[1:])
    return merged((*text, *more))


def resolved(value: Value, *, by_itself: bool = False) -> Value:
    """A path without `..`; `by_itself`: without any folder of the process before it, so that some may stand first."""
    first = {text[0] for text in value if text and by_itself}

    def change(strand: Strand) -> Strand:
        safe = strand.safe | {RISES} if strand in first else strand.safe - {RISES}
        return replace(strand, resolved=True, safe=safe)

    return mapped(value, change)


def merged(text: Text) -> Text:
    """The same with neighbouring constants in one; of what is very long the end."""
    before: type[object] | None = None
    for piece in text:  # nothing is to be done in most
        kind = type(piece)
        if kind is str and (before is str or not piece):
            break
        before = kind
    else:
        return text[-_LONGEST:]
    pieces: list[Piece] = []
    for piece in text:
        if type(piece) is str and pieces and type(pieces[-1]) is str:
            pieces[-1] += piece
        elif piece != "":
            pieces.append(piece)
    return tuple(pieces[-_LONGEST:])


def mapped(value: Value, change: Callable[[Strand], Strand | Hidden]) -> Value:
    """The same with every strand replaced."""
    if not has_strands(value):
        return value
    return tuple(dict.fromkeys([tuple([change(p) if type(p) is Strand else p for p in text]) for text in value]))


def decoded(strand: Strand) -> Strand:
    """What comes out of a code: a path parameter, which has no slash, may hold the code of one."""
    origin = strand.origin
    return replace(strand, origin=replace(origin, part=False)) if isinstance(origin, Entry) and origin.part else strand


def cleaned(value: Value, dangers: Iterable[str]) -> Value:
    """The same when some dangers have been ruled out."""
    dangers = frozenset(dangers)
    if not dangers:
        return value
    if "all" in dangers:
        return mapped(value, lambda strand: HARMLESS)
    return mapped(value, lambda strand: strand.without(dangers))


def flattened(value: Value) -> Value:
    """What depends on a value: its strands, each alone."""
    found = dict.fromkeys((strand,) for strand in strands(value))
    return bounded(found) if found else UNKNOWN


def substituted(value: Value, fill: Callable[[Strand], Value | None]) -> Value:
    """The same with strands replaced by values, which may have alternatives; None leaves a strand as it is."""
    if not has_strands(value):
        return value
    found: list[Text] = []
    for text in value:
        parts: list[Value] = []
        for piece in text:
            filled = fill(piece) if isinstance(piece, Strand) else None
            parts.append(((piece,),) if filled is None else filled or UNKNOWN)
        found.extend(concatenated(parts))
    return bounded(dict.fromkeys(found))


def decides_host(strand: Strand, before: Text, after: Text) -> bool:
    """Whether a text that stands between others may be the host of a URL, or the whole of it.

    After a text that is not known it is not known either; behind a host, what begins with a slash ends it.
    """
    if not before:
        return True
    if not all(isinstance(piece, str) for piece in before):
        return False
    found = _BEGINNING.match("".join(str(piece) for piece in before))
    return found is not None and not ("/slash" in strand.safe and found[0][-1] not in "/@")


def continued(outer: Strand, inner: Strand) -> Strand:
    """A strand that goes on as another one did, which was one of a parameter."""
    is_whole = not (isinstance(inner.origin, Slot) and inner.origin.path)
    part = outer.part or (inner.part if is_whole else "")
    steps = outer.steps
    for step in inner.steps:
        steps = _further(steps, step)
    safe, resolved_, opaque = outer.safe | inner.safe, outer.resolved or inner.resolved, outer.opaque or inner.opaque
    return Strand(outer.origin, outer.shown, safe, part, resolved_, opaque, steps)
