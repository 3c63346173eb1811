"""The identity of every rule, built or planned, as `rules.toml` lists them. Does not know which of them are built."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal

import msgspec


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of `rules.toml`; its head explains the fields."""

    code: str
    name: str
    preset: Literal["recommended", "strict"]
    kind: Literal["syntax", "model"]
    fix: Literal["safe", "unsafe", "none"]
    wave: int
    guideline: str
    reason: str = ""
    """Why the rule was dropped; such a row stays, so that its code is not used again."""

    @property
    def is_dropped(self) -> bool:
        """Whether the rule will never be built."""
        return self.wave == 0

    @property
    def family(self) -> str:
        """The folder of the rule below `rules/`, decided by the first digit of its code."""
        return FAMILIES[self.code[4]][0]


FAMILIES = {
    "0": ("linter", "The linter itself"),
    "1": ("asynchronous", "Async and the event loop"),
    "2": ("injection", "Dependency injection"),
    "3": ("routing", "Routing and HTTP"),
    "4": ("schemas", "Schemas"),
    "5": ("database", "Database"),
    "6": ("security", "Security"),
    "7": ("application", "Application"),
    "8": ("background", "Background work, streams and WebSockets"),
    "9": ("testing", "Tests"),
}
"""First digit of a code: the folder below `rules/`, and the title in the documentation."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[Identity, ...]


@cache
def identities() -> dict[str, Identity]:
    """Every rule's identity by its code, in the order of codes."""
    data = resources.files("fastapi_lint.catalog").joinpath("rules.toml").read_bytes()
    return {row.code: row for row in msgspec.toml.decode(data, type=_Table).rule}
