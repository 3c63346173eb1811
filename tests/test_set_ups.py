"""Whole runs in the set-ups that teams have: monorepos, hooks, containers, baselines, notebooks."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from linting import ROOT

from fastapi_lint.cli.main import run_command_line
from fastapi_lint.config.settings import CACHE_DIRECTORY

MAIN = """\
import time
from fastapi import Depends, FastAPI
from app.deps import get_limit

app = FastAPI()


@app.get("/items")
async def items(limit: int = Depends(get_limit)) -> int:
    time.sleep(1)
    return limit
"""
"""FAPI201 in line 9, which can be fixed, and FAPI101 in line 10."""
SERVICE = {"app/__init__.py": "", "app/main.py": MAIN, "app/deps.py": "def get_limit() -> int:\n    return 1\n"}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in a folder below the test's: exit code, lines of findings, what stderr says but totals."""
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY", "FASTAPI_LINT_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)

    def called(*arguments: str, at: str = "", format: str = "concise") -> tuple[int, list[str], str]:
        monkeypatch.chdir(tmp_path / at)
        code = run_command_line([*arguments, "--output-format", format])
        out, err = capfd.readouterr()
        said = [line for line in err.splitlines() if not line.startswith(("All clear", "Found ", "Fixed "))]
        return code, out.splitlines(), "".join(f"{line}\n" for line in said)

    return called


def places(lines: list[str]) -> list[str]:
    """Path and code of each line of a concise report."""
    return [f"{line.split(':')[0]} {line.split()[1]}" for line in lines]


def test_services_of_a_monorepo(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its own settings, root and names, and is told the same from wherever it is linted."""
    for name in ("a", "b"):
        write(tmp_path / "services" / name, SERVICE)
    write(tmp_path / "old", {**SERVICE, "pyproject.toml": "[project]\nname = 'c'\ndependencies = ['fastapi<0.95']\n"})
    write(tmp_path, {
        "services/a/pyproject.toml": "[tool.fastapi-lint]\nextend = '../../lint.toml'\nignore = ['FAPI101']\n",
        "services/b/pyproject.toml": "[project]\nname = 'b'\n",
        "lint.toml": "[severity]\nFAPI201 = 'info'\n",
        "tools/tool.py": MAIN.replace("from app.deps", "from .deps"),
        "tools/deps.py": SERVICE["app/deps.py"],
    })  # fmt: skip
    (tmp_path / ".git").mkdir()
    a, b = ["services/a/app/main.py FAPI201"], ["services/b/app/main.py FAPI201", "services/b/app/main.py FAPI101"]
    own = ["tools/tool.py FAPI201", "tools/tool.py FAPI101"]
    old = ["old/app/main.py FAPI101"]  # where there is no `Annotated` yet
    assert places(run()[1]) == [*old, *a, *b, *own]
    assert [f"old/{place}" for place in places(run(at="old")[1])] == old
    assert run("services/a")[0] == 0, "its only finding is an info"
    assert places(run("services/b/app/main.py", "services/a", "tools")[1]) == [*a, *b, *own]
    assert [f"services/b/{place}" for place in places(run(at="services/b")[1])] == b
    assert places(run("--isolated", "services/a")[1]) == [a[0], "services/a/app/main.py FAPI101"]
    assert sorted(run("--show-files")[1])[3:5] == ["services/a/app/__init__.py", "services/a/app/deps.py"]
    # Patterns of the command line count from the current folder, whatever is configured there.
    assert places(run("--per-file-ignores", "services/*/app/main.py:FAPI201")[1]) == [*old, b[1], *own]
    assert places(run("--exclude", "services/a,tools/*,old")[1]) == b
    assert places(run("--per-file-ignores", "main.py:ALL", at="services/b/app")[1]) == []
    assert "did you mean one of old/app/main.py, services/a/app/main.py, services/b/app/main.py?" in run("main.py")[2]
    # Services that annotate a repository count paths from its root.
    (line,) = run(at="services/a", format="github")[1]
    assert ",file=services/a/app/main.py," in line
    monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path / "services"))
    assert json.loads("\n".join(run(at="services/a", format="gitlab")[1]))[0]["location"]["path"] == "a/app/main.py"
    monkeypatch.delenv("CI_PROJECT_DIR")
    sarif = json.loads("\n".join(run(at="services/b", format="sarif")[1]))["runs"][0]
    assert sarif["artifacts"][0]["location"]["uri"] == "services/b/app/main.py"
    # One baseline for all of them, written in parts.
    assert run("--write-baseline", "known.json")[0] == 0
    assert run("--baseline", "known.json")[:2] == (0, [])
    assert run("services/b", "--baseline", "known.json")[:2] == (0, [])
    known = (tmp_path / "known.json").read_bytes()
    assert run("services/b", "--write-baseline", "known.json")[0] == 0
    assert (tmp_path / "known.json").read_bytes() == known
    # Fixes stay inside of what is asked for.
    assert run("--fix", at="services/a")[0] == 0
    assert "Annotated" in (tmp_path / "services/a/app/main.py").read_text()
    assert (tmp_path / "services/b/app/main.py").read_text() == MAIN
    assert "--- a/services/b/app/main.py" in run("--diff")[1]


def test_a_run_looks_at_the_current_folder(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {**SERVICE, "pyproject.toml": "[tool.fastapi-lint]\nfix = true\n", "scripts/one.py": MAIN})
    code, lines, _ = run(at="scripts")
    assert (code, places(lines)) == (1, ["one.py FAPI101"])
    assert "Annotated" in (tmp_path / "scripts" / "one.py").read_text(), "the project around is known"
    assert (tmp_path / "app" / "main.py").read_text() == MAIN, "and left as it is"


def test_a_cache_of_somebody_else(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {**SERVICE, "pyproject.toml": ""})
    folder = tmp_path / CACHE_DIRECTORY
    expected = run()[1]
    kept = {path.name for path in folder.iterdir()}
    real = {name: getattr(os, name) for name in ("stat", "lstat", "open", "scandir")}

    def denied(name: str) -> Callable[..., object]:
        def call(path: object, *rest: object, **named: object) -> object:
            if isinstance(path, (str, os.PathLike)) and str(path).startswith(f"{folder}{os.sep}"):
                raise PermissionError(13, "Permission denied", str(path))
            return real[name](path, *rest, **named)

        return call

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        for name in real:
            patched.setattr(os, name, denied(name))
        patched.setattr(tempfile, "mkstemp", refused)
        write(tmp_path, {"app/new.py": "x = 1\n"})
        code, lines, said = run()
    assert (code, lines) == (1, expected)
    assert said == f"info: the cache '{CACHE_DIRECTORY}' is not used: Permission denied\n"
    elsewhere = tmp_path / "caches"
    monkeypatch.setenv("FASTAPI_LINT_CACHE_DIR", str(elsewhere))
    assert run()[1] == expected
    assert {path.name for path in folder.iterdir()} == kept
    (own,) = elsewhere.iterdir()
    assert own.name.startswith(tmp_path.name)
    assert any(path.name.startswith("rules-") for path in own.iterdir())
    assert run_command_line(["clean"]) == 0
    assert list(elsewhere.iterdir()) == []
    assert run("--cache-dir", str(tmp_path / "other"))[1] == expected
    assert len(list((tmp_path / "other").iterdir())) == 1


def test_fixes_and_a_baseline(tmp_path: Path, run: Run) -> None:
    """What a baseline knows is left alone, and is known still when a fix has changed its line."""
    # Both findings on one line, of which the fix of one changes the text.
    text = MAIN.replace("-> int:\n    time.sleep(1)\n    return", "-> int: time.sleep(1); return")
    pyproject = "[tool.fastapi-lint]\nbaseline = 'known.json'\n"
    write(tmp_path, {**SERVICE, "app/main.py": text, "pyproject.toml": pyproject})
    file = tmp_path / "known.json"

    def entries() -> list[tuple[str, str]]:
        return [(entry["path"], entry["code"]) for entry in json.loads(file.read_text())["findings"]]

    assert run("--write-baseline", "known.json")[0] == 0
    assert entries() == [("app/main.py", "FAPI101"), ("app/main.py", "FAPI201")]
    # Written for some paths or rules, it keeps what it knows of the rest; of files that are gone it does not.
    write(tmp_path, {"app/other.py": MAIN})
    assert run("app/other.py", "--select", "FAPI201", "--write-baseline", "known.json")[0] == 0
    assert entries()[2:] == [("app/other.py", "FAPI201")]
    assert run("app/other.py", "--select", "FAPI101", "--write-baseline", "known.json")[0] == 0
    assert entries()[2:] == [("app/other.py", "FAPI101"), ("app/other.py", "FAPI201")]
    (tmp_path / "app" / "other.py").unlink()
    assert run("app/deps.py", "--write-baseline", "known.json")[0] == 0
    assert len(entries()) == 2
    content = json.loads(file.read_text())
    content["findings"].pop()
    file.write_text(json.dumps(content))
    assert places(run()[1]) == ["app/main.py FAPI201"]
    known = "info: the baseline known.json follows: fixes changed lines that it knows\n"
    assert run("--fix") == (0, [], known)
    assert "Annotated[" in (tmp_path / "app" / "main.py").read_text()
    assert (run(), entries()) == ((0, [], ""), [("app/main.py", "FAPI101")])
    # What it knows is fixed if somebody asks for that.
    write(tmp_path, {"app/main.py": text})
    assert run("--write-baseline", "known.json")[0] == 0
    assert run("--fix") == (0, [], "")
    assert (tmp_path / "app" / "main.py").read_text() == text
    code, lines, said = run("--fix-baseline")
    assert (code, lines, said.count("1 entry of the baseline is fixed")) == (0, [], 1)
    assert "Annotated[" in (tmp_path / "app" / "main.py").read_text()
    (tmp_path / "notes.json").write_text("{}")
    assert run("--write-baseline", "notes.json")[0] == 2, "a file that is something else is not lost"


def test_a_file_that_cannot_be_written_keeps_its_findings(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {**SERVICE, "pyproject.toml": "", "app/other.py": MAIN})
    (tmp_path / "app" / "main.py").chmod(0o444)
    code, lines, said = run("--fix")
    assert (code, places(lines)) == (2, ["app/main.py FAPI201", "app/main.py FAPI101", "app/other.py FAPI101"])
    assert said == f"error: app/main.py: not fixed: {tmp_path / 'app/main.py'}: not written: the file is read-only\n"


def test_hooks_are_handed_names(tmp_path: Path, run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """As pre-commit calls them: with every changed file, of which some are excluded."""
    write(
        tmp_path, {**SERVICE, "gen/main.py": MAIN, "pyproject.toml": "[tool.fastapi-lint]\nextend-exclude = ['gen']\n"}
    )
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text()
    check, fix = (entry.split() for entry in re.findall("entry: fastapi-lint (.*)", hooks))
    assert places(run(*check, "gen/main.py", "app/main.py")[1]) == ["app/main.py FAPI201", "app/main.py FAPI101"]
    assert run(*fix, "gen/main.py")[:2] == (0, [])
    assert (tmp_path / "gen" / "main.py").read_text() == MAIN
    assert run_command_line([*fix, "gen/main.py", "app/main.py"]) == 0, "the other hook reports what is left"
    out = capfd.readouterr().out
    assert out.startswith("Fixed 1 finding:\n  1 x FAPI201 [parameter-without-annotated]\n")
    assert "FAPI101" not in out


def test_ruff_beside_it(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {**SERVICE, "pyproject.toml": "[tool.ruff]\nline-length = 100\n"})
    said = 'Ruff removes comments with codes that it does not know: add `external = ["FAPI"]` to [tool.ruff.lint]'
    assert run("--add-noqa")[::2] == (0, f"info: pyproject.toml: {said}\nadded suppressions to 1 file\n")
    assert run()[:2] == (0, [])
    for name, text in (
        ("pyproject.toml", "[tool.ruff.lint]\nselect = ['E']\nexternal = [\n    'V', 'FAPI',\n]\n"),
        ("pyproject.toml", ""),
        ("ruff.toml", '[lint]\nexternal = ["FAPI"]\n'),
        ("ruff.toml", '[lint]\n    external=["FAPI"]\n'),
    ):
        write(tmp_path, {"app/main.py": MAIN, name: text})
        assert "Ruff" not in run("--add-noqa")[2]
    write(tmp_path, {"app/main.py": "# ruff: noqa: FAPI201, FAPI101\n" + MAIN})
    assert run()[:2] == (0, [])


def notebook(*cells: str | list[str], language: str = "python") -> str:
    """A notebook with these code cells and a text before each, laid out as Jupyter does it."""
    both: list[dict[str, object]] = []
    for source in cells:
        both.append({"cell_type": "markdown", "metadata": {}, "source": ["import time\n"]})
        both.append({
            "cell_type": "code", "metadata": {"tags": ["\u00fc"]}, "outputs": [{"text": ["x = 1\n"]}],
            "source": source.splitlines(keepends=True) if isinstance(source, str) else source[0],
        })  # fmt: skip
    content = {"cells": both, "metadata": {"kernelspec": {"language": language}, "x": 1.0}, "nbformat": 4}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def test_notebooks(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells are checked and fixed where they stand, and everything else in the file stays as it is."""
    head = "import time\nfrom fastapi import Depends, FastAPI\n%matplotlib inline\n!pip install x\nfiles = !ls\n"
    head += "app = FastAPI()"
    shell = "%%bash\nif then"
    body = MAIN.partition("app = FastAPI()\n\n\n")[2].replace("get_limit", "lambda: 1")
    text = notebook(head, shell, body, ["app?\n%time time.sleep(1)\n"])
    write(tmp_path, {"pyproject.toml": "", "nb.ipynb": text, "other.ipynb": notebook("x <- 1", language="R")})
    code, lines, said = run("nb.ipynb")
    assert (code, [line.split(" `")[0] for line in lines], said) == (
        1, ["nb.ipynb:cell 6:2:17: FAPI201 [*]", "nb.ipynb:cell 6:3:5: FAPI101"], ""
    )  # fmt: skip
    first = json.loads("\n".join(run("nb.ipynb", format="json")[1]))[0]
    assert [first[key] for key in ("filename", "cell", "location", "noqa_row")] == [
        "nb.ipynb", 6, {"row": 2, "column": 17}, 2
    ]  # fmt: skip
    for line, part in zip(run("nb.ipynb", format="github")[1], ("limit: int = Depends", "time.sleep(1)"), strict=True):
        row, column = (int(value) for value in re.findall(r",line=(\d+),.*,col=(\d+),", line)[0])
        assert text.splitlines()[row - 1][column - 1 :].startswith(part)
    assert len(json.loads("\n".join(run("nb.ipynb", format="sarif")[1]))["runs"][0]["results"]) == 2
    assert run("nb.ipynb", format="console")[0] == 1
    difference = run("nb.ipynb", "--diff")[1]
    assert [line for line in difference if line[0] in "+-" and line[1] not in "+-"] == [
        '+    "from typing import Annotated\\n",',
        '-    "async def items(limit: int = Depends(lambda: 1)) -> int:\\n",',
        '+    "async def items(limit: Annotated[int, Depends(lambda: 1)]) -> int:\\n",',
    ]
    assert run("nb.ipynb", "--write-baseline", "known.json")[0] == 0
    assert run("nb.ipynb", "--baseline", "known.json")[:2] == (0, [])
    assert len(run("nb.ipynb", "--fix")[1]) == 1
    fixed = text.replace("limit: int = Depends(lambda: 1)", "limit: Annotated[int, Depends(lambda: 1)]")
    fixed = fixed.replace('    "from fastapi', '    "from typing import Annotated\\n",\n    "from fastapi')
    assert (tmp_path / "nb.ipynb").read_text() == fixed
    assert run("nb.ipynb", "--add-noqa")[0] == 0
    assert (tmp_path / "nb.ipynb").read_text() == fixed.replace('sleep(1)\\n"', 'sleep(1)  # noqa: FAPI101\\n"', 1)
    assert run("nb.ipynb")[:2] == (0, [])
    for name, content, said in (
        ("other.ipynb", None, "other.ipynb: cannot be read: its language is r"),
        ("bad.ipynb", "{", "bad.ipynb: cannot be read: no notebook: Expecting"),
        ("old.ipynb", '{"worksheets": []}', "old.ipynb: cannot be read: no notebook: it has no `cells`"),
    ):
        write(tmp_path, {} if content is None else {name: content})
        code, lines, err = run(name)
        assert (code, lines, err.startswith(f"error: {said}")) == (2, [], True)
    compact = json.dumps(json.loads(text), ensure_ascii=True)
    write(tmp_path, {"nb.ipynb": compact})
    assert len(run("nb.ipynb", "--fix")[1]) == 1
    assert (tmp_path / "nb.ipynb").read_text() == json.dumps(json.loads(fixed), ensure_ascii=True)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert "\n".join(run("--fix", "--stdin-filename", "nb.ipynb")[1]) + "\n" == fixed


def test_a_place_without_an_application(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {"pyproject.toml": "", "lib/one.py": "x = 1\n", "lib/two.py": "import time\n"})
    for at in ("", "lib"):
        doubt = "warning: no FastAPI application found in 2 files; is the path right?\n"
        assert run(at=at) == (0, [], doubt)
        assert run(at=at) == (0, [], doubt), "the cache knows it too"
    write(tmp_path, {"app/main.py": SERVICE["app/main.py"].replace("from app", "from app")})
    assert run("lib") == (0, [], ""), "there is one beside it"
    out = run(format="console")[1]
    assert out[-1].startswith("Found 2 findings in 1 file (3 files checked, 1 app, 1 route): 2 warnings.")


USERS = """\
import time
from typing import Annotated
from fastapi import APIRouter, Depends

router = APIRouter()


async def current_user() -> str:
    time.sleep(1)
    return "x"


User = Annotated[str, Depends(current_user)]


@router.get("/me")
async def me(user: User) -> str:
    return user


@router.get("/you")
def you(user: User) -> str:
    return user


@router.get("/we")
async def we() -> str:
    time.sleep(2)
    return "we"
"""
APP = "from fastapi import FastAPI\nfrom users import router\n\napp = FastAPI()\napp.include_router(router)\n"


@pytest.mark.parametrize("place", ["", "services/one/"])
def test_statistics_tell_how_many_endpoints_a_line_holds_up(tmp_path: Path, run: Run, place: str) -> None:
    """One finding in a dependency is worth more than one in an endpoint; the second time the findings are cached."""
    write(
        tmp_path, {f"{place}users.py": USERS, f"{place}main.py": APP, f"{place}pyproject.toml": "[tool.fastapi-lint]\n"}
    )
    for _ in range(2):
        code, lines, _ = run("--statistics", "--select", "FAPI101", format="json")
        (row,) = json.loads("\n".join(lines))
        assert (code, row["count"]) == (1, 2)
        (cause,) = row["causes"]
        assert (cause["filename"], cause["row"]) == (f"{place}users.py", 9)
        assert (cause["count"], cause["functions"], cause["endpoints"]) == (1, 1, 2)
    _, lines, _ = run("--statistics", "--select", "FAPI101", format="console")
    assert any("users.py:9: " in line and "(reached by 1 function, run by 2 endpoints)" in line for line in lines)
