"""Work for several processes, with answers in the order of the questions. Knows neither files nor rules.

Questions and answers are bytes. A process that dies takes the run with it: an error, never a part of the answers.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

Answer = Callable[[bytes], bytes]
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What a user, a job runner or a closing terminal sends to end a program."""


class WorkerDied(OSError):
    """A process of the pool ended before its work did: killed, or out of memory."""


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def can_inherit() -> bool:
    """Whether a new process can start with everything this one knows (fork), and is safe to be started so."""
    return sys.platform == "linux" and threading.active_count() == 1


def answers(work: Answer, questions: Sequence[bytes], jobs: int) -> Iterator[bytes]:
    """`work(question)` for every question, in their order, worked out by `jobs` processes.

    Where processes can be forked, `work` may be any function; elsewhere it must be importable by name. Raises
    `WorkerDied`, and ends all processes whatever happens.
    """
    forked = can_inherit()
    context = multiprocessing.get_context("fork" if forked else "spawn")
    idle: list[Connection] = []
    busy: dict[Connection, int] = {}
    processes: list[BaseProcess] = []
    done: dict[int, bytes] = {}
    todo = iter(range(len(questions)))
    given = 0
    try:
        for _ in range(min(jobs, len(questions))):
            mine, theirs = context.Pipe()
            # A fork inherits the ends of all pipes: it must not keep them open, or nobody would see an end.
            inherited = [*idle, mine] if forked else []
            process = context.Process(target=_serve, args=(theirs, work, inherited), daemon=True)  # type: ignore[attr-defined]
            with _undisturbed():
                process.start()
            theirs.close()
            processes.append(process)
            idle.append(mine)
        connections = tuple(idle)
        while given < len(questions):
            while idle and (index := next(todo, None)) is not None:
                connection = idle.pop()
                _send(connection, questions[index])
                busy[connection] = index
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                try:
                    done[busy.pop(ready)] = ready.recv_bytes()
                except (EOFError, OSError):  # it ended before its answer, or in the middle of it
                    raise _died() from None
                idle.append(ready)
            while given in done:
                yield done.pop(given)
                given += 1
        for connection in connections:
            _send(connection, b"")
            connection.close()
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
                process.join()


def _send(connection: Connection, data: bytes) -> None:
    try:
        connection.send_bytes(data)
    except OSError:
        raise _died() from None


def _died() -> WorkerDied:
    return WorkerDied("a worker process ended early (killed, or out of memory); nothing was written; try --jobs 1")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals wait: a process that is just being started has not yet said what they mean to it (see `_serve`)."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, work: Answer, others: Sequence[Connection]) -> None:
    """The life of a process: answer until an empty question comes, or nobody asks any more."""
    for number in _ENDING:  # not the handlers of the process that this one is a copy of
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one says that it was interrupted
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    for other in others:
        other.close()
    try:
        while question := connection.recv_bytes():
            connection.send_bytes(work(question))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
