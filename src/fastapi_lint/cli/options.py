"""What the commands have in common: kinds of options, the settings that count for paths, words for numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import click
from click.shell_completion import CompletionItem

from fastapi_lint.config.schema import PRESETS
from fastapi_lint.config.settings import Settings, common_start, load
from fastapi_lint.config.suggestions import hint


class Choice(click.Choice[str]):
    """A choice whose error names the nearest right one."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if isinstance(value, str) and value not in self.choices:
            known = ", ".join(self.choices)
            self.fail(f"unknown value '{value}'{hint(value, self.choices)} (known: {known})", param, ctx)
        return super().convert(value, param, ctx)


class Selectors(click.ParamType[tuple[str, ...]]):
    """Comma-separated codes, beginnings of codes, names and presets."""

    name = "codes"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return cast("tuple[str, ...]", value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from fastapi_lint.run import story as run

        before, comma, word = incomplete.rpartition(",")
        rules = run.rules()
        words = [*(rule.code for rule in rules), *(rule.name for rule in rules), *PRESETS]
        return [CompletionItem(before + comma + each) for each in words if each.startswith(word)]


def settings_for(paths: Sequence[Path], *, config: Path | None = None, isolated: bool = False) -> Settings:
    """The settings that count for these paths (default: the current directory)."""
    from fastapi_lint.run import story as run

    cwd = Path.cwd()
    start = common_start(paths or [cwd], cwd)
    table = run.known(start)
    return load(start, config=config, isolated=isolated, rules=table.built, planned=table.planned, cwd=cwd)


def counted(number: int, noun: str) -> str:
    """A number and its noun: `1 finding`, `2 findings`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
