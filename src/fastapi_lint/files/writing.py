"""Replaces one file's content on disk, wholly or not at all. Knows nothing of findings, fixes or encodings."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl


_PATIENCE = 2.0
"""Seconds for which another run may keep a file to itself."""


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
    hard links keep the old content. A file that holds `data` already, since another run was quicker, is left. Raises a
    `NotWritten` (`ChangedOnDisk`, `Vanished`, `ReadOnly`, or itself for a full disk and the like); on any failure,
    Ctrl-C included, the old content stands and no temporary file is left.
    """
    try:
        real = Path(os.path.realpath(path, strict=True))
        status = real.stat()
        if refusal := _refusal(path, real, status):
            raise refusal
        with _locked(path, real):
            if not _holds(path, real, data, expected):
                _replace(path, real, status, data, expected)
    except FileNotFoundError:
        raise Vanished(f"{path}: the file has vanished since it was read") from None
    except OSError as error:
        raise NotWritten(f"{path}: not written: {error.strerror or error}") from error


def refused(path: Path) -> NotWritten | None:
    """Why a file would not be written, if that can be told before: it is read-only, or no regular file."""
    try:
        real = Path(os.path.realpath(path, strict=True))
        return _refusal(path, real, real.stat())
    except OSError:
        return None  # writing it will say so


def _refusal(path: Path, real: Path, status: os.stat_result) -> NotWritten | None:
    if not stat.S_ISREG(status.st_mode):
        return NotWritten(f"{path}: not written: not a regular file")
    # The mode is asked too because root may write anything.
    if not status.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(real, os.W_OK):
        return ReadOnly(f"{path}: not written: the file is read-only")
    return None


def put(path: Path, data: bytes) -> None:
    """Make `path` hold `data`: a new file, or an old one replaced as a whole, behind a link if it is one.

    What is no regular file, such as a pipe or `/dev/stdout`, is written to. Raises `OSError`; then the old content
    stands, and no temporary file is left.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        _swap(Path(os.path.realpath(path)), data, mode=0o666 & ~_umask())
        return
    if not stat.S_ISREG(status.st_mode):
        with path.open("wb") as file:
            file.write(data)
        return
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    _swap(Path(os.path.realpath(path)), data, mode=stat.S_IMODE(status.st_mode), owner=(status.st_uid, status.st_gid))


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextmanager
def _locked(path: Path, real: Path) -> Iterator[None]:
    """Between comparing and replacing no other run may do the same: its change would be lost.

    The lock is the system's and ends with the process, however it ends. Another run needs it for an instant; whoever
    keeps it for longer is not waited for.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK)
    try:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise ChangedOnDisk(f"{path}: not written: another process is changing the file") from None
                time.sleep(0.01)
                continue
            except OSError:
                pass  # a file system without locks
            break
        yield
    finally:
        os.close(descriptor)


def _holds(path: Path, real: Path, data: bytes, expected: bytes) -> bool:
    """Whether the file holds `data`; `ChangedOnDisk` if it holds anything but this or `expected`."""
    content = real.read_bytes()
    if content not in (data, expected):
        raise ChangedOnDisk(f"{path}: not written: the file has changed since it was read")
    return content == data


def _replace(path: Path, real: Path, status: os.stat_result, data: bytes, expected: bytes) -> None:
    def unchanged() -> bool:
        return not _holds(path, real, data, expected)

    _swap(real, data, mode=stat.S_IMODE(status.st_mode), owner=(status.st_uid, status.st_gid), wanted=unchanged)


def _swap(
    real: Path,
    data: bytes,
    *,
    mode: int,
    owner: tuple[int, int] | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> None:
    """Write a temporary file beside `real`, and put it in its place if that is `wanted` still."""
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
        if owner is not None and hasattr(os, "chown"):
            with suppress(PermissionError):
                os.chown(temporary, *owner)
        temporary.chmod(mode)  # after chown, which clears set-id bits
        if wanted():
            temporary.replace(real)
        else:
            temporary.unlink()
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
