"""`--watch`: check, wait until a file of the project changes, check again. Ends with Ctrl-C, and says how to."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path

from fastapi_lint.cli import terminal
from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.finding import counted
from fastapi_lint.run.disk import stamps

_PAUSE = 0.5
_CLEAR = "\x1b[2J\x1b[3J\x1b[H"

pause: Callable[[float], None] = time.sleep
"""Waits; tests change files here instead."""


def watch(check: Callable[[], object], files: Callable[[], Collection[Path]]) -> int:
    """Check again whenever one of the files changes, comes or goes, until the user ends it; 0 then."""
    known: Collection[Path] = ()
    try:
        while True:
            if sys.stdout.isatty():
                terminal.write(_CLEAR)
            try:
                known = files()
                before = stamps(known)
                check()
            except ConfigurationError as error:  # half a configuration is no reason to stop
                terminal.say(f"error: {error}")
                before = stamps(known)
            gc.collect()  # a run has no collector, for it ends soon; this one does not
            terminal.say(f"watching {counted(len(known), 'file')}; Ctrl-C ends this")
            while stamps(known) == before:
                pause(_PAUSE)
    except KeyboardInterrupt:
        return 0
