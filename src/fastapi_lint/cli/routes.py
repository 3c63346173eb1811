"""The command `routes`: every route that the linter knows, filtered, in one of four formats."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastapi_lint.cli import tables, terminal
from fastapi_lint.cli.options import CACHE_DIR, CONFIG, ISOLATED, Choice, absolute, configured
from fastapi_lint.finding import counted

if TYPE_CHECKING:
    from fastapi_lint.model.listing import RouteRow

HEADS = ("methods", "path", "auth", "findings", "if", "app", "handler", "place", "status", "response")
_DROP = ("response", "status", "place", "if", "app", "findings", "handler")
"""What a narrow terminal does without, the first first."""


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--unauthenticated", is_flag=True, help="Only routes whose dependencies demand no authentication.")
@click.option("--app", "apps", multiple=True, help="Only routes of this app: `module:variable`, or a pattern.")
@click.option("--tag", "tags", multiple=True, help="Only routes with this tag.")
@click.option("--method", "methods", multiple=True, help="Only routes that answer this method.")
@click.option("--output-format", type=Choice(tables.FORMATS), default="console")
@CONFIG
@ISOLATED
@CACHE_DIR
def routes(
    paths: tuple[Path, ...],
    unauthenticated: bool,
    apps: tuple[str, ...],
    tags: tuple[str, ...],
    methods: tuple[str, ...],
    output_format: str,
    config: Path | None,
    isolated: bool,
    cache_dir: Path | None,
) -> None:
    """Show every route that the linter knows: methods, path, authentication, findings, handler.

    With paths: those whose handlers stand there. `auth` names the dependencies that demand authentication; "(optional)"
    stands behind those that let strangers in as well. `if` marks routes that exist in some configurations only.
    """
    from fastapi_lint.run import story as run

    around = configured(paths, config=config, isolated=isolated, caches=absolute(cache_dir))
    settings = around.settings
    request = run.Request(
        root=settings.root, paths=paths, settings=settings, caches=absolute(cache_dir), own=around.own
    )
    found = run.routes(request)
    upper = {method.upper() for method in methods}
    chosen = [
        row
        for row in found
        if not (unauthenticated and (row["authenticated_by"] or row["kind"] == "mount"))
        if not apps or any(_names(row["app"], app) for app in apps)
        if not tags or set(tags).intersection(row["tags"])
        if not upper or upper.intersection(row["methods"])
    ]
    if output_format == "json":
        terminal.write(json.dumps(chosen, indent=2) + "\n", encoding="utf-8")
    else:
        tables.write_table(HEADS, list(_cells(chosen)), format=output_format, drop=_DROP)
    _say(found, chosen)


def _names(app: str, asked: str) -> bool:
    """Whether an app is meant: by its full name, its module, its variable, or a pattern."""
    module, _, variable = app.rpartition(":")
    return asked in (app, module, variable) or fnmatchcase(app, asked)


def _cells(rows: Sequence[RouteRow]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        yield (
            ",".join(row["methods"]) or row["kind"],
            row["path"],
            ", ".join([*row["authenticated_by"], *(f"{name} (optional)" for name in row["optional_authentication"])]),
            ",".join(row["findings"]),
            "some" if row["conditional"] else "",
            row["app"],
            row["handler"] or row["name"],
            f"{row['file']}:{row['line']}",
            str(row["status_code"] or ""),
            row["response_model"] or "",
        )


def _say(found: Sequence[RouteRow], chosen: Sequence[RouteRow]) -> None:
    if not found:
        terminal.say("no routes found")
        return
    apps = counted(len({(row["project"], row["app"]) for row in chosen}), "app")
    of = "" if len(chosen) == len(found) else f" of {len(found)}"
    opened = sum(not row["authenticated_by"] for row in chosen if row["kind"] != "mount")
    terminal.say(
        f"{counted(len(chosen), 'route')}{of} in {apps}; {opened} without a dependency that demands authentication"
    )
