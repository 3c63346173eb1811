"""What strangers' code must not reach: files outside the project, an interpreter, the reader's terminal, secrets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hooked import contents, run

SECRETS = ("q8ZkP3vT7yLm2NcX", "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8", "zebraCrossing77!", "tr0ub4dor&3")
LEAKING = f"""\
from os import getenv

from fastapi import Depends, FastAPI
from sqlalchemy import create_engine

app = FastAPI()
SECRET_KEY = "{SECRETS[0]}"
JWT_SECRET = getenv("JWT_SECRET", "{SECRETS[2]}")
engine = create_engine("postgresql://shop:{SECRETS[3]}@db/shop")


@app.get("/")
def read(value: str = Depends(lambda: "{SECRETS[1]}")) -> str:
    return value
"""
FIXABLE = """\
from fastapi import FastAPI, Header

app = FastAPI()


@app.get("/")
def read(value: str = Header()) -> str:
    return value
"""
FORMATS = ("console", "concise", "json", "sarif", "github", "gitlab", "junit")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    return root


def shown_secrets(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("format", FORMATS)
def test_no_report_shows_a_secret(project: Path, format: str) -> None:
    (project / "main.py").write_text(LEAKING, encoding="utf-8")
    done = run(project, "--preset", "all", "--unsafe-fixes", "--verbose", "--output-format", format)
    assert done.returncode == 1
    assert {"FAPI601", "FAPI602", "FAPI603"} <= set(re.findall(r"FAPI60\d", done.stdout))
    assert shown_secrets(done.stdout + done.stderr) == []


def test_nothing_that_is_stored_holds_a_secret(project: Path) -> None:
    (project / "main.py").write_text(LEAKING, encoding="utf-8")
    run(project, "--preset", "all")
    run(project, "--preset", "all", "--write-baseline", "baseline.json")
    stored = [path for path in project.rglob("*") if path.is_file() and path.name != "main.py"]
    assert (project / "baseline.json") in stored
    assert any(".fastapi_lint_cache" in path.parts for path in stored)
    for path in stored:
        assert shown_secrets(path.read_bytes().decode("latin-1")) == [], path


def test_nothing_of_the_project_is_executed(project: Path) -> None:
    plant = "from pathlib import Path\n\nPath('planted').touch()\n"
    for name in ("main", "conftest", "sitecustomize", "usercustomize", "setup", "libcst", "click", "fastapi_lint"):
        (project / f"{name}.py").write_text(f"{plant}{FIXABLE}", encoding="utf-8")
    # Not as `python -m`, which looks for modules in the current folder: as the installed command does.
    start = "import sys; sys.path[:] = sys.path[1:]; from fastapi_lint.__main__ import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent / "src")}
    command = [sys.executable, "-c", start, "--fix", "--unsafe-fixes", "--preset", "all"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode in (0, 1), done.stderr
    assert b"Annotated" in (project / "main.py").read_bytes()
    assert not (project / "planted").exists()


def test_files_behind_links_out_of_the_project_are_read_and_not_written(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text(FIXABLE, encoding="utf-8")
    (project / "link.py").symlink_to(outside)
    for option in ("--fix", "--add-noqa"):
        done = run(project, option, "--select", "FAPI201", "--no-cache")
        assert done.returncode == 2
        assert "error: link.py: not fixed: the file lies outside the project" in done.stderr
        assert outside.read_text(encoding="utf-8") == FIXABLE


@pytest.mark.parametrize("name", ["CACHEDIR.TAG", ".gitignore"])
@pytest.mark.parametrize("there", [False, True])
def test_links_in_a_cache_that_came_with_the_project_are_not_followed(
    project: Path, tmp_path: Path, name: str, there: bool
) -> None:
    (project / "main.py").write_text(FIXABLE, encoding="utf-8")
    (project / ".fastapi_lint_cache").mkdir()
    (project / ".fastapi_lint_cache" / name).symlink_to(tmp_path / "outside")
    if there:
        (tmp_path / "outside").write_text("mine", encoding="utf-8")
    assert run(project, "--select", "FAPI201").returncode == 1
    assert (tmp_path / "outside").exists() is there
    assert not there or (tmp_path / "outside").read_text(encoding="utf-8") == "mine"


def test_a_cache_that_is_a_link_is_not_used(project: Path, tmp_path: Path) -> None:
    (project / "main.py").write_text(FIXABLE, encoding="utf-8")
    (tmp_path / "outside").mkdir()
    (project / ".fastapi_lint_cache").symlink_to(tmp_path / "outside")
    done = run(project, "--select", "FAPI201")
    assert (done.returncode, list((tmp_path / "outside").iterdir())) == (1, [])
    assert "is not used: it is a symbolic link" in done.stderr


@pytest.mark.parametrize("path", ["../out.json", "/tmp/out.json", "a/../../out.json", "~/out.json", r"C:\\out.json"])
def test_configured_paths_stay_inside(project: Path, path: str) -> None:
    for key in ("baseline", "src"):
        value = f"'{path}'" if key == "baseline" else f"['{path}']"
        (project / "fastapi-lint.toml").write_text(f"{key} = {value}\n", encoding="utf-8")
        done = run(project)
        assert done.returncode == 2
        assert "expected a relative path inside the project" in done.stderr


def test_no_configuration_says_where_a_report_goes(project: Path) -> None:
    for key in ("output-file", "write-baseline", "cache-dir"):
        (project / "fastapi-lint.toml").write_text(f"{key} = 'x'\n", encoding="utf-8")
        assert f"unknown key '{key}'" in run(project).stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_pipes_are_not_waited_for(project: Path) -> None:
    (project / "main.py").write_text(FIXABLE, encoding="utf-8")
    for name in (".gitignore", "pipe.py", "requirements.txt", "fastapi-lint.toml", ".fastapi_lint_cache"):
        os.mkfifo(project / name)
    done = run(project, "--select", "FAPI201")
    assert done.returncode == 1
    assert "main.py:7" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="names that Windows does not allow")
@pytest.mark.parametrize("format", ["console", "concise", "github"])
def test_names_and_texts_cannot_pretend_to_be_something_else(project: Path, format: str) -> None:
    names = ("a\x1b[2J.py", "b\n::error::planted.py", "c\u202egp.py", "d e\u00e9.py", "e:f,g%.py", "f\r.py")
    for name in names:
        (project / name).write_text(FIXABLE.replace("value", "v\u0430lue"), encoding="utf-8")
    (project / "bad\nerror: planted.py").symlink_to("nowhere")
    done = run(project, "--select", "FAPI201", "--output-format", format, *names, "bad\nerror: planted.py")
    assert done.returncode == 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", done.stdout + done.stderr)
    assert not re.search(r"^(::error::|error: planted)", done.stdout + done.stderr, re.MULTILINE)
    assert "error: bad\\nerror: planted.py: cannot be read" in done.stderr
    shown = [line for line in done.stdout.splitlines() if "FAPI201" in line]
    assert len(shown) == len(names)
    assert any("d e\u00e9.py" in line for line in done.stdout.splitlines()), "the console has the path below its title"


def test_whatever_is_linted_only_the_cache_is_new(project: Path) -> None:
    (project / "main.py").write_text(LEAKING, encoding="utf-8")
    before = contents(project)
    run(project, "--preset", "all", "--diff")
    assert contents(project) == before
