"""What calls into libraries do: block, need an await, hand off, re-enter the loop. Lookups only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, cached_property, lru_cache
from typing import Generic, TypeVar

from fastapi_lint.catalog.format import (
    Bound,
    Callback,
    Client,
    Consumer,
    Coroutine,
    Entry,
    Handoff,
    Named,
    Reentry,
    selects,
)
from fastapi_lint.catalog.names import canonical, lineage, tables

E = TypeVar("E", bound=Named)


class Lookup(Generic[E]):
    """Entries by function and by class; later entries come before earlier ones about the same thing."""

    def __init__(self, entries: Iterable[E]) -> None:
        self._functions: dict[str, E] = {}
        self._classes: dict[str, list[E]] = {}
        self._families: dict[str, list[E]] = {}
        for entry in entries:
            for name in entry.names:
                name = canonical(name)
                if not entry.methods:
                    self._functions[name] = entry
                elif name.endswith(".*"):
                    self._families.setdefault(name[:-2], []).insert(0, entry)
                else:
                    self._classes.setdefault(name, []).insert(0, entry)
        self._methods: dict[tuple[str, str], E | None] = {}
        self._calls: dict[str, E | None] = {}

    def function(self, name: str) -> E | None:
        """The entry for calling `name`: a function, a class (its constructor) or `Class.method`."""
        try:
            return self._calls[name]
        except KeyError:
            full = canonical(name)
            found = self._functions.get(full)
            cls, _, method = full.rpartition(".")
            if found is None and cls:
                found = self.method(cls, method)
            self._calls[name] = found
            return found

    def method(self, cls: str, method: str) -> E | None:
        """The entry for calling a method of an instance of `cls`; nearer classes and explicit names come first."""
        key = (cls, method)
        try:
            return self._methods[key]
        except KeyError:
            found = self._methods[key] = self._found(cls, method)
            return found

    def _found(self, cls: str, method: str) -> E | None:
        for owner in lineage(cls):
            written = self._functions.get(f"{owner}.{method}")
            if written is not None:
                return written
            about = self._classes.get(owner, []) + self._families.get(owner.rpartition(".")[0], [])
            named = next((entry for entry in about if method in entry.methods), None)
            if named is not None:
                return named
            said = [(selects(entry, method), entry) for entry in about]
            for answer, entry in said:
                if answer:
                    return entry
            if any(answer is False for answer, _ in said):
                return None  # this class says that it does not, whatever its bases say
        return None


class BlockingCatalogue(Lookup[Entry]):
    """What blocks. `function` and `method` give the entry; `entry.applies(...)` then judges the arguments."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        super().__init__(self.entries)

    def extend(self, user_entries: Iterable[Entry]) -> BlockingCatalogue:
        """A catalogue with the user's entries, which win over those that ship."""
        return BlockingCatalogue((*self.entries, *user_entries))

    @cached_property
    def attribute_words(self) -> frozenset[str]:
        """The names of all properties that work when they are read: a cheap look before their object is resolved."""
        return frozenset(name for entry in self.entries if entry.lazy == "attribute" for name in entry.methods)


@lru_cache(maxsize=1)
def blocking() -> BlockingCatalogue:
    """The catalogue of blocking calls that ships with the linter."""
    return BlockingCatalogue(tables().blocking)


@lru_cache(maxsize=1)
def _coroutines() -> Lookup[Coroutine]:
    return Lookup(tables().coroutines)


@lru_cache(maxsize=1)
def _handoffs() -> Lookup[Handoff]:
    return Lookup(tables().handoffs)


@lru_cache(maxsize=1)
def _reentries() -> Lookup[Reentry]:
    return Lookup(tables().reentry)


@lru_cache(maxsize=1)
def _clients() -> Lookup[Client]:
    return Lookup(tables().clients)


def awaitable(name: str) -> Coroutine | None:
    """What calling a function or `Class.method` gives, if it is to be awaited; `gives` says what happens without."""
    return _coroutines().function(name)


def awaitable_method(cls: str, method: str) -> Coroutine | None:
    """What calling a method of an instance gives, if it is to be awaited."""
    return _coroutines().method(cls, method)


def coroutine(name: str) -> bool:
    """Whether nothing happens when the call's result is neither awaited nor entered with `async with`."""
    entry = awaitable(name)
    return entry is not None and entry.gives != "future"


def coroutine_method(cls: str, method: str) -> bool:
    """The same for a method of an instance."""
    entry = awaitable_method(cls, method)
    return entry is not None and entry.gives != "future"


@cache
def handoff(name: str) -> Handoff | None:
    """How a function or `Class.method` runs a callable elsewhere, if it does."""
    return _handoffs().function(name)


@cache
def handoff_names() -> frozenset[str]:
    """The last names of all that gives the result of a callable that it runs elsewhere."""
    return frozenset(_last_names(entry for entry in tables().handoffs if entry.gives == "result"))


def reentry(name: str) -> Reentry | None:
    """What a function or `Class.method` does to the event loop, if it starts or runs one."""
    return _reentries().function(name)


@lru_cache(maxsize=1)
def _consumers() -> Lookup[Consumer]:
    return Lookup(tables().consumers)


@lru_cache(maxsize=1)
def _callbacks() -> Lookup[Callback]:
    return Lookup(tables().callbacks)


def consumer(name: str) -> Consumer | None:
    """Whether a function, class or `Class.method` takes its arguments as they are, and awaits none."""
    return _consumers().function(name)


def callback(name: str) -> Callback | None:
    """Which function a function or `Class.method` calls back without awaiting the result, if it does."""
    return _callbacks().function(name)


@lru_cache(maxsize=1)
def callback_words() -> frozenset[str]:
    """The last names of everything that `callback` knows: a cheap look at a call before it is resolved."""
    return frozenset(_last_names(tables().callbacks))


@lru_cache(maxsize=1)
def future_words() -> frozenset[str]:
    """The last names of everything that gives a future, as `callback_words`."""
    return frozenset(_last_names(entry for entry in tables().coroutines if entry.gives == "future"))


@lru_cache(maxsize=1)
def loop_words() -> frozenset[str]:
    """The last names of the hand-offs to the event loop, as `callback_words`."""
    return frozenset(_last_names(entry for entry in tables().handoffs if entry.to == "loop"))


def _last_names(entries: Iterable[Named]) -> Iterator[str]:
    for entry in entries:
        yield from entry.methods or (name.rpartition(".")[2] for name in entry.names)


def client(name: str) -> Client | None:
    """Why a class or factory should be called once per process, if it should."""
    return _clients().function(name)


@lru_cache(maxsize=1)
def client_words() -> frozenset[str]:
    """The last names of what makes a client: a cheap look at a callee before it is resolved."""
    return frozenset(name.rpartition(".")[2] for entry in tables().clients for name in entry.names)


@lru_cache(maxsize=1)
def _bound() -> dict[str, Bound]:
    return {canonical(name): entry for entry in tables().bound for name in entry.names}


@cache
def bound(name: str) -> Bound | None:
    """Why what a name, or a module or class around it, stands for must not be moved to another thread, if so.

    `Class.method` is also bound when a class is from which this one is derived.
    """
    known = _bound()
    cls, _, method = canonical(name).rpartition(".")
    for owner in (canonical(name), *(lineage(cls) if cls else ())):
        while owner:
            if (entry := known.get(owner)) is not None:
                return (
                    None if selects(entry, method) is False or (entry.methods and not selects(entry, method)) else entry
                )
            owner = owner.rpartition(".")[0]
    return None
