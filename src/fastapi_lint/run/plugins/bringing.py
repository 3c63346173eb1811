"""From settings to the rules that there are: ours, and those of the plugins that the settings name.

As data they come from the cache when neither the program nor a file of a plugin has changed; then nothing of a plugin
is executed until a rule has to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.config.settings import Settings
from fastapi_lint.config.vocabulary import Plugged, Vocabulary
from fastapi_lint.rule import Rule
from fastapi_lint.run import lazy
from fastapi_lint.run.cache import digest, stored_rules
from fastapi_lint.run.registry import RuleRow, RuleTable, known, row_of, rules

if TYPE_CHECKING:
    from fastapi_lint.run.plugins.places import Plugin

_MOST = 8
"""So many sets of plugins are held with their rules, in a process that lives long."""
_HELD: dict[bytes, tuple[tuple[Plugin, Rule], ...]] = {}


def vocabulary(start: Path, caches: Path | None = None) -> Vocabulary:
    """What a configuration may name that is read for a run below `start`."""
    table = known(start, caches)
    return Vocabulary(table.built, table.planned, partial(_rows, caches=caches))


def table(settings: Plugged, caches: Path | None = None) -> RuleTable:
    """The rules that there are for settings. Raises `ConfigurationError` for a plugin that cannot be used."""
    own = known(settings.root, caches)
    if not settings.plugins:
        return own
    plugins = _found(settings)
    key = _key(plugins)
    stored = stored_rules(settings.root, RuleTable, caches, key)
    return stored or RuleTable(own.built, own.planned, _described(plugins, (*own.built, *own.planned)), key)


def every_rule(settings: Plugged) -> tuple[Rule, ...]:
    """The rules themselves, ours and those of plugins, by code. Imports all of them."""
    if not settings.plugins:
        return rules()
    brought = (rule for _, rule in _brought(_found(settings)))
    return tuple(sorted((*rules(), *brought), key=lambda rule: rule.code))


def named(names: Sequence[str], root: Path) -> tuple[Rule, ...]:
    """The rules of plugins by their names, which are looked for in a root or in the environment."""
    return tuple(rule for _, rule in _brought(_found(Settings(root=root, plugins=tuple(names)))))


def with_rules(extra: Sequence[Rule]) -> RuleTable:
    """The rules that there are with some that are at hand."""
    own = known(Path())
    return RuleTable(own.built, own.planned, tuple(row_of(rule) for rule in extra)) if extra else own


def plugin_files(settings: Plugged) -> list[Path]:
    """The files that the plugins of settings are made of."""
    return [file for plugin in _found(settings) for file in plugin.files] if settings.plugins else []


def _found(settings: Plugged) -> tuple[Plugin, ...]:
    from fastapi_lint.run.plugins.places import found  # only here: most projects have no plugins

    return found(settings)


def _rows(settings: Plugged, caches: Path | None) -> Sequence[RuleRow]:
    return table(settings, caches).brought


def _key(plugins: Sequence[Plugin]) -> bytes:
    parts = ((plugin.name.encode(), plugin.module.encode(), plugin.content) for plugin in plugins)
    return digest(*(part for each in parts for part in each))


def _described(plugins: Sequence[Plugin], own: Sequence[RuleRow]) -> tuple[RuleRow, ...]:
    from fastapi_lint.run.plugins.places import example

    names = {row.name: row for row in own}
    rows = []
    for plugin, rule in _brought(plugins):
        if (row := names.get(rule.name)) is not None:
            raise ConfigurationError(
                f"plugin '{plugin.name}': {rule.code} is called '{rule.name}', as {row.code} is; rename it"
            )
        rows.append(row_of(rule, example=example(plugin, f"{rule.code}-{rule.name}")))
    return tuple(sorted(rows, key=lambda row: row.code))


def _brought(plugins: Sequence[Plugin]) -> tuple[tuple[Plugin, Rule], ...]:
    """The rules of plugins, each with the first plugin that has it. Raises `ConfigurationError` where they clash."""
    key = _key(plugins)
    if key not in _HELD:
        lazy.put_off("libcst")
        made = tuple(_distinct(plugins))
        while len(_HELD) >= _MOST:
            del _HELD[next(iter(_HELD))]
        _HELD[key] = made
    return _HELD[key]


def _distinct(plugins: Sequence[Plugin]) -> list[tuple[Plugin, Rule]]:
    made: list[tuple[Plugin, Rule]] = []
    for plugin in plugins:
        for rule in _rules_of(plugin):
            clash = next(((other, one) for other, one in made if one.code == rule.code or one.name == rule.name), None)
            if clash is None:
                made.append((plugin, rule))
            elif clash[1] is not rule:
                raise ConfigurationError(_clash(*clash, plugin, rule))
    return made


def _clash(one: Plugin, first: Rule, other: Plugin, second: Rule) -> str:
    shared = f"the code {second.code}" if first.code == second.code else f"the name '{second.name}'"
    if one is other:
        return f"plugin '{one.name}': {first.name} and {second.name} ({second.code}) share {shared}"
    return f"plugins '{one.name}' and '{other.name}' both have a rule with {shared}"


def _rules_of(plugin: Plugin) -> list[Rule]:
    """The rules in the modules of a plugin, each once."""
    from fastapi_lint.run.plugins.importing import imported
    from fastapi_lint.run.plugins.judging import problem

    made: dict[int, Rule] = {}
    for module in imported(plugin):
        for value in list(vars(module).values()):
            if isinstance(value, Rule):
                made[id(value)] = value
    if not made:
        raise ConfigurationError(f"plugin '{plugin.name}': {plugin.module} has no rule: no function with `@rule(...)`")
    for rule in made.values():
        if reason := problem(rule):
            raise ConfigurationError(f"plugin '{plugin.name}': rule {rule.code} ({rule.name}): {reason}")
    return list(made.values())
