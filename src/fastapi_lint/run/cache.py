"""What a run leaves for the next one, in its cache: facts by content, results by all that they depend on.

Msgpack with checksums, read as data and never executed. Whatever is wrong with a file of the cache (torn, foreign, of
another version, not writable) makes it count as empty, with one notice at most. Knows no rule and analyses nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import msgspec

from fastapi_lint import __version__
from fastapi_lint.config.settings import CACHE_DIRECTORY as DIRECTORY
from fastapi_lint.finding import Notice, Severity
from fastapi_lint.incremental.redaction import Redacted
from fastapi_lint.index.facts import FORMAT

_MAGIC = b"fastapi-lint cache 1\n"
_DIGEST = 16
_SHARDS = 16
_MOST_RESULTS = 24
_MOST_SNAPSHOTS = 4
_MOST_TABLES = 4
_MOST_RUNS = 12
"""Times that a shard is written without an entry being used before the entry is dropped."""
_LARGEST_SHARD = 24_000_000
_TAG = b"Signature: 8a477f597d28d172789f06886806bc55\n# The cache of fastapi-lint; it can be deleted at any time.\n"
"""What backup programs look for (https://bford.info/cachedir/)."""

T = TypeVar("T")


class _Entry(msgspec.Struct, array_like=True):
    idle: int
    data: bytes


def digest(*parts: bytes) -> bytes:
    """A key for byte strings in this order: 16 bytes, equal only for equal parts."""
    made = blake2b(digest_size=_DIGEST)
    for part in parts:
        made.update(len(part).to_bytes(8, "little"))
        made.update(part)
    return made.digest()


@cache
def program() -> bytes:
    """The identity of this program: its version and files (sizes and times), its parsers, the Python that runs it.

    Changes whenever a rule, a catalogue or any other file of the package does.
    """
    return digest(__version__.encode(), repr(sys.version_info[:2]).encode(), *_stats(_PACKAGE), *_versions())


@cache
def _indexer() -> bytes:
    """The identity of what makes facts: format, grammar, and the files of the index."""
    return digest(str(FORMAT).encode(), __version__.encode(), *_stats(_PACKAGE / "index"), *_versions())


_PACKAGE = Path(__file__).resolve().parent.parent


def _versions() -> Iterator[bytes]:
    from importlib.metadata import PackageNotFoundError, version

    for name in ("tree-sitter", "tree-sitter-python", "libcst"):
        with contextlib.suppress(PackageNotFoundError):
            yield f"{name} {version(name)}".encode()


def _stats(folder: Path) -> list[bytes]:
    found = []
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    if entry.name != "__pycache__":
                        pending.append(entry.path)
                elif not entry.name.endswith(".pyc"):
                    status = entry.stat()
                    found.append(f"{entry.path[len(str(folder)) :]} {status.st_size} {status.st_mtime_ns}".encode())
    return sorted(found)


def folder_of(root: Path, caches: Path | None = None) -> Path:
    """The cache of a project: in its root, or below the folder that holds the caches of several."""
    if caches is None:
        return root / DIRECTORY
    return caches / f"{root.name or 'root'}-{digest(str(root).encode('utf-8', 'surrogatepass')).hex()[:12]}"


def stored_rules(start: Path, kind: type[T], caches: Path | None = None, plugins: bytes = b"") -> T | None:
    """The table of rules that an earlier run left in the cache of the folder or of one around it.

    `plugins` stands for the content of the plugins whose rules are in it, too.
    """
    identity = program() + plugins
    for folder in (start, *start.parents):
        found = _load(folder_of(folder, caches) / _rules_name(identity), identity)
        if found is not None:
            with contextlib.suppress(msgspec.MsgspecError):
                return msgspec.msgpack.decode(found, type=kind)
    return None


class Store:
    """The cache of one project root, in it or below `caches`. `root` None: there is none, and nothing is kept.

    `notices` tells why nothing could be kept, once.
    """

    def __init__(self, root: Path | None, caches: Path | None = None) -> None:
        self.notices: list[Notice] = []
        self._shown = DIRECTORY if caches is None else str(caches)
        self._folder = None if root is None else folder_of(root, caches)
        self._shards: dict[int, dict[bytes, _Entry]] = {}
        self._is_ready = False
        if self._folder is not None and os.path.islink(self._folder):  # noqa: PTH114
            self._give_up("it is a symbolic link")

    @property
    def is_used(self) -> bool:
        """Whether anything can be found or kept here."""
        return self._folder is not None

    # ---------------------------------------------------------------- rules and results

    def keep_rules(self, table: object, plugins: bytes = b"") -> None:
        """Leave the table of rules for the next start; `plugins` as for `stored_rules`."""
        if self._folder is not None:
            identity = program() + plugins
            path = self._folder / _rules_name(identity)
            if not os.path.exists(path):  # noqa: PTH110
                self._write(path, identity, msgspec.msgpack.encode(table))
                self._forget("rules-*.bin", _MOST_TABLES)

    def result(self, key: bytes) -> Redacted | None:
        """The result under a key; None when there is none (any more)."""
        found = None if self._folder is None else self._read(self._result_path(key), program() + key)
        return None if found is None else self._decoded(found, Redacted)

    def keep_result(self, key: bytes, result: Redacted) -> None:
        """Leave a result under its key; the oldest ones go."""
        if self._folder is not None:
            self._write(self._result_path(key), program() + key, msgspec.msgpack.encode(result))
            self._forget("run-*.bin", _MOST_RESULTS)

    def snapshot(self, key: bytes, kind: type[T]) -> T | None:
        """The snapshot that an earlier run left under a key (see `incremental`)."""
        found = None if self._folder is None else self._read(self._snapshot_path(key), program() + key)
        return None if found is None else self._decoded(found, kind)

    def keep_snapshot(self, key: bytes, made: object) -> None:
        """Leave a snapshot for the next run, in the place of the one under the key."""
        if self._folder is not None:
            self._write(self._snapshot_path(key), program() + key, msgspec.msgpack.encode(made))
            self._forget("snapshot-*.bin", _MOST_SNAPSHOTS)

    def _snapshot_path(self, key: bytes) -> Path:
        assert self._folder is not None
        return self._folder / f"snapshot-{digest(program(), key).hex()}.bin"

    def _result_path(self, key: bytes) -> Path:
        assert self._folder is not None
        return self._folder / f"run-{digest(program(), key).hex()}.bin"

    def _forget(self, pattern: str, most: int) -> None:
        """Delete all but the newest files of a kind; another process may be doing the same."""
        if self._folder is None:
            return
        dated = []
        with contextlib.suppress(OSError):
            for path in self._folder.glob(pattern):
                with contextlib.suppress(OSError):
                    dated.append((path.stat().st_mtime_ns, path))
        for _, path in sorted(dated)[:-most]:
            with contextlib.suppress(OSError):
                path.unlink()

    # ---------------------------------------------------------------- facts

    def facts(self, key: bytes) -> bytes | None:
        """The facts (msgpack) of the text with this digest."""
        if self._folder is None:
            return None
        entry = self._shard(key[0] % _SHARDS).get(key)
        if entry is None:
            return None
        return entry.data

    def keep_facts(self, made: Iterable[tuple[bytes, bytes]], used: Collection[bytes]) -> None:
        """Leave facts by the digest of their text. What has not been used for some runs goes."""
        if self._folder is None:
            return
        fresh: dict[int, dict[bytes, _Entry]] = {}
        for key, data in made:
            fresh.setdefault(key[0] % _SHARDS, {})[key] = _Entry(0, data)
        for number, entries in sorted(fresh.items()):
            found = self._shard(number)
            found.update(entries)
            for key, entry in found.items():
                entry.idle = 0 if key in used else entry.idle + 1
            kept: dict[bytes, _Entry] = {}
            size = 0
            for key, entry in sorted(found.items(), key=lambda item: (item[1].idle, item[0])):
                size += len(entry.data)
                if entry.idle <= _MOST_RUNS and size <= _LARGEST_SHARD:
                    kept[key] = entry
            self._shards[number] = kept
            self._write(self._shard_path(number), _indexer(), msgspec.msgpack.encode(kept))
        self._forget("facts-*.bin", 2 * _SHARDS)

    def _shard_path(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / f"facts-{_short(_indexer())}-{number:x}.bin"

    def _shard(self, number: int) -> dict[bytes, _Entry]:
        if number not in self._shards:
            found = self._read(self._shard_path(number), _indexer())
            self._shards[number] = (self._decoded(found, dict[bytes, _Entry]) if found is not None else None) or {}
        return self._shards[number]

    # ---------------------------------------------------------------- disk

    def _read(self, path: Path, identity: bytes) -> bytes | None:
        # Unlike those of `Path`, these never raise, be it that the folder may not be searched.
        if not os.path.exists(path):  # noqa: PTH110
            return None
        found = _load(path, identity)
        if found is None:
            self._say(f"'{self._shown}/{path.name}' is damaged or cannot be read, and is made again")
        return found

    def _decoded(self, found: bytes, kind: type[T]) -> T | None:
        try:
            return msgspec.msgpack.decode(found, type=kind)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            self._say(f"a file in '{self._shown}' holds something else than it should, and is made again")
            return None

    def _write(self, path: Path, identity: bytes, data: bytes) -> None:
        """Replace a file as a whole: others see the old content or the new one."""
        if self._folder is None:
            return
        try:
            self._prepare()
            handle, temporary = tempfile.mkstemp(prefix=".new-", dir=self._folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_MAGIC + digest(identity, data))
                    file.write(data)
                Path(temporary).replace(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()
                raise
        except OSError as error:
            self._give_up(error.strerror or str(error))

    def _prepare(self) -> None:
        if self._is_ready or self._folder is None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in ((".gitignore", b"*\n"), ("CACHEDIR.TAG", _TAG)):
            # "x" follows no link that somebody left here, be it to nothing.
            with contextlib.suppress(FileExistsError), (self._folder / name).open("xb") as file:
                file.write(content)
        self._is_ready = True

    def _give_up(self, reason: str) -> None:
        self._folder = None
        self._say(f"'{self._shown}' is not used: {reason}")

    def _say(self, message: str) -> None:
        if not self.notices:
            self.notices.append(Notice(f"the cache {message}", level=Severity.INFO))


def _rules_name(identity: bytes) -> str:
    return f"rules-{_short(digest(identity))}.bin"


def _short(identity: bytes) -> str:
    return identity[:6].hex()


def _load(path: Path, identity: bytes) -> bytes | None:
    """The content of a file of the cache if it is whole and was written for this identity."""
    try:
        found = path.read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + _DIGEST
    data = found[start:]
    return data if found[:start] == _MAGIC + digest(identity, data) else None
