"""Writing: the whole new content or the old one, and never anything beside it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from fastapi_lint.writing import ChangedOnDisk, NotWritten, ReadOnly, Vanished, write

OLD, NEW = b"old\r\n", b"new\r\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_bytes(OLD)
    return path


def test_content_is_replaced_and_nothing_else_is_there(file: Path) -> None:
    write(file, NEW, expected=OLD)
    assert file.read_bytes() == NEW
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755])
def test_the_mode_is_kept(file: Path, mode: int) -> None:
    file.chmod(mode)
    write(file, NEW, expected=OLD)
    assert stat.S_IMODE(file.stat().st_mode) == mode


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_is_kept_where_permitted(file: Path) -> None:
    os.chown(file, 1234, 2345)
    file.chmod(0o4755)
    write(file, NEW, expected=OLD)
    status = file.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 2345, 0o4755)


def test_an_owner_that_may_not_be_kept_does_not_hinder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "chown", refuse, raising=False)
    write(file, NEW, expected=OLD)
    assert file.read_bytes() == NEW


def test_a_symlink_stays_and_its_file_is_replaced(file: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    first, second = tmp_path / "links" / "first.py", tmp_path / "links" / "second.py"
    first.symlink_to(file)
    second.symlink_to("first.py")
    write(second, NEW, expected=OLD)
    assert second.is_symlink()
    assert first.is_symlink()
    assert not file.is_symlink()
    assert file.read_bytes() == NEW
    assert sorted((tmp_path / "links").iterdir()) == [first, second]


def test_a_file_that_changed_meanwhile_is_left(file: Path) -> None:
    file.write_bytes(b"edited\n")
    with pytest.raises(ChangedOnDisk, match=r"app\.py.*changed since"):
        write(file, NEW, expected=OLD)
    assert file.read_bytes() == b"edited\n"


def test_a_file_that_changes_while_the_new_one_is_written_is_left(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: file.write_bytes(b"edited\n"))
    with pytest.raises(ChangedOnDisk):
        write(file, NEW, expected=OLD)
    assert file.read_bytes() == b"edited\n"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("mode", [0o444, 0o400, 0o555])
def test_a_read_only_file_is_left(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(ReadOnly, match="read-only"):
        write(file, NEW, expected=OLD)
    assert file.read_bytes() == OLD
    assert list(file.parent.iterdir()) == [file]


def test_a_vanished_file_is_not_made_again(file: Path) -> None:
    file.unlink()
    with pytest.raises(Vanished, match=r"app\.py.*vanished"):
        write(file, NEW, expected=OLD)
    assert list(file.parent.iterdir()) == []


def test_a_file_that_vanishes_while_the_new_one_is_written_is_not_made_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: file.unlink())
    with pytest.raises(Vanished):
        write(file, NEW, expected=OLD)
    assert list(file.parent.iterdir()) == []


def test_what_is_no_regular_file_is_left(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match="not a regular file"):
        write(tmp_path, NEW, expected=OLD)
    loop = tmp_path / "loop.py"
    loop.symlink_to("loop.py")
    with pytest.raises(NotWritten, match=r"loop\.py"):
        write(loop, NEW, expected=OLD)


def test_nothing_is_written_when_nothing_changes(file: Path) -> None:
    before = file.stat()
    write(file, OLD, expected=OLD)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def full(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupted(*_: object) -> int:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["write", "fsync", "close"])
@pytest.mark.parametrize(("failure", "error"), [(full, NotWritten), (interrupted, KeyboardInterrupt)])
def test_a_failure_in_the_middle_leaves_the_old_content_alone(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    failure: Callable[..., int],
    error: type[BaseException],
) -> None:
    with monkeypatch.context() as patched:
        if name == "close":
            closing = os.close
            patched.setattr(os, "close", lambda descriptor: (closing(descriptor), failure()))
        else:
            patched.setattr(os, name, failure)
        with pytest.raises(error):
            write(file, NEW, expected=OLD)
    assert file.read_bytes() == OLD
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(("failure", "error"), [(full, NotWritten), (interrupted, KeyboardInterrupt)])
@pytest.mark.parametrize("name", ["chmod", "replace"])
def test_a_failure_at_the_end_leaves_the_old_content_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, failure: Callable[..., int], error: type[BaseException]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Path, name, failure)
        with pytest.raises(error):
            write(file, NEW, expected=OLD)
    assert file.read_bytes() == OLD
    assert list(file.parent.iterdir()) == [file]


def test_a_full_disk_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NotWritten, match=r"app\.py: not written: No space left on device"):
        write(file, NEW, expected=OLD)


def test_short_writes_are_continued(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: writing(descriptor, data[:1]))
    write(file, NEW, expected=OLD)
    assert file.read_bytes() == NEW
