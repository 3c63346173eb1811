"""What is collected from all modules: tables that know which slice of them was looked at, and can say what is in it.

A slice is what a table has under one name, or about one module. The next run compares slices, not tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property, partial
from hashlib import blake2b
from inspect import getattr_static
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

import msgspec

from fastapi_lint.model.names.symbols import Class, Function, Module
from fastapi_lint.tracking import reading
from fastapi_lint.tracking.reading import Reads, Slice

if TYPE_CHECKING:
    from fastapi_lint.model.names.modules import Modules

S = TypeVar("S")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_SLOT = "_collected_"
_TOLD = "_identity"
_MISSING: Final = object()
_MOST_LOOKED_UP = 12
"""Names that are looked up one by one in a table before all of it is collected."""
_OWNERS = frozenset({"project", "types", "check"})
"""Fields of facts about the project that hold the whole model: they say nothing by themselves."""


class _Holder(Generic[V]):
    """Something that is collected when it is first needed; `reads` is then what it was collected from."""

    def __init__(self, name: str, collect: Callable[[], V]) -> None:
        self.name = name
        self._collect = collect
        self.reads: Reads | None = None

    @cached_property
    def held(self) -> V:
        """What is collected."""
        reads: Reads = set()
        before = reading.into(reads)
        try:
            found = self._collect()
        finally:
            reading.into(before)
        self.reads = reads if before is not None else None
        return found


class Table(_Holder[Mapping[K, V]], Mapping[K, V]):
    """A mapping that notes the slice that is looked at, and the modules that what is found there comes from.

    What is known to be empty is not collected for that.
    """

    def __init__(
        self,
        name: str,
        collect: Callable[[], Mapping[K, V]],
        is_empty: Callable[[Slice], bool],
        single: Callable[[K], object] | None = None,
    ) -> None:
        """`is_empty` says whether a slice is known to be; `single` looks up one key alone."""
        super().__init__(name, collect)
        self._is_empty = is_empty
        self._single = single
        self._looked_up: dict[K, object] = {}
        self._modules: dict[K, Hashable] = {}

    def _found(self, key: K) -> object:
        each = Slice(self.name, part_of(key))
        reading.note(each)
        if self._is_empty(each):
            return _MISSING
        found = self._held_under(key)
        if found is not _MISSING and reading.noting:
            if key not in self._modules:
                self._modules[key] = frozenset(modules_in(found))
            reading.note(self._modules[key])
        return found

    def _held_under(self, key: K) -> object:
        """What is held under a key; for a few names it is looked up only where they stand in the text."""
        if self._single is not None and "held" not in vars(self):
            if key not in self._looked_up and len(self._looked_up) < _MOST_LOOKED_UP:
                self._looked_up[key] = self._single(key)
            if key in self._looked_up:
                return self._looked_up[key]
        return self.held.get(key, _MISSING)

    def __getitem__(self, key: K) -> V:
        found = self._found(key)
        if found is _MISSING:
            raise KeyError(key)
        return cast(V, found)

    def __contains__(self, key: object) -> bool:
        return self._found(cast(K, key)) is not _MISSING

    def get(self, key: K, default: object = None) -> V:
        """As for a dict."""
        found = self._found(key)
        return cast(V, found if found is not _MISSING else default)

    def __iter__(self) -> Iterator[K]:
        if reading.noting:
            reading.note(Slice(self.name, None))
            reading.note(frozenset(modules_in(self.held)))
        return iter(self.held)

    def __len__(self) -> int:
        reading.note(Slice(self.name, None))
        return len(self.held)

    def identities(self, parts: Collection[str | None]) -> dict[str | None, object]:
        """What stands in slices, as plain data: equal for equal content; nothing for empty ones."""
        found: dict[str | None, object] = {}
        for part in parts:
            if part in self._looked_up:
                keys = [part] if self._looked_up[part] is not _MISSING else []
            else:
                keys = list(self.held) if part is None else self._by_part.get(part, [])
            if keys:
                found[part] = [[identity(key), identity(self._held_under(key))] for key in keys]
        return found

    @property
    def parts(self) -> Collection[str]:
        """The slices in which there is something."""
        return self._by_part.keys()

    @cached_property
    def _by_part(self) -> dict[str, list[K]]:
        table: dict[str, list[K]] = {}
        for key in self.held:
            table.setdefault(part_of(key), []).append(key)
        return table


class Whole(_Holder[V]):
    """Something that is always looked at as a whole."""

    @cached_property
    def _modules(self) -> frozenset[Module]:
        return frozenset(modules_in(self.held))

    def read(self) -> V:
        """What is held; it is noted that it was read."""
        if reading.noting:
            reading.note(Slice(self.name, None))
            reading.note(self._modules)
        return self.held

    def identities(self, parts: Collection[str | None]) -> dict[str | None, object]:
        """As for a table."""
        return {None: identity(self.held)} if None in parts else {}


class Collected(Generic[S, V]):
    """A property with what is collected from all modules, once."""

    def __init__(self, name: str, method: Callable[[S], V], whole: bool) -> None:
        self.name = name
        self.method = method
        self.whole = whole
        self.slot = _SLOT + method.__name__
        self.__doc__ = method.__doc__

    def __get__(self, instance: S, owner: type[S]) -> V:
        state = instance.__dict__
        if not reading.started:  # from now on the instance's own attribute is found before this one
            found = state[self.method.__name__] = self.method(instance)
            return found
        held = state.get(self.slot)
        if held is None:
            held = state[self.slot] = self.holder_for(instance)
        return cast(V, held.read() if isinstance(held, Whole) else held)

    def holder_for(self, instance: S) -> Table[Hashable, object] | Whole[object]:
        collect = partial(self.method, instance)
        if self.whole:
            return Whole(self.name, collect)
        modules = modules_of(instance)
        single = None
        if modules.known and self.name in PAIRS and self.name not in NEEDS:
            single = partial(_looked_up, modules, self.name)
        mapping = cast("Callable[[], Mapping[Hashable, object]]", collect)
        if self.name in EXTRACTS and self.name in modules.filled:
            paths = modules.filled[self.name]
            known: dict[Hashable, object] = {m: True for path, m in modules.by_path.items() if path in paths}
            return Table(self.name, lambda: known, modules.is_known_empty)
        return Table(self.name, mapping, modules.is_known_empty, single)


def _looked_up(modules: Modules, name: str, key: Hashable) -> object:
    """What the modules bring to one slice of a table: those that did, or else those in whose text its name stands."""
    found: list[object] = []
    word = cast(str, key).encode()
    if name in modules.filled:
        likely = [modules.by_path[path] for path in sorted(modules.filled[name].get(cast(str, key), ()))]
    else:
        likely = [module for module in modules.by_path.values() if word in module.source.data]
    for module in likely:
        found += [value for brought, value in PAIRS[name](module) if brought == key]
    return found or _MISSING


def collected(
    name: str,
    *,
    whole: bool = False,
    pairs: Callable[[Module], Iterable[tuple[str, object]]] | None = None,
    extract: Callable[[Module], object] | None = None,
    needs: str = "",
) -> Callable[[Callable[[S], V]], Collected[S, V]]:
    """Makes a property of what a method collects from all modules; `name`: where a project has it ("routes.all").

    It is a mapping, of which slices are looked at, or else looked at as a `whole`. So that it need not be collected to
    find out that it is what it was: `pairs` are what a single module brings by the facts about it, with the slice where
    it gets to; `extract` is all of a module that matters (then the mapping is from modules to True); `needs` the name
    of another table on which this one depends.
    """
    if pairs is not None:
        PAIRS[name] = pairs
    if extract is not None:
        EXTRACTS[name] = extract
    if needs:
        NEEDS[name] = needs
    COLLECTED.append(name)
    return lambda method: Collected(name, method, whole)


COLLECTED: list[str] = []
PAIRS: dict[str, Callable[[Module], Iterable[tuple[str, object]]]] = {}
EXTRACTS: dict[str, Callable[[Module], object]] = {}
NEEDS: dict[str, str] = {}


def grouped(modules: Modules, name: str) -> dict[str, list[object]]:
    """The pairs of all modules by slice, in the order of modules, and which ones these are (`Modules.homes`)."""
    table: dict[str, list[object]] = {}
    homes: dict[str, dict[str, None]] = {}
    pairs = PAIRS[name]
    for module in modules.by_path.values():
        for key, value in pairs(module):
            table.setdefault(key, []).append(value)
            if reading.noting:
                homes.setdefault(key, {})[module.path] = None
    if reading.noting:
        modules.homes[name] = homes
    return table


def differing(name: str, one: Module, other: Module) -> set[str]:
    """The slices of a table to which two states of a module bring different pairs."""
    brought = []
    for module in (one, other):
        table: dict[str, list[object]] = {}
        for key, value in PAIRS[name](module):
            table.setdefault(key, []).append(identity(value))
        brought.append(table)
    return {key for key in {*brought[0], *brought[1]} if brought[0].get(key) != brought[1].get(key)}


def contributions(modules: Modules, group: str, contribute: Callable[[Module], Collection[int]]) -> None:
    """Have every module contribute to what is collected; what, and at which places, is up to `contribute`.

    Those are left out of which the last run found that they contribute nothing, and which would find it again.
    """
    reading.note(Slice(group, None))
    barren = modules.barren.get(group, ())
    for module in modules.by_path.values():
        if module.path not in barren:
            contribution(modules, group, module, contribute)


def contribution(
    modules: Modules, group: str, module: Module, contribute: Callable[[Module], Collection[int]]
) -> Collection[int]:
    """Have one module contribute; the places at which it does, and what it reads, are kept (`Modules.contributed`).

    A place is a number that means something to `contribute` alone, which may look at those in `Modules.places` only.
    """
    reads: Reads = set()
    before = reading.into(reads)
    try:
        found = contribute(module)
    finally:
        reading.into(before)
    if before is not None:
        modules.contributed.setdefault(group, {})[module] = found, reads
    return found


def modules_of(instance: object) -> Modules:
    """The modules that something which collects is about."""
    return cast("Modules", attrgetter(getattr(instance, "ABOUT", "types.modules"))(instance))


def slices(project: object, wanted: Iterable[Slice]) -> dict[Slice, object]:
    """What stands in slices of a project, as plain data; left out when there is nothing, or no such table."""
    by_table: dict[str, set[str | None]] = {}
    for each in wanted:
        by_table.setdefault(each.table, set()).add(each.part)
    found: dict[Slice, object] = {}
    for name, parts in by_table.items():
        for part, content in holder(project, name).identities(parts).items():
            found[Slice(name, part)] = content
    return found


def digest_of(plain: object) -> bytes:
    """Plain data in short."""
    return blake2b(msgspec.msgpack.encode(plain), digest_size=12).digest()


def holder(project: object, name: str) -> Table[Hashable, object] | Whole[object]:
    """The table of a project with a name, whether it is collected yet or not."""
    path, _, last = f".{name}".rpartition(".")
    owner = attrgetter(path[1:])(project) if path else project
    found = vars(owner).get(_SLOT + last)
    if found is None:
        found = vars(owner)[_SLOT + last] = cast("Collected[object, object]", getattr_static(owner, last)).holder_for(
            owner
        )
    return cast("Table[Hashable, object] | Whole[object]", found)


def part_of(key: object) -> str:
    """The slice of a table that a key belongs to: its name, or the path of the module that it lies in."""
    if isinstance(key, str):
        return key
    if isinstance(key, tuple):
        return part_of(key[-1])
    return key.path if isinstance(key, Module) else cast(Function, key).module.path


def modules_in(value: object) -> set[Module]:
    """The modules that a value leads to."""
    found: set[Module] = set()
    identity(value, found)
    return found


def _told(value: object) -> tuple[bytes, frozenset[Module]]:
    """The identity of a frozen dataclass in short, worked out once, and the modules that it leads to."""
    held = vars(value).get(_TOLD)
    if held is None:
        found: set[Module] = set()
        names = (each.name for each in fields(value) if each.name not in _OWNERS)  # type: ignore[arg-type]
        parts = [identity(getattr(value, name), found) for name in names]
        held = vars(value)[_TOLD] = digest_of([type(value).__name__, parts]), frozenset(found)
    return cast("tuple[bytes, frozenset[Module]]", held)


def identity(value: object, modules: set[Module] | None = None) -> object:
    """A value as plain data, equal for equal values of two runs over the same modules; those it leads to are added.

    Nodes of facts are known by their place, for whoever compares has compared their module as well.
    """
    match value:
        case None | bool() | int() | float() | str() | bytes():
            return value
        case Module():
            if modules is not None:
                modules.add(value)
            return [value.path]
        case Function() | Class():
            if modules is not None:
                modules.add(value.module)
            return [type(value).__name__, value.module.path, value.index]
        case msgspec.Struct():
            start = getattr(value, "start", None)
            return start if start is not None else [type(value).__name__, msgspec.msgpack.encode(value)]
        case Mapping():
            pairs = [[identity(key, modules), identity(each, modules)] for key, each in value.items()]
            return [pairs, identity(getattr(value, "conditions", None), modules)]
        case tuple() | list():
            return [identity(each, modules) for each in value]
        case set() | frozenset():
            return sorted((identity(each, modules) for each in value), key=repr)
    if is_dataclass(value):
        told, leads_to = _told(value)
        if modules is not None:
            modules.update(leads_to)
        return told
    raise TypeError(f"{type(value).__name__} has no identity")
