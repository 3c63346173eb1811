"""When is checked and by whom a question is answered: the thread of the protocol on one side, the one that works on
the other.

An edit is checked when no other has come for a while; what it overtakes ends at its next step. What goes wrong is
logged and shown once, and never ends the server.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fastapi_lint.server.client import Client
from fastapi_lint.server.diagnostics import Diagnostics, Published
from fastapi_lint.server.documents import Documents, Shown
from fastapi_lint.server.projects import Kept, View
from fastapi_lint.server.worker import Work, Worker
from fastapi_lint.server.workspaces import Options, Workspace

T = TypeVar("T")

DEBOUNCE = 0.15
"""Seconds without an edit after which is checked."""
_IDLE = 1.0
"""Seconds without work after which is tidied up."""
_POLL = 2.0
"""Seconds between two looks at the disk, for clients that do not tell of changes there."""
_MOST_WASTE = 4
"""Checks after which is tidied up even if nobody pauses."""


class Schedule:
    """What is to be done, and what is being done, for one client."""

    def __init__(self, client: Client, documents: Documents, options: Options) -> None:
        self.debounce = DEBOUNCE
        self.workspace = Workspace(documents, options, self._step)
        self._client = client
        self._documents = documents
        self._shown = Shown("utf-16")
        self._diagnostics: Diagnostics | None = None
        self._worker: Worker | None = None
        self._is_ended = False
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._check: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._doing: Work[list[Published]] | None = None
        self._waste = 0
        self._is_first = True
        self._problems: set[str] = set()

    # ---------------------------------------------------------------- the beginning and the end

    def begin(self, diagnostics: Diagnostics, shown: Shown, *, polls: bool) -> None:
        """Work from now on; `polls`: nobody tells of changes on the disk."""
        self._diagnostics, self._shown = diagnostics, shown
        self._worker = Worker(asyncio.get_running_loop())
        self.check_soon(0)
        if polls:
            self._keep(asyncio.ensure_future(self._poll()))

    def end(self) -> None:
        """No more work."""
        self._is_ended = True
        self._stop()
        if self._worker is not None:
            self._worker.end()

    def _stop(self) -> None:
        """What was to be done soon is not done, and what is being done is not wanted any more."""
        if self._check is not None and not self._check.done():
            self._check.cancel()
        for timer in (self._timer, self._idle):
            if timer is not None:
                timer.cancel()
        self._timer = self._idle = None

    def _keep(self, task: asyncio.Task[None]) -> None:
        """Hold a task while it lasts: the loop itself does not."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---------------------------------------------------------------- checks

    def outdate(self) -> None:
        """Something has changed on the disk."""
        self.workspace.outdate()
        self.check_soon()

    def check_soon(self, delay: float | None = None) -> None:
        """Check when nothing else has come for a while."""
        self._stop()
        if self._worker is not None and not self._is_ended:
            delay = self.debounce if delay is None else delay
            self._timer = asyncio.get_running_loop().call_later(delay, self._start)

    def _start(self) -> None:
        self._timer = None
        if not self._is_ended:
            self._check = asyncio.ensure_future(self._checked())
            self._keep(self._check)

    async def settled(self) -> None:
        """Wait until what was found is about the texts as they are now."""
        while not self._is_ended:
            if self._timer is not None:
                self._timer.cancel()
                self._start()
            check = self._check
            if check is None:
                return
            await asyncio.wait([check])
            if not check.cancelled() and self._timer is None and self._check is check:
                return

    async def _checked(self) -> None:
        is_first, self._is_first = self._is_first, False
        if is_first:
            await self._client.begin("fastapi-lint: reading the project")
        try:
            self._publish(await self._work(self._news))
        except asyncio.CancelledError:
            self._is_first = self._is_first or is_first
            raise
        except Exception as error:
            self._client.fail(error)
        finally:
            self._client.end()
        self._say()
        self._idle = asyncio.get_running_loop().call_later(_IDLE, self._tidy)

    def _publish(self, news: list[Published]) -> None:
        for each in news:
            self._client.publish(each.uri, each.version, each.diagnostics)

    def _say(self) -> None:
        """What there is to say beside findings."""
        problems = {folder.problem for folder in self.workspace.folders if folder.problem}
        for gone in self._problems - problems:
            self._client.forget(gone)
        self._problems = problems
        for problem in sorted(problems):
            self._client.show(problem)
        for notice in sorted({notice for kept in self.workspace.kept for notice in kept.notices}, key=str):
            if notice.code:
                self._client.show(f"{notice.path}: {notice.message}" if notice.path else notice.message)

    def _tidy(self) -> None:
        def tidy(work: Work[None]) -> None:
            for kept in self.workspace.kept:
                work.step()
                kept.keep()
            if self._waste:
                self._collect()

        self._work(tidy)

    async def _poll(self) -> None:
        while not self._is_ended:
            await asyncio.sleep(_POLL)
            if await self._work(lambda work: any(kept.is_outdated for kept in self.workspace.kept)):
                self.outdate()

    # ---------------------------------------------------------------- questions

    async def ask(self, path: Path, answer: Callable[[View], T], *, checked: bool = False) -> T | None:
        """What there is to say of a file; None of one that is in no project.

        `checked`: what was found is asked for, too. Whoever waits may be cancelled.
        """
        if self._worker is None:
            return None
        if checked:
            await self.settled()

        def asked(work: Work[T | None]) -> T | None:
            self._take_in()
            found = self.workspace.find(path)
            return answer(View(*found, self._documents, self._shown)) if found is not None else None

        return await self._work(asked, short=not checked)

    async def ask_all(self, answer: Callable[[Kept], list[T]]) -> list[T]:
        """What there is to say of all projects."""
        if self._worker is None:
            return []

        def asked(work: Work[list[T]]) -> list[T]:
            self._take_in()
            return [each for kept in self.workspace.kept for each in answer(kept)]

        return await self._work(asked, short=True)

    def _work(self, run: Callable[[Work[T]], T], *, short: bool = False) -> asyncio.Future[T]:
        assert self._worker is not None
        return self._worker.submit(run, short=short)

    # ---------------------------------------------------------------- in the other thread

    def _take_in(self) -> None:
        """Have the texts count as they are now; in the middle of a check those count that are being checked."""
        if self._doing is None:
            self.workspace.refresh()

    def _news(self, work: Work[list[Published]]) -> list[Published]:
        """Check what has changed; what to publish."""
        assert self._diagnostics is not None
        self._doing = work
        self._waste += 1
        if self._waste > _MOST_WASTE:
            self._collect()
        try:
            self.workspace.refresh()
            if self.workspace.glance():  # whoever types need not wait for what an edit means for the other files
                news = list(self._diagnostics.news(list(self.workspace.kept)))
                work.waiting.get_loop().call_soon_threadsafe(self._publish, news)
            self.workspace.check()
            return list(self._diagnostics.news(list(self.workspace.kept)))
        except Exception:
            if not work.is_cancelled:  # whatever state the projects are in: the next time begins afresh
                self.workspace.forget()
            raise
        finally:
            self._doing = None

    def _collect(self) -> None:
        """Give back the memory of projects that were taken the place of: the collector does not run by itself."""
        self._waste = 0
        gc.collect()

    def _step(self, stage: str, done: int, total: int) -> None:
        """Between two steps of a check: end it if nobody wants it, answer what is asked, tell how far it is."""
        if self._doing is not None and self._worker is not None:
            self._doing.step()
            self._doing.waiting.get_loop().call_soon_threadsafe(self._client.report, stage, done, total)
            if stage == "checking" and self.workspace.is_current:  # the project is linked, with the texts as they are
                self._worker.breathe()
