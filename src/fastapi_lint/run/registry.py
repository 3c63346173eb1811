"""Which rules there are: as functions, by importing all of them, or as data, from the cache when it knows them."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Union

import msgspec

from fastapi_lint import __version__
from fastapi_lint.finding import Severity
from fastapi_lint.rule import Rule, url_of
from fastapi_lint.run import lazy
from fastapi_lint.run.cache import stored_rules

if TYPE_CHECKING:
    from fastapi_lint.catalog.identities import Identity


class RuleRow(msgspec.Struct, frozen=True, array_like=True):
    """What there is to know about a rule without importing it; the fields are those of `Rule`.

    `example` are the texts of the fixture of a plugin's rule, as far as there is one.
    """

    code: str
    name: str
    preset: str
    severity: Severity = Severity.WARNING
    summary: str = ""
    documentation: str = ""
    options: dict[str, Union[bool, int, str, tuple[str, ...]]] = {}
    is_new: bool = False
    page: str = ""
    example: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Where the rule is explained; "" when there is no such page."""
        return url_of(self.code, self.name, self.page)


class RuleTable(msgspec.Struct, frozen=True, array_like=True):
    """The rules that are built, those that are planned, and those that plugins bring, with a digest of the plugins."""

    built: tuple[RuleRow, ...]
    planned: tuple[RuleRow, ...]
    brought: tuple[RuleRow, ...] = ()
    plugins: bytes = b""

    @property
    def every(self) -> tuple[RuleRow, ...]:
        """The rules that can be asked."""
        return (*self.built, *self.brought)

    @property
    def own(self) -> RuleTable:
        """The table without plugins."""
        return RuleTable(self.built, self.planned) if self.brought else self


_INSTALLED = (0, 2)
"""The first minor version that anybody could install: what it brought was new to nobody."""


def is_new(since: str, version: str = __version__) -> bool:
    """Whether a rule is in its first minor version, or in one that is yet to come."""
    first, now = (tuple(int(part) for part in text.split(".")[:2]) for text in (since, version))
    return first > _INSTALLED and first >= now


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule that is built, by code: the `Rule` objects of all modules below `fastapi_lint.rules`."""
    lazy.put_off("libcst")  # a tenth of a second, which a run without a fix to make need not wait for
    import fastapi_lint.rules

    found: dict[str, Rule] = {}
    for module in pkgutil.walk_packages(fastapi_lint.rules.__path__, "fastapi_lint.rules."):
        if not module.ispkg:
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, Rule):
                    found[value.code] = value
    return tuple(found[code] for code in sorted(found))


@cache
def planned() -> tuple[Identity, ...]:
    """The rules of the catalogue that are not built yet."""
    from fastapi_lint.catalog.identities import identities

    built = {rule.code for rule in rules()}
    return tuple(row for row in identities().values() if row.code not in built and not row.is_dropped)


@cache
def known(start: Path, caches: Path | None = None) -> RuleTable:
    """Every rule of ours as data: from a cache at or above `start` (or below `caches`), else by importing all."""
    return stored_rules(start, RuleTable, caches) or RuleTable(
        tuple(row_of(rule, is_new=is_new(rule.since)) for rule in rules()),
        tuple(RuleRow(row.code, row.name, row.preset) for row in planned()),
    )


def row_of(r: Rule, *, is_new: bool = False, example: tuple[str, ...] = ()) -> RuleRow:
    """A rule as data."""
    options = dict(r.options)
    return RuleRow(r.code, r.name, r.preset, r.severity, r.summary, r.documentation, options, is_new, r.page, example)
