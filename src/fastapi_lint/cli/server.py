"""The command `server`: the language server, if what it is made with is installed."""

from __future__ import annotations

import signal
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import click

from fastapi_lint.cli import terminal
from fastapi_lint.cli.options import CACHE_DIR, CONFIG, absolute

_FAILED = 2


@click.command()
@CONFIG
@click.option("--no-cache", is_flag=True, help="Neither read nor write the cache.")
@CACHE_DIR
def server(config: Path | None, no_cache: bool, cache_dir: Path | None) -> int:
    """Serve an editor: the Language Server Protocol over stdin and stdout.

    Needs the extra: pip install 'fastapi-lint[server]'. How to set up editors stands in docs/editors.md.
    """
    if find_spec("pygls") is None:
        terminal.say(
            "error: the language server needs pygls, which is not installed: pip install 'fastapi-lint[server]'"
        )
        return _FAILED
    from fastapi_lint.server import serve
    from fastapi_lint.server.workspaces import Options

    _die_by_signals()
    return serve(Options(absolute(config), not no_cache, absolute(cache_dir)))


def _die_by_signals() -> None:
    """End at once when a signal says so: what waits for the client would wait on until it closes the pipe. Nothing is
    lost by that, as the server writes no files but those of the cache, each as a whole."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.default_int_handler:
            with suppress(ValueError):  # only the main thread of a program may say what signals do
                signal.signal(getattr(signal, name), signal.SIG_DFL)
