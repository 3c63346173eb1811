"""The documents that are open in the editor: their text as it is there, saved or not. Reads no file.

The server keeps them itself: the lines of the protocol end at `\\n`, `\\r\\n` and `\\r` alone, and nowhere else.
"""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from lsprotocol import types
from pygls.uris import from_fs_path, to_fs_path

from fastapi_lint.server.positions import Positions


@dataclass(frozen=True)
class Shown:
    """What the client can show, as it said."""

    encoding: str
    related: bool = True
    links: bool = True
    tags: bool = True
    versions: bool = True


@dataclass(frozen=True)
class Document:
    """A state of an open document; `path` is where it would be saved."""

    uri: str
    path: Path
    version: int
    text: str


class Documents:
    """All that are open. One thread changes them, another one reads."""

    def __init__(self) -> None:
        self._open: dict[Path, Document] = {}
        self._lock = Lock()

    def open(self, uri: str, version: int, text: str) -> Document | None:
        """Keep a document; None for one that is no file."""
        path = path_of(uri)
        if path is None:
            return None
        with self._lock:
            found = self._open[path] = Document(uri, path, version, text)
        return found

    def change(
        self, uri: str, version: int, changes: Iterable[types.TextDocumentContentChangeEvent], encoding: str
    ) -> Document | None:
        """Make changes one after the other; None if the document is not open."""
        path = path_of(uri)
        before = self._open.get(path) if path is not None else None
        if before is None:
            return None
        text = before.text
        for change in changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                positions = Positions(text, encoding)
                start, end = positions.offset(change.range.start), positions.offset(change.range.end)
                text = text[: min(start, end)] + change.text + text[max(start, end) :]
            else:
                text = change.text
        return self.open(before.uri, version, text)

    def close(self, uri: str) -> Path | None:
        """Forget a document: from now on its file counts."""
        path = path_of(uri)
        if path is not None:
            with self._lock:
                self._open.pop(path, None)
        return path

    def at(self, path: Path) -> Document | None:
        """The open document with a path."""
        return self._open.get(path)

    def all(self) -> dict[Path, Document]:
        """All open documents by path, as they are at this moment."""
        with self._lock:
            return dict(self._open)

    def uri(self, path: Path) -> str:
        """The address of a file, as the client writes it where that is known."""
        document = self._open.get(path)
        return document.uri if document is not None else uri_of(path)


def path_of(uri: str) -> Path | None:
    """The path of a `file:` address; None for anything else, such as a text that was never saved."""
    found = to_fs_path(uri)
    return Path(found) if found else None


def uri_of(path: Path) -> str:
    """The address of a file."""
    return from_fs_path(str(path)) or path.as_uri()


def encoded(text: str) -> bytes:
    """A text as the file would hold it, in the encoding that it declares; what that lacks becomes a question mark."""
    data = text.encode("utf-8", "replace")
    if b"coding" not in data[:400]:
        return data
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except (SyntaxError, LookupError):
        return data
    return data if encoding in ("utf-8", "utf-8-sig") else text.encode(encoding, "replace")
