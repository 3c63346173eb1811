"""What a fix leaves of the lines around it, where a fixture cannot show it because its marks are comments."""

from __future__ import annotations

import pytest
from linting import fix

HEAD = "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
TAIL = "\nasync def names() -> list[str]:\n    return []\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('@app.get(\n    "/", response_model=list[str]\n)', '@app.get("/")'),
        ('@app.get(\n    "/", response_model=list[str], status_code=200\n)', '@app.get("/", status_code=200)'),
        ('@app.get(\n    "/", response_model=list[str],\n)', '@app.get(\n    "/",\n)'),
        ('@app.get(\n    "/",\n    response_model=list[str],\n)', '@app.get(\n    "/",\n)'),
        ('@app.get(\n    "/", response_model=list[str]  # all\n)', '@app.get(\n    "/"  # all\n)'),
        (
            f'@app.get(\n    "/{"x" * 80}", response_model=list[str]\n)',
            f'@app.get(\n    "/{"x" * 80}"\n)',
        ),
    ],
)
def test_a_decorator_broken_for_an_argument_is_joined_without_it(before: str, after: str) -> None:
    files = {"app.py": f"{HEAD}{before}{TAIL}".encode()}
    assert fix(files, ["FAPI402"], unsafe=False)["app.py"].decode() == f"{HEAD}{after}{TAIL}"


DEPENDENCIES = """\
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from users import User, get_current_user

router = APIRouter()


@router.get("/items")
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "def f(user: User = Depends(get_current_user)): ...",
            "def f(user: Annotated[User, Depends(get_current_user)]): ...",
        ),
        (
            "def f(the_user_of_this_one_request: User = Depends(get_current_user), x: int = 1):",
            """\
def f(
    the_user_of_this_one_request: Annotated[User, Depends(get_current_user)], x: int = 1
):""",
        ),
        (
            "def f(the_user_who_has_made_this_one_request: User = Depends(get_current_user)):",
            """\
def f(
    the_user_who_has_made_this_one_request: Annotated[User, Depends(get_current_user)],
):""",
        ),
        (
            'def f(a: str = "x", the_user: User = Depends(get_current_user), c: int = Query(...)):',
            """\
def f(
    a: str = "x",
    *,
    the_user: Annotated[User, Depends(get_current_user)],
    c: Annotated[int, Query()],
):""",
        ),
        (
            """\
def f(
    name: str, first: User = Depends(get_current_user), c: int = Query(1, alias="count")
):""",
            """\
def f(
    name: str,
    first: Annotated[User, Depends(get_current_user)],
    c: Annotated[int, Query(alias="count")] = 1,
):""",
        ),
        (
            """\
def f(
    name: str = Query(
        None, description="the name"
    ),
    kind: str | None = Query(
        default=None, description="The kind of thing that is looked for here"
    ),
    size: str | None = Query(
        None, description="The size of the thing that is looked for, of that kind"
    ),
    tags: list[str] = Query(
        None,
        description="Tags",
    ),
    text: str = Query("", description='''
    Over lines.
    '''),
):""",
            """\
def f(
    name: Annotated[str, Query(description="the name")] = None,
    kind: Annotated[
        str | None, Query(description="The kind of thing that is looked for here")
    ] = None,
    size: Annotated[
        str | None,
        Query(description="The size of the thing that is looked for, of that kind"),
    ] = None,
    tags: Annotated[
        list[str],
        Query(
            description="Tags",
        ),
    ] = None,
    text: Annotated[str, Query(description='''
    Over lines.
    ''')] = "",
):""",
        ),
        (
            """\
def f(
    the_first_of_all_the_users_who_are_here: dict[str, User] = Depends(get_current_user),
    user: User = Depends(get_current_user),
    the_second_of_all_the_users_who_are_here: dict[str, User] = Depends(get_current_user),  # x
):""",
            """\
def f(
    the_first_of_all_the_users_who_are_here: Annotated[
        dict[str, User], Depends(get_current_user)
    ],
    user: Annotated[User, Depends(get_current_user)],
    the_second_of_all_the_users_who_are_here: Annotated[dict[str, User], Depends(get_current_user)],  # x
):""",
        ),
        (
            "def f(the_user_of_this_request: User = Depends(get_current_user), *, x: int = 1):  # one line",
            "def f(the_user_of_this_request: Annotated[User, Depends(get_current_user)], *, x: int = 1):  # one line",
        ),
    ],
)
def test_a_signature_that_becomes_too_long_is_broken_as_formatters_break_it(before: str, after: str) -> None:
    files = {"app.py": f"{DEPENDENCIES}{before}\n    ...\n".encode()}
    if before.endswith("..."):
        files = {"app.py": f"{DEPENDENCIES}{before}\n".encode()}
    fixed = fix(files, ["FAPI201"], unsafe=False)["app.py"].decode()
    assert fixed.removeprefix(DEPENDENCIES).removesuffix("    ...\n").rstrip("\n") == after


CLIENT = """\
import requests
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

app = FastAPI()


@app.get("/")
async def answer():
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('return requests.get("https://x.test")', 'return await run_in_threadpool(requests.get, "https://x.test")'),
        (
            'response = requests.get("https://example.test/some/long/path", timeout=3)',
            """\
response = await run_in_threadpool(
    requests.get, "https://example.test/some/long/path", timeout=3
)""",
        ),
        (
            'response = requests.post("https://example.test/p/a", json={"a": 1}, timeout=3, verify=False)',
            """\
response = await run_in_threadpool(
    requests.post,
    "https://example.test/p/a",
    json={"a": 1},
    timeout=3,
    verify=False,
)""",
        ),
        (
            """\
response = requests.post(
    "https://example.test/a/long/path", json={"a": 1}, timeout=3, verify=1
)""",
            """\
response = await run_in_threadpool(
    requests.post,
    "https://example.test/a/long/path",
    json={"a": 1},
    timeout=3,
    verify=1,
)""",
        ),
        (
            'return requests.get("https://example.test/some/long/path", timeout=3).json()',
            """\
return (
    await run_in_threadpool(
        requests.get, "https://example.test/some/long/path", timeout=3
    )
).json()""",
        ),
        (
            'if requests.get("https://example.test/some/long/path").ok: pass',
            """\
if (
    await run_in_threadpool(requests.get, "https://example.test/some/long/path")
).ok: pass""",
        ),
        (
            'return [1, requests.get("https://example.test/some/long/path/to/something")]',
            'return [1, await run_in_threadpool(requests.get, "https://example.test/some/long/path/to/something")]',
        ),
        (
            'return 1 + f(x) and requests.get("https://example.test/some/long/path/thing")',
            'return 1 + f(x) and await run_in_threadpool(requests.get, "https://example.test/some/long/path/thing")',
        ),
        (
            """\
return requests.get("https://example.test",
                    timeout=3)""",
            """\
return await run_in_threadpool(requests.get, "https://example.test",
                               timeout=3)""",
        ),
    ],
)
def test_a_call_that_becomes_too_long_is_broken_as_formatters_break_it(before: str, after: str) -> None:
    def indented(text: str) -> str:
        return CLIENT + "".join(f"    {line}\n" for line in text.splitlines())

    fixed = fix({"app.py": indented(before).encode()}, ["FAPI101"], unsafe=True)["app.py"].decode()
    assert fixed == indented(after).replace("\n    pass", "pass")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('@router.post("/x")', '@router.post("/x", status_code=status.HTTP_201_CREATED)'),
        (
            '@router.post("/x", summary="Make a new item", response_model=None)',
            """\
@router.post(
    "/x",
    summary="Make a new item",
    response_model=None,
    status_code=status.HTTP_201_CREATED,
)""",
        ),
        (
            '@router.post("/x", response_model=None, tags=["things"])',
            """\
@router.post(
    "/x", response_model=None, tags=["things"], status_code=status.HTTP_201_CREATED
)""",
        ),
        (
            """\
@router.post(
    "/x", response_model=None, summary="Other", description="Other things"
)""",
            """\
@router.post(
    "/x",
    response_model=None,
    summary="Other",
    description="Other things",
    status_code=status.HTTP_201_CREATED,
)""",
        ),
    ],
)
def test_a_decorator_that_becomes_too_long_is_broken_as_formatters_break_it(before: str, after: str) -> None:
    head = (
        "from fastapi import APIRouter, status\n\nfrom sqlalchemy.orm import Session\n\nrouter = APIRouter()\n\n\n"
        "class Item: ...\n\n\n"
    )
    tail = (
        "\ndef create_item(name: str, session: Session):\n    item = Item()\n    session.add(item)\n"
        "    session.commit()\n    return item\n"
    )
    fixed = fix({"app.py": f"{head}{before}{tail}".encode()}, ["FAPI302"], unsafe=True)["app.py"].decode()
    assert fixed == f"{head}{after}{tail}"


def test_a_bound_that_makes_a_signature_too_long_breaks_it() -> None:
    head = "from typing import Annotated\n\nfrom fastapi import FastAPI, Query\n\napp = FastAPI()\n\n\n@app.get('/x')\n"
    before = "def read_items(session: SessionDep, skip: int = 0, limit: int = 100) -> ItemsPublic:\n"
    after = """\
def read_items(
    session: SessionDep, skip: int = 0, limit: Annotated[int, Query(le=200)] = 100
) -> ItemsPublic:
"""
    body = "    return session.query(Item).limit(limit).all()\n"
    fixed = fix({"app.py": f"{head}{before}{body}".encode()}, ["FAPI318"], unsafe=True)["app.py"].decode()
    assert fixed == f"{head}{after}{body}"
