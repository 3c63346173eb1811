"""The entry point of `fastapi-lint` and `python -m fastapi_lint`: quick to answer `--version`."""

from __future__ import annotations

import sys

from fastapi_lint import __version__


def main() -> int:
    """Run the command line that `sys.argv` holds; the exit code: 0 nothing found, 1 findings, 2 could not run."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"fastapi-lint {__version__}")
        return 0
    try:
        from fastapi_lint.cli import run_command_line

        return run_command_line(sys.argv[1:])
    except KeyboardInterrupt:
        print("fastapi-lint: interrupted", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
