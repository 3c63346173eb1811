"""What is found in an edited file alone, before the project is judged again (`Session.glance`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastapi_lint.config.settings import Settings
from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Finding, Fix, Safety, Span
from fastapi_lint.incremental.glancing import moved
from fastapi_lint.run import story
from fastapi_lint.run.request import Request
from fastapi_lint.run.session import Session

FILES = {
    "main.py": """\
from fastapi import FastAPI

from routers import users

app = FastAPI()
app.include_router(users.router)
""",
    "routers/__init__.py": "",
    "routers/users.py": """\
import time

from fastapi import APIRouter

from helpers import load

router = APIRouter()


@router.get("/users/me")
async def read_me() -> int:
    return load()


@router.get("/users/{user_id}")
async def read_user(user_id: int) -> int:
    return user_id


@router.get("/users/latest")
async def read_latest() -> int:
    return 1
""",
    "helpers.py": "def load() -> int:\n    return 1\n",
}
USERS = "routers/users.py"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session that lasts, checked once."""
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    request = Request(root=tmp_path, paths=(tmp_path,), settings=Settings(root=tmp_path), cache=False, jobs=1)
    ((part, found),) = story.projects(request)
    session, _ = story.lasting(part, found)
    session.check()
    return session


def codes(findings: tuple[Finding, ...]) -> list[tuple[str, int]]:
    return [(finding.code, finding.span.line) for finding in findings]


def edited(session: Session, path: str, text: str) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """What is seen at a glance, and what a check finds there, by code and line."""
    session.put({path: Source(path, text.encode())})
    seen = codes(session.glance(path))
    return seen, codes(tuple(each for each in session.check().findings if each.path == path))


def test_what_the_edit_brings_and_what_was_found_over_others_is_seen(session: Session) -> None:
    """FAPI305 looks at all routes of the project at once; it stands where its line is now."""
    text = FILES[USERS].replace("    return load()", "    time.sleep(1)\n    return load()")
    seen, found = edited(session, USERS, text)
    assert seen == found == [("FAPI101", 12), ("FAPI305", 21)]
    seen, found = edited(session, USERS, FILES[USERS])
    assert seen == found == [("FAPI305", 20)]


def test_what_was_found_over_others_on_changed_lines_waits_for_the_check(session: Session) -> None:
    text = FILES[USERS].replace("def read_latest()", "def read_newest()")
    seen, found = edited(session, USERS, text)
    assert (seen, found) == ([("FAPI305", 20)], [("FAPI305", 20)])
    seen, found = edited(session, USERS, text.replace('"/users/latest"', '"/users/newest"'))
    assert (seen, found) == ([], [("FAPI305", 20)])


@pytest.mark.parametrize("text", ["def broken(:", FILES[USERS]])
def test_an_edit_that_is_taken_back_before_it_was_checked(session: Session, text: str) -> None:
    session.check_again(
        {"helpers.py": Source("helpers.py", b"import time\n\n\ndef load() -> int:\n    time.sleep(1)\n")}
    )
    session.put({USERS: Source(USERS, text.encode())})
    session.glance(USERS)
    seen, found = edited(session, USERS, FILES[USERS])
    assert seen == found == [("FAPI102", 12), ("FAPI305", 20)]


def test_a_comment_silences_at_once(session: Session) -> None:
    text = FILES[USERS].replace(
        "    return load()", "    time.sleep(1)  # fastapi-lint: ignore[FAPI101]\n    return load()"
    )
    seen, found = edited(session, USERS, text)
    assert seen == found == [("FAPI305", 21)]


def test_findings_move_with_the_lines_around_an_edit_and_lose_their_fixes() -> None:
    def at(line: int, fix: Fix | None = None) -> Finding:
        lines = (line, line)
        return Finding("FAPI101", "x", "title", "a.py", Span(line, 1, line, 5), noqa_lines=lines, fix=fix)

    fix = Fix("Do", Safety.SAFE, (Edit(Span(1, 1, 1, 2), ""),))
    before = Source("a.py", b"one\ntwo\nthree\nfour\n")
    longer = Source("a.py", b"one\nnew\nnew\nthree\nfour\n")
    assert list(moved([at(1, fix), at(2), at(3), at(4)], before, longer)) == [at(1), at(4), at(5)]
    assert list(moved([at(1), at(4)], before, Source("a.py", b"one\nfour\n"))) == [at(1), at(2)]
    assert list(moved([at(1), at(4)], before, Source("a.py", b""))) == []
    assert list(moved([at(4)], before, before)) == [at(4)]
