"""Classes of which every object must be closed. Lookups only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec


class Resource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some classes of a kind, and how their objects are closed; the file says what the fields mean."""

    kind: str
    names: tuple[str, ...]
    close: str = "{}.close()"

    def closing(self, name: str) -> str:
        """The code that closes what a name holds."""
        return self.close.format(name)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    resource: tuple[Resource, ...]


@cache
def closable() -> Mapping[str, Resource]:
    """What must be closed, by the canonical name of its class."""
    data = resources.files("fastapi_lint.catalog").joinpath("resources.toml").read_bytes()
    return {name: row for row in msgspec.toml.decode(data, type=_Table).resource for name in row.names}
