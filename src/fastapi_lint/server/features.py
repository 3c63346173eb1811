"""The features of the protocol: what a client says and asks comes in here, and answers go out. Decides nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import FeatureRequestError, JsonRpcException, PyglsError
from pygls.lsp.server import LanguageServer

from fastapi_lint import __version__
from fastapi_lint.run import story
from fastapi_lint.server import actions, hovers, symbols
from fastapi_lint.server.client import Client
from fastapi_lint.server.diagnostics import Diagnostics
from fastapi_lint.server.documents import Documents, Shown, path_of
from fastapi_lint.server.projects import Kept, View
from fastapi_lint.server.schedule import Schedule
from fastapi_lint.server.workspaces import Options

P = TypeVar("P")
T = TypeVar("T")

_DOCUMENTS = (
    types.TEXT_DOCUMENT_DID_OPEN, types.TEXT_DOCUMENT_DID_CHANGE, types.TEXT_DOCUMENT_DID_CLOSE,
)  # fmt: skip


def serve(options: Options) -> int:
    """Serve the client at the other end of stdin and stdout until it says that it is enough; the exit code."""
    server = Server(options)
    server.start_io()
    return 0 if server.is_shut_down else 1


class Server(LanguageServer):
    """One session with a client, which may set the pause before a check (`debounce`, in milliseconds), and say that it
    shows the pages of rules itself (`pages`)."""

    def __init__(self, options: Options) -> None:
        super().__init__("fastapi-lint", __version__, types.TextDocumentSyncKind.Incremental)
        self.client = Client(self)
        self.documents = Documents()
        self.schedule = Schedule(self.client, self.documents, options)
        self.shown = Shown("utf-16")
        self.diagnostics: Diagnostics | None = None
        self.shows_pages = False
        self.is_shut_down = False
        register(self)

    def report_server_error(self, error: Exception, source: type[PyglsError] | type[JsonRpcException]) -> None:
        """What pygls calls for errors outside of our own work; those of requests are told in their answers, too."""
        if source is FeatureRequestError:
            self.client.log(f"{type(error).__name__}: {error}", types.MessageType.Error)
        else:
            self.client.fail(error)

    # ---------------------------------------------------------------- the session

    def initialize(self, params: types.InitializeParams) -> None:
        """What the client can do, and which folders it has open."""
        self.shown = self.client.shown
        self.diagnostics = Diagnostics(self.documents, self.shown)
        given = params.initialization_options if isinstance(params.initialization_options, dict) else {}
        debounce = given.get("debounce")
        if isinstance(debounce, (int, float)):
            self.schedule.debounce = debounce / 1000
        self.shows_pages = given.get("pages") is True
        self._open_folders()

    async def initialized(self, params: types.InitializedParams) -> None:
        """From now on the server may speak: it begins to work."""
        assert self.diagnostics is not None
        watches = await self.client.watch()
        self.schedule.begin(self.diagnostics, self.shown, polls=not watches)

    def on_shutdown(self, params: None) -> None:
        """No more work."""
        self.is_shut_down = True
        self.schedule.end()
        self.client.take_back()

    def _open_folders(self) -> None:
        uris = [folder.uri for folder in self.workspace.folders.values()]
        if not uris and self.workspace.root_uri:
            uris = [self.workspace.root_uri]
        self.schedule.workspace.open([path for uri in uris if (path := path_of(uri)) is not None])

    # ---------------------------------------------------------------- what changes

    def did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """The text of the editor counts from now on."""
        document = params.text_document
        if self.documents.open(document.uri, document.version, document.text) is not None:
            self.schedule.check_soon()

    def did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """An edit."""
        document = params.text_document
        if self.documents.change(document.uri, document.version, params.content_changes, self.shown.encoding):
            self.schedule.check_soon()

    def did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """The file counts again, as it is on the disk now."""
        self.documents.close(params.text_document.uri)
        self.schedule.outdate()

    def outdate(self, params: object) -> None:
        """Something has changed on the disk."""
        self.schedule.outdate()

    def did_change_workspace_folders(self, params: types.DidChangeWorkspaceFoldersParams) -> None:
        """Folders come and go."""
        self._open_folders()
        self.schedule.check_soon()

    # ---------------------------------------------------------------- what is asked

    async def ask(self, uri: str, answer: Callable[[View], T], *, checked: bool = False) -> T | None:
        """What there is to say of a document (see `Schedule.ask`)."""
        path = path_of(uri)
        return await self.schedule.ask(path, answer, checked=checked) if path is not None else None

    async def code_action(self, params: types.CodeActionParams) -> list[types.CodeAction] | None:
        """What can be done where the cursor is."""
        diagnostics = self.diagnostics
        resolves = self.client.can("text_document.code_action.resolve_support")

        def found(view: View) -> list[types.CodeAction]:
            assert diagnostics is not None
            wanted = actions.actions(view, diagnostics, params.range, params.context.only)
            return wanted if resolves else [self._with_edit(view, each) for each in wanted]

        return await self.ask(params.text_document.uri, found, checked=True)

    async def code_action_resolve(self, action: types.CodeAction) -> types.CodeAction:
        """An action that was chosen, with its edit."""
        wish = actions.wish_of(action)
        if wish is None:
            return action
        return await self.ask(wish.uri, lambda view: self._with_edit(view, action), checked=True) or action

    def _with_edit(self, view: View, action: types.CodeAction) -> types.CodeAction:
        wish = actions.wish_of(action)
        if wish is not None:
            versioned = self.client.can("workspace.workspace_edit.document_changes")
            action.edit = actions.resolved(view, wish, versioned=versioned)
        return action

    def explain(self, code: str) -> str:
        """The page of a rule: given as Markdown, and opened for a client that does nothing with that."""
        from fastapi_lint.docs.documentation import explain
        from fastapi_lint.docs.examples import example_of

        settings = [kept.request.settings for kept in self.schedule.workspace.kept]
        rules = [rule for each in settings for rule in story.every_rule(each)] or story.rules()
        rule = next((each for each in rules if each.code == code), None)
        if rule is None:
            return ""
        if not (self.shows_pages or (rule.url and self.client.open(rule.url))):
            self.client.inform(f"{rule.code} {rule.name}: {rule.summary} {rule.url}".strip())
        return explain(rule, example_of(rule.code, rule.name))

    async def hover(self, params: types.HoverParams) -> types.Hover | None:
        """What there is to say of what the mouse rests on."""
        return await self.ask(params.text_document.uri, lambda view: hovers.hover(view, params.position))

    async def definition(self, params: types.DefinitionParams) -> list[types.Location] | None:
        """The handler of a request."""
        return await self.ask(params.text_document.uri, lambda view: symbols.definition(view, params.position))

    async def document_symbol(self, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol] | None:
        """The routes of a file."""
        return await self.ask(params.text_document.uri, symbols.of_document)

    async def code_lens(self, params: types.CodeLensParams) -> list[types.CodeLens] | None:
        """Full paths and authentication above handlers."""
        return await self.ask(params.text_document.uri, symbols.lenses)

    async def workspace_symbol(self, params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
        """The routes of all projects."""

        def found(kept: Kept) -> list[types.WorkspaceSymbol]:
            return list(symbols.of_workspace(View(kept, "", self.documents, self.shown), params.query))

        return await self.schedule.ask_all(found)


def register(server: Server) -> None:
    """Tell pygls who answers what."""
    features: dict[str, Callable[[Any], object]] = {
        types.INITIALIZE: server.initialize,
        types.INITIALIZED: server.initialized,
        types.SHUTDOWN: server.on_shutdown,
        types.TEXT_DOCUMENT_DID_OPEN: server.did_open,
        types.TEXT_DOCUMENT_DID_CHANGE: server.did_change,
        types.TEXT_DOCUMENT_DID_CLOSE: server.did_close,
        types.TEXT_DOCUMENT_DID_SAVE: server.outdate,
        types.WORKSPACE_DID_CHANGE_WATCHED_FILES: server.outdate,
        types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: server.did_change_workspace_folders,
        types.TEXT_DOCUMENT_CODE_ACTION: server.code_action,
        types.CODE_ACTION_RESOLVE: server.code_action_resolve,
        types.TEXT_DOCUMENT_HOVER: server.hover,
        types.TEXT_DOCUMENT_DEFINITION: server.definition,
        types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: server.document_symbol,
        types.TEXT_DOCUMENT_CODE_LENS: server.code_lens,
        types.WORKSPACE_SYMBOL: server.workspace_symbol,
    }
    options = {types.TEXT_DOCUMENT_CODE_ACTION: types.CodeActionOptions(actions.KINDS, resolve_provider=True)}
    for name, answer in features.items():
        server.feature(name, options.get(name))(_plain(answer))
        if name in _DOCUMENTS:  # pygls would keep documents too, whose lines end elsewhere, and move what it is given
            del server.protocol.fm.builtin_features[name]

    def explain(code: str) -> str:
        return server.explain(code)

    server.command(actions.EXPLAIN)(explain)


def _plain(answer: Callable[[P], object]) -> Callable[[P], object]:
    """A function for a method: pygls writes upon what it registers."""
    if asyncio.iscoroutinefunction(answer):

        async def asked(params: P) -> object:
            return await answer(params)

        return asked

    def told(params: P) -> object:
        return answer(params)

    return told
