"""How soon an editor shows what an edit brings: time from an edit to its diagnostics, beside a check from scratch.

    python benchmarks/editor.py [PROJECT ...] [--download FOLDER] [--repeat N] [--into FILE]

A real client speaks with `fastapi-lint server --no-cache` over stdin and stdout, with no pause before checks. *Fresh*
is the time from opening the folder of a PROJECT (a folder, or a package of `corpus.toml`) to its first diagnostics; an
*edit* adds a function that nothing calls to a plain module, or a route to a router, and takes it away again; it ends
when the server publishes the diagnostics of that version: what the file brings by itself. *All* ends when the whole
project is judged: when the server answers which fixes there are. *Hover* rests on a route in the edited text. Of each
the best of N is shown. Only ratios within one run say something: machines differ, and so does what else they do.

Prints a section for `benchmarks/speed.md` to stdout, or puts it there (`--into`). Measures copies of the files, without
the projects' configuration. Nothing of the projects is imported or executed.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from lsprotocol import types
from pygls.lsp.client import LanguageClient
from speed import machine, program
from speed_runs import Change, changes, copied, say
from speed_section import make

HEADING = "## In an editor"
NOTE = (
    "Wanted are 0.2 s for a module that few read in 100,000 lines: that is met at both sizes. "
    "One of the two cores had other work, and the machine was more than twice as slow as that of the tables above. "
    "What is known of the project is kept over an edit as far as it holds; when a router changes, its routes are "
    "collected anew, with all that asks for routes."
)
"""What there is to say of the figures; written by hand."""
PAUSE = 4.0
"""Seconds before an edit, also the first: who types pauses, and the server is then made ready for the next check."""
_LIMIT = 900.0
"""Seconds after which an answer will not come any more."""


class Row(msgspec.Struct, frozen=True):
    """What was measured of one project: seconds."""

    name: str
    lines: int
    fresh: float
    edits: tuple[tuple[str, float, float], ...]
    hover: float


class Editor:
    """A client with one folder open."""

    def __init__(self) -> None:
        self.client = LanguageClient("benchmark", "1")
        self._published: dict[str, int | None] = {}
        self._news = asyncio.Event()

    async def start(self, folder: Path) -> float:
        """Open a folder; the seconds until its first check is over."""

        def published(params: types.PublishDiagnosticsParams) -> None:
            self._published[params.uri] = params.version
            self._news.set()

        self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(published)
        await self.client.start_io(sys.executable, "-m", "fastapi_lint", "server", "--no-cache")
        shown = types.PublishDiagnosticsClientCapabilities(version_support=True, related_information=True)
        capabilities = types.ClientCapabilities(
            text_document=types.TextDocumentClientCapabilities(publish_diagnostics=shown)
        )
        place = types.WorkspaceFolder(folder.as_uri(), folder.name)
        params = types.InitializeParams(capabilities, workspace_folders=[place], initialization_options={"debounce": 0})
        await self.client.initialize_async(params)
        begun = time.perf_counter()
        self.client.initialized(types.InitializedParams())
        first = next(folder.rglob("*.py"))
        await self.open(first, first.read_bytes().decode("utf-8", "replace"))
        return time.perf_counter() - begun

    async def open(self, file: Path, text: str) -> None:
        """Open a document, and wait for what is found in it."""
        item = types.TextDocumentItem(file.as_uri(), "python", 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        await self._until(file.as_uri(), 1)

    def has_open(self, file: Path) -> bool:
        """Whether a document was opened."""
        return self._published.get(file.as_uri()) is not None

    async def edit(self, file: Path, version: int, text: str) -> float:
        """Give a document another text; the seconds until its diagnostics are there."""
        place = types.VersionedTextDocumentIdentifier(version, file.as_uri())
        change = types.TextDocumentContentChangeWholeDocument(text)
        begun = time.perf_counter()
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(place, [change]))
        await self._until(file.as_uri(), version)
        return time.perf_counter() - begun

    async def hover(self, file: Path, line: int) -> float:
        """The seconds until it is said what stands at the beginning of a line."""
        place = types.TextDocumentIdentifier(file.as_uri())
        begun = time.perf_counter()
        await self.client.text_document_hover_async(types.HoverParams(place, types.Position(line, 8)))
        return time.perf_counter() - begun

    async def settled(self, file: Path) -> float:
        """The seconds until it is said which fixes there are, for which the whole project has to be judged."""
        place = types.TextDocumentIdentifier(file.as_uri())
        nowhere = types.Range(types.Position(0, 0), types.Position(0, 0))
        begun = time.perf_counter()
        params = types.CodeActionParams(place, nowhere, types.CodeActionContext([]))
        await self.client.text_document_code_action_async(params)
        return time.perf_counter() - begun

    async def stop(self) -> None:
        """End the server."""
        await self.client.shutdown_async(None)
        self.client.exit(None)
        await self.client.stop()

    async def _until(self, uri: str, version: int) -> None:
        while self._published.get(uri) != version:
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), _LIMIT)


async def measured(name: str, root: Path, times: int) -> Row:
    """One project: opened once, and then edited."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        _, lines = copied(root, folder)
        found = list(changes(folder))
        editor = Editor()
        say(f"{name}: {lines:,} lines")
        fresh = await editor.start(folder)
        say(f"{name}: fresh {fresh:.2f} s")
        edits = [(label, *await _edited(editor, change, times)) for label, change in found]
        hover = min(
            [await editor.hover(change.path, change.after.count(b"\n") - 1) for _, change in found for _ in "12"]
        )
        await editor.stop()
        return Row(name, lines, fresh, tuple(edits), hover)


async def _edited(editor: Editor, change: Change, times: int) -> tuple[float, float]:
    before, after = (data.decode("utf-8", "replace") for data in (change.before, change.after))
    if not editor.has_open(change.path):
        await editor.open(change.path, before)
        await asyncio.sleep(PAUSE)
    taken, whole = [], []
    for number in range(times):
        taken.append(await editor.edit(change.path, 2 + 2 * number, after))
        whole.append(taken[-1] + await editor.settled(change.path))
        await editor.edit(change.path, 3 + 2 * number, before)
        await editor.settled(change.path)
        await asyncio.sleep(PAUSE)
        say(f"{change.path.name}: {taken[-1]:.2f} s, all {whole[-1]:.2f} s")
    await editor.edit(change.path, 2 + 2 * times, after)
    return min(taken), min(whole)


def section(rows: list[Row], command: str) -> Iterator[str]:
    """What was measured, as lines of Markdown."""
    yield from (HEADING, "", f"Made by `{command}`.", "", machine(), "", program(), "")
    yield (
        "Time from an edit to its diagnostics through `fastapi-lint server`, beside that from opening the folder to "
        "its first diagnostics (fresh); no pause before checks, no cache. The session is kept in memory, and an edit "
        "is checked as a round of fixes is: what depends on nothing that changed is reused. What the edited file "
        "brings by itself is published first; *all* is the time until the whole project is judged."
    )
    yield from ("", *textwrap.wrap(NOTE, 124))
    labels = list(dict.fromkeys(label for row in rows for label, _, _ in row.edits))
    heads = [head for label in labels for head in (f"{label}, s", "÷ fresh", "all, s", "÷ fresh")]
    yield ""
    yield "| project | lines | fresh, s | " + " | ".join(heads) + " | hover, s |"
    yield "| --- |" + " ---: |" * (3 + len(heads))
    for row in rows:
        taken = {label: (first, whole) for label, first, whole in row.edits}
        cells = [
            cell
            for label in labels
            for each in taken.get(label, (None, None))
            for cell in (("—", "—") if each is None else (f"{each:.2f}", f"{each / row.fresh:.3f}"))
        ]
        yield f"| {row.name} | {row.lines:,} | {row.fresh:.2f} | {' | '.join(cells)} | {row.hover:.2f} |"


if __name__ == "__main__":
    make("editor.py", __doc__, HEADING, lambda *project: [asyncio.run(measured(*project))], section)
