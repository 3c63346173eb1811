"""Whole runs over hostile trees: every bad file gets a clear message, and never hides the findings of the others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = b"import fastapi, time\napp = fastapi.FastAPI()\n@app.get('/')\nasync def wait() -> None:\n    time.sleep(1)\n"
"""One finding, FAPI101 in line 5."""


def lint(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fastapi_lint", "check", "--no-cache", "--output-format", "concise", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent / "src"), "PYTHONUTF8": "1"}
    return subprocess.run(
        command, cwd=root, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=120
    )


def project(root: Path, **files: bytes) -> Path:
    (root / "pyproject.toml").write_bytes(b"[project]\nname = 'x'\n")
    (root / "good.py").write_bytes(GOOD)
    for name, data in files.items():
        (root / f"{name}.py").write_bytes(data)
    return root


@pytest.mark.parametrize(
    ("data", "place", "said"),
    [
        (b"def f(:\n    pass\n", "bad.py:1:", "FAPI001 invalid syntax"),
        (b"x = 1\ny = '\xff\xfe'\n", "bad.py:2:", "FAPI001 cannot be read as Python: not valid utf-8"),
        (b"x = 1\nx\0 = 2\n", "bad.py:2:", "FAPI001 cannot be read as Python: source contains a NUL byte"),
        (b"# -*- coding: klingon -*-\n", "bad.py:1:", "FAPI001 cannot be read as Python: unknown encoding: klingon"),
        (b"if x:\n    y\n  z\n", "bad.py:", "FAPI001 invalid syntax"),
        (b'text = "never closed\n', "bad.py:1:", "FAPI001 invalid syntax"),
        (b"print 'two'\n", "bad.py:1:", "FAPI001 invalid syntax"),
    ],
    ids=["syntax", "utf-8", "nul", "coding", "indent", "string", "python2"],
)
def test_one_bad_file_is_reported_and_hides_nothing(tmp_path: Path, data: bytes, place: str, said: str) -> None:
    done = lint(project(tmp_path, bad=data))
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith(place) and said in line], done.stdout + done.stderr
    assert [line for line in lines if line.startswith("good.py:5:") and "FAPI101" in line], done.stdout
    assert done.returncode == 1
    assert len(lines) == 2, done.stdout


def test_a_file_that_cannot_be_read_says_nothing_of_the_others(tmp_path: Path) -> None:
    queue = b"from rq import Queue\n\nqueue = Queue('work')\nqueue.enqueue('jobs.later')\n"
    app = (
        b"import time\nfrom fastapi import FastAPI\nfrom sqlalchemy.orm import Session\n\napp = FastAPI()\n\n"
        b"def pause():\n    time.sleep(1)\n\n@app.get('/')\nasync def root(session: Session):\n    pause()\n"
        b"    time.sleep(1)\n    session.execute('x')\n"
    )
    codes = ["FAPI001", "FAPI101", "FAPI102", "FAPI501"]
    done = lint(project(tmp_path, queue=queue, app=app, bad=b"x = '\0'\n"), "--select", ",".join(codes))
    found = sorted(line.split()[1] for line in done.stdout.splitlines() if not line.startswith("good.py"))
    assert found == codes, done.stdout + done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (GOOD.replace(b"\n", b"\r\n"), 5),
        (GOOD.replace(b"\n", b"\r"), 5),
        (b"\xef\xbb\xbf" + GOOD, 5),
        (b"# -*- coding: latin-1 -*-\nname = 'caf\xe9'\n" + GOOD, 7),
        (b"\f\n" + GOOD, 6),
        (GOOD.rstrip(b"\n"), 5),
        (GOOD.replace(b"    time", "    'ä€𝄞'; time".encode()), 5),
    ],
    ids=["crlf", "cr", "bom", "latin-1", "form-feed", "no-newline", "wide"],
)
def test_places_are_right_in_unusual_files(tmp_path: Path, data: bytes, line: int) -> None:
    done = lint(project(tmp_path, odd=data))
    column = 12 if "ä".encode() in data else 5
    assert f"odd.py:{line}:{column}: FAPI101" in done.stdout, done.stdout + done.stderr


def test_deep_nesting_is_survived(tmp_path: Path) -> None:
    deep = {
        "parentheses": b"x = " + b"(" * 1000 + b"1" + b")" * 1000,
        "lists": b"x = " + b"[" * 1000 + b"]" * 1000,
        "unary": b"x = " + b"-" * 1000 + b"1",
        "attributes": b"x = a" + b".b" * 1000,
        "sums": b"x = a" + b" + b" * 1000,
        "calls": b"x = " + b"f(" * 1000 + b")" * 1000,
        "subscripts": b"x = a" + b"[0]" * 1000,
        "lambdas": b"x = " + b"lambda: " * 1000 + b"1",
        "far": b"x = " + b"(" * 60_000 + b")" * 60_000,
    }
    # HTTPException makes syntax rules open the files.
    done = lint(project(tmp_path, **{name: text + b"\nHTTPException\nDepends\n" for name, text in deep.items()}))
    assert "good.py:5:" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


def test_large_files_are_read(tmp_path: Path) -> None:
    many = b"".join(b"def f%d(a):\n    return a\n" % i for i in range(120_000))
    data = b"values = [\n" + b"    1,\n" * 400_000 + b"]\n"
    assert len(many) > 3_000_000
    done = lint(project(tmp_path, many=many, data=data + GOOD.replace(b"time\n", b"time  # late\n", 1)))
    assert "good.py:5:" in done.stdout, done.stdout + done.stderr
    assert "data.py:400007:" in done.stdout, done.stdout + done.stderr
    said = [line for line in done.stderr.splitlines() if "too large" in line]
    assert len(said) == 1, "of the file without a finding there is nothing to say"
    assert said[0].startswith("info: data.py: too large for fixes")


def test_a_symlink_loop_ends(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self.py").symlink_to("self.py")
    done = lint(tmp_path)
    assert done.stdout.count("FAPI101") == 1, done.stdout + done.stderr


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    done = lint(project(tmp_path), "goood.py")
    assert done.returncode == 2
    assert "goood.py" in done.stderr
    assert "good.py" in done.stderr.replace("goood.py", ""), "the nearest name is offered"


def test_a_folder_without_python_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = lint(tmp_path, "empty")
    assert done.returncode == 0
    assert "no Python files" in done.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    project(tmp_path, secret=b"x = 1\n")
    (tmp_path / "secret.py").chmod(0)
    done = lint(tmp_path)
    assert "secret.py: cannot be read" in done.stderr
    assert "good.py:5:" in done.stdout
    assert done.returncode == 2


def test_a_vanished_file_is_named(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    done = lint(tmp_path, "good.py", "gone.py")
    assert done.returncode == 2
    assert "error: gone.py: cannot be read: No such file or directory" in done.stderr
    assert "good.py:5:" in done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.fastapi-lint]\nselct = ['FAPI1']\n", "select"),
        ("[tool.fastapi-lint]\nselect = ['FAPI999']\n", "FAPI999"),
        ("[tool.fastapi-lint]\nselect = 'FAPI1'\n", "select"),
        ("[tool.fastapi-lint\n", "pyproject.toml"),
    ],
)
def test_an_invalid_configuration_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    project(tmp_path)
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    done = lint(tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
