"""The thread that works: one thing after the other, so that nobody else need know of threads.

Work that is not wanted any more ends at the next step that it says it makes. Between two such steps of long work, short
work that waits is done.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")


class Cancelled(Exception):
    """The work is not wanted any more."""


@dataclass(eq=False)
class Work(Generic[T]):
    """Something to do, and who waits for it."""

    run: Callable[[Work[T]], T]
    waiting: asyncio.Future[T]
    is_short: bool
    is_cancelled: bool = field(default=False)

    def step(self) -> None:
        """Said between two steps. Raises `Cancelled` when nobody waits any more."""
        if self.is_cancelled:
            raise Cancelled


class Worker:
    """Does what it is given: short work first, and otherwise in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ready = threading.Condition()
        self._short: deque[Work[object]] = deque()
        self._long: deque[Work[object]] = deque()
        self._is_ended = False
        self._thread = threading.Thread(target=self._life, name="worker", daemon=True)
        self._thread.start()

    def submit(self, run: Callable[[Work[T]], T], *, short: bool = False) -> asyncio.Future[T]:
        """Have something done. Cancelling the future takes it back, or ends it early."""
        waiting: asyncio.Future[T] = self._loop.create_future()
        work = Work(run, waiting, short)

        def ended(future: asyncio.Future[T]) -> None:
            work.is_cancelled = work.is_cancelled or future.cancelled()

        waiting.add_done_callback(ended)
        with self._ready:
            (self._short if short else self._long).append(work)  # type: ignore[arg-type]
            self._ready.notify()
        return waiting

    def breathe(self) -> None:
        """Do the short work that waits; called in the middle of long work."""
        while self._short:
            with self._ready:
                work = self._short.popleft()
            self._do(work)

    def end(self) -> None:
        """Take no more work, and leave what is being done."""
        with self._ready:
            self._is_ended = True
            for work in (*self._short, *self._long):
                work.is_cancelled = True
            self._ready.notify()

    def _life(self) -> None:
        while True:
            with self._ready:
                while not (self._short or self._long or self._is_ended):
                    self._ready.wait()
                if self._is_ended:
                    return
                work = (self._short or self._long).popleft()
            self._do(work)

    def _do(self, work: Work[object]) -> None:
        if work.is_cancelled:
            return
        try:
            result = work.run(work)
        except Cancelled:
            self._say(work.waiting.cancel)
        except BaseException as error:  # whoever waits is told; this thread goes on
            self._say(partial(self._fail, work.waiting, error))
        else:
            self._say(partial(self._answer, work.waiting, result))

    @staticmethod
    def _answer(waiting: asyncio.Future[object], result: object) -> None:
        if not waiting.done():
            waiting.set_result(result)

    @staticmethod
    def _fail(waiting: asyncio.Future[object], error: BaseException) -> None:
        if not waiting.done():
            waiting.set_exception(error)

    def _say(self, what: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError:  # the loop has ended, and nobody waits
            return
