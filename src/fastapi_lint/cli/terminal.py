"""How the command line speaks: findings to stdout, the rest to stderr, colour and progress only at a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import IO, TYPE_CHECKING

from fastapi_lint.finding import Notice, Severity

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE = 1.0
"""Seconds after which a run counts as long, and shows its progress."""


def has_color(stream: IO[str]) -> bool:
    """Whether to colour what goes to the stream: NO_COLOR, then FORCE_COLOR, then whether a terminal reads it."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return os.environ["FORCE_COLOR"] not in ("0", "false")
    return stream.isatty() and os.environ.get("TERM") != "dumb" and (os.name != "nt" or _windows_understands())


def _windows_understands() -> bool:
    """Whether this console reads escape sequences; those of Windows 10 and later do when they are asked to."""
    import ctypes

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 (there on Windows only, and type checkers know that)
    mode = ctypes.c_ulong()
    handle = kernel.GetStdHandle(-11)  # of the standard output
    return bool(kernel.GetConsoleMode(handle, ctypes.byref(mode)) and kernel.SetConsoleMode(handle, mode.value | 4))


def width(stream: IO[str]) -> int | None:
    """The columns of the terminal that reads the stream; None when there is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def write(text: str, *, encoding: str | None = None) -> None:
    """Write to stdout without translating newlines; a reader that went away is no error.

    `encoding` is the stream's own by default. Characters that it does not have are escaped.
    """
    stream = sys.stdout
    data = text.encode(encoding or stream.encoding or "utf-8", "backslashreplace")
    try:
        binary = getattr(stream, "buffer", None)
        if binary is None:
            stream.write(text)
        else:
            stream.flush()
            binary.write(data)
        stream.flush()
    except BrokenPipeError:
        # The interpreter flushes once more when it ends; give it somewhere to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write_diff(text: str) -> None:
    """Write a diff to stdout: as it is for `patch`, but at a terminal without what could disguise it."""
    if sys.stdout.isatty():
        lines = text.replace("\r\n", "\n").split("\n")
        text = "\n".join("\t".join(map(visible, line.split("\t"))) for line in lines)
    write(text)


def visible(text: str) -> str:
    """A line without control characters that could disguise it."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def say(message: str) -> None:
    """A line on stderr, without control characters that could disguise it."""
    shown = "\n".join(map(visible, message.split("\n")))
    encoding = sys.stderr.encoding or "utf-8"
    try:
        print(shown.encode(encoding, "backslashreplace").decode(encoding), file=sys.stderr, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def say_notices(notices: Iterable[Notice], *, quiet: bool = False) -> None:
    """What a run has to say besides findings, one line each, whatever a file is called; `quiet`: errors only."""
    for notice in notices:
        if quiet and notice.level is not Severity.ERROR:
            continue
        place = f"{notice.path}: " if notice.path else ""
        code = f"{notice.code}: " if notice.code else ""
        say(f"{notice.level.value}: {place}{code}{notice.message}".replace("\n", "\\n"))


class ProgressBar:
    """Shows on stderr how far a run is, when it takes long and a terminal is there. Called as `run.check` calls it."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled and sys.stderr.isatty()
        self._start = time.monotonic()
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if not self._enabled:
            return
        if self._bar is None:
            if time.monotonic() - self._start < _PATIENCE:
                return
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            console = Console(stderr=True, no_color=not has_color(sys.stderr))
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(*columns, console=console, transient=True)
            self._bar.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage, total=total)
        self._bar.update(self._tasks[stage], completed=done, total=total)
