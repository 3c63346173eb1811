"""The rules that a configuration may name, those of its plugins included, and the options that it gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fastapi_lint.config.schema import ConfigurationError, described
from fastapi_lint.config.selection import Named, find
from fastapi_lint.config.suggestions import hint
from fastapi_lint.rule import Option


class Configurable(Named, Protocol):
    """A rule as far as configuring it goes."""

    @property
    def options(self) -> Mapping[str, Option]: ...


class Plugged(Protocol):
    """Settings as far as they name plugins."""

    @property
    def root(self) -> Path: ...
    @property
    def src(self) -> tuple[str, ...]: ...
    @property
    def folders(self) -> tuple[Path, ...]: ...
    @property
    def plugins(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Vocabulary:
    """What a configuration may name: rules that are built, rules that are planned, and those of its plugins.

    `bring` gives the rules of the plugins that settings name, which may run their code. Raises `ConfigurationError`.
    """

    built: Sequence[Configurable] = ()
    planned: Sequence[Named] = ()
    bring: Callable[[Plugged], Sequence[Configurable]] | None = None

    def rules(self, settings: Plugged) -> Sequence[Configurable]:
        """The rules that there are with the plugins of the settings."""
        return (*self.built, *self.bring(settings)) if settings.plugins and self.bring else self.built


NO_RULES = Vocabulary()
"""Where nothing is known of rules, what names them is not looked at."""


def rule_options(
    options: Mapping[str, Mapping[str, Option]], rules: Sequence[Configurable], planned: Sequence[Named]
) -> dict[str, dict[str, Option]]:
    """The options of rules by their codes. Raises `ConfigurationError` for what no rule knows, or of another type."""
    found: dict[str, dict[str, Option]] = {}
    for word, values in options.items():
        try:
            rule = find(word, rules, planned)
        except ConfigurationError as error:
            raise ConfigurationError(f"rules: {error}") from None
        if rule.code in found:
            raise ConfigurationError(f"rules.{word}: {rule.code} ({rule.name}) is configured twice")
        for name, value in values.items():
            where = f"rules.{word}"
            if name not in rule.options:
                if not rule.options:
                    raise ConfigurationError(f"{where}: unknown option '{name}'; {rule.code} has no options")
                known = ", ".join(rule.options)
                guess = hint(name, rule.options) or f" (known: {known})"
                raise ConfigurationError(f"{where}: unknown option '{name}'{guess}")
            default = rule.options[name]
            if type(value) is not type(default):
                raise ConfigurationError(
                    f"{where}.{name}: expected {_EXPECTED[type(default)]}, found {described(value)}"
                )
        found[rule.code] = dict(values)
    return found


_EXPECTED: Mapping[type, str] = {
    bool: "true or false",
    int: "an integer",
    str: "a string",
    tuple: "an array of strings",
}
