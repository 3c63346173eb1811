"""The command `server`: where what it is made with is not installed, and how signals end it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

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


@pytest.mark.skipif(os.name == "nt", reason="signals end programs there in any case")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_ends_it_while_the_pipe_is_open(name: str) -> None:
    number = getattr(signal, name)
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("whoever runs the tests has it ignored, and so would the server")
    command = [sys.executable, "-m", "fastapi_lint", "server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(b'Content-Length: 40\r\n\r\n{"jsonrpc":"2.0","id":1,"method":"odd"} ')
        server.stdin.flush()
        assert server.stdout.readline().startswith(b"Content-Length"), "it reads"
        server.send_signal(number)
        assert server.wait(30) == -number
