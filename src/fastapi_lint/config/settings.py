"""What a run is configured to do: finds the configuration file, reads and validates it. Runs nothing.

Reads `.fastapi-lint.toml`, `fastapi-lint.toml` and `pyproject.toml` from the disk, and nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from fastapi_lint.catalog.format import CatalogueError, entries_from, taint_from
from fastapi_lint.config.roots import MARKS, METADATA, marked_root, shares_code
from fastapi_lint.config.schema import PRESETS, TABLE, ConfigurationError, described, schema
from fastapi_lint.config.selection import ignored_by_path, selected, validate
from fastapi_lint.config.vocabulary import NO_RULES, Vocabulary, rule_options
from fastapi_lint.rule import Option

__all__ = [
    "CACHE_DIRECTORY",
    "ConfigurationError",
    "Settings",
    "common_start",
    "ignored_by_path",
    "load",
    "nested",
    "schema",
    "selected",
]

CACHE_DIRECTORY = ".fastapi_lint_cache"
OWN_FILES = (".fastapi-lint.toml", "fastapi-lint.toml")
PROJECT_FILES = frozenset((*OWN_FILES, *MARKS))
"""Names of which a directory has one if it may be a project of its own."""
EXCLUDED = (
    ".bzr",
    ".direnv",
    ".eggs",
    CACHE_DIRECTORY,
    ".git",
    ".hg",
    ".hypothesis",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pycache__",
    "__pypackages__",
    "_build",
    "/build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)


@dataclass(frozen=True)
class Settings:
    """The effective configuration. `root` is the project root (absolute), `file` where settings were read, if any.

    `rules` maps codes to option values; `target_versions` maps "fastapi" and the like to specifiers such as ">=0.115";
    patterns are gitignore patterns relative to the root; `src` and `baseline` are relative to the root. `folders` are
    those of `file` and of what it extends, in which plugins may lie; `unread` are configurations beside `file` that do
    not count, `said` patterns that the command line added.
    """

    root: Path
    file: Path | None = None
    plugins: tuple[str, ...] = ()
    select: tuple[str, ...] = PRESETS["recommended"]
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exclude: tuple[str, ...] = EXCLUDED
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    respect_gitignore: bool = True
    src: tuple[str, ...] = ()
    target_versions: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, Option]] = field(default_factory=dict)
    blocking: tuple[Mapping[str, object], ...] = ()
    taint: tuple[Mapping[str, object], ...] = ()
    severity: Mapping[str, str] = field(default_factory=dict)
    fixable: tuple[str, ...] = ("all",)
    unfixable: tuple[str, ...] = ()
    preview: bool = False
    baseline: str | None = None
    output_format: str = "console"
    fix: bool = False
    unsafe_fixes: bool = False
    fail_on: str = "warning"
    max_warnings: int | None = None
    folders: tuple[Path, ...] = ()
    unread: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def common_start(paths: Iterable[Path], cwd: Path) -> Path:
    """The directory from which the configuration is searched upwards: the deepest one around all paths."""
    absolute = [Path(os.path.normpath(cwd / path)) for path in paths] or [cwd]
    if len({path.anchor for path in absolute}) > 1:
        raise ConfigurationError("the paths lie on different drives; check them in separate runs")
    start = Path(os.path.commonpath(absolute))
    return start if start.is_dir() else start.parent


def load(
    start: Path,
    *,
    config: Path | None = None,
    isolated: bool = False,
    known: Vocabulary = NO_RULES,
    cwd: Path | None = None,
) -> Settings:
    """The settings for a run whose paths lie under `start`.

    The nearest configuration upwards from `start` counts, `config` instead when given, none when `isolated`. The root
    is the configuration's directory (if it is around `start`), else the nearest directory with `pyproject.toml` or
    `.git`, else `cwd` (if it is around `start`, and neither the home directory nor one for temporary files), else
    `start`. `known` is what selectors and options may name. Raises `ConfigurationError`.
    """
    shares_code.cache_clear()  # a run begins
    cwd = Path(os.path.normpath(cwd or Path.cwd()))
    start = Path(os.path.normpath(cwd / start))
    if isolated:
        return Settings(root=marked_root(start, cwd))
    if config is not None:
        file = Path(os.path.normpath(cwd / config))
        table = _own_table(file) if file.name != METADATA else _pyproject_table(file, required=True)
        return _settings(file, table or {}, _root_for(file, start, cwd), known)
    for directory in (start, *start.parents):
        if (found := _configured(directory)) is not None:
            file, table, unread = found
            return replace(_settings(file, table, directory, known), unread=unread)
    return Settings(root=marked_root(start, cwd))


def nested(
    directory: Path,
    around: Settings,
    *,
    isolated: bool = False,
    known: Vocabulary = NO_RULES,
) -> Settings | None:
    """The settings of a directory below the root of `around` if it is a project of its own, else None.

    It is one if it has a configuration; and, where nothing is configured, if it would be the root of a run that starts
    there. What projects are made from (`template`, `{{cookiecutter.name}}`) is none. Raises `ConfigurationError`.
    """
    below = directory.relative_to(around.root).parts
    if any(name in ("template", "templates") or "{{" in name for name in below):
        return None
    if not isolated and (found := _configured(directory)) is not None:
        file, table, unread = found
        return replace(_settings(file, table, directory, known), unread=unread)
    if around.file is None and marked_root(directory, around.root) == directory:
        return Settings(root=directory)
    return None


def _configured(directory: Path) -> tuple[Path, dict[str, object], tuple[str, ...]] | None:
    """The configuration that a directory holds: file, table, and the names of others beside it that do not count."""
    own = [file for name in OWN_FILES if (file := directory / name).is_file()]
    metadata = directory / METADATA
    if own:
        unread = [file.name for file in own[1:]]
        with suppress(ConfigurationError):  # a file that does not count need not be right
            if metadata.is_file() and _pyproject_table(metadata) is not None:
                unread.append(METADATA)
        return own[0], _own_table(own[0]), tuple(unread)
    if metadata.is_file() and (table := _pyproject_table(metadata)) is not None:
        return metadata, table, ()
    return None


def _root_for(file: Path, start: Path, cwd: Path) -> Path:
    return file.parent if start.is_relative_to(file.parent) else marked_root(start, cwd)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror or error}") from None


def parsed(file: Path | str, data: bytes) -> dict[str, object]:
    """The TOML document that the bytes are; `ConfigurationError`, which names the file, for anything else."""
    # Only here: most runs of most projects have nothing to parse.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        table: dict[str, object] = tomllib.loads(data.decode("utf-8-sig"))
        return table
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{file}:{line}: not valid UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file}: not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"{file}: not valid TOML: nested too deeply") from None


def _own_table(file: Path) -> dict[str, object]:
    table = parsed(file, _read(file))
    if isinstance(tool := table.get("tool"), dict) and "fastapi-lint" in tool:
        raise ConfigurationError(
            f"{file}: here keys stand at the top of the file; [tool.fastapi-lint] is for pyproject.toml"
        )
    return table


def _pyproject_table(file: Path, *, required: bool = False) -> dict[str, object] | None:
    """The table `[tool.fastapi-lint]`; None when the file has none. A broken file without our name is not ours."""
    data = _read(file)
    if b"fastapi-lint" in data or b"tool.fastapi_lint" in data or required:
        tool = parsed(file, data).get("tool")
        if isinstance(tool, dict):
            if "fastapi-lint" in tool:
                table = tool["fastapi-lint"]
                if not isinstance(table, dict):
                    raise ConfigurationError(f"{file}: tool.fastapi-lint: expected a table, found {described(table)}")
                return table
            if "fastapi_lint" in tool:
                raise ConfigurationError(
                    f"{file}: unknown table [tool.fastapi_lint]; did you mean [tool.fastapi-lint]?"
                )
        if required:
            raise ConfigurationError(f"{file}: has no table [tool.fastapi-lint]")
    return None


def _settings(file: Path, table: dict[str, object], root: Path, known: Vocabulary) -> Settings:
    values, folders = _extended(file, table, (file,), known)
    with _named(file):
        return with_values(Settings(root=root, file=file, folders=folders), values, known)


def _extended(
    file: Path,
    table: dict[str, object],
    seen: tuple[Path, ...],
    known: Vocabulary,
) -> tuple[dict[str, object], tuple[Path, ...]]:
    """The values of a file, on top of those of the file that it extends, and the folders of both."""
    with _named(file):
        values = TABLE.read(table, "[tool.fastapi-lint]" if file.name == METADATA else "")
        if "select" in values and "preset" in values:
            raise ConfigurationError("select and preset exclude each other; use preset with extend-select")
        extended = cast("str | None", values.pop("extend", None))
        if extended is None:
            return values, (file.parent,)
        other = Path(os.path.normpath(file.parent / Path(extended).expanduser()))
        if other in seen:
            raise ConfigurationError(f"extend: {' extends '.join(map(str, (*seen, other)))}, which has no end")
        if not other.is_file():
            raise ConfigurationError(f"extend: no such file: '{extended}' (looked for {other})")
    inner = _own_table(other) if other.name != METADATA else _pyproject_table(other, required=True)
    below, folders = _extended(other, inner or {}, (*seen, other), known)
    with _named(other):  # whose mistake it is, is said
        with_values(Settings(root=other.parent, folders=folders), below, known)
    return on_top(below, values), (file.parent, *folders)


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Errors name the file, once."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {str(error).removeprefix(': ')}") from None


_ADDED = frozenset({"plugins", "extend-select", "extend-exclude", "blocking", "taint", "unfixable"})


def on_top(below: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    """The values of two configurations of which the second counts more.

    Lists that add (`plugins`, `extend-...`, `blocking`, `taint`) are added, tables joined key by key, everything else
    replaced. What was ignored stays ignored unless the second one selects anew or names the very rule.
    """
    anew = bool(values.keys() & {"select", "preset"})
    kept = {
        key: value
        for key, value in below.items()
        if not (anew and key in ("select", "preset", "extend-select", "ignore"))
    }
    again = cast("tuple[str, ...]", values.get("extend-select", ()))
    if ignored := cast("tuple[str, ...]", kept.get("ignore", ())):
        kept["ignore"] = tuple(word for word in ignored if word not in again)
    for key, value in values.items():
        before = kept.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            if key == "rules":
                value = {rule: {**before.get(rule, {}), **options} for rule, options in value.items()}
            value = {**before, **value}
        elif isinstance(value, tuple) and isinstance(before, tuple) and key in (*_ADDED, "ignore"):
            value = (*before, *value)
        kept[key] = value
    return kept


def with_values(settings: Settings, values: Mapping[str, object], known: Vocabulary) -> Settings:
    """The settings with the values of a configuration, in which every word must mean something."""
    values = dict(values)
    preset = cast("str | None", values.pop("preset", None))
    if preset:
        values["select"] = PRESETS[preset]
    options = cast("dict[str, dict[str, Option]]", values.pop("rules", {}))
    fields = {name.replace("-", "_"): value for name, value in values.items()}
    settings = replace(settings, **fields)  # type: ignore[arg-type]
    try:
        entries_from(settings.blocking, "blocking")
        taint_from(settings.taint, "taint")
    except CatalogueError as error:
        raise ConfigurationError(str(error)) from None
    rules, planned = known.rules(settings), known.planned
    if rules or planned:
        validate(settings.select, "select", rules, planned)
        validate(settings.extend_select, "extend-select", rules, planned)
        for key in ("ignore", "severity", "fixable", "unfixable"):
            selectors: Iterable[str] = getattr(settings, key)
            validate(selectors, key, rules, planned, choosing=False)
        for pattern, selectors in settings.per_file_ignores.items():
            validate(selectors, f"per-file-ignores.'{pattern}'", rules, planned, choosing=False)
    return replace(settings, rules=rule_options(options, rules, planned))
