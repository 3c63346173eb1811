"""Runs the command line in a process of its own, with something done at a chosen moment of it. Asserts nothing itself.

Nothing here waits or counts time: the moment is the n-th call of a function, in the run's own process or in one of its
worker processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "src"

_PRELUDE = """
import importlib, os, signal, subprocess, sys
from pathlib import Path
MAIN = os.getpid()

def at(where, action, nth=1, inside_worker=False, after=False):
    module, _, dotted = where.partition(":")
    *outer, name = dotted.split(".")
    owner = importlib.import_module(module)
    for each in outer:
        owner = getattr(owner, each)
    original = getattr(owner, name)
    calls = 0
    def hooked(*arguments, **named):
        nonlocal calls
        calls += 1
        now = calls == nth and (os.getpid() != MAIN) == inside_worker
        if now and not after:
            action()
        result = original(*arguments, **named)
        if now and after:
            action()
        return result
    setattr(owner, name, hooked)

def send(number):
    os.kill(os.getpid(), number)

def lint(*arguments):
    done = subprocess.run([sys.executable, "-m", "fastapi_lint", "check", *arguments], capture_output=True, text=True)
    Path("other.txt").write_text(f"{done.returncode} {done.stdout} {done.stderr}")

# Whatever started the tests (a shell in the background, nohup) may have these ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
for each in ("SIGTERM", "SIGHUP"):
    if hasattr(signal, each):
        signal.signal(getattr(signal, each), signal.SIG_DFL)
"""
_MAIN = """
from fastapi_lint.__main__ import main
sys.exit(main())
"""


def run(root: Path, *arguments: str, hooks: str = "", stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    """`fastapi-lint check` below `root`; `hooks` is Python that calls `at` to say what happens when.

    `at(WHERE, ACTION, nth=1, inside_worker=False, after=False)` does something at the n-th call of `module:function`,
    `send(SIGNAL)` signals the process it is called in, `lint(...)` runs another linter to its end (what it said is in
    `other.txt`).
    """
    environment = {**os.environ, "PYTHONPATH": str(SOURCES), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.CompletedProcess(
        *_decoded(
            subprocess.run(
                [sys.executable, "-c", _PRELUDE + hooks + _MAIN, "check", *arguments],
                cwd=root,
                env=environment,
                input=stdin,
                capture_output=True,
            )
        )
    )


def _decoded(done: subprocess.CompletedProcess[bytes]) -> tuple[list[str], int, str, str]:
    return done.args, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def contents(root: Path) -> dict[str, bytes]:
    """What every file below a folder holds; the cache is left out."""
    paths = (path for path in root.rglob("*") if path.is_file() and ".fastapi_lint_cache" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(paths)}
