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
    """What there is to know about a rule without importing it; the fields are those of `Rule`."""

    code: str
    name: str
    preset: str
    severity: Severity = Severity.WARNING
    summary: str = ""
    documentation: str = ""
    options: dict[str, Union[bool, int, str, tuple[str, ...]]] = {}
    is_new: bool = False

    @property
    def url(self) -> str:
        """Where the rule is explained."""
        return url_of(self.code, self.name)


class RuleTable(msgspec.Struct, frozen=True, array_like=True):
    """The rules that are built and those that are planned."""

    built: tuple[RuleRow, ...]
    planned: tuple[RuleRow, ...]


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
    """Every rule as data: from a cache at or above `start` (or below `caches`), else by importing all of them."""
    return stored_rules(start, RuleTable, caches) or RuleTable(
        tuple(
            RuleRow(r.code, r.name, r.preset, r.severity, r.summary, r.documentation, dict(r.options), is_new(r.since))
            for r in rules()
        ),
        tuple(RuleRow(row.code, row.name, row.preset) for row in planned()),
    )
