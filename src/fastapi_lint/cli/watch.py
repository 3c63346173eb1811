"""`--watch`: check, wait until a file of the project changes, check again. Ends with Ctrl-C, and says how to."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

from fastapi_lint.cli import terminal
from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.finding import counted

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
                before = _stamps(known)
                check()
            except ConfigurationError as error:  # half a configuration is no reason to stop
                terminal.say(f"error: {error}")
                before = _stamps(known)
            gc.collect()  # a run has no collector, for it ends soon; this one does not
            terminal.say(f"watching {counted(len(known), 'file')}; Ctrl-C ends this")
            while _stamps(known) == before:
                pause(_PAUSE)
    except KeyboardInterrupt:
        return 0


def _stamps(files: Collection[Path]) -> Mapping[Path, object]:
    """When each file was changed and how large it is, and what stands in the folders around them."""
    found: dict[Path, object] = {}
    for file in files:
        with suppress(OSError):
            status = file.stat()
            found[file] = (status.st_mtime_ns, status.st_size)
    for folder in {file.parent for file in files}:
        with suppress(OSError):
            found[folder] = sorted(one.name for one in folder.iterdir() if not one.name.startswith((".", "__pyc")))
    return found
