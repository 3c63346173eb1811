"""What `make release` does with wheel and sdist: each is installed into a clean environment, and run as a user would.

python tests/check_release.py DIST FOLDER        environments and a small project are made below FOLDER
"""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = """\
import time

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def wait() -> None:
    time.sleep(1)
"""


def main(dist: str, folder: str) -> None:
    version = re.search(r'__version__ = "(.*)"', (ROOT / "src/fastapi_lint/__init__.py").read_text(encoding="utf-8"))
    assert version is not None
    if f"\n## {version[1]} - " not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        sys.exit(f"CHANGELOG.md has no part about {version[1]}")
    files = sorted(Path(dist).resolve().glob("*"))
    assert [file.name.removeprefix(f"fastapi_lint-{version[1]}") for file in files] == ["-py3-none-any.whl", ".tar.gz"]
    for file in files:
        check(file, version[1], Path(folder).resolve())
        print(f"{file.name}: installed and run")


def check(file: Path, version: str, folder: Path) -> None:
    """Install a distribution, and run the commands that need files which it must bring."""
    home = folder / ("sdist" if file.name.endswith(".gz") else "wheel")
    venv.create(home, with_pip=True, clear=True)
    scripts = home / ("Scripts" if sys.platform == "win32" else "bin")
    run([scripts / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", file], folder)
    project = home / "project"
    project.mkdir()
    (project / "main.py").write_text(PROJECT, encoding="utf-8")
    linter = scripts / "fastapi-lint"
    assert run([linter, "--version"], project) == f"fastapi-lint {version}\n"
    assert "main.py:10:5: FAPI101" in run([linter, "--output-format", "concise"], project, code=1)
    assert "## Example\\n" in run([linter, "--output-format", "sarif"], project, code=1)
    assert "## Example" in run([linter, "rule", "FAPI101"], project)
    assert "GET" in run([linter, "routes"], project)
    assert '"$schema"' in run([linter, "config", "--schema"], project)
    run([linter, "--fix", "--unsafe-fixes"], project)
    assert "time.sleep" not in (project / "main.py").read_text(encoding="utf-8").partition("async def")[2]


def run(command: list[Path | str], folder: Path, *, code: int = 0) -> str:
    """The standard output of a command that ends with `code`."""
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, encoding="utf-8")
    if done.returncode != code:
        sys.exit(f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
