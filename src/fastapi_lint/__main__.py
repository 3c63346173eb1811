"""The entry point of `fastapi-lint` and `python -m fastapi_lint`: quick to answer `--version`."""

from __future__ import annotations

import gc
import os
import sys

from fastapi_lint import __version__


def main() -> int:
    """Run the command line that `sys.argv` holds; the exit code: 0 nothing found, 1 findings, 2 could not run."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"fastapi-lint {__version__}")
        return 0
    try:
        from fastapi_lint.cli.main import run_command_line

        return run_command_line(sys.argv[1:])
    except KeyboardInterrupt:
        print("fastapi-lint: interrupted", file=sys.stderr)
        return 2


def start() -> None:
    """Run the command line, and end the process without tidying up after it.

    To give back a large project object by object, as an interpreter does at its end, takes a twentieth of a run (mypy
    ends so, too). What has been said is flushed; files are closed and processes joined long before.
    """
    gc.disable()  # a run makes millions of objects that live to its end, and few cycles
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue  # closed, or nobody listens any more
    os._exit(code)


if __name__ == "__main__":
    start()
