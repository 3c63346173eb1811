"""An editor for tests: a real client of the server's process, whose calls read as what a user does. Asserts nothing."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

T = TypeVar("T")
P = TypeVar("P")

PATIENCE = 30.0
"""Seconds to wait for an answer before the test fails."""


class Editor:
    """A client with folders and documents. Its calls wait for their answers; `wait` waits for what comes by itself."""

    def __init__(self, encodings: Sequence[str] = ("utf-16",), *, watches: bool = True, **options: object) -> None:
        self.published: dict[str, types.PublishDiagnosticsParams] = {}
        self.history: list[types.PublishDiagnosticsParams] = []
        self.shown: list[str] = []
        self.log: list[str] = []
        self.progress: list[object] = []
        self.watched: list[str] = []
        self.opened: list[str] = []
        self.applied: list[types.ApplyWorkspaceEditParams] = []
        self._changed = threading.Condition()
        self._versions: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.client = LanguageClient("tests", "1")
        self._listen()
        self.capabilities = self._do(self._start(encodings, watches, options)).capabilities

    # ---------------------------------------------------------------- the session

    async def _start(
        self, encodings: Sequence[str], watches: bool, options: dict[str, object]
    ) -> types.InitializeResult:
        command = ("-m", "fastapi_lint", "server", "--no-cache")
        await self.client.start_io(sys.executable, *command)
        of_text = types.TextDocumentClientCapabilities(
            publish_diagnostics=types.PublishDiagnosticsClientCapabilities(
                related_information=True,
                code_description_support=True,
                tag_support=types.ClientDiagnosticsTagOptions(list(types.DiagnosticTag)),
                version_support=True,
                data_support=True,
            ),
            code_action=types.CodeActionClientCapabilities(
                resolve_support=types.ClientCodeActionResolveOptions(["edit"]), data_support=True
            ),
        )
        capabilities = types.ClientCapabilities(
            general=types.GeneralClientCapabilities(position_encodings=list(encodings)),
            text_document=of_text,
            window=types.WindowClientCapabilities(
                work_done_progress=True, show_document=types.ShowDocumentClientCapabilities(True)
            ),
            workspace=types.WorkspaceClientCapabilities(
                did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=watches),
                workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True),
                workspace_folders=True,
            ),
        )
        params = types.InitializeParams(
            capabilities, workspace_folders=[], initialization_options={"debounce": 20, **options}
        )
        result = await self.client.initialize_async(params)
        self.client.initialized(types.InitializedParams())
        return result

    def _listen(self) -> None:
        def published(params: types.PublishDiagnosticsParams) -> None:
            self.published[params.uri] = params
            self.history.append(params)

        def shown(params: types.ShowMessageParams) -> None:
            self.shown.append(params.message)

        def logged(params: types.LogMessageParams) -> None:
            self.log.append(params.message)

        def created(params: types.WorkDoneProgressCreateParams) -> None:
            return None

        def progress(params: types.ProgressParams) -> None:
            self.progress.append(params.value)

        def registered(params: types.RegistrationParams) -> None:
            self.watched += [each.method for each in params.registrations]

        def opened(params: types.ShowDocumentParams) -> types.ShowDocumentResult:
            self.opened.append(params.uri)
            return types.ShowDocumentResult(True)

        self._on(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, published)
        self._on(types.WINDOW_SHOW_MESSAGE, shown)
        self._on(types.WINDOW_LOG_MESSAGE, logged)
        self._on(types.WINDOW_WORK_DONE_PROGRESS_CREATE, created)
        self._on(types.PROGRESS, progress)
        self._on(types.CLIENT_REGISTER_CAPABILITY, registered)
        self._on(types.WINDOW_SHOW_DOCUMENT, opened)

    def _on(self, method: str, answer: Callable[[P], object]) -> None:
        def heard(params: P) -> object:
            with self._changed:
                result = answer(params)
                self._changed.notify_all()
            return result

        self.client.feature(method)(heard)

    def _do(self, what: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)

    def _tell(self, what: Callable[[], object]) -> None:
        async def said() -> None:
            what()

        self._do(said())

    def close(self) -> int | None:
        """Shut the server down; its exit code."""
        process = self.client._server
        assert process is not None

        async def ended() -> int:
            await self.client.shutdown_async(None)
            self.client.exit(None)
            return await process.wait()

        return self._do(ended())

    # ---------------------------------------------------------------- folders and files

    def folders(self, *added: Path, removed: Sequence[Path] = ()) -> None:
        """Open and close folders."""
        event = types.WorkspaceFoldersChangeEvent(
            [types.WorkspaceFolder(path.as_uri(), path.name) for path in added],
            [types.WorkspaceFolder(path.as_uri(), path.name) for path in removed],
        )
        params = types.DidChangeWorkspaceFoldersParams(event)
        self._tell(lambda: self.client.workspace_did_change_workspace_folders(params))

    def changed_on_disk(self, *files: Path, kind: types.FileChangeType = types.FileChangeType.Changed) -> None:
        """What the watcher of an editor says of files that another program wrote."""
        params = types.DidChangeWatchedFilesParams([types.FileEvent(file.as_uri(), kind) for file in files])
        self._tell(lambda: self.client.workspace_did_change_watched_files(params))

    # ---------------------------------------------------------------- documents

    def open(self, file: Path, text: str | None = None) -> None:
        """Open a document, with the text of its file."""
        uri = file.as_uri()
        content = file.read_bytes().decode() if text is None else text
        self._versions[uri], self._texts[uri] = 1, content
        item = types.TextDocumentItem(uri, "python", 1, content)
        self._tell(lambda: self.client.text_document_did_open(types.DidOpenTextDocumentParams(item)))

    def text(self, file: Path) -> str:
        """What a document holds."""
        return self._texts[file.as_uri()]

    def change(self, file: Path, text: str, changes: Sequence[types.TextDocumentContentChangeEvent] = ()) -> int:
        """Give a document another text, by `changes` if these make it; the version."""
        uri = file.as_uri()
        self._versions[uri] += 1
        self._texts[uri] = text
        params = types.DidChangeTextDocumentParams(
            types.VersionedTextDocumentIdentifier(self._versions[uri], uri),
            list(changes) or [types.TextDocumentContentChangeWholeDocument(text)],
        )
        self._tell(lambda: self.client.text_document_did_change(params))
        return self._versions[uri]

    def replace(self, file: Path, old: str, new: str) -> int:
        """Replace a text that stands once in a document, by an edit of that range alone."""
        text = self.text(file)
        assert text.count(old) == 1, text
        start = text.index(old)
        change = types.TextDocumentContentChangePartial(self.range(text, start, start + len(old)), new)
        return self.change(file, text.replace(old, new), [change])

    def shut(self, file: Path) -> None:
        """Close a document."""
        params = types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(file.as_uri()))
        del self._texts[file.as_uri()]
        self._tell(lambda: self.client.text_document_did_close(params))

    def shut_all(self) -> None:
        """Close all documents."""
        for uri in list(self._texts):
            self.shut(_path(uri))

    def apply(self, edit: types.WorkspaceEdit | None) -> None:
        """Apply an edit to open documents, as an editor would, and tell the server."""
        assert edit is not None and edit.document_changes is not None
        for each in edit.document_changes:
            assert isinstance(each, types.TextDocumentEdit)
            uri = each.text_document.uri
            assert each.text_document.version == self._versions[uri]
            text = self._texts[uri]
            placed = []
            for change in each.edits:
                assert isinstance(change, types.TextEdit)
                start, end = (self.offset(text, at) for at in (change.range.start, change.range.end))
                placed.append((start, end, change.new_text))
            for start, end, new in sorted(placed, reverse=True):
                text = text[:start] + new + text[end:]
            file = next(Path(path) for path in map(_path, self._texts) if path.as_uri() == uri)
            self.change(file, text)

    # ---------------------------------------------------------------- places, counted as UTF-16

    @staticmethod
    def position(text: str, offset: int) -> types.Position:
        """The position of an offset."""
        before = text[:offset].replace("\r\n", "\n").split("\n")
        return types.Position(len(before) - 1, len(before[-1].encode("utf-16-le")) // 2)

    @classmethod
    def range(cls, text: str, start: int, end: int) -> types.Range:
        """The range between two offsets."""
        return types.Range(cls.position(text, start), cls.position(text, end))

    @staticmethod
    def offset(text: str, position: types.Position) -> int:
        """The offset of a position."""
        lines = text.split("\n")
        line = lines[position.line].encode("utf-16-le")[: 2 * position.character].decode("utf-16-le")
        return sum(len(each) + 1 for each in lines[: position.line]) + len(line)

    def at(self, file: Path, words: str, inside: int = 0) -> types.Position:
        """Where words stand in a document, the first time."""
        text = self.text(file)
        return self.position(text, text.index(words) + inside)

    # ---------------------------------------------------------------- what is found

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds; looks again whenever the server says something."""
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE):
                raise TimeoutError(f"published: {self.published}\nshown: {self.shown}\nlog: {self.log}")

    def diagnostics(self, file: Path, version: int | None = None) -> list[types.Diagnostic]:
        """What was found in a document, once the server has spoken about its last version (or the one given)."""
        uri = file.as_uri()
        wanted = self._versions[uri] if version is None else version
        self.wait(lambda: uri in self.published and self.published[uri].version == wanted)
        return list(self.published[uri].diagnostics)

    def codes(self, file: Path) -> list[str]:
        """The codes of what was found in an open document."""
        return [str(each.code) for each in self.diagnostics(file)]

    def wait_for_codes(self, file: Path, *codes: str) -> None:
        """Wait until these are the codes of what is found in a file, open or not."""
        uri = file.as_uri()

        def found() -> list[str]:
            published = self.published.get(uri)
            return [str(each.code) for each in published.diagnostics] if published is not None else []

        self.wait(lambda: found() == list(codes))

    # ---------------------------------------------------------------- what is asked

    def ask(self, question: Callable[[LanguageClient], Coroutine[object, object, T]]) -> T:
        """Make a request of the client, and wait for the answer."""
        return self._do(question(self.client))

    def taken_back(self, request: Callable[[LanguageClient], object]) -> bool:
        """Make a request and take it back at once; whether the server says that it did not answer."""

        async def made() -> bool:
            future = request(self.client)
            ids = self.client.protocol._request_futures
            number = next(key for key, each in ids.items() if each is future)
            self.client.cancel_request(types.CancelParams(number))
            try:
                await asyncio.wrap_future(future)  # type: ignore[arg-type]
            except JsonRpcException as error:
                return error.code == -32800
            return False

        return self._do(made())

    def actions(
        self, file: Path, words: str, only: Sequence[types.CodeActionKind | str] | None = None
    ) -> list[types.CodeAction]:
        """The code actions with edits where words stand."""
        return [each for each in self._actions(file, words, only) if isinstance(each, types.CodeAction)]

    def offers(self, file: Path, words: str) -> list[str]:
        """The titles of all code actions where words stand."""
        return [each.title for each in self._actions(file, words, None)]

    def _actions(
        self, file: Path, words: str, only: Sequence[types.CodeActionKind | str] | None
    ) -> Sequence[types.CodeAction | types.Command]:
        text = self.text(file)
        start = text.index(words)
        place = self.range(text, start, start + len(words))
        context = types.CodeActionContext([], only=list(only) if only else None)
        params = types.CodeActionParams(types.TextDocumentIdentifier(file.as_uri()), place, context)
        found = self.ask(lambda client: client.text_document_code_action_async(params))
        return found or ()

    def resolved(self, action: types.CodeAction) -> types.CodeAction:
        """An action with its edit."""
        return self.ask(lambda client: client.code_action_resolve_async(action))

    def hover(self, file: Path, words: str, inside: int = 0) -> str:
        """What is shown where words stand; empty when nothing is."""
        params = types.HoverParams(types.TextDocumentIdentifier(file.as_uri()), self.at(file, words, inside))
        found = self.ask(lambda client: client.text_document_hover_async(params))
        return found.contents.value if found and isinstance(found.contents, types.MarkupContent) else ""


def _path(uri: str) -> Path:
    from pygls.uris import to_fs_path

    return Path(to_fs_path(uri) or "")


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """A folder with files in it."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    return folder
