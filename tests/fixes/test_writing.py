"""Writing: the whole new content or the old one, and never anything beside it."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fastapi_lint.files import writing
from fastapi_lint.files.writing import ChangedOnDisk, NotWritten, ReadOnly, Vanished, put, write

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


def test_what_another_run_wrote_already_is_left(file: Path) -> None:
    file.write_bytes(NEW)
    before = file.stat()
    write(file, NEW, expected=OLD)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert list(file.parent.iterdir()) == [file]


def test_what_another_run_writes_meanwhile_is_left(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: file.write_bytes(NEW))
    write(file, NEW, expected=OLD)
    assert file.read_bytes() == NEW
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_another_process_locks_is_left(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(writing, "_PATIENCE", 0)
    with file.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ChangedOnDisk, match=r"app\.py.*another process is changing the file"):
            write(file, NEW, expected=OLD)
    assert file.read_bytes() == OLD
    write(file, NEW, expected=OLD)
    assert file.read_bytes() == NEW, "the lock is gone with who held it"


def test_another_run_that_is_done_soon_is_waited_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    with file.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        def meanwhile(_: float) -> None:
            file.with_name("new").write_bytes(NEW)
            file.with_name("new").replace(file)
            fcntl.flock(other, fcntl.LOCK_UN)

        monkeypatch.setattr(time, "sleep", meanwhile)
        write(file, NEW, expected=OLD)
    assert file.read_bytes() == NEW
    assert list(file.parent.iterdir()) == [file]


def test_a_file_system_without_locks_does_not_hinder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    write(file, NEW, expected=OLD)
    assert file.read_bytes() == NEW


def test_a_read_only_folder_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write to any folder, so the refusal is made up; nothing is written to the file itself instead."""
    opening = os.open

    def refuse(path: os.PathLike[str] | str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opening(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NotWritten, match=r"app\.py: not written: Permission denied"):
        write(file, NEW, expected=OLD)
    assert file.read_bytes() == OLD
    assert list(file.parent.iterdir()) == [file]


def test_a_new_file_is_put(tmp_path: Path) -> None:
    put(tmp_path / "report.json", NEW)
    (tmp_path / "other").write_bytes(NEW)
    assert (tmp_path / "report.json").read_bytes() == NEW
    assert (tmp_path / "report.json").stat().st_mode == (tmp_path / "other").stat().st_mode, "as the umask has it"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "report.json"]


def test_an_old_file_is_put_anew_behind_its_link(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    (tmp_path / "link").symlink_to(file)
    (tmp_path / "dangling").symlink_to("later")
    put(tmp_path / "link", NEW)
    put(tmp_path / "dangling", NEW)
    assert (tmp_path / "link").is_symlink()
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (NEW, 0o640)
    assert (tmp_path / "later").read_bytes() == NEW
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.py", "dangling", "later", "link"]


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")
def test_what_is_no_regular_file_is_written_to(tmp_path: Path) -> None:
    put(Path(os.devnull), NEW)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode), "and not replaced"
    reading, end = os.pipe()
    put(Path(f"/dev/fd/{end}"), NEW)
    assert os.read(reading, 100) == NEW
    os.close(reading)
    os.close(end)


@pytest.mark.parametrize(("failure", "error"), [(full, OSError), (interrupted, KeyboardInterrupt)])
def test_a_failed_put_leaves_the_old_content_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch, failure: Callable[..., int], error: type[BaseException]
) -> None:
    monkeypatch.setattr(os, "write", failure)
    for path in (file, file.with_name("new")):
        with pytest.raises(error):
            put(path, NEW)
    assert file.read_bytes() == OLD
    assert list(file.parent.iterdir()) == [file]
