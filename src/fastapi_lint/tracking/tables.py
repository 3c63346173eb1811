"""Tables that are collected from all modules: they record which slice was looked at, and give its fingerprint.

A slice is what a table has under one name, or about one module. The next run compares slices, not tables; and it
need not collect a table to find out that a slice is what it was (`collected`, `contribution`, `Earlier`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from inspect import getattr_static
from operator import attrgetter
from typing import Final, Generic, TypeVar, cast

from fastapi_lint.tracking import memory, recording
from fastapi_lint.tracking.fingerprints import fingerprint, modules_in, number, part_of, plain
from fastapi_lint.tracking.pairs import PAIRS, Grouped
from fastapi_lint.tracking.recording import DependencySet, Input, Slice

S = TypeVar("S")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
M = TypeVar("M", bound=Input)

_SLOT = "_collected_"
_MISSING: Final = object()
_MOST_LOOKED_UP = 12
"""Names that are looked up one by one in a table before all of it is collected."""


@dataclass(frozen=True)
class Earlier:
    """What is known from an earlier run, and holds for the modules as they are now."""

    fingerprints: Mapping[Slice, bytes] = field(default_factory=dict)
    """Of slices that are what they were."""
    contributors: Mapping[str, Mapping[str, Collection[str]]] = field(default_factory=dict)
    """By table: the slices in which there may be something, with the paths of the modules that contribute to them."""
    places: Mapping[str, Mapping[str, Collection[int]]] = field(default_factory=dict)
    """By group: the places at which modules (by path) contribute, none for those that do not (see `contribution`)."""


class Tables(Generic[M]):
    """What is known about the tables of one project: from an earlier run, and found out in this one."""

    def __init__(self, modules: Mapping[str, M]) -> None:
        """`modules` are those of the project, by path."""
        self.modules = modules
        self.earlier = Earlier()
        self.contributed: dict[str, dict[M, tuple[Collection[int], DependencySet]]] = {}
        """By group: the places at which modules contribute to it, and the dependencies of that."""
        self.contributors: dict[str, dict[str, dict[str, int]]] = {}
        """By table and slice: the paths of the modules that contribute to it, with how many pairs."""
        self.grouped: dict[str, Grouped] = {}
        """The pairs of all modules, by table."""

    def turn(self, replaced: Sequence[tuple[M, M]]) -> None:
        """Some modules are others now, each with what it was before: what was found out is forgotten."""
        self.earlier = Earlier()
        self.contributed.clear()
        self.contributors.clear()
        self.grouped = {name: each.renewed(name, replaced) for name, each in self.grouped.items()}

    def is_known_empty(self, each: Slice) -> bool:
        """Whether there is known to be nothing in a slice."""
        if each.part is not None and each.table in self.earlier.contributors:
            return each.part not in self.earlier.contributors[each.table]
        return self.earlier.fingerprints.get(each) == b""

    def places(self, group: str, module: Input) -> Collection[int] | None:
        """The only places at which a module can contribute to a group; None when that is not known."""
        return self.earlier.places.get(group, {}).get(module.path)

    def parts(self, name: str) -> Collection[str]:
        """The slices of a table that is made of `pairs` in which there may be something."""
        known = self.earlier.contributors
        return known[name] if name in known else grouped(self, name)


class _Collection(Generic[V]):
    """Something that is collected when it is first needed; `dependencies` is then what it was collected from."""

    def __init__(self, name: str, collect: Callable[[], V]) -> None:
        self.name = name
        self._collect = collect
        self.dependencies: DependencySet | None = None

    @cached_property
    def content(self) -> V:
        """What is collected."""
        dependencies: DependencySet = set()
        before = recording.record_into(dependencies)
        try:
            found = self._collect()
        finally:
            recording.record_into(before)
        self.dependencies = dependencies if before is not None else None
        return found


class Table(_Collection[Mapping[K, V]], Mapping[K, V]):
    """A mapping that records the slice that is looked at, and the modules that what is found there leads to.

    A slice that is known to be empty is answered without collecting.
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
        self._known: dict[K, tuple[object, Hashable]] = {}
        """What was found, or `_MISSING`, with the dependency of that."""

    def read(self) -> Table[K, V]:
        """The table itself: what is looked at in it is recorded then."""
        return self

    def _found(self, key: K) -> object:
        known = self._known.get(key)
        if known is None:
            each = Slice(self.name, part_of(key))
            found = _MISSING if self._is_empty(each) else self._value(key)
            if not recording.active:
                return found
            leads_to = modules_in(found) if found is not _MISSING else None
            known = self._known[key] = found, recording.combined({each, leads_to}) if leads_to else each
        recording.depend_on(known[1])
        return known[0]

    def _value(self, key: K) -> object:
        """What is under a key; a few names are looked up one by one, where they occur in the text."""
        if self._single is not None and "content" not in vars(self):
            if key not in self._looked_up and len(self._looked_up) < _MOST_LOOKED_UP:
                self._looked_up[key] = self._single(key)
            if key in self._looked_up:
                return self._looked_up[key]
        return self.content.get(key, _MISSING)

    def __getitem__(self, key: K) -> V:
        found = self._found(key)
        if found is _MISSING:
            raise KeyError(key)
        return found  # type: ignore[return-value]

    def __contains__(self, key: object) -> bool:
        return self._found(key) is not _MISSING  # type: ignore[arg-type]

    def get(self, key: K, default: object = None) -> V:  # asked very often: no `cast`
        """As for a dict."""
        found = self._found(key)
        return found if found is not _MISSING else default  # type: ignore[return-value]

    def __iter__(self) -> Iterator[K]:
        if recording.active:
            recording.depend_on(Slice(self.name, None))
            recording.depend_on(modules_in(self.content))
        return iter(self.content)

    def __len__(self) -> int:
        recording.depend_on(Slice(self.name, None))
        return len(self.content)

    def plain(self, parts: Collection[str | None]) -> dict[str | None, object]:
        """What is in slices, as plain data; nothing for empty ones."""
        found: dict[str | None, object] = {}
        for part in parts:
            if part is None:
                keys = list(self.content)
            elif self.name in PAIRS:  # of which each key is a slice
                keys = [cast(K, part)] if self._value(cast(K, part)) is not _MISSING else []
            else:
                keys = self._by_part.get(part, [])
            if keys:
                found[part] = [[plain(key), plain(self._value(key))] for key in keys]
        return found

    @property
    def parts(self) -> Collection[str]:
        """The slices in which there is something."""
        return self._by_part.keys()

    @cached_property
    def _by_part(self) -> dict[str, list[K]]:
        table: dict[str, list[K]] = {}
        for key in self.content:
            table.setdefault(part_of(key), []).append(key)
        return table


class Whole(_Collection[V]):
    """Something that is always looked at as a whole."""

    @cached_property
    def _modules(self) -> frozenset[Input]:
        return modules_in(self.content)

    def read(self) -> V:
        """What is collected; it is recorded that it was read."""
        if recording.active:
            recording.depend_on(Slice(self.name, None))
            recording.depend_on(self._modules)
        return self.content

    def plain(self, parts: Collection[str | None]) -> dict[str | None, object]:
        """As for a table."""
        return {None: plain(self.content)} if None in parts else {}


class Collected(Generic[S, V]):
    """A property with what is collected from all modules, once."""

    def __init__(self, name: str, method: Callable[[S], V], whole: bool) -> None:
        self.name = name
        self.method = method
        self.whole = whole
        self.slot = _SLOT + method.__name__ if whole else method.__name__
        """Where a project has the table: a mapping in the place of this property, which then is not asked any more."""
        self.__doc__ = method.__doc__

    def __get__(self, instance: S, owner: type[S]) -> V:
        state = instance.__dict__
        if not recording.enabled:  # from now on the instance's own attribute is found before this one
            found = state[self.method.__name__] = self.method(instance)
            return found
        collection: Table[Hashable, object] | Whole[object] | None = state.get(self.slot)
        if collection is None:
            collection = state[self.slot] = self.table_of(instance)
        return collection.read()  # type: ignore[return-value]

    def table_of(self, instance: S) -> Table[Hashable, object] | Whole[object]:
        """The table of an instance: that of the state before if it holds; what is made of pairs is soon made anew."""
        whole = None if self.name in PAIRS or self.name in EXTRACTS else Slice(self.name, None)
        found = memory.placed(instance, self.slot, whole)
        if found is None:
            return self.collection_of(instance)
        return cast("Table[Hashable, object] | Whole[object]", found)

    def collection_of(self, instance: S) -> Table[Hashable, object] | Whole[object]:
        """The table of an instance, not collected yet."""
        collect = partial(self.method, instance)
        if self.whole:
            return Whole(self.name, collect)
        tables = tables_of(instance)
        single = None
        if tables.earlier.fingerprints and self.name in PAIRS and not {self.name} & {*NEEDS, *SEARCHED}:
            single = partial(_looked_up, tables, self.name)
        mapping = cast("Callable[[], Mapping[Hashable, object]]", collect)
        if self.name in SETS and self.name in tables.earlier.contributors:
            paths = tables.earlier.contributors[self.name]
            known: dict[Hashable, object] = {m: True for path, m in tables.modules.items() if path in paths}
            return Table(self.name, lambda: known, tables.is_known_empty)
        return Table(self.name, mapping, tables.is_known_empty, single)


def _looked_up(tables: Tables[M], name: str, key: Hashable) -> object:
    """What the modules bring to one slice of a table: those that did, or else those in whose text its name occurs."""
    found: list[object] = []
    word = cast(str, key).encode()
    contributors = tables.earlier.contributors
    if name in contributors:
        likely = [tables.modules[path] for path in sorted(contributors[name].get(cast(str, key), ()))]
    else:
        likely = [module for module in tables.modules.values() if word in module.source.data]
    for module in likely:
        found += [value for brought, value in PAIRS[name](module) if brought == key]
    return found or _MISSING


def collected(
    name: str,
    *,
    whole: bool = False,
    pairs: Callable[[M], Iterable[tuple[str, object]]] | None = None,
    extract: Callable[[M], object] | None = None,
    needs: str = "",
    is_searched: bool = False,
    is_set: bool = False,
) -> Callable[[Callable[[S], V]], Collected[S, V]]:
    """Makes a property of what a method collects from all modules; `name`: where a project has it ("routes.all").

    It is a mapping, of which slices are looked at, or else looked at as a `whole`. So that it need not be collected to
    find out that it is what it was: `pairs` are what a single module brings by the facts about it, with the slice where
    it gets to; `extract` is all of a module that matters; `needs` the name of another table on which this one depends.
    What `is_searched` looks for each key by itself, or has keys that do not stand in the text of who brings them; a
    mapping from modules to True `is_set`.
    """
    if pairs is not None:
        PAIRS[name] = cast("Callable[[Input], Iterable[tuple[str, object]]]", pairs)
    if extract is not None:
        EXTRACTS[name] = cast("Callable[[Input], object]", extract)
    if needs:
        NEEDS[name] = needs
    if is_searched:
        SEARCHED.add(name)
    if is_set:
        SETS.add(name)
    COLLECTED.append(name)
    return lambda method: Collected(name, method, whole)


COLLECTED: list[str] = []
EXTRACTS: dict[str, Callable[[Input], object]] = {}
NEEDS: dict[str, str] = {}
SEARCHED: set[str] = set()
SETS: set[str] = set()
ASKED: dict[str, Callable[[object], Whole[object]]] = {}
"""What gives the answer of a query, by name (see `queries`)."""


def grouped(tables: Tables[M], name: str) -> dict[str, list[object]]:
    """The pairs of all modules by slice, in the order of modules; who brings them is kept (`Tables.contributors`)."""
    found = tables.grouped.get(name)
    if found is None:
        found = Grouped({}, {})
        for module in tables.modules.values():
            for key, value in PAIRS[name](module):
                found.table.setdefault(key, []).append(value)
                if recording.active:
                    counts = found.contributors.setdefault(key, {})
                    counts[module.path] = counts.get(module.path, 0) + 1
    if recording.active:
        tables.grouped[name] = found
        tables.contributors[name] = found.contributors
    return found.table


def contributions(tables: Tables[M], group: str, contribute: Callable[[M], Collection[int]]) -> None:
    """Have every module contribute to what is collected; what, and at which places, is up to `contribute`.

    Modules that are known to contribute nothing are left out (`Earlier.places`).
    """
    recording.depend_on(Slice(group, None))
    known = tables.earlier.places.get(group, {})
    for path, module in tables.modules.items():
        if known.get(path) != ():
            contribution(tables, group, module, contribute)


def contribution(
    tables: Tables[M], group: str, module: M, contribute: Callable[[M], Collection[int]]
) -> Collection[int]:
    """Have one module contribute; the places at which it does are kept with their dependencies (`Tables.contributed`).

    A place is a number that means something to `contribute` alone, which may look at those of `Tables.places` only.
    """
    dependencies: DependencySet = set()
    before = recording.record_into(dependencies)
    try:
        found = contribute(module)
    finally:
        recording.record_into(before)
    if before is not None:
        tables.contributed.setdefault(group, {})[module] = found, dependencies
    return found


class Places(frozenset[int]):
    """Places at which a module contributes; and the modules to which that leads."""

    leads_to: frozenset[Input] = frozenset()


def numbered(places: Collection[int], content: object) -> Collection[int]:
    """The places at which a module contributes, with a number for what it contributes there.

    By that the next run sees, when it has to ask the module again, whether it says the same.
    """
    if not places or not recording.enabled:
        return places
    modules: set[Input] = set()
    found = Places((*places, number(content, modules)))
    found.leads_to = frozenset(modules)
    return found


def tables_of(instance: object) -> Tables[Input]:
    """The tables of the project that something which collects is about: where its class says in `TABLES`."""
    return cast("Tables[Input]", attrgetter(getattr(instance, "TABLES", "types.modules.tables"))(instance))


def fingerprints(project: object, tables: Tables[M], wanted: Iterable[Slice]) -> dict[Slice, bytes]:
    """The fingerprints of slices of a project's tables; empty where there is nothing, or no such table."""
    known: dict[Slice, bytes] = {}
    missing: dict[str, set[str | None]] = {}
    for each in wanted:
        if each == recording.EVERYTHING:
            continue
        if tables.is_known_empty(each):
            known[each] = b""
        elif each in tables.earlier.fingerprints:
            known[each] = tables.earlier.fingerprints[each]
        else:
            known[each] = b""
            missing.setdefault(each.table, set()).add(each.part)
    for name, parts in missing.items():
        for part, content in collection(project, name).plain(parts).items():
            known[Slice(name, part)] = fingerprint(content)
    return known


def collection(project: object, name: str) -> Table[Hashable, object] | Whole[object]:
    """The table or answer of a project with a name, whether it is collected yet or not."""
    if name in ASKED:
        return ASKED[name](project)
    path, _, last = f".{name}".rpartition(".")
    owner = attrgetter(path[1:])(project) if path else project
    declared = cast("Collected[object, object]", getattr_static(type(owner), last))
    found = vars(owner).get(declared.slot)
    if found is None:
        found = vars(owner)[declared.slot] = declared.table_of(owner)
    return cast("Table[Hashable, object] | Whole[object]", found)
