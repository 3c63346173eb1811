"""Replaces one file's content on disk, wholly or not at all. Knows nothing of findings, fixes or encodings."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path


class NotWritten(Exception):
    """A file was left as it was; the message names it and says why."""


class ChangedOnDisk(NotWritten):
    """The file is no longer what was read."""


class Vanished(NotWritten):
    """The file is no longer there."""


class ReadOnly(NotWritten):
    """The file may not be written, even where replacing it would be possible."""


def write(path: Path, data: bytes, *, expected: bytes) -> None:
    """Replace the content of `path`, which must still be `expected`, by `data`, atomically.

    The file behind a symlink is replaced, the link stays; mode and, where permitted, owner and group are kept; other
    hard links keep the old content. Raises a `NotWritten` (`ChangedOnDisk`, `Vanished`, `ReadOnly`, or itself for a
    full disk and the like); on any failure, Ctrl-C included, the old content stands and no temporary file is left.
    """
    try:
        real = Path(os.path.realpath(path, strict=True))
        status = real.stat()
        _refuse(path, real, status, expected)
        if data != expected:
            _replace(path, real, status, data, expected)
    except FileNotFoundError:
        raise Vanished(f"{path}: the file has vanished since it was read") from None
    except OSError as error:
        raise NotWritten(f"{path}: not written: {error.strerror or error}") from error


def _refuse(path: Path, real: Path, status: os.stat_result, expected: bytes) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotWritten(f"{path}: not written: not a regular file")
    # The mode is asked too because root may write anything.
    if not status.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(real, os.W_OK):
        raise ReadOnly(f"{path}: not written: the file is read-only")
    _compare(path, real, expected)


def _compare(path: Path, real: Path, expected: bytes) -> None:
    if real.read_bytes() != expected:
        raise ChangedOnDisk(f"{path}: not written: the file has changed since it was read")


def _replace(path: Path, real: Path, status: os.stat_result, data: bytes, expected: bytes) -> None:
    # The name is chosen first, so that an interrupt between creating and remembering cannot leave the file behind.
    temporary = real.with_name(f".{secrets.token_hex(8)}.fastapi-lint~")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if hasattr(os, "chown"):
            with suppress(PermissionError):
                os.chown(temporary, status.st_uid, status.st_gid)
        temporary.chmod(stat.S_IMODE(status.st_mode))  # after chown, which clears set-id bits
        _compare(path, real, expected)
        temporary.replace(real)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush(real.parent)


def _flush(directory: Path) -> None:
    """Make the replacement itself durable, where the system lets a directory be opened."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
