"""The hooks of .pre-commit-hooks.yaml, run by pre-commit itself on a scratch repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("src", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
"""What an installation of the project needs; copied, so that uncommitted work is tested and no history is needed."""

HOOKS = "[{id: fastapi-lint}, {id: fastapi-lint-fix}]"
"""Both in one configuration, as users have them: the project is installed once. (`try-repo` installs it each time.)"""

BAD = """\
from fastapi import Depends, FastAPI

app = FastAPI()


def get_limit() -> int:
    return 10


@app.get("/items", status_code=200)
async def list_items(limit: int = Depends(get_limit)) -> list[int]:
    return list(range(limit))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of the caller's git or pre-commit; an identity to commit with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    kept.pop("PYTHONPATH", None)
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tname = Test\n\temail = test@example.com\n[init]\n\tdefaultBranch = main\n")
    return {
        **kept,
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_NOSYSTEM": "1",
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "PRE_COMMIT_COLOR": "never",
    }


def commit_all(folder: Path, environment: dict[str, str]) -> None:
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "state"]):
        subprocess.run(["git", *command], cwd=folder, env=environment, check=True, capture_output=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="pre-commit works on git repositories")
def test_hooks_find_and_fix(tmp_path: Path, environment: dict[str, str]) -> None:
    project, scratch = tmp_path / "the project", tmp_path / "scratch"
    project.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, project / part)
    commit_all(project, environment)
    scratch.mkdir()
    app = scratch / "app.py"
    app.write_text(BAD)
    (scratch / "notes.md").write_text("not Python\n")
    (scratch / ".pre-commit-config.yaml").write_text(
        f"repos: [{{repo: {project.as_uri()}, rev: main, hooks: {HOOKS}}}]\n"
    )
    commit_all(scratch, environment)

    def hook(name: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pre_commit", "run", name, "--all-files", "--verbose"]
        return subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True)

    found = hook("fastapi-lint")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "FAPI201" in found.stdout
    assert "app.py" in found.stdout
    assert app.read_text() == BAD, "the hook without fixes writes nothing"

    fixed = hook("fastapi-lint-fix")
    assert "files were modified by this hook" in fixed.stdout, fixed.stdout + fixed.stderr
    assert "Annotated[int, Depends(get_limit)]" in app.read_text()

    for name in ("fastapi-lint", "fastapi-lint-fix"):
        clean = hook(name)
        assert clean.returncode == 0, clean.stdout + clean.stderr
        assert "Passed" in clean.stdout
