"""The scripts of `action.yml`: inputs are data, the report outlives errors, and the exit code is passed on."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
ACTION = (ROOT / "action.yml").read_text(encoding="utf-8")
BLOCKING = (
    "import fastapi, time\napp = fastapi.FastAPI()\n@app.get('/')\nasync def wait() -> None:\n    time.sleep(1)\n"
)

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the action runs bash")


class Done(NamedTuple):
    """What a step leaves: its exit code, all outputs so far, what it says, and the summary of the job."""

    code: int
    outputs: dict[str, str]
    said: str
    summary: str


def run(step: str, root: Path, paths: str = ".", args: str = "", *, scripts: bool = False, **more: str) -> Done:
    """Run a step as the runner would, with a virtual environment as POSIX or (`scripts`) Windows has it."""
    yaml = pytest.importorskip("yaml")
    steps = yaml.safe_load(ACTION)["runs"]["steps"]
    (script,) = (each["run"] for each in steps if each.get("id") == step)
    (root / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    python = root / "venv" / ("Scripts/python.exe" if scripts else "bin/python")
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    for name in ("outputs", "summary"):
        (root / name).touch()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHON": sys.executable,
        "SOURCE": str(ROOT),
        "VENV": str(root / "venv"),
        "INPUT_PATHS": paths,
        "INPUT_ARGS": args,
        "CATEGORY": "",
        "SARIF": "report.sarif",
        "GITHUB_OUTPUT": str(root / "outputs"),
        "GITHUB_STEP_SUMMARY": str(root / "summary"),
        **more,
    }
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    lines = (root / "outputs").read_text(encoding="utf-8").splitlines()
    outputs = dict(line.split("=", 1) for line in lines)
    return Done(done.returncode, outputs, done.stdout + done.stderr, (root / "summary").read_text(encoding="utf-8"))


def test_findings(tmp_path: Path) -> None:
    """From check to annotation, with paths that a shell would run and lines that end as on Windows."""
    (tmp_path / "my app").mkdir()
    (tmp_path / "my app" / "$(touch planted).py").write_text(BLOCKING, encoding="utf-8")
    done = run("check", tmp_path, "my app\r\n", "--preset=all\r\n", CATEGORY="api")
    assert (done.code, done.outputs) == (0, {"status": "1"})
    assert "::" not in done.said, "annotations are for where there is no code scanning"
    report = json.loads((tmp_path / "report.sarif").read_text(encoding="utf-8"))
    assert report["runs"][0]["automationDetails"] == {"id": "api/"}
    count = len(report["runs"][0]["results"])
    done = run("outputs", tmp_path, STATUS="1")
    assert done.outputs == {
        "status": "1",
        "findings": str(count),
        "exit-code": "1",
        "sarif-file": str(tmp_path.resolve() / "report.sarif"),
    }
    assert done.summary.startswith(f"### fastapi-lint: {count} findings\n")
    assert re.search(r"^\| 1 \| \[FAPI101\]\(https://.*#fapi101-.*\) \| warning \|$", done.summary, re.MULTILINE)
    done = run("annotate", tmp_path, "my app\n", "--preset=all", UPLOAD="failure")
    assert done.code == 0
    assert done.said.startswith("::notice::code scanning did not take the report")
    assert "::warning title=FAPI101" in done.said
    assert not (tmp_path / "planted").exists()


def test_nothing_found_with_python_as_windows_has_it(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n", encoding="utf-8")
    assert run("check", tmp_path, scripts=True).outputs == {"status": "0"}
    done = run("outputs", tmp_path, STATUS="0", scripts=True)
    assert (done.outputs["findings"], done.summary) == ("0", "### fastapi-lint: 0 findings\n\n")


def test_an_error_beside_findings_keeps_the_report(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BLOCKING, encoding="utf-8")
    (tmp_path / "gone.py").symlink_to("nowhere")
    done = run("check", tmp_path, "app.py\ngone.py")
    assert (done.code, done.outputs) == (0, {"status": "2"})
    assert "error: gone.py: cannot be read" in done.said
    assert "FAPI101" in (tmp_path / "report.sarif").read_text(encoding="utf-8")
    assert "Not everything could be checked" in run("outputs", tmp_path, STATUS="2").summary


def test_a_run_that_is_not_possible(tmp_path: Path) -> None:
    (tmp_path / "report.sarif").write_text("of an earlier run", encoding="utf-8")
    done = run("check", tmp_path, "$(touch planted)")
    assert (done.code, done.outputs) == (2, {"status": "2"})
    assert "no such file or directory" in done.said
    assert not (tmp_path / "report.sarif").exists(), "an old report is not uploaded as a new one"
    assert not (tmp_path / "planted").exists()
    assert run("outputs", tmp_path, STATUS="2").outputs["sarif-file"] == ""


def test_the_key_of_the_cache_is_one_line(tmp_path: Path) -> None:
    assert re.fullmatch(r"fastapi-lint-[\w.-]+-[0-9a-f]{16}", run("key", tmp_path).outputs["key"])


def test_other_actions_are_pinned_by_commit_and_inputs_are_in_no_script() -> None:
    yaml = pytest.importorskip("yaml")
    steps = yaml.safe_load(ACTION)["runs"]["steps"]
    used = [step["uses"] for step in steps if "uses" in step]
    assert len(used) == 3
    assert [name for name in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name)] == []
    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []
