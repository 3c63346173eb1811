"""What an editor offers about what is found, and a whole session as a user has it, step by step."""

from __future__ import annotations

import asyncio
import threading

from lsprotocol import types

from server.conftest import Project
from server.editor import Editor

FIXABLE = """\
import time

from fastapi import Depends, FastAPI

app = FastAPI()


def user() -> str:
    return "ann"


def room() -> str:
    return "blue"


@app.get("/users")
def read_users(user: str = Depends(user), room: str = Depends(room)) -> str:
    return user + room


@app.get("/items")
async def read_items() -> int:
    time.sleep(1)
    return 1
"""
HELPER = """\
def wait() -> int:
    return 1
"""
MAIN = """\
import asyncio

from fastapi import FastAPI

from helper import wait

app = FastAPI()


@app.get("/items")
async def read_items() -> int:
    await asyncio.sleep(0)
    return wait()
"""


def test_a_session(editor: Editor, project: Project) -> None:
    folder = project({"helper.py": HELPER, "main.py": MAIN})
    helper, main = folder / "helper.py", folder / "main.py"
    # Both files are opened, and there is nothing to say.
    editor.open(helper)
    editor.open(main)
    assert editor.codes(helper) == editor.codes(main) == []
    # The helper is edited, and not saved: what the endpoint does now is found in the endpoint.
    editor.change(helper, "import time\n\n\n" + HELPER.replace("    return 1", "    time.sleep(3)\n    return 1"))
    editor.wait_for_codes(main, "FAPI102")
    (found,) = editor.published[main.as_uri()].diagnostics
    text = editor.text(main)
    assert text[editor.offset(text, found.range.start) : editor.offset(text, found.range.end)] == "wait"
    # The fix is chosen and applied.
    (fix,) = [each for each in editor.actions(main, "wait()") if "(FAPI102, unsafe)" in each.title]
    assert fix.kind == types.CodeActionKind.QuickFix and fix.edit is None and not fix.is_preferred
    editor.apply(editor.resolved(fix).edit)
    # The endpoint hands its work to a thread, and nothing is found any more.
    assert "await run_in_threadpool(wait)" in editor.text(main) or "await asyncio.to_thread(wait)" in editor.text(main)
    assert editor.codes(main) == []
    # Nothing of all this was written.
    assert (helper.read_text(), main.read_text()) == (HELPER, MAIN)


def test_a_safe_fix_is_preferred_and_an_unsafe_one_says_so(editor: Editor, project: Project) -> None:
    main = project({"main.py": FIXABLE}) / "main.py"
    editor.open(main)
    found = editor.codes(main)
    assert sorted(found) == ["FAPI101", "FAPI201", "FAPI201"]
    safe = [each for each in editor.actions(main, "Depends(user)") if "(FAPI201)" in each.title]
    assert [each.is_preferred for each in safe] == [True]
    (diagnostic,) = safe[0].diagnostics or ()
    assert diagnostic.code == "FAPI201"
    (unsafe,) = [each for each in editor.actions(main, "time.sleep") if "(FAPI101, unsafe)" in each.title]
    assert not unsafe.is_preferred
    editor.apply(editor.resolved(safe[0]).edit)
    assert "user: Annotated[str, Depends(user)]" in editor.text(main)
    editor.diagnostics(main)


def test_all_safe_ones_in_a_file(editor: Editor, project: Project) -> None:
    main = project({"main.py": FIXABLE}) / "main.py"
    editor.open(main)
    editor.diagnostics(main)
    (every,) = [
        each for each in editor.actions(main, "Depends(user)") if each.title == "Fix all safe ones in this file"
    ]
    (source,) = editor.actions(main, "import time", only=[types.CodeActionKind.SourceFixAll])
    assert source.kind == "source.fixAll.fastapi-lint"
    assert editor.actions(main, "import time", only=["source.fixAll.other"]) == []
    edits = [editor.resolved(each).edit for each in (every, source)]
    assert edits[0] == edits[1]
    editor.apply(edits[0])
    assert "time.sleep(1)" in editor.text(main), "an unsafe fix was made"
    assert editor.codes(main) == ["FAPI101"]
    assert editor.actions(main, "import time", only=["source.fixAll.fastapi-lint"]) == []


def test_suppress_here(editor: Editor, project: Project) -> None:
    main = project({"main.py": FIXABLE.replace("\n", "\r\n")}) / "main.py"
    editor.open(main)
    editor.diagnostics(main)
    (suppress,) = [each for each in editor.actions(main, "time.sleep") if each.title == "Suppress FAPI101 here"]
    editor.apply(editor.resolved(suppress).edit)
    assert "    time.sleep(1)  # noqa: FAPI101\r\n" in editor.text(main)
    assert "FAPI101" not in editor.codes(main)


def test_explain(editor: Editor, project: Project) -> None:
    main = project({"main.py": FIXABLE}) / "main.py"
    editor.open(main)
    editor.diagnostics(main)
    assert "Explain FAPI101 (blocking-call-in-async)" in editor.offers(main, "time.sleep")
    params = types.ExecuteCommandParams("fastapi-lint.explain", ["FAPI101"])
    text = editor.ask(lambda client: client.workspace_execute_command_async(params))
    assert "An async function makes a call that blocks the event loop." in str(text)
    assert "fapi101" in editor.opened[-1]


PLUGIN = """from collections.abc import Iterator
from fastapi_lint.api import Check, Finding, Function, rule

@rule("ACME001")
def odd_name(function: Function, check: Check) -> Iterator[Finding]:
    \"\"\"A function is called `odd`.\"\"\"
    if function.name == "odd":
        yield check.at(function, "`odd`", "nobody knows what it does", "name it")
"""


def test_explain_without_a_page(editor: Editor, project: Project) -> None:
    """The rule of a plugin has none; nothing is opened then."""
    main = project({"main.py": "", "acme.py": PLUGIN, "fastapi-lint.toml": 'plugins = ["acme"]\n'}) / "main.py"
    editor.open(main)
    editor.diagnostics(main)
    before = len(editor.opened)
    params = types.ExecuteCommandParams("fastapi-lint.explain", ["ACME001"])
    assert "A function is called `odd`." in str(
        editor.ask(lambda client: client.workspace_execute_command_async(params))
    )
    assert editor.shown[-1] == "ACME001 odd-name: A function is called `odd`."
    assert len(editor.opened) == before


def test_a_client_may_show_pages_itself() -> None:
    editor = Editor(pages=True)
    params = types.ExecuteCommandParams("fastapi-lint.explain", ["FAPI101"])
    text = editor.ask(lambda client: client.workspace_execute_command_async(params))
    assert "An async function makes a call that blocks the event loop." in str(text)
    assert (editor.opened, editor.shown) == ([], [])
    assert editor.close() == 0


def test_the_end_does_not_wait_for_an_answer() -> None:
    """An editor may ask whether a page is to be opened, and be closed instead."""
    editor = Editor()
    asked = threading.Event()

    async def never(params: types.ShowDocumentParams) -> None:
        asked.set()
        await asyncio.Event().wait()

    editor.client.protocol.fm.features[types.WINDOW_SHOW_DOCUMENT] = never
    params = types.ExecuteCommandParams("fastapi-lint.explain", ["FAPI101"])
    editor.ask(lambda client: client.workspace_execute_command_async(params))
    assert asked.wait(30)
    assert (editor.close(), editor.log) == (0, [])


def test_an_action_for_an_older_text_does_nothing(editor: Editor, project: Project) -> None:
    main = project({"main.py": FIXABLE}) / "main.py"
    editor.open(main)
    editor.diagnostics(main)
    action = next(each for each in editor.actions(main, "time.sleep") if "unsafe" in each.title)
    editor.change(main, "\n" + FIXABLE)
    assert editor.resolved(action).edit is None
