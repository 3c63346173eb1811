"""The smaller commands: rules, configuration, cache, a new rule."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from fastapi_lint.cli import tables, terminal
from fastapi_lint.cli.options import CACHE_DIR, CONFIG, ISOLATED, Choice, absolute, rules_here, settings_for
from fastapi_lint.config.schema import KEYS, ConfigurationError, schema
from fastapi_lint.config.selection import find
from fastapi_lint.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType


class _RuleName(click.ParamType[str]):
    name = "rule"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        words = [word for each in rules_here() for word in (each.code, each.name)]
        return [CompletionItem(word) for word in words if word.startswith(incomplete)]


@click.command()
@click.argument("rule", metavar="CODE-OR-NAME", type=_RuleName())
@CONFIG
@ISOLATED
def rule(rule: str, config: Path | None, isolated: bool) -> None:
    """Explain a rule: why it is there, an example, what its fix does, what it cannot see."""
    from fastapi_lint.docs import documentation as docs
    from fastapi_lint.docs.examples import example_of
    from fastapi_lint.run import story as run

    brought: dict[str, tuple[str, ...]] = {}
    try:
        found = find(rule, run.rules())
    except ConfigurationError:  # perhaps one of a plugin
        found = find(rule, rules_here(config=config, isolated=isolated), run.planned())
        table = run.table(settings_for((), config=config, isolated=isolated))
        brought = {row.code: row.example for row in table.brought}
    text = docs.explain(found, example_of(found.code, found.name, brought.get(found.code, ())))
    if not sys.stdout.isatty() and not terminal.has_color(sys.stdout):
        terminal.write(text)
        return
    from rich.markdown import Markdown

    _show(Markdown(text))


@click.command()
@click.option("--output-format", type=Choice(tables.FORMATS), default="console")
@click.option("--planned", is_flag=True, help="List the rules that are planned instead: code, name, what they are for.")
@CONFIG
@ISOLATED
def rules(output_format: str, planned: bool, config: Path | None, isolated: bool) -> None:
    """List the rules that are built, and those of the plugins that are configured here."""
    from fastapi_lint.run import story as run

    if planned:
        rows = [
            {"code": each.code, "name": each.name, "preset": each.preset, "guideline": each.guideline}
            for each in sorted(run.planned(), key=lambda each: each.code)
        ]
        _list(rows, ("code", "name", "preset", "guideline"), output_format)
        return
    found: list[dict[str, str]] = [
        {
            "code": each.code,
            "name": each.name,
            "preset": each.preset,
            "kind": each.kind,
            "fix": each.fix.value if each.fix else "none",
            "severity": each.severity.value,
            "summary": each.summary,
            "since": each.since,
        }
        for each in rules_here(config=config, isolated=isolated)
    ]
    _list(found, ("code", "name", "preset", "kind", "fix", "severity", "summary"), output_format)


def _list(rows: list[dict[str, str]], heads: tuple[str, ...], format: str) -> None:
    if format == "json":
        terminal.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    else:
        cells = [tuple(row[head] for head in heads) for row in rows]
        tables.write_table(heads, cells, format=format, drop=("kind", "severity", "fix", "preset"))


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--schema", "as_schema", is_flag=True, help="Show the JSON Schema of the configuration instead.")
@click.option("--reference", "as_reference", is_flag=True, help="Show every key with type, default and an example.")
@CONFIG
@ISOLATED
def config(paths: tuple[Path, ...], as_schema: bool, as_reference: bool, config: Path | None, isolated: bool) -> None:
    """Show the configuration that counts for the paths, as a fastapi-lint.toml would have it."""
    if as_reference:
        from fastapi_lint.docs.reference import reference

        terminal.write(reference(), encoding="utf-8")
        return
    if as_schema:
        terminal.write(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")
        return
    settings = settings_for(paths, config=config, isolated=isolated)
    terminal.write(f"# root: {settings.root}\n# file: {settings.file or 'none'}\n{as_toml(settings)}", encoding="utf-8")


def as_toml(settings: Settings) -> str:
    """The settings as TOML that `load` reads back to the same settings; absent and empty values are left out."""
    plain: list[str] = []
    tables: list[str] = []
    for key in KEYS:
        value: object = getattr(settings, key.replace("-", "_"), None)
        if value is None or value == {} or (value == () and key not in ("select", "exclude")):
            continue
        if not isinstance(value, dict):
            plain.append(f"{key} = {_toml(value)}\n")
        elif key == "rules":
            for code, options in value.items():
                tables.append(f"\n[rules.{code}]\n{_pairs(options)}")
        else:
            tables.append(f"\n[{key}]\n{_pairs(value)}")
    return "".join(plain + tables)


def _pairs(table: Mapping[str, object]) -> str:
    return "".join(f"{_toml(key)} = {_toml(value)}\n" for key, value in table.items())


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_toml, value))}]"
    # JSON's strings, booleans and integers are TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@CONFIG
@CACHE_DIR
def clean(paths: tuple[Path, ...], config: Path | None, cache_dir: Path | None) -> None:
    """Remove the cache of the project."""
    from fastapi_lint.run.cache import folder_of

    directory = folder_of(settings_for(paths, config=config).root, absolute(cache_dir))
    if directory.is_symlink() or directory.is_file():
        directory.unlink()  # whatever the link leads to is not ours
    elif directory.is_dir():
        shutil.rmtree(directory)
    else:
        terminal.say(f"no cache at {directory}")
        return
    terminal.say(f"removed {directory}")


@click.command("new-rule")
@click.argument("code", metavar="CODE-OR-NAME")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--plugin", is_flag=True, help="Scaffold a rule of your own: CODE such as ACME001, and its NAME.")
@click.option("--package", default="", help="The package of the plugin (default: acme_rules for ACME001).")
def new_rule(code: str, name: str | None, plugin: bool, package: str) -> None:
    """Scaffold a rule: its file and its fixture.

    With --plugin one of your own, in the current directory; else one that is planned, in a checkout of fastapi-lint.
    """
    root = Path.cwd()
    if plugin != (name is not None) or (package and not plugin):
        raise ConfigurationError("new-rule takes --plugin with a code and a name, or the code of a planned rule alone")
    try:
        if name is not None:
            from fastapi_lint.docs import plugin_scaffold

            files, package = plugin_scaffold.new_rule(code, name, root, package)
            terminal.say(f'the rule counts where the configuration says: plugins = ["{package}"]')
        else:
            from fastapi_lint.docs import scaffold

            if not (root / "src" / "fastapi_lint" / "rules").is_dir():
                raise ConfigurationError(
                    "new-rule works at the top of a checkout of fastapi-lint; src/fastapi_lint/rules is missing"
                    " (--plugin is for rules of your own)"
                )
            files = scaffold.new_rule(code, root)
    except (ValueError, FileExistsError) as error:
        raise ConfigurationError(str(error)) from None
    terminal.write("".join(f"{os.path.relpath(file, root)}\n" for file in files))


def _show(what: RenderableType) -> None:
    """Render with rich to a string first, so that a reader who goes away meets the same treatment everywhere."""
    from rich.console import Console

    color = terminal.has_color(sys.stdout)
    console = Console(
        width=terminal.width(sys.stdout) or 100,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
    )
    with console.capture() as capture:
        console.print(what)
    terminal.write(capture.get())
