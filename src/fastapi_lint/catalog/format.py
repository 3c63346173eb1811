"""The shape of what is known about libraries, and the check that an entry has it. Looks nothing up, reads no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal, Union

import msgspec

from fastapi_lint.config.suggestions import hint

Kind = Literal[
    "network", "dns", "sleep", "subprocess", "file", "database", "cache", "broker", "cloud", "mail", "cpu", "input",
    "lock", "thread",
]  # fmt: skip
Weight = Literal["long", "local", "short", "brief"]
Constant = Union[bool, int, str]


class CatalogueError(ValueError):
    """An entry that is not as it must be; the text names the file or setting, the entry and the key."""


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What every entry has: canonical dotted `names`; with `methods`, they are classes and the entry is about those.

    A method `*` is every public one; other wildcards are those of fnmatch. Special methods must be named:
    `__iter__` (for and comprehensions), `__enter__` and `__exit__` (with), `__getitem__`, `__call__`.
    """

    names: tuple[str, ...]
    methods: tuple[str, ...] = ()
    exclude: tuple[str, ...] = msgspec.field(name="except", default=())
    notes: str = ""


class Entry(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A call that blocks.

    weight: "long" for everything that waits for a network, a database server, a process or a processor; "local" for a
    database in a file; "short" for other files; "brief" for what only asks for a file, in microseconds.
    `why` completes "it ..." ("waits for the HTTP response"), `instead` completes "use ..." with what waits without
    blocking ("{method}" is the method that is called), "" when nothing but a thread does; `instead_since` is the first
    version of the library that has it.
    `when` names what must be given for the call to block: "arguments" (any) or a parameter. `unless` maps a parameter
    to the value with which the call returns at once. `mode` is the constant that the first argument must be for the
    call to wait; with another one it does what `otherwise` says.
    lazy: "object" it gives something that blocks again, when it is used; "iterator" it does nothing until it is read;
    "attribute" it is a property, and works when it is read.
    `since` is the first version of Python or the library that has it.
    """

    kind: Kind
    weight: Weight
    why: str
    instead: str = ""
    instead_since: str = ""
    when: str = ""
    unless: dict[str, Constant] = msgspec.field(default_factory=dict)
    mode: str = ""
    otherwise: str = ""
    lazy: Literal["", "object", "iterator", "attribute"] = ""
    since: str = ""

    def applies(self, positional: Sequence[object], keywords: Mapping[str, object]) -> bool:
        """Whether a call with these arguments blocks; an argument that is not a constant is given as None.

        The parameter of `when` and `unless` is also the first positional one.
        """
        if self.when and not positional and not (keywords if self.when == "arguments" else self.when in keywords):
            return False
        for name, value in self.unless.items():
            given = keywords.get(name, positional[0] if positional else None)
            if given == value and isinstance(given, bool) == isinstance(value, bool):
                return False
        return True


class Coroutine(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Something that must be awaited.

    gives: "coroutine" nothing happens without await; "future" it happens, its result and exception are lost;
    "context" it is awaited or entered with `async with`.
    """

    gives: Literal["coroutine", "future", "context"] = "coroutine"


class Handoff(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A function that runs a callable elsewhere.

    The callable is the positional argument `argument` (counted without self), or the keyword `keyword`.
    to: "thread"; "process"; "loop" (on the event loop); "greenlet" (sync code over asynchronous drivers, does not
    block); "caller" (not run now, `functools.partial`).
    gives: "result" of the callable; "wrapper" a new callable; "iterator" and "context": the argument is one of these.
    `decorator`: also used as a decorator. `awaits`: an async callable is awaited on the loop.
    """

    argument: int
    to: Literal["thread", "process", "loop", "greenlet", "caller"]
    keyword: str = ""
    gives: Literal["result", "wrapper", "iterator", "context"] = "result"
    decorator: bool = False
    awaits: bool = False


class Reentry(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A function that starts or runs an event loop; gives "wrapper" when only calling its result does.

    `in_thread`: it works in a thread that has no loop.
    """

    why: str
    instead: str
    in_thread: bool = True
    gives: Literal["result", "wrapper"] = "result"


class Consumer(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What takes its arguments as they are: a coroutine among them is used as an object, and nobody awaits it.

    `elements`: it looks at what it iterates over as well (`any(f(x) for x in y)`). `inside`: it goes through all that
    is in lists and dicts, as encoders and validators do.
    """

    elements: bool = False
    inside: bool = False


class Callback(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What calls a function that it is given and awaits nothing: the positional `argument` (-1: none), or `keyword`."""

    argument: int = -1
    keyword: str = ""


class Client(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A client or pool that is made once per process, for it has something to lose: connections, tokens, keys.

    `why` says what each new one costs, `handshake` what comes with it over TLS. `kept_by` are parameters by which what
    would be lost is kept elsewhere. `source` is where the library says so, or does it. `pool`: an engine or a pool of a
    database, or a factory of sessions.
    """

    kind: Kind
    why: str
    source: str
    handshake: str = ""
    instead: str = "make it once in the lifespan and inject it"
    kept_by: tuple[str, ...] = ()
    pool: bool = False


class Scheme(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A class whose instances, as dependencies, read credentials; `gives` is the type of the dependency's value."""

    gives: str


class AuthDependency(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A dependency of a package that authenticates.

    form: "class" it stands in Depends itself; "factory" calling it gives the dependency; "instance" an instance of it
    is the dependency; "function" it is the dependency.
    """

    form: Literal["class", "factory", "instance", "function"]


class Bound(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What does not bear to be moved to another thread: a class, a function, or a module with everything in it.

    to: "maker" an object works in the thread that made it; "each" there is one for each thread; "one" it must not be
    used by two threads at once; "loop" it needs the thread of the event loop. `unless` maps a parameter of what makes
    the object to the value with which it is not bound. `why` completes "it ...", `instead` completes "use ...".
    """

    to: Literal["maker", "each", "one", "loop"]
    why: str
    instead: str = ""
    unless: dict[str, Constant] = msgspec.field(default_factory=dict)


class Marker(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A decorator that may stand above a route decorator."""

    why: str


Danger = Literal[
    "path", "sql", "url", "redirect", "code", "shell", "data", "module", "template", "html", "columns",
    "archive",
]  # fmt: skip
"""What a text of the client can do where it must not get: open a file of its choice, be read as SQL, ..."""
Against = Literal[
    "all", "path", "sql", "url", "redirect", "code", "shell", "data", "module", "template", "html", "columns",
    "archive",
]  # fmt: skip
Gives = Literal[
    "same", "text", "parts", "parsed", "stem", "joined", "element", "item", "items", "values", "keys", "numbered",
    "zipped", "mapped", "another", "nothing", "names",
]  # fmt: skip


class Origin(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A class whose instances hold what the client sent: which `attributes` (a method with brackets), called what."""

    attributes: dict[str, str]
    source: str = ""


class Passing(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A call that gives a text of the client on; the keys are explained in taint/passing.toml."""

    takes: tuple[str, ...]
    gives: Gives
    removes: tuple[Against, ...] = ()
    resolved: bool = False
    part: bool = False
    decodes: bool = False
    source: str = ""


class Guard(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A call that says whether a text is harmless, or raises; the keys are explained in taint/guards.toml."""

    takes: tuple[str, ...]
    against: tuple[Against, ...]
    raises: bool = False
    resolved: bool = False
    source: str = ""


class Sink(Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A call in which a text of the client is dangerous, where it `takes` it ("self", numbers and names of arguments).

    `when` are arguments and the values that they must have for that; `unless` those with which it is harmless, a class
    or function by its dotted name. `folders`: of paths, it works on folders, too. `opens`: a text that it takes is a
    path, and only a file or bytes are what it reads.
    """

    danger: Danger
    takes: tuple[str, ...]
    when: dict[str, Constant] = msgspec.field(default_factory=dict)
    unless: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    folders: bool = False
    opens: bool = False
    source: str = ""


class Tables(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Everything that the files say. `aliases` maps a canonical name to the other names of the same thing.

    returns: callable (or `Class.method`) to the type of its result, of the awaited result for a coroutine; `self` is
    the class asked about. enters: class or callable to the type that `with ... as` binds. attributes: `Class.name` or
    `Class.*` (every one that is not known to be a method) to a type. decorates: decorator to the type that the
    decorated function becomes. bases: class to its direct bases.
    """

    blocking: list[Entry] = msgspec.field(default_factory=list)
    coroutines: list[Coroutine] = msgspec.field(default_factory=list)
    handoffs: list[Handoff] = msgspec.field(default_factory=list)
    reentry: list[Reentry] = msgspec.field(default_factory=list)
    consumers: list[Consumer] = msgspec.field(default_factory=list)
    callbacks: list[Callback] = msgspec.field(default_factory=list)
    clients: list[Client] = msgspec.field(default_factory=list)
    bound: list[Bound] = msgspec.field(default_factory=list)
    schemes: list[Scheme] = msgspec.field(default_factory=list)
    dependencies: list[AuthDependency] = msgspec.field(default_factory=list)
    middleware: list[Named] = msgspec.field(default_factory=list)
    decorators: list[Named] = msgspec.field(default_factory=list)
    markers: list[Marker] = msgspec.field(default_factory=list)
    sources: list[Origin] = msgspec.field(default_factory=list)
    passing: list[Passing] = msgspec.field(default_factory=list)
    guards: list[Guard] = msgspec.field(default_factory=list)
    sinks: list[Sink] = msgspec.field(default_factory=list)
    aliases: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    returns: dict[str, str] = msgspec.field(default_factory=dict)
    enters: dict[str, str] = msgspec.field(default_factory=dict)
    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    decorates: dict[str, str] = msgspec.field(default_factory=dict)
    bases: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


LISTS: Mapping[str, type[Named]] = {
    "blocking": Entry, "coroutines": Coroutine, "handoffs": Handoff, "reentry": Reentry, "clients": Client,
    "consumers": Consumer, "callbacks": Callback, "bound": Bound, "schemes": Scheme, "dependencies": AuthDependency,
    "middleware": Named, "decorators": Named, "markers": Marker,
    "sources": Origin, "passing": Passing, "guards": Guard, "sinks": Sink,
}  # fmt: skip
"""The tables that are lists of entries, and what each entry is."""


def selects(entry: Named, method: str) -> bool | None:
    """True if the entry is about this method, False if it says that it is not, None if it says nothing."""
    if not entry.methods:
        return None
    if method in entry.exclude or any("*" in pattern and fnmatchcase(method, pattern) for pattern in entry.exclude):
        return False
    if method in entry.methods:
        return True
    if method.startswith("_"):
        return None
    return True if any("*" in pattern and fnmatchcase(method, pattern) for pattern in entry.methods) else None


def entry_from(raw: object, what: type[Named], where: str) -> Named:
    """One entry as parsed from TOML, checked. `where` names the place for the error (`blocking.toml: blocking[3]`).

    `name = "x"` is short for `names = ["x"]`. Raises CatalogueError that names the key and the nearest right one.
    """
    if not isinstance(raw, Mapping):
        raise CatalogueError(f"{where}: must be a table, not {type(raw).__name__}")
    entry = dict(raw)
    known = [field.encode_name for field in msgspec.structs.fields(what)] + ["name"]
    for key in entry:
        if key not in known:
            raise CatalogueError(f"{where}: unknown key '{key}'{hint(str(key), known)}")
    if ("name" in entry) == ("names" in entry):
        both = "has both `name` and `names`" if "name" in entry else "has no `name`"
        raise CatalogueError(f"{where}: {both}")
    if "name" in entry:
        entry["names"] = [entry.pop("name")]
    for field in msgspec.structs.fields(what):
        if field.required and field.encode_name not in entry:
            raise CatalogueError(f"{where}: {entry['names']!r} has no `{field.encode_name}`")
    try:
        checked = msgspec.convert(entry, what)
    except msgspec.ValidationError as error:
        raise CatalogueError(f"{where}: {_explained(error, entry, what)}") from None
    if not checked.names or not all(_dotted(name) for name in checked.names):
        raise CatalogueError(f"{where}: `name` must be a dotted name, not {entry['names']!r}")
    if checked.exclude and not checked.methods:
        raise CatalogueError(f"{where}: `except` without `methods`")
    for text in ("why", "gives", *(("instead",) if isinstance(checked, Reentry) else ())):
        if getattr(checked, text, "x") == "":
            raise CatalogueError(f"{where}: `{text}` is empty")
    return checked


def entries_from(config: Sequence[object], where: str) -> tuple[Entry, ...]:
    """Blocking entries of the user's configuration; `where` names the setting for errors.

    The same keys as in the catalogue's own files; `why` and `instead` may be left out.
    Raises CatalogueError that names the key and the nearest right one.
    """
    entries = []
    for number, raw in enumerate(config):
        if isinstance(raw, Mapping):
            raw = {"kind": "network", "weight": "long", "why": "blocks", **raw}
        entry = entry_from(raw, Entry, f"{where}[{number}]")
        assert isinstance(entry, Entry)
        entries.append(entry)
    return tuple(entries)


TAINT: Mapping[str, type[Named]] = {"source": Origin, "passing": Passing, "guard": Guard, "sink": Sink}
"""What an entry about texts of clients in the user's configuration can be, by its `kind`."""


def taint_from(config: Sequence[object], where: str) -> tuple[Named, ...]:
    """Entries about texts of clients of the user's configuration; `where` names the setting for errors.

    The same keys as in the catalogue's own files, and `kind`. Raises CatalogueError as `entry_from` does.
    """
    entries = []
    for number, raw in enumerate(config):
        place = f"{where}[{number}]"
        if not isinstance(raw, Mapping):
            raise CatalogueError(f"{place}: must be a table, not {type(raw).__name__}")
        kind = str(raw.get("kind"))
        if kind not in TAINT:
            problem = f"`kind` is {kind!r}{hint(kind, TAINT)}" if "kind" in raw else "has no `kind`"
            raise CatalogueError(f"{place}: {problem} (known: {', '.join(TAINT)})")
        entries.append(entry_from({key: value for key, value in raw.items() if key != "kind"}, TAINT[kind], place))
    return tuple(entries)


def _explained(error: msgspec.ValidationError, entry: Mapping[str, object], what: type[Named]) -> str:
    """msgspec's message with its path as a key, and the right values when it is a choice."""
    text, _, path = str(error).partition(" - at ")
    key = path.strip("`").removeprefix("$").lstrip(".").partition("[")[0] or "entry"
    resolved = msgspec.inspect.type_info(what)
    assert isinstance(resolved, msgspec.inspect.StructType)
    for field in resolved.fields:
        if field.encode_name == key and isinstance(field.type, msgspec.inspect.LiteralType):
            choices = [str(choice) for choice in field.type.values]
            return f"`{key}` is {entry.get(key)!r}, not one of {', '.join(choices)}{hint(str(entry.get(key)), choices)}"
    return f"`{key}`: {text}"


def _dotted(name: str) -> bool:
    return bool(name) and all(part.isidentifier() or part == "*" for part in name.split("."))
