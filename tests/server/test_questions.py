"""What an editor asks at a place: hover, definition, symbols, lenses."""

from __future__ import annotations

from lsprotocol import types

from server.conftest import Project
from server.editor import Editor

FILES = {
    "shop/__init__.py": "",
    "shop/work.py": """\
import time


def wait() -> None:
    time.sleep(3)


def slow() -> None:
    wait()
""",
    "shop/security.py": """\
from typing import Annotated

from fastapi import Depends
from fastapi.security import OAuth2PasswordBearer

scheme = OAuth2PasswordBearer(tokenUrl="token")


def current_user(token: Annotated[str, Depends(scheme)]) -> str:
    return token


def page() -> int:
    return 1
""",
    "shop/users.py": """\
import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from shop.security import current_user, page
from shop.work import slow

router = APIRouter(prefix="/users")


@router.get("/{user_id}")
async def read_user(user_id: int, user: Annotated[str, Depends(current_user)]) -> str:
    time.sleep(1)
    slow()
    return user


@router.get("")
def read_users(request: Request, page: Annotated[int, Depends(page)]) -> str:
    return str(request.url_for("read_user", user_id=page))
""",
    "shop/main.py": """\
from fastapi import FastAPI

from shop.users import router

app = FastAPI()
app.include_router(router, prefix="/v1")
app.include_router(router, prefix="/v2")
""",
    "tests/test_users.py": """\
from fastapi.testclient import TestClient

from shop.main import app

client = TestClient(app)


def test_read_user() -> None:
    assert client.get("/v1/users/1").status_code == 401
    assert client.get("/v2/users").status_code == 200
    assert client.post("/v1/users/1").status_code == 405
""",
}


def test_hover_on_a_path_operation(editor: Editor, project: Project) -> None:
    users = project(FILES) / "shop" / "users.py"
    editor.open(users)
    for words in ("read_user(user_id", 'router.get("/{user_id}")'):
        said = editor.hover(users, words, 2)
        assert "GET `/v1/users/{user_id}`" in said and "GET `/v2/users/{user_id}`" in said
        assert "Dependencies: `current_user`" in said
        assert "Authentication: `current_user`" in said
        assert "`time.sleep`" in said and "by `slow` → `wait`" in said
    said = editor.hover(users, "read_users(")
    assert "Authentication: none that is known" in said and "thread" in said


def test_hover_on_a_dependency(editor: Editor, project: Project) -> None:
    folder = project(FILES)
    users, security = folder / "shop" / "users.py", folder / "shop" / "security.py"
    editor.open(users)
    editor.open(security)
    for file, words, inside in (
        (security, "current_user(token", 3), (users, "Depends(current_user)", 10), (users, "user: Annotated", 1),
    ):  # fmt: skip
        said = editor.hover(file, words, inside)
        assert "`current_user`** is a dependency" in said, (words, said)
        assert "Used by 2 routes:\n- GET `/v1/users/{user_id}`\n- GET `/v2/users/{user_id}`" in said
    assert editor.hover(security, "scheme = ") == ""


def test_hover_on_a_call_that_blocks(editor: Editor, project: Project) -> None:
    folder = project(FILES)
    users = folder / "shop" / "users.py"
    editor.open(users)
    said = editor.hover(users, "    slow()", 5)
    assert said.startswith("**`time.sleep`**") and "The chain:" in said
    assert [line[:9] for line in said.splitlines()[-3:]] == ["1. [`slow", "2. [`wait", "3. [`time"]
    assert "shop/work.py:5" in said
    assert editor.hover(users, "time.sleep", 6).startswith("**`time.sleep`**")


def test_hover_sees_the_text_of_the_editor_at_once(editor: Editor, project: Project) -> None:
    folder = project(FILES)
    users = folder / "shop" / "users.py"
    editor.open(users)
    editor.replace(users, 'prefix="/users"', 'prefix="/people"')
    assert "`/v1/people/{user_id}`" in editor.hover(users, "read_user(user_id", 2)


def test_symbols_are_routes(editor: Editor, project: Project) -> None:
    users = project(FILES) / "shop" / "users.py"
    editor.open(users)
    params = types.DocumentSymbolParams(types.TextDocumentIdentifier(users.as_uri()))
    found = editor.ask(lambda client: client.text_document_document_symbol_async(params)) or []
    assert [each.name for each in found] == ["GET /v1/users/{user_id} (+1)", "GET /v1/users (+1)"]
    query = types.WorkspaceSymbolParams("user_id")
    every = editor.ask(lambda client: client.workspace_symbol_async(query)) or []
    assert [each.name for each in every] == ["GET /v1/users/{user_id} (+1)"]
    assert every[0].location.uri == users.as_uri()


def test_lenses_name_full_paths_and_authentication(editor: Editor, project: Project) -> None:
    users = project(FILES) / "shop" / "users.py"
    editor.open(users)
    params = types.CodeLensParams(types.TextDocumentIdentifier(users.as_uri()))
    found = editor.ask(lambda client: client.text_document_code_lens_async(params)) or []
    titles = [each.command.title for each in found if each.command is not None]
    assert titles == [
        "GET /v1/users/{user_id}, GET /v2/users/{user_id} · authentication: current_user",
        "GET /v1/users, GET /v2/users · no authentication",
    ]


def test_from_a_request_to_its_handler(editor: Editor, project: Project) -> None:
    folder = project(FILES)
    users, tests = folder / "shop" / "users.py", folder / "tests" / "test_users.py"
    editor.open(users)
    editor.open(tests)
    for file, words, handler in (
        (tests, '"/v1/users/1").status_code == 401', "read_user"),
        (tests, '"/v2/users"', "read_users"),
        (users, '"read_user"', "read_user"),
    ):
        params = types.DefinitionParams(types.TextDocumentIdentifier(file.as_uri()), editor.at(file, words, 2))
        found = editor.ask(lambda client, params=params: client.text_document_definition_async(params))  # type: ignore[misc]
        assert isinstance(found, list) and len(found) == 1
        (place,) = found
        assert isinstance(place, types.Location) and place.uri == users.as_uri()
        text = editor.text(users)
        assert text[editor.offset(text, place.range.start) : editor.offset(text, place.range.end)] == handler
    params = types.DefinitionParams(types.TextDocumentIdentifier(tests.as_uri()), editor.at(tests, "client.post", 8))
    assert not editor.ask(lambda client: client.text_document_definition_async(params))


def test_a_question_that_is_taken_back(editor: Editor, project: Project) -> None:
    """It waits for a check that lasts many times longer than reading a message does: nobody has answered it yet."""
    endpoint = "@router.post('/{0}')\nasync def work_{0}() -> None:\n    time.sleep({0})\n\n\n"
    head = "import time\n\nfrom fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n"
    many = project({"many.py": head + "".join(map(endpoint.format, range(1, 400)))}) / "many.py"
    editor.open(many)
    editor.diagnostics(many)
    editor.change(many, "import os\n" + editor.text(many))
    start = editor.at(many, "time.sleep(7)")
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(many.as_uri()), types.Range(start, start), types.CodeActionContext([])
    )
    assert editor.taken_back(lambda client: client.protocol.send_request("textDocument/codeAction", params))
    assert editor.offers(many, "time.sleep(7)")
