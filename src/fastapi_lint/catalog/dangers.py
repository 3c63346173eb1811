"""What is known about texts of clients: where they come from, what passes, cleans or checks them, and where they hurt.

Lookups only; the entries are in `taint/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from fastapi_lint.catalog.effects import Lookup
from fastapi_lint.catalog.format import Guard, Named, Origin, Passing, Sink
from fastapi_lint.catalog.names import canonical, lineage, tables

_UNTYPED = ("str", "bytes", "dict", "io.BytesIO", "starlette.datastructures.ImmutableMultiDict")
"""Classes whose methods are known by their names, too, when the object's class is not."""


class Dangers:
    """The catalogue of texts of clients; `additions` are the user's entries, which win over those that ship."""

    def __init__(
        self,
        sources: Iterable[Origin],
        passing: Iterable[Passing],
        guards: Iterable[Guard],
        sinks: Iterable[Sink],
    ) -> None:
        self.is_extended = False
        """Whether there are entries of the user, which may be about functions of the project."""
        self._sources: dict[str, dict[str, str]] = {}
        for source in sources:
            for name in source.names:
                self._sources.setdefault(canonical(name), {}).update(source.attributes)
        self._attributes: dict[str, dict[str, str]] = {}
        self._passing = Lookup(passing)
        self._guards = Lookup(guards)
        self._sinks: dict[str, Lookup[Sink]] = {}
        self._names: dict[str, frozenset[str]] = {}
        by_danger: dict[str, list[Sink]] = {}
        for sink in sinks:
            by_danger.setdefault(sink.danger, []).append(sink)
        for danger, entries in by_danger.items():
            self._sinks[danger] = Lookup(entries)
            self._names[danger] = frozenset(_last_names(entries))

    def attributes(self, cls: str) -> Mapping[str, str]:
        """What of an instance of a class the client wrote: attributes, methods with brackets, to what they are."""
        if cls not in self._attributes:
            found = self._attributes[cls] = {}
            for owner in reversed(lineage(cls)):
                found.update(self._sources.get(owner, {}))
        return self._attributes[cls]

    def passing(self, name: str) -> Passing | None:
        """What becomes of a text in a call of a function."""
        return self._passing.function(name)

    def passing_method(self, cls: str, method: str) -> Passing | None:
        """The same for a method of an instance."""
        return self._passing.method(cls, method)

    def passing_by_name(self, method: str) -> Passing | None:
        """The same for a method of an object of unknown class, that bears the name of one of a text or dict."""
        return next((found for cls in _UNTYPED if (found := self._passing.method(cls, method))), None)

    def guard(self, name: str) -> Guard | None:
        """What a call of a function rules out."""
        return self._guards.function(name)

    def guard_method(self, cls: str, method: str) -> Guard | None:
        """The same for a method of an instance."""
        return self._guards.method(cls, method)

    def guard_by_name(self, method: str) -> Guard | None:
        """The same for a method of an object of unknown class."""
        classes = ("str", "pathlib.Path", "re.Pattern")
        return next((found for cls in classes if (found := self._guards.method(cls, method))), None)

    def sink(self, danger: str, name: str) -> Sink | None:
        """How a function is a sink of a danger."""
        return self._sinks[danger].function(name) if danger in self._sinks else None

    def sink_method(self, danger: str, cls: str, method: str) -> Sink | None:
        """The same for a method of an instance."""
        return self._sinks[danger].method(cls, method) if danger in self._sinks else None

    def names(self, danger: str) -> frozenset[str]:
        """The last names of all sinks of a danger: a call that ends in none of them is none."""
        return self._names.get(danger, frozenset())


def _last_names(entries: Iterable[Named]) -> Iterable[str]:
    for entry in entries:
        yield from entry.methods or (name.rpartition(".")[2] for name in entry.names)


@lru_cache(maxsize=1)
def _shipped() -> Dangers:
    known = tables()
    return Dangers(known.sources, known.passing, known.guards, known.sinks)


def dangers(additions: Sequence[Named] = ()) -> Dangers:
    """The catalogue that ships, with the user's entries."""
    if not additions:
        return _shipped()
    known = tables()
    extended = Dangers(
        [*known.sources, *(each for each in additions if isinstance(each, Origin))],
        [*known.passing, *(each for each in additions if isinstance(each, Passing))],
        [*known.guards, *(each for each in additions if isinstance(each, Guard))],
        [*known.sinks, *(each for each in additions if isinstance(each, Sink))],
    )
    extended.is_extended = True
    return extended
