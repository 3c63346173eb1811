"""The command line as a whole: the group of commands, signals, and what becomes of errors."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

import click
from click.shell_completion import CompletionItem

from fastapi_lint import __version__
from fastapi_lint.cli import terminal
from fastapi_lint.cli.check import FAILED, check
from fastapi_lint.cli.commands import clean, config, new_rule, rule, rules
from fastapi_lint.cli.routes import routes
from fastapi_lint.cli.server import server
from fastapi_lint.config.schema import ConfigurationError

_GROUP_OPTIONS = ("--help", "-h", "--version", "-V")


class Commands(click.Group):
    """A group whose default command is `check`: `fastapi-lint src` is `fastapi-lint check src`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asked = args[0] if args else ""
        if asked not in self.commands and asked not in _GROUP_OPTIONS and (args or not ctx.resilient_parsing):
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completions of the group, and of the default command, whose name nobody types."""
        check = self.commands["check"]
        with check.make_context("check", [], parent=ctx, resilient_parsing=True) as inner:
            found = [*super().shell_complete(ctx, incomplete), *check.shell_complete(inner, incomplete)]
        return list({item.value: item for item in found}.values())


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def cli() -> None:
    """A linter that understands FastAPI applications. Without a command it checks the paths it is given.

    Exit codes: 0 nothing found, 1 findings, 2 could not run.
    """


for _command in (check, routes, rule, rules, config, clean, new_rule, server):
    cli.add_command(_command)


def _open_streams() -> None:
    """Where a standard stream is closed (`>&-`), Python has None: nobody reads what is written there then."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 (as long as the program)


def run_command_line(arguments: Sequence[str]) -> int:
    """Run a command line and give its exit code; every error becomes a message on stderr and 2."""
    for name in ("SIGTERM", "SIGHUP"):  # are to clean up as Ctrl-C does, unless somebody had them ignored
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_DFL:
            with suppress(ValueError):  # only the main thread of a program may say what signals do
                signal.signal(getattr(signal, name), signal.default_int_handler)
    _open_streams()
    try:
        result = cli.main(list(arguments), prog_name="fastapi-lint", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
    except ConfigurationError as error:
        terminal.say(f"error: {error}")
    except (KeyboardInterrupt, click.Abort):
        terminal.say("interrupted: every file has its old content or its new one")
    except RecursionError:
        terminal.say("error: the code is nested too deeply")
    except OSError as error:
        terminal.say(f"error: {error}")
    except Exception:  # a traceback would end with 1, which says that there are findings
        terminal.say(f"{traceback.format_exc()}error: this is a mistake of fastapi-lint itself; please report it")
    return FAILED
