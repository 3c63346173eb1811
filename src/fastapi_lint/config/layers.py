"""What the command line says, on top of what is configured. Reads no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fastapi_lint.config.schema import PRESETS, TABLE, ConfigurationError
from fastapi_lint.config.selection import validate
from fastapi_lint.config.settings import Settings, on_top, parsed, with_values
from fastapi_lint.config.vocabulary import NO_RULES, Vocabulary
from fastapi_lint.files.globs import seen_from


@dataclass(frozen=True)
class Said:
    """What the command line says about settings; empty or None where it says nothing.

    `values` are TOML lines such as "preview = true".
    """

    select: Sequence[str] = ()
    extend_select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    preset: str | None = None
    fixable: Sequence[str] = ()
    unfixable: Sequence[str] = ()
    exclude: Sequence[str] = ()
    extend_exclude: Sequence[str] = ()
    per_file_ignores: Sequence[tuple[str, Sequence[str]]] = ()
    force_exclude: bool | None = None
    respect_gitignore: bool | None = None
    preview: bool | None = None
    output_format: str | None = None
    fix: bool | None = None
    unsafe_fixes: bool | None = None
    fail_on: str | None = None
    max_warnings: int | None = None
    values: Sequence[str] = ()


def override(
    settings: Settings,
    said: Said,
    *,
    known: Vocabulary = NO_RULES,
    cwd: Path | None = None,
) -> Settings:
    """The settings with what the command line says.

    `--select` and `--preset` replace the configured `select` and `extend-select`; `--extend-select` and `--ignore`
    add to what is configured. Patterns count from `cwd` (None: from the root, as the configured ones do). Raises
    `ConfigurationError` for words that mean no rule.
    """
    if said.select and said.preset:
        raise ConfigurationError("--select and --preset exclude each other; use --preset with --extend-select")
    settings = _with_lines(settings, said.values, known)
    rules = known.rules(settings)
    for option, selectors in (
        ("--select", said.select),
        ("--extend-select", said.extend_select),
        ("--ignore", said.ignore),
        ("--fixable", said.fixable),
        ("--unfixable", said.unfixable),
        *(("--per-file-ignores", selectors) for _, selectors in said.per_file_ignores),
    ):
        validate(selectors, option, rules, known.planned, choosing=option in ("--select", "--extend-select"))
    if said.select or said.preset:
        chosen = tuple(said.select) or PRESETS[said.preset or "recommended"]
        settings = replace(settings, select=chosen, extend_select=())
    per_file: dict[str, tuple[str, ...]] = {}
    for pattern, selectors in said.per_file_ignores:
        for each in _moved([pattern], settings.root, cwd):
            per_file[each] = (*per_file.get(each, ()), *selectors)
    exclude = _moved(said.exclude, settings.root, cwd)
    extend_exclude = _moved(said.extend_exclude, settings.root, cwd)
    plain = {
        "fixable": tuple(said.fixable) or None,
        "exclude": exclude if said.exclude else None,
        "per_file_ignores": per_file if said.per_file_ignores else None,
        "force_exclude": said.force_exclude,
        "respect_gitignore": said.respect_gitignore,
        "preview": said.preview,
        "output_format": said.output_format,
        "fix": said.fix,
        "unsafe_fixes": said.unsafe_fixes,
        "fail_on": said.fail_on,
        "max_warnings": said.max_warnings,
    }
    settings = replace(settings, **{name: value for name, value in plain.items() if value is not None})  # type: ignore[arg-type]
    return replace(
        settings,
        extend_select=(*settings.extend_select, *said.extend_select),
        ignore=(*settings.ignore, *said.ignore),
        unfixable=(*settings.unfixable, *said.unfixable),
        extend_exclude=(*settings.extend_exclude, *extend_exclude),
        said=(*exclude, *extend_exclude, *per_file),
    )


def _moved(patterns: Sequence[str], root: Path, cwd: Path | None) -> tuple[str, ...]:
    """Patterns that count from the current directory, as the project has them; without those that match nothing."""
    if cwd is None or cwd == root:
        return tuple(patterns)
    if root.is_relative_to(cwd):
        found = [seen_from(pattern, root.relative_to(cwd).parts, below=True) for pattern in patterns]
    elif cwd.is_relative_to(root):
        found = [seen_from(pattern, cwd.relative_to(root).parts, below=False) for pattern in patterns]
    else:
        found = list(patterns)
    return tuple(pattern for pattern in found if pattern is not None)


def _with_lines(settings: Settings, lines: Sequence[str], known: Vocabulary) -> Settings:
    """The settings with TOML lines on top, as if they stood in the file."""
    for line in lines:
        where = f"--config '{line}'"
        table = parsed(where, line.encode("utf-8", "surrogateescape"))
        if "extend" in table:
            raise ConfigurationError(f"{where}: extend works in files; give the file itself with --config")
        try:
            values = on_top(_written(settings), TABLE.read(table, ""))
            bare = Settings(settings.root, settings.file, folders=settings.folders, unread=settings.unread)
            settings = with_values(bare, values, known)
        except ConfigurationError as error:
            raise ConfigurationError(f"{where}: {str(error).removeprefix(': ')}") from None
    return settings


def _written(settings: Settings) -> dict[str, object]:
    """The settings as the values of a configuration that says all of them."""
    found: dict[str, object] = {}
    for key in TABLE.keys:
        value: object = getattr(settings, key.replace("-", "_"), None)
        if value is not None:
            found[key] = {**value} if isinstance(value, Mapping) else value
    return found
