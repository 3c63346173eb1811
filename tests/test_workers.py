"""The pool: answers in order whatever happens in which process, and an error instead of a part of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection

import pytest

from fastapi_lint.run import workers
from fastapi_lint.run.workers import WorkerDied, answers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forked processes inherit what a test defines")
QUESTIONS = [str(number).encode() for number in range(1, 40)]


@pytest.fixture(autouse=True)
def _forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are forked, whatever threads other tests have left in this one."""
    monkeypatch.setattr(workers, "can_inherit", lambda: True)


def doubled(question: bytes) -> bytes:
    return question * 2


@pytest.mark.parametrize("jobs", [1, 2, 60])
def test_answers_come_in_order(jobs: int) -> None:
    assert list(answers(doubled, QUESTIONS, jobs)) == [question * 2 for question in QUESTIONS]
    assert not multiprocessing.active_children()


def test_long_questions_and_answers() -> None:
    questions = [letter.encode() * 3_000_000 for letter in "abc"]
    assert list(answers(doubled, questions, 2)) == [question * 2 for question in questions]


def test_no_question_needs_no_process() -> None:
    assert list(answers(doubled, [], 2)) == []


def test_a_process_that_is_killed() -> None:
    def work(question: bytes) -> bytes:
        if question == b"20":
            os.kill(os.getpid(), signal.SIGKILL)
        return question

    with pytest.raises(WorkerDied, match=r"killed, or out of memory.*nothing was written"):
        list(answers(work, QUESTIONS, 2))
    assert not multiprocessing.active_children()


def test_a_process_that_is_killed_in_the_middle_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(connection: Connection, work: object, others: Sequence[Connection]) -> None:
        connection.recv_bytes()
        os.write(connection.fileno(), (1000).to_bytes(4, "big") + b"a beginning")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(workers, "_serve", serve)
    with pytest.raises(WorkerDied):
        list(answers(doubled, QUESTIONS, 2))
    assert not multiprocessing.active_children()


def test_a_process_that_is_killed_before_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_serve", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(WorkerDied):
        list(answers(doubled, [b"x" * 3_000_000, b"y"], 2))
    assert not multiprocessing.active_children()


def test_whoever_stops_asking_leaves_no_process() -> None:
    given = answers(doubled, QUESTIONS, 2)
    assert next(given) == b"11"
    given.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()


def test_an_interrupt_leaves_no_process() -> None:
    given = answers(doubled, QUESTIONS, 2)
    assert next(given) == b"11"
    with pytest.raises(KeyboardInterrupt):
        given.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()


def test_processes_leave_interrupts_to_the_first_one() -> None:
    """Whatever handlers that has: their own are in force before they are asked anything."""

    def work(question: bytes) -> bytes:
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        handlers = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
        as_they_should = handlers == (signal.SIG_IGN, signal.SIG_DFL) and not blocked
        return str(as_they_should).encode()

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        assert set(answers(work, QUESTIONS, 2)) == {b"True"}
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()), "nothing stays blocked here"


def test_spawned_processes_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be forked, work is found by its name."""
    monkeypatch.setattr(workers, "can_inherit", lambda: False)
    assert list(answers(bytes.upper, [b"a", b"b"], 2)) == [b"A", b"B"]
