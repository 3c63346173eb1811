"""What an editor is told of, through a real client."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types

from server.conftest import Project
from server.editor import Editor, written

HELPER = """\
import time


def wait() -> int:
    return 1
"""
MAIN = """\
from fastapi import FastAPI

from helper import wait

app = FastAPI()


@app.get("/items")
async def read_items() -> int:
    return wait()
"""
BLOCKING = HELPER.replace("    return 1", "    time.sleep(3)\n    return 1")


def test_an_edit_of_a_helper_is_found_in_the_endpoint(editor: Editor, project: Project) -> None:
    folder = project({"helper.py": HELPER, "main.py": MAIN})
    editor.open(folder / "helper.py")
    editor.open(folder / "main.py")
    assert editor.codes(folder / "main.py") == []
    editor.replace(folder / "helper.py", "    return 1", "    time.sleep(3)\n    return 1")
    editor.wait_for_codes(folder / "main.py", "FAPI102")
    (found,) = editor.published[(folder / "main.py").as_uri()].diagnostics
    assert found.source == "fastapi-lint" and "wait" in found.message
    assert found.severity == types.DiagnosticSeverity.Warning
    assert found.code_description is not None and "fapi102" in found.code_description.href
    assert found.related_information is not None
    places = [(each.location.uri, each.location.range.start.line) for each in found.related_information]
    assert ((folder / "helper.py").as_uri(), 4) in places
    editor.replace(folder / "helper.py", "    time.sleep(3)\n", "")
    editor.wait_for_codes(folder / "main.py")


def test_edits_in_quick_succession_come_to_the_last_text(editor: Editor, project: Project) -> None:
    folder = project({"helper.py": HELPER, "main.py": MAIN})
    editor.open(folder / "helper.py")
    editor.open(folder / "main.py")
    for number in range(30):
        editor.change(folder / "helper.py", HELPER + f"\n\nNUMBER = {number}\n")
    last = editor.change(folder / "helper.py", BLOCKING)
    editor.wait_for_codes(folder / "main.py", "FAPI102")
    versions = [each.version for each in editor.history if each.uri == (folder / "helper.py").as_uri()]
    assert versions == sorted(versions, key=lambda each: each or 0) and versions[-1] == last
    assert len(versions) < 20, "each edit was checked"


def test_a_file_saved_by_another_program_counts(editor: Editor, project: Project) -> None:
    folder = project({"helper.py": HELPER, "main.py": MAIN})
    editor.open(folder / "main.py")
    assert editor.codes(folder / "main.py") == []
    assert types.WORKSPACE_DID_CHANGE_WATCHED_FILES in editor.watched
    (folder / "helper.py").write_text(BLOCKING)
    editor.changed_on_disk(folder / "helper.py")
    editor.wait_for_codes(folder / "main.py", "FAPI102")
    (folder / "helper.py").write_text(HELPER)
    editor.changed_on_disk(folder / "helper.py")
    editor.wait_for_codes(folder / "main.py")


def test_the_text_of_the_editor_counts_until_the_document_is_closed(editor: Editor, project: Project) -> None:
    folder = project({"helper.py": HELPER, "main.py": MAIN})
    editor.open(folder / "main.py")
    editor.open(folder / "helper.py", BLOCKING)
    editor.wait_for_codes(folder / "main.py", "FAPI102")
    editor.shut(folder / "helper.py")
    editor.wait_for_codes(folder / "main.py")


def test_deleted_and_renamed_files(editor: Editor, project: Project) -> None:
    folder = project({"helper.py": BLOCKING, "main.py": MAIN, "other.py": MAIN})
    main, other, renamed = folder / "main.py", folder / "other.py", folder / "renamed.py"
    editor.wait_for_codes(main, "FAPI102")
    editor.wait_for_codes(other, "FAPI102")
    other.rename(renamed)
    editor.changed_on_disk(other, kind=types.FileChangeType.Deleted)
    editor.changed_on_disk(renamed, kind=types.FileChangeType.Created)
    editor.wait_for_codes(renamed, "FAPI102")
    editor.wait_for_codes(other)
    (folder / "helper.py").unlink()
    editor.changed_on_disk(folder / "helper.py", kind=types.FileChangeType.Deleted)
    editor.wait_for_codes(main)
    editor.wait_for_codes(renamed)


def test_a_broken_configuration_is_told_once_and_a_mended_one_counts(editor: Editor, project: Project) -> None:
    folder = project({"helper.py": BLOCKING, "main.py": MAIN})
    main, configuration = folder / "main.py", folder / "pyproject.toml"
    editor.open(main)
    editor.wait_for_codes(main, "FAPI102")
    before = len(editor.shown)
    for _ in range(2):
        configuration.write_text("[tool.fastapi-lint]\nignore = 3\n")
        editor.changed_on_disk(configuration)
        editor.replace(main, "    return wait()\n", "    return wait() + 1\n")
        assert editor.codes(main) == ["FAPI102"]
        editor.replace(main, "    return wait() + 1\n", "    return wait()\n")
        assert editor.codes(main) == ["FAPI102"]
        assert len(editor.shown) == before + 1 and "ignore" in editor.shown[-1]
        configuration.write_text('[tool.fastapi-lint]\nignore = ["FAPI102"]\n')
        editor.changed_on_disk(configuration)
        editor.wait_for_codes(main)
        configuration.write_text("[tool.fastapi-lint]\n")
        editor.changed_on_disk(configuration)
        editor.wait_for_codes(main, "FAPI102")
        before = len(editor.shown)
    editor.log.clear()


def test_lines_that_end_in_carriage_returns(editor: Editor, project: Project) -> None:
    folder = project({"main.py": BARE.replace("\n", "\r\n")})
    main = folder / "main.py"
    editor.open(main)
    (found,) = editor.diagnostics(main)
    text = editor.text(main)
    assert text[editor.offset(text, found.range.start) : editor.offset(text, found.range.end)] == "time.sleep"
    editor.replace(main, "time.sleep(3)", "pass")
    assert editor.codes(main) == []
    assert editor.text(main).count("\r\n") == text.count("\r\n")


BARE = """\
import time

from fastapi import FastAPI

app = FastAPI()


@app.get("/items")
async def read_items() -> str:
    x = "\U0001f60b\u2028"; time.sleep(3); y = "\u00e4"
    return x + y
"""


def test_positions_are_counted_as_the_client_does(editor: Editor, project: Project) -> None:
    folder = project({"main.py": BARE})
    assert editor.capabilities.position_encoding == "utf-16"
    editor.open(folder / "main.py")
    (found,) = editor.diagnostics(folder / "main.py")
    assert found.code == "FAPI101"
    assert [(place.line, place.character) for place in (found.range.start, found.range.end)] == [(9, 15), (9, 25)]


def test_a_client_may_count_in_bytes_and_not_watch_the_disk(tmp_path: Path) -> None:
    folder = written(tmp_path, {"main.py": BARE, "pyproject.toml": "[tool.fastapi-lint]\n"})
    editor = Editor(("utf-8", "utf-16"), watches=False)
    try:
        assert editor.capabilities.position_encoding == "utf-8"
        editor.folders(folder)
        editor.open(folder / "main.py")
        (found,) = editor.diagnostics(folder / "main.py")
        assert [(place.line, place.character) for place in (found.range.start, found.range.end)] == [(9, 19), (9, 29)]
        assert editor.watched == []
        (folder / "other.py").write_text(BARE)  # the server looks by itself
        editor.wait_for_codes(folder / "other.py", "FAPI101")
    finally:
        assert editor.close() == 0
    stages = [each["kind"] for each in editor.progress if isinstance(each, dict)]
    assert not stages or (stages[0], stages[-1]) == ("begin", "end")


def test_several_folders_are_several_projects(editor: Editor, tmp_path: Path) -> None:
    one = written(tmp_path / "one", {"main.py": MAIN, "helper.py": HELPER, "fastapi-lint.toml": ""})
    two = written(tmp_path / "two", {"main.py": MAIN, "helper.py": BLOCKING, "fastapi-lint.toml": ""})
    editor.folders(one, two)
    editor.wait_for_codes(two / "main.py", "FAPI102")
    editor.open(one / "main.py")
    assert editor.codes(one / "main.py") == []
    editor.folders(removed=[two])
    editor.wait_for_codes(two / "main.py")
    editor.folders(removed=[one])


def test_a_project_of_its_own_inside_of_a_folder(editor: Editor, project: Project) -> None:
    inner = {"inner/main.py": MAIN, "inner/helper.py": BLOCKING, "inner/fastapi-lint.toml": ""}
    folder = project({"main.py": MAIN, "helper.py": HELPER, **inner})
    editor.wait_for_codes(folder / "inner" / "main.py", "FAPI102")
    editor.open(folder / "main.py")
    assert editor.codes(folder / "main.py") == []


def test_a_file_outside_of_all_folders(editor: Editor, tmp_path: Path) -> None:
    folder = written(tmp_path, {"main.py": MAIN, "helper.py": BLOCKING, "pyproject.toml": ""})
    editor.open(folder / "main.py")
    editor.wait_for_codes(folder / "main.py", "FAPI102")
    assert (folder / "helper.py").as_uri() not in editor.published
    editor.shut(folder / "main.py")
    editor.wait_for_codes(folder / "main.py")


def test_a_file_that_is_no_python_does_no_harm(editor: Editor, project: Project) -> None:
    folder = project({"main.py": MAIN, "helper.py": BLOCKING})
    editor.open(folder / "main.py")
    editor.wait_for_codes(folder / "main.py", "FAPI102")
    editor.change(folder / "main.py", "def broken(:\n\ud83d")
    assert "FAPI001" in editor.codes(folder / "main.py")
    editor.change(folder / "main.py", MAIN)
    assert editor.codes(folder / "main.py") == ["FAPI102"]


def test_what_an_edit_brings_in_its_own_file_is_there_before_all_else(editor: Editor, project: Project) -> None:
    """First what stands in the edited file, though it is the last one in order; then what it means for the project."""
    folder = project({"main.py": MAIN.replace("helper", "slow"), "slow.py": HELPER})
    editor.open(folder / "main.py")
    editor.open(folder / "slow.py")
    assert editor.codes(folder / "main.py") == editor.codes(folder / "slow.py") == []
    router = "from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n"
    nap = "\n\n@router.get('/nap')\nasync def nap() -> None:\n    time.sleep(1)\n"
    before = len(editor.history)
    editor.change(folder / "slow.py", router + BLOCKING + nap)
    editor.wait_for_codes(folder / "slow.py", "FAPI314", "FAPI101")
    told = [(Path(each.uri).name, [one.code for one in each.diagnostics]) for each in editor.history[before:]]
    assert told == [("slow.py", ["FAPI101"]), ("main.py", ["FAPI102"]), ("slow.py", ["FAPI314", "FAPI101"])]
