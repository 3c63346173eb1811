"""What the commands have in common: kinds of options, the settings that count for paths, words for numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from fastapi_lint.cli import terminal
from fastapi_lint.config.layers import Said, override
from fastapi_lint.config.schema import OUTPUT_FORMATS, PRESETS, SEVERITIES, ConfigurationError
from fastapi_lint.config.settings import Settings, common_start, load, nested
from fastapi_lint.config.suggestions import hint

if TYPE_CHECKING:
    from fastapi_lint.rule import Rule

CONFIG = click.option("--config", type=click.Path(path_type=Path), help="Read this configuration.")
ISOLATED = click.option("--isolated", is_flag=True, help="Read no configuration.")
Command = TypeVar("Command", bound=Callable[..., object])


class Choice(click.Choice[str]):
    """A choice whose error names the nearest right one."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if isinstance(value, str) and value not in self.choices:
            known = ", ".join(self.choices)
            self.fail(f"unknown value '{value}'{hint(value, self.choices)} (known: {known})", param, ctx)
        return super().convert(value, param, ctx)


class Words(click.ParamType[tuple[str, ...]]):
    """Words between commas."""

    name = "patterns"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return cast("tuple[str, ...]", value)


class Selectors(Words):
    """Comma-separated codes, beginnings of codes, names and presets."""

    name = "codes"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, word = incomplete.rpartition(",")
        rules = rules_here()
        words = [*(rule.code for rule in rules), *(rule.name for rule in rules), *PRESETS]
        return [CompletionItem(before + comma + each) for each in words if each.startswith(word)]


class PerFile(click.ParamType[tuple[tuple[str, tuple[str, ...]], ...]]):
    """Path patterns and what is ignored there: `tests/*:FAPI201,FAPI6`, more of them behind a comma."""

    name = "pattern:codes"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        if not isinstance(value, str):
            return cast("tuple[tuple[str, tuple[str, ...]], ...]", value)
        found: list[tuple[str, tuple[str, ...]]] = []
        for word in filter(None, map(str.strip, value.split(","))):
            pattern, colon, code = word.rpartition(":")
            if colon and pattern and code:
                found.append((pattern, (code.strip(),)))
            elif found and not colon:
                found.append((found[-1][0], (word,)))
            else:
                self.fail(f"'{word}' is no path pattern with a code behind it, such as 'tests/*:FAPI201'", param, ctx)
        return tuple(found)


_FLAG: dict[str, Any] = {"default": None}
_SETTINGS = (
    click.option("--fix/--no-fix", **_FLAG, help="Apply fixes to the files."),
    click.option("--unsafe-fixes/--no-unsafe-fixes", **_FLAG, help="Apply or show unsafe fixes too."),
    click.option("--select", multiple=True, type=Selectors(), help="Check these rules instead of the configured ones."),
    click.option("--ignore", multiple=True, type=Selectors(), help="Do not check these rules."),
    click.option("--extend-select", multiple=True, type=Selectors(), help="Check these rules too."),
    click.option(
        "--preset", type=Choice(tuple(PRESETS)), help="Check the rules of a preset instead of the configured ones."
    ),
    click.option("--preview/--no-preview", **_FLAG, help="Check rules in their first minor version too."),
    click.option("--fixable", multiple=True, type=Selectors(), help="Fix what these rules find and nothing else."),
    click.option("--unfixable", multiple=True, type=Selectors(), help="Do not fix what these rules find."),
    click.option(
        "--per-file-ignores", multiple=True, type=PerFile(), help="Do not report rules in some files: tests/*:FAPI201."
    ),
    click.option(
        "--exclude", multiple=True, type=Words(), help="Leave out these paths instead of the configured ones."
    ),
    click.option("--extend-exclude", multiple=True, type=Words(), help="Leave out these paths too."),
    click.option("--force-exclude/--no-force-exclude", **_FLAG, help="Leave out what is excluded even if it is named."),
    click.option(
        "--respect-gitignore/--no-respect-gitignore", **_FLAG, help="Leave out what .gitignore names (the default)."
    ),
    click.option("--output-format", type=Choice(OUTPUT_FORMATS), help="How findings are written (default: console)."),
    click.option(
        "--fail-on", type=Choice(SEVERITIES), help="Exit with 1 from this severity of a finding on (default: warning)."
    ),
    click.option("--max-warnings", type=click.IntRange(min=0), help="Exit with 1 for more warnings than these only."),
    click.option(
        "--config",
        multiple=True,
        metavar="FILE|LINE",
        help="Read this configuration instead of searching one, or set 'key = value' (TOML).",
    ),
)


def settings_options(command: Command) -> Command:
    """Gives a command the options about settings; it is called with `said`, and with `config`, the file or None."""

    @wraps(command)
    def called(
        *,
        select: Sequence[Sequence[str]],
        ignore: Sequence[Sequence[str]],
        extend_select: Sequence[Sequence[str]],
        fixable: Sequence[Sequence[str]],
        unfixable: Sequence[Sequence[str]],
        per_file_ignores: Sequence[Sequence[tuple[str, Sequence[str]]]],
        exclude: Sequence[Sequence[str]],
        extend_exclude: Sequence[Sequence[str]],
        preset: str | None,
        preview: bool | None,
        force_exclude: bool | None,
        respect_gitignore: bool | None,
        output_format: str | None,
        fix: bool | None,
        unsafe_fixes: bool | None,
        fail_on: str | None,
        max_warnings: int | None,
        config: Sequence[str],
        **others: object,
    ) -> object:
        files = [text for text in config if "=" not in text or Path(text).is_file()]
        if len(files) > 1:
            raise ConfigurationError(f"--config reads one file, and was given {' and '.join(files)}; see `extend`")
        said = Said(
            select=_flat(select),
            ignore=_flat(ignore),
            extend_select=_flat(extend_select),
            fixable=_flat(fixable),
            unfixable=_flat(unfixable),
            per_file_ignores=_flat(per_file_ignores),
            exclude=_flat(exclude),
            extend_exclude=_flat(extend_exclude),
            preset=preset,
            preview=preview,
            force_exclude=force_exclude,
            respect_gitignore=respect_gitignore,
            output_format=output_format,
            fix=fix,
            unsafe_fixes=unsafe_fixes,
            fail_on=fail_on,
            max_warnings=max_warnings,
            values=[text for text in config if text not in files],
        )
        return command(said=said, config=Path(files[0]) if files else None, **others)

    for option in reversed(_SETTINGS):
        called = option(called)
    return cast("Command", called)


T = TypeVar("T")
_NOTHING = Said()


def _flat(groups: Sequence[Sequence[T]]) -> tuple[T, ...]:
    return tuple(each for group in groups for each in group)


CACHE_DIR = click.option(
    "--cache-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="FASTAPI_LINT_CACHE_DIR",
    show_envvar=True,
    help="Keep caches below this folder instead of in each project.",
)


def absolute(folder: Path | None) -> Path | None:
    """A folder of the command line, wherever that is read."""
    return None if folder is None else Path(os.path.normpath(Path.cwd() / folder))


def rules_here(*, config: Path | None = None, isolated: bool = False) -> tuple[Rule, ...]:
    """The rules that there are for the current directory, those of its plugins included, by code.

    Where its configuration cannot be used, that is said, and there are ours.
    """
    from fastapi_lint.run import story as run

    try:
        return run.every_rule(settings_for((), config=config, isolated=isolated))
    except ConfigurationError as error:
        if config is not None:
            raise
        terminal.say(f"warning: rules of plugins are not known here: {error}")
        return run.rules()


@dataclass(frozen=True)
class Configured:
    """The settings of a run, and whom to ask for those of a directory that may be a project of its own."""

    settings: Settings
    own: Callable[[Path, Settings], Settings | None] | None


def configured(
    paths: Sequence[Path],
    *,
    config: Path | None = None,
    isolated: bool = False,
    said: Said = _NOTHING,
    caches: Path | None = None,
) -> Configured:
    """The settings that count for these paths (default: the current directory), and for what lies inside of them."""
    from fastapi_lint.run import story as run

    cwd = Path.cwd()
    start = common_start(paths or [cwd], cwd)
    known = run.vocabulary(start, caches)
    finished = partial(override, said=said, known=known, cwd=cwd)
    settings = load(start, config=config, isolated=isolated, known=known, cwd=cwd)

    def own(directory: Path, around: Settings) -> Settings | None:
        found = nested(directory, around, isolated=isolated, known=known)
        return None if found is None else finished(found)

    return Configured(finished(settings), own if config is None else None)


def settings_for(
    paths: Sequence[Path], *, config: Path | None = None, isolated: bool = False, caches: Path | None = None
) -> Settings:
    """The settings that count for these paths (default: the current directory)."""
    return configured(paths, config=config, isolated=isolated, caches=caches).settings
