"""One report that holds every difficulty at once: the golden file of each format is made from it."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Edit, Finding, Fix, Notice, Related, Safety, Severity, Span, by_place
from fastapi_lint.report import Report
from fastapi_lint.rule import Check, Rule, rule

USERS = "app/nutzer übersicht/users.py"
DATABASE = "app/db.py"

FILES = {
    USERS: """\
from fastapi import APIRouter, Depends

router = APIRouter()
API_KEY = "sk-live-0123456789abcdef"


@router.get("/用户/{user_id}")
async def read(user_id: int, session=Depends(get_session)):
\tif "管理员": requests.get(f"https://example.com/{user_id}")  # tab and wide characters
    return await load(
        user_id,
        session,
    )


async def quiet():
    time.sleep(1)  # noqa: FAPI101
""",
    DATABASE: """\
import requests


def load_user(user_id):
    return fetch(user_id)


def fetch(user_id):
    return requests.get(f"https://users.example.com/{user_id}", timeout=10)
""",
}


@rule("FAPI101", severity=Severity.ERROR, fix=Safety.UNSAFE)
def blocking_call_in_async(node: Rule, check: Check) -> Iterator[Finding]:
    """Async code makes a call that blocks the event loop.

    ## Why is this bad?
    While the call waits, no other request of this
    process is answered.

    ## Known limits
    Calls through names that cannot be resolved are not seen.
    """
    yield from ()


@rule("FAPI102", severity=Severity.ERROR)
def transitive_blocking_call(node: Rule, check: Check) -> Iterator[Finding]:
    """Async code calls a helper that blocks the event loop.

    ## Why is this bad?
    However deep the call is, the loop stands still.
    """
    yield from ()


@rule("FAPI201", fix=Safety.SAFE)
def parameter_without_annotated(node: Rule, check: Check) -> Iterator[Finding]:
    """A parameter is declared by its default value instead of `Annotated`.

    ## Why is this bad?
    Called outside FastAPI, the function gets a `Depends` object.
    """
    yield from ()


@rule("FAPI601", severity=Severity.ERROR)
def hardcoded_secret(node: Rule, check: Check) -> Iterator[Finding]:
    """A secret stands in the source.

    ## Why is this bad?
    Everyone who reads the repository can use it.
    """
    yield from ()


@rule("FAPI301", preset="strict", severity=Severity.INFO)
def trailing_slash(node: Rule, check: Check) -> Iterator[Finding]:
    """A route's path ends with a slash.

    ## Why is this bad?
    The redirect costs a round trip.
    """
    yield from ()


RULES = (
    blocking_call_in_async,
    transitive_blocking_call,
    parameter_without_annotated,
    trailing_slash,
    hardcoded_secret,
)

FINDINGS = (
    Finding(
        code="FAPI601",
        name="hardcoded-secret",
        title="`API_KEY` is a secret in the source",
        instead="read it from the environment",
        path=USERS,
        span=Span(4, 11, 4, 37),
        severity=Severity.ERROR,
        noqa_lines=(4, 4),
    ),
    Finding(
        code="FAPI301",
        name="trailing-slash",
        title="the path `/用户/{user_id}` is not what clients ask for",
        path=USERS,
        span=Span(7, 13, 7, 28),
        severity=Severity.INFO,
        noqa_lines=(7, 8),
        symbol="read",
    ),
    Finding(
        code="FAPI201",
        name="parameter-without-annotated",
        title="`session` is declared by its default",
        instead="use `Annotated`",
        path=USERS,
        span=Span(8, 30, 8, 58),
        related=(Related(DATABASE, Span(8, 5, 8, 10), "the dependency is declared here"),),
        fix=Fix(
            "declare `session` with `Annotated`",
            Safety.SAFE,
            (
                Edit(Span(1, 1, 1, 1), "from typing import Annotated\n\n"),
                Edit(Span(8, 37, 8, 58), ": Annotated[Session, Depends(get_session)]"),
            ),
        ),
        noqa_lines=(7, 8),
        symbol="read",
    ),
    Finding(
        code="FAPI101",
        name="blocking-call-in-async",
        title="`requests.get()` blocks the event loop",
        why="all other requests wait until the answer is there",
        instead="use `httpx.AsyncClient`, 100% of the time",
        path=USERS,
        span=Span(9, 12, 9, 59),
        severity=Severity.ERROR,
        fix=Fix(
            "call it in a thread", Safety.UNSAFE, (Edit(Span(9, 12, 9, 25), "await asyncio.to_thread(requests.get, "),)
        ),
        noqa_lines=(9, 9),
        symbol="read",
    ),
    Finding(
        code="FAPI102",
        name="transitive-blocking-call",
        title="`load()` blocks the event loop: it calls `fetch()`, which calls `requests.get()`",
        path=USERS,
        span=Span(10, 18, 13, 6),
        severity=Severity.ERROR,
        related=(
            Related(DATABASE, Span(5, 12, 5, 26), "`load_user` calls `fetch`"),
            Related(DATABASE, Span(9, 12, 9, 76), "`fetch` calls `requests.get`, which waits for the network"),
        ),
        chain=True,
        noqa_lines=(10, 13),
        symbol="read",
    ),
)

SUPPRESSED = (
    Finding(
        code="FAPI101",
        name="blocking-call-in-async",
        title="`time.sleep()` blocks the event loop",
        instead="use `asyncio.sleep`",
        path=USERS,
        span=Span(17, 5, 17, 18),
        severity=Severity.ERROR,
        noqa_lines=(17, 17),
        symbol="quiet",
    ),
)

NOTICES = (
    Notice("not valid utf-8: invalid start byte (byte 17)", path="app/alt.py"),
    Notice("the rule raised ZeroDivisionError: division by zero", path=DATABASE, code="FAPI301", level=Severity.ERROR),
)


def sources(**files: str) -> dict[str, Source]:
    """Sources by path from texts by path; with no arguments those of the sample."""
    return {path: Source(path, text.encode()) for path, text in (files or FILES).items()}


REPORT = Report(
    findings=tuple(sorted(FINDINGS, key=by_place)),
    suppressed=SUPPRESSED,
    notices=NOTICES,
    sources=sources(),
    rules=RULES,
    files=12,
    fixed={"FAPI201": 3, "FAPI999": 1},
    root="/work space/projekt",
    base="/work space/projekt",
)


def report(path: str, text: str, *findings: Finding, suppressed: tuple[Finding, ...] = ()) -> Report:
    """A report about one file."""
    return Report(findings=findings, suppressed=suppressed, sources={path: Source(path, text.encode())}, files=1)


def finding(path: str, span: Span, message: str = "message", code: str = "FAPI101", **more: object) -> Finding:
    """A finding of which only what a test is about needs to be said."""
    fields: dict[str, object] = {
        "code": code,
        "name": "some-rule",
        "title": message,
        "path": path,
        "span": span,
        **more,
    }
    return Finding(**fields)  # type: ignore[arg-type]
