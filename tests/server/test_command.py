"""The command `server` where what it is made with is not installed."""

from __future__ import annotations

import subprocess
import sys

_WITHOUT = """
import sys
sys.modules["pygls"] = None
from fastapi_lint.cli.main import run_command_line
raise SystemExit(run_command_line(sys.argv[1:]))
"""


def test_it_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT, "server"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "pip install 'fastapi-lint[server]'" in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_everything_else_does_without() -> None:
    command = [sys.executable, "-c", _WITHOUT, "rules", "--output-format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "FAPI101" in done.stdout
