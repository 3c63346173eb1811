"""Answers of two runs made comparable: a value as plain data, and plain data as a fingerprint of twelve bytes.

Nothing is compared by the identity of an object, which a second run does not have: modules are known by their path,
what is in them by its place, values by what they hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b

import msgspec

from fastapi_lint.tracking.recording import Handle, Input

NUMBERS = -(1 << 40)
_BYTES = 7
"""Of a fingerprint: a number of so many is stored everywhere."""
_MEMO = "_fingerprint"
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_OWNERS = frozenset({"project", "types", "check"})
"""Fields of values that hold the whole model: they say nothing by themselves."""


class _Fields(dict[type, tuple[str, ...]]):
    """The names of the fields of dataclasses; none of other classes."""

    def __missing__(self, cls: type) -> tuple[str, ...]:
        found = self[cls] = tuple(each.name for each in fields(cls)) if is_dataclass(cls) else ()
        return found


_FIELDS = _Fields()


def fingerprint(plain: object) -> bytes:
    """Plain data in twelve bytes."""
    return blake2b(msgspec.msgpack.encode(plain), digest_size=12).digest()


def number(value: object, modules: set[Input] | None = None) -> int:
    """A value as a number from `NUMBERS` downwards, another one for other values. For `modules` see `plain`."""
    return NUMBERS - int.from_bytes(fingerprint(plain(value, modules))[:_BYTES], "big")


def plain(value: object, modules: set[Input] | None = None) -> object:
    """A value as plain data, equal for equal values of two runs. The modules that it leads to are added to `modules`.

    Nodes of facts are known by their place: whoever compares has compared their module as well. Raises `TypeError` for
    values that cannot be compared.
    """
    kind = type(value)
    if kind in _PLAIN:  # as most are
        return value
    if kind is tuple or kind is list:
        return [plain(each, modules) for each in value]  # type: ignore[attr-defined]
    match value:
        case None | bool() | int() | float() | str() | bytes():
            return value
        case Input():
            if modules is not None:
                modules.add(value)
            return [value.path]
        case Handle():
            if modules is not None:
                modules.add(value.module)
            return [type(value).__name__, value.module.path, value.index]
        case msgspec.Struct():
            start = getattr(value, "start", None)
            return start if start is not None else [type(value).__name__, msgspec.msgpack.encode(value)]
        case Mapping():
            pairs = [[plain(key, modules), plain(each, modules)] for key, each in value.items()]
            return [pairs, plain(getattr(value, "conditions", None), modules)]
        case tuple() | list():
            return [plain(each, modules) for each in value]
        case set() | frozenset():
            return sorted((plain(each, modules) for each in value), key=repr)
    if _FIELDS[kind]:
        found, leads_to = _of_dataclass(value)
        if modules is not None:
            modules.update(leads_to)
        return found
    raise TypeError(f"{type(value).__name__} has no fingerprint")


def modules_in(value: object) -> frozenset[Input]:
    """The modules that a value leads to."""
    found: set[Input] = set()
    plain(value, found)
    return frozenset(found)


def part_of(key: object) -> str:
    """The slice of a table that a key belongs to: its name, or the path of the module that it lies in."""
    if isinstance(key, str):
        return key
    if isinstance(key, tuple):
        return part_of(key[-1])
    return key.path if isinstance(key, Input) else key.module.path  # type: ignore[attr-defined]


def _of_dataclass(value: object) -> tuple[bytes, frozenset[Input]]:
    """The fingerprint of a frozen dataclass, worked out once, and the modules that it leads to."""
    memo = vars(value).get(_MEMO)
    if memo is None:
        found: set[Input] = set()
        parts = [plain(getattr(value, name), found) for name in _FIELDS[type(value)] if name not in _OWNERS]
        memo = vars(value)[_MEMO] = fingerprint([type(value).__name__, parts]), frozenset(found)
    return memo
