"""What a run is configured to do: finds the configuration file, reads and validates it. Runs nothing.

Reads `.fastapi-lint.toml`, `fastapi-lint.toml` and `pyproject.toml` from the disk, and nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, cast

from fastapi_lint.catalog.format import CatalogueError, entries_from, taint_from
from fastapi_lint.config.schema import PRESETS, TABLE, ConfigurationError, described, schema
from fastapi_lint.config.selection import Named, find, ignored_by_path, selected, validate
from fastapi_lint.config.suggestions import hint
from fastapi_lint.rule import Option

__all__ = [
    "CACHE_DIRECTORY",
    "ConfigurationError",
    "Settings",
    "common_start",
    "ignored_by_path",
    "load",
    "override",
    "schema",
    "selected",
]

CACHE_DIRECTORY = ".fastapi_lint_cache"
OWN_FILES = (".fastapi-lint.toml", "fastapi-lint.toml")
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


class Configurable(Named, Protocol):
    """A rule as far as configuring it goes."""

    @property
    def options(self) -> Mapping[str, Option]: ...


@dataclass(frozen=True)
class Settings:
    """The effective configuration. `root` is the project root (absolute), `file` where settings were read, if any.

    `rules` maps codes to option values; `target_versions` maps "fastapi" and the like to specifiers such as ">=0.115";
    patterns are gitignore patterns relative to the root; `src` and `baseline` are relative to the root.
    """

    root: Path
    file: Path | None = None
    select: tuple[str, ...] = PRESETS["recommended"]
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exclude: tuple[str, ...] = EXCLUDED
    extend_exclude: tuple[str, ...] = ()
    src: tuple[str, ...] = ()
    target_versions: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, Option]] = field(default_factory=dict)
    blocking: tuple[Mapping[str, object], ...] = ()
    taint: tuple[Mapping[str, object], ...] = ()
    baseline: str | None = None
    output_format: str = "console"
    fix: bool = False
    unsafe_fixes: bool = False


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
    rules: Sequence[Configurable] = (),
    planned: Sequence[Named] = (),
    cwd: Path | None = None,
) -> Settings:
    """The settings for a run whose paths lie under `start`.

    The nearest configuration upwards from `start` counts, `config` instead when given, none when `isolated`. The root
    is the configuration's directory (if it is around `start`), else the nearest directory with `pyproject.toml` or
    `.git`, else `cwd` (if it is around `start`, and neither the home directory nor one for temporary files), else
    `start`. `rules` and `planned` are what selectors and options may name.
    Raises `ConfigurationError`.
    """
    cwd = Path(os.path.normpath(cwd or Path.cwd()))
    start = Path(os.path.normpath(cwd / start))
    if isolated:
        return Settings(root=_marked_root(start, cwd))
    if config is not None:
        file = Path(os.path.normpath(cwd / config))
        table = _own_table(file) if file.name != "pyproject.toml" else _pyproject_table(file, required=True)
        return _settings(file, table or {}, _root_for(file, start, cwd), rules, planned)
    for directory in (start, *start.parents):
        for name in OWN_FILES:
            file = directory / name
            if file.is_file():
                return _settings(file, _own_table(file), directory, rules, planned)
        file = directory / "pyproject.toml"
        if file.is_file() and (found := _pyproject_table(file)) is not None:
            return _settings(file, found, directory, rules, planned)
    return Settings(root=_marked_root(start, cwd))


def override(
    settings: Settings,
    *,
    select: Sequence[str] = (),
    extend_select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    preset: str | None = None,
    rules: Sequence[Named] = (),
    planned: Sequence[Named] = (),
) -> Settings:
    """The settings with what the command line says about rules.

    `--select` and `--preset` replace the configured `select` and `extend-select`; `--extend-select` and `--ignore`
    add to what is configured. Raises `ConfigurationError` for words that mean no rule.
    """
    if select and preset:
        raise ConfigurationError("--select and --preset exclude each other; use --preset with --extend-select")
    for option, selectors in (("--select", select), ("--extend-select", extend_select), ("--ignore", ignore)):
        validate(selectors, option, rules, planned, choosing=option != "--ignore")
    if select or preset:
        chosen = tuple(select) or PRESETS[preset or "recommended"]
        settings = replace(settings, select=chosen, extend_select=())
    return replace(
        settings,
        extend_select=(*settings.extend_select, *extend_select),
        ignore=(*settings.ignore, *ignore),
    )


def _marked_root(start: Path, cwd: Path) -> Path:
    for directory in (start, *start.parents):
        if (directory / "pyproject.toml").is_file() or (directory / ".git").exists():
            return directory
    return cwd if start.is_relative_to(cwd) and cwd not in _everything() else start


def _everything() -> tuple[Path, ...]:
    """Directories in which people stand without meaning all that is below: the home directory, those for scraps."""
    import tempfile  # asked for once a run at most, and slow to import

    try:
        home = Path.home()
    except RuntimeError:
        home = Path("/")
    return (home, Path(home.anchor), home.parent, Path(os.path.normpath(tempfile.gettempdir())))


def _root_for(file: Path, start: Path, cwd: Path) -> Path:
    return file.parent if start.is_relative_to(file.parent) else _marked_root(start, cwd)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror or error}") from None


def _parsed(file: Path, data: bytes) -> dict[str, object]:
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
    table = _parsed(file, _read(file))
    if isinstance(tool := table.get("tool"), dict) and "fastapi-lint" in tool:
        raise ConfigurationError(
            f"{file}: here keys stand at the top of the file; [tool.fastapi-lint] is for pyproject.toml"
        )
    return table


def _pyproject_table(file: Path, *, required: bool = False) -> dict[str, object] | None:
    """The table `[tool.fastapi-lint]`; None when the file has none. A broken file without our name is not ours."""
    data = _read(file)
    if b"fastapi-lint" in data or b"tool.fastapi_lint" in data or required:
        tool = _parsed(file, data).get("tool")
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


def _settings(
    file: Path, table: dict[str, object], root: Path, rules: Sequence[Configurable], planned: Sequence[Named]
) -> Settings:
    try:
        values = TABLE.read(table, "[tool.fastapi-lint]" if file.name == "pyproject.toml" else "")
        if "select" in values and "preset" in values:
            raise ConfigurationError("select and preset exclude each other; use preset with extend-select")
        return _validated(file, values, root, rules, planned)
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {str(error).removeprefix(': ')}") from None


def _validated(
    file: Path, values: dict[str, object], root: Path, rules: Sequence[Configurable], planned: Sequence[Named]
) -> Settings:
    preset = cast("str | None", values.pop("preset", None))
    if preset:
        values["select"] = PRESETS[preset]
    options = cast("dict[str, dict[str, Option]]", values.pop("rules", {}))
    fields = {name.replace("-", "_"): value for name, value in values.items()}
    settings = replace(Settings(root=root, file=file), **fields)  # type: ignore[arg-type]
    try:
        entries_from(settings.blocking, "blocking")
        taint_from(settings.taint, "taint")
    except CatalogueError as error:
        raise ConfigurationError(str(error)) from None
    if rules or planned:
        validate(settings.select, "select", rules, planned)
        validate(settings.extend_select, "extend-select", rules, planned)
        validate(settings.ignore, "ignore", rules, planned, choosing=False)
        for pattern, selectors in settings.per_file_ignores.items():
            validate(selectors, f"per-file-ignores.'{pattern}'", rules, planned, choosing=False)
    return replace(settings, rules=_rule_options(options, rules, planned))


def _rule_options(
    options: Mapping[str, Mapping[str, Option]], rules: Sequence[Configurable], planned: Sequence[Named]
) -> dict[str, dict[str, Option]]:
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
