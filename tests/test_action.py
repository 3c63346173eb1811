"""The script of `action.yml`: inputs are data, the report outlives errors, and the exit code is passed on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCKING = (
    "import fastapi, time\napp = fastapi.FastAPI()\n@app.get('/')\nasync def wait() -> None:\n    time.sleep(1)\n"
)

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the action runs bash")


def check(root: Path, paths: str, args: str = "") -> tuple[int, str, str]:
    """Run the step as the runner would: its exit code, the outputs it sets, and what it says."""
    yaml = pytest.importorskip("yaml")
    steps = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"]
    (script,) = (step["run"] for step in steps if step.get("id") == "check")
    (root / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    (root / "venv" / "bin").mkdir(parents=True)
    python = root / "venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    (root / "outputs").touch()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "VENV": str(root / "venv"),
        "INPUT_PATHS": paths,
        "INPUT_ARGS": args,
        "SARIF": "report.sarif",
        "GITHUB_OUTPUT": str(root / "outputs"),
    }
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    return done.returncode, (root / "outputs").read_text(encoding="utf-8"), done.stdout + done.stderr


def test_findings(tmp_path: Path) -> None:
    (tmp_path / "my app").mkdir()
    (tmp_path / "my app" / "$(touch planted).py").write_text(BLOCKING, encoding="utf-8")
    code, outputs, said = check(tmp_path, "my app\n", "--preset=all")
    assert (code, outputs) == (0, "status=1\n")
    assert "::warning title=FAPI101" in said
    assert "FAPI101" in (tmp_path / "report.sarif").read_text(encoding="utf-8")
    assert not (tmp_path / "planted").exists()


def test_nothing_found(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n", encoding="utf-8")
    assert check(tmp_path, ".")[:2] == (0, "status=0\n")


def test_an_error_beside_findings_keeps_the_report(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(BLOCKING, encoding="utf-8")
    (tmp_path / "gone.py").symlink_to("nowhere")
    code, outputs, said = check(tmp_path, "app.py\ngone.py")
    assert (code, outputs) == (0, "status=2\n")
    assert "error: gone.py: cannot be read" in said
    assert "FAPI101" in (tmp_path / "report.sarif").read_text(encoding="utf-8")


def test_a_run_that_is_not_possible(tmp_path: Path) -> None:
    (tmp_path / "report.sarif").write_text("of an earlier run", encoding="utf-8")
    code, outputs, said = check(tmp_path, "$(touch planted)")
    assert (code, outputs) == (2, "")
    assert "no such file or directory" in said
    assert not (tmp_path / "report.sarif").exists(), "an old report is not uploaded as a new one"
    assert not (tmp_path / "planted").exists()
