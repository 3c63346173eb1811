"""What the server says to the client beside its answers: messages, progress, and what it wants to be told of."""

from __future__ import annotations

import asyncio
import time
import traceback
import uuid
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.capabilities import get_capability

from fastapi_lint.server.documents import Shown

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

WATCHED = ("**/*.py", "**/*.toml", "**/*.lock", "**/requirements*.txt", "**/.gitignore")
"""What changes of files on the disk the server wants to hear of: sources, configurations, declared versions."""
_PAUSE = 0.1
"""Seconds between two reports of progress."""


class Client:
    """The other end. Is spoken to by the thread of the protocol alone."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._said: set[str] = set()
        self._asked: set[Future[Any]] = set()
        self._token: str | None = None
        self._reported = 0.0

    @property
    def shown(self) -> Shown:
        """What the client can show."""
        capabilities, workspace = self._server.client_capabilities, self._server.workspace
        of = capabilities.text_document.publish_diagnostics if capabilities.text_document else None
        return Shown(
            encoding=str(getattr(workspace.position_encoding, "value", workspace.position_encoding)),
            related=bool(of and of.related_information),
            links=bool(of and of.code_description_support),
            tags=bool(of and of.tag_support),
            versions=bool(of and of.version_support),
        )

    def can(self, capability: str) -> bool:
        """Whether the client says that it has a capability, such as "window.work_done_progress"."""
        return bool(get_capability(self._server.client_capabilities, capability, False))

    def take_back(self) -> None:
        """Wait for no answers any more. At a shutdown pygls sees to that while it goes through them, and fails."""
        for asked in tuple(self._asked):
            asked.cancel()

    def _ask(self, asked: Future[Any]) -> None:
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)

    # ---------------------------------------------------------------- messages

    def log(self, message: str, kind: types.MessageType = types.MessageType.Info) -> None:
        """A line for the log of the editor."""
        self._server.window_log_message(types.LogMessageParams(kind, message))

    def inform(self, message: str) -> None:
        """A message that the user asked for."""
        self._server.window_show_message(types.ShowMessageParams(types.MessageType.Info, message))

    def open(self, url: str) -> bool:
        """Have a page shown outside of the editor, which may ask first; whether it can."""
        can = self.can("window.show_document.support")
        if can:
            self._ask(self._server.window_show_document(types.ShowDocumentParams(url, external=True)))
        return can

    def show(self, message: str, kind: types.MessageType = types.MessageType.Error) -> None:
        """A message that the user sees, once; and in the log."""
        if message not in self._said:
            self._said.add(message)
            self.log(message, kind)
            self._server.window_show_message(types.ShowMessageParams(kind, f"fastapi-lint: {message}"))

    def forget(self, message: str) -> None:
        """A message that is no longer true is shown again when it is once more."""
        self._said.discard(message)

    def fail(self, error: BaseException) -> None:
        """An error of the server itself: all of it in the log, and a line for the user."""
        self.log("".join(traceback.format_exception(error)), types.MessageType.Error)
        self.show(f"{type(error).__name__}: {error} (a mistake of fastapi-lint itself; the log says more)")

    # ---------------------------------------------------------------- progress

    async def begin(self, title: str) -> None:
        """Show a bar, if the client has some."""
        if not self.can("window.work_done_progress"):
            return
        token = f"fastapi-lint-{uuid.uuid4()}"
        # An answer to a request that was taken back is an error for pygls.
        await asyncio.shield(self._server.work_done_progress.create_async(token))
        self._token = token
        self._server.work_done_progress.begin(token, types.WorkDoneProgressBegin(title, percentage=0))

    def report(self, stage: str, done: int, total: int) -> None:
        """How far the work is; some of these are left out."""
        now = time.monotonic()
        if self._token is None or now - self._reported < _PAUSE:
            return
        self._reported = now
        part = done / total if total else 0.0
        percentage = int(50 * part) if stage == "indexing" else int(50 + 50 * part)
        value = types.WorkDoneProgressReport(message=f"{stage} {done}/{total}", percentage=percentage)
        self._server.work_done_progress.report(self._token, value)

    def end(self) -> None:
        """Take the bar away."""
        if self._token is not None:
            self._server.work_done_progress.end(self._token, types.WorkDoneProgressEnd())
            self._token = None

    # ---------------------------------------------------------------- files

    async def watch(self) -> bool:
        """Ask to be told of files that others change; False if the client cannot."""
        if not self.can("workspace.did_change_watched_files.dynamic_registration"):
            return False
        watchers = [types.FileSystemWatcher(pattern) for pattern in WATCHED]
        options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
        await self._server.client_register_capability_async(
            types.RegistrationParams(
                [types.Registration("fastapi-lint-files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)]
            )
        )
        return True

    def publish(self, uri: str, version: int | None, diagnostics: Sequence[types.Diagnostic]) -> None:
        """The diagnostics of a file."""
        self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, list(diagnostics), version))

    def refresh_lenses(self) -> None:
        """Have the client ask for code lenses again: those of a file may be others after an edit of another one."""
        if self.can("workspace.code_lens.refresh_support"):
            self._ask(self._server.workspace_code_lens_refresh(None))
