"""Names and light types of libraries: canonical names, results, attributes, bases. Knows no effects."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib import resources

import msgspec

from fastapi_lint.catalog.format import Tables


@lru_cache(maxsize=1)
def tables() -> Tables:
    """What the TOML files say, from the table that `tests/catalog/compile_catalogue.py` makes of them.

    Parsing and checking the TOML takes 40 ms under Python 3.10, this 4 to 9 ms, and every run pays it.
    """
    return msgspec.json.decode(
        resources.files("fastapi_lint.catalog").joinpath("compiled.json").read_bytes(), type=Tables
    )


_STUBS = re.compile(r"(?:mypy|types)_boto3_\w+(?:\.client|\.service_resource)?\.\w+?(Client|ServiceResource)")
"""The classes of the packages that say what boto3 gives: one for each service, a few hundred of them."""
_BOTO3 = {"Client": "botocore.client.BaseClient", "ServiceResource": "boto3.resources.base.ServiceResource"}
_AZURE = re.compile(r"azure\.mgmt\.(?:(?!aio\b)\w+\.)+\w*Client")
"""The management clients of Azure, one for each service; those of the `aio` packages are awaited."""
_GOOGLE = re.compile(r"google\.cloud\.\w+_v\d\w*\.(?!\w*Async|Publisher|Subscriber|SecretManager|CloudTasks)\w+Client")
"""The generated clients of Google, one for each part of each service; those with rows of their own aside."""


class _Canonical(dict[str, str]):
    """Name to canonical name; a name that is asked for the first time is worked out and kept."""

    def __missing__(self, name: str) -> str:
        # The longest prefix that has an alias decides: the class's, else the module's.
        result = name.removeprefix("builtins.")
        if name.startswith("collections.abc."):  # what typing has by the same names
            result = f"typing.{name.removeprefix('collections.abc.')}"
        if (stub := _STUBS.fullmatch(name)) is not None:
            result = _BOTO3[stub[1]]
        elif name.startswith("azure.mgmt.") and _AZURE.fullmatch(name):
            result = "azure.mgmt.ManagementClient"
        elif name.startswith("google.cloud.") and _GOOGLE.fullmatch(name):
            result = "google.cloud.GeneratedClient"
        head, dot, rest = name.rpartition(".")
        while dot:
            if (known := self.get(head, head)) != head:
                result = self[f"{known}.{rest}"]
                break
            head, dot, more = head.rpartition(".")
            rest = f"{more}.{rest}"
        self[name] = result
        return result


@lru_cache(maxsize=1)
def _canonical() -> _Canonical:
    known = _Canonical()
    for name, others in tables().aliases.items():
        for other in others:
            known[other] = name
    return known


def canonical(name: str) -> str:
    """The one name by which the catalogue knows what `name` (a full dotted name) names; unknown names stay as they are.

    An alias of a class or module counts for everything in it. `builtins.` is dropped. Idempotent.
    """
    return _canonical()[name]


@cache
def lineage(cls: str) -> tuple[str, ...]:
    """The class itself and all its known bases, canonical, nearest first."""
    found = [canonical(cls)]
    for known in found:  # grows while it runs: breadth first
        found.extend(base for base in tables().bases.get(known, ()) if base not in found)
    return tuple(found)


def bases(cls: str) -> tuple[str, ...]:
    """The known direct bases of a library class."""
    return tables().bases.get(canonical(cls), ())


def is_subclass(cls: str, of: str) -> bool:
    """Whether a library class is `of` or known to be derived from it."""
    return canonical(of) in lineage(cls)


@cache
def is_below(cls: str, of: tuple[object, ...]) -> bool:
    """As `is_subclass`, for any of several; a class that is no name of a library is none of its bases."""
    return cls in of or any(isinstance(one, str) and is_subclass(cls, one) for one in of)


@cache
def returns(name: str) -> str | None:
    """The type that calling a function, or `Class.method` of a library class, gives; None if it is not known.

    For a coroutine, what awaiting it gives. `Class.__call__` and `Class.__getitem__` are calls and subscripts of an
    instance, `Class.__truediv__` the operator. A type may have one parameter: `typing.Iterator[pathlib.Path]`;
    `contextmanager[X]` is good only for `with` or `async with`, which binds an X.
    """
    name = canonical(name)
    found = _inherited(tables().returns, name)
    cls, _, member = name.rpartition(".")
    if found is None and not member[:1].isupper() and (entered := _inherited(tables().enters, name)) is not None:
        return f"contextmanager[{entered}]"
    return lineage(cls)[0] if found == "self" else found


def method_returns(cls: str, method: str) -> str | None:
    """The same for a method of an instance, but "self" stays: the result is of the very class that was asked."""
    name = f"{canonical(cls)}.{method}"
    if (found := _inherited(tables().returns, name)) is None and not method.startswith("_"):
        found = tables().returns.get(f"{canonical(cls)}.*")  # whatever it is called
    return "self" if found == "self" else returns(name)


@cache
def attribute(cls: str, name: str) -> str | None:
    """The type of an instance's attribute; None if it is not known.

    Two names are not attributes: "[]" asks for what a subscript gives, "iter" for what iterating gives.
    """
    if name in ("[]", "iter"):
        return returns(f"{cls}.__getitem__" if name == "[]" else f"{cls}.__next__")
    known = tables().attributes
    for owner in lineage(cls):
        for key in (f"{owner}.{name}", f"{owner}.*"):
            if key.endswith("*") and (name.startswith("_") or _is_method(owner, name)):
                continue
            if key in known:
                return lineage(cls)[0] if known[key] == "self" else known[key]
    return None


@cache
def enters(cls: str) -> str | None:
    """The type that `with x as y` or `async with x as y` gives y, x being of type `cls`; None: x itself, or unknown."""
    known = tables().enters
    return next((known[owner] for owner in lineage(cls) if owner in known), None)


@lru_cache(maxsize=1)
def _methods() -> frozenset[str]:
    """Every `Class.method` that some table names."""
    entries = [*tables().blocking, *tables().coroutines, *tables().handoffs]
    named = (f"{name}.{method}" for entry in entries for name in entry.names for method in entry.methods)
    unlisted = (f"{name}.{method}" for entry in entries for name in entry.names for method in entry.exclude)
    return frozenset((*named, *unlisted, *tables().returns, *tables().enters))


def _is_method(cls: str, name: str) -> bool:
    """Whether a name is known as a method, so that it is none of the attributes that `Class.*` stands for."""
    return any(f"{owner}.{name}" in _methods() for owner in lineage(cls))


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    def names() -> Iterator[str]:
        known = tables()
        for table in (known.aliases, known.bases, known.returns, known.enters, known.decorates):
            yield from table
        for entries in (known.blocking, known.coroutines, known.handoffs, known.reentry, known.clients, known.schemes):
            for entry in entries:
                yield from entry.names

    return frozenset(names())


def is_known(name: str) -> bool:
    """Whether the catalogue says anything about this name."""
    return canonical(name) in _known()


def is_builtin(name: str) -> bool:
    """Whether a bare name is a built-in one of a supported Python."""
    return hasattr(builtins, name) or name in ("ExceptionGroup", "BaseExceptionGroup", "aiter", "anext")


def decorated(decorator: str) -> str | None:
    """The type that a function becomes under this decorator, if the decorator replaces it by an object."""
    return _inherited(tables().decorates, canonical(decorator))


def _inherited(table: Mapping[str, str], name: str) -> str | None:
    """What the table says of a name, or of the member of a base class."""
    cls, _, member = name.rpartition(".")
    found = table.get(name)
    if found is None and cls:
        found = next((table[key] for owner in lineage(cls)[1:] if (key := f"{owner}.{member}") in table), None)
    return found
