"""The worked example of a plugin: it finds, fixes and is suppressed, knows the public surface alone, and is whole."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from linting import ROOT

from fastapi_lint.testing import Fixture, fixtures
from plugins.projects import Runs, written

FOLDER = ROOT / "examples" / "plugin"
BAD = FOLDER / "fixtures" / "ACME001-write-without-permission"
SOURCES = [*sorted((FOLDER / "src").rglob("*.py")), *sorted((FOLDER / "tests").rglob("*.py"))]


@pytest.fixture(scope="module", autouse=True)
def _importable() -> Iterator[None]:
    sys.path.insert(0, str(FOLDER / "src"))
    yield
    sys.path.remove(str(FOLDER / "src"))


def _fixtures() -> list[Fixture]:
    sys.path.insert(0, str(FOLDER / "src"))
    try:
        return fixtures(FOLDER / "fixtures", plugins=["acme_rules"])
    finally:
        sys.path.remove(str(FOLDER / "src"))


@pytest.mark.parametrize("fixture", _fixtures(), ids=str)
def test_its_fixtures(fixture: Fixture) -> None:
    fixture.check()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_it_knows_the_public_surface_alone(path: Path) -> None:
    known = {"fastapi_lint.api", "fastapi_lint.testing"}
    imports = [
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)
    ]
    names = {node.module or "" for node in imports}
    assert {name for name in names if name.startswith("fastapi_lint")} <= known
    assert "import fastapi_lint" not in path.read_text(encoding="utf-8")


def test_it_finds_fixes_and_is_suppressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (entry,) = re.findall(r'^acme = "(\w+)"$', (FOLDER / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    info = {"METADATA": "Metadata-Version: 2.1\nName: acme-rules\nVersion: 1\n"}
    info["entry_points.txt"] = f"[fastapi_lint.rules]\nacme = {entry}\n"
    written(tmp_path / "environment", {f"acme_rules-1.dist-info/{name}": text for name, text in info.items()})
    monkeypatch.syspath_prepend(str(tmp_path / "environment"))
    project = tmp_path / "project"
    permissions = (BAD / "project" / "permissions.py").read_text(encoding="utf-8")
    bad, fixed = ((BAD / f"{name}.py").read_text(encoding="utf-8") for name in ("bad", "fixed"))
    files = {
        "shop/permissions.py": permissions,
        "shop/main.py": bad.replace("permissions import", "shop.permissions import"),
    }
    options = '[rules.ACME001]\npermission = "shop.permissions.permitted"\n'
    written(project, {"fastapi-lint.toml": f'plugins = ["acme"]\nselect = ["ACME"]\n{options}', **files})
    monkeypatch.chdir(project)
    run = Runs(capsys)
    assert run.found() == ["shop/main.py:7:2 ACME001"]
    assert run.code == 1
    assert "## Example" in "\n".join(run("rule", "ACME001"))
    run("--fix", "--unsafe-fixes")
    assert run.code == 0
    assert (project / "shop/main.py").read_text() == fixed.replace("permissions import", "shop.permissions import")
    silenced = re.sub(r"  # expect:.*", "  # noqa: ACME001", files["shop/main.py"])
    written(project, {"shop/main.py": silenced})
    assert (run.found(), run.code) == ([], 0)
    written(project, {"fastapi-lint.toml": 'plugins = ["acme"]\nselect = ["ACME", "FAPI002"]\n' + options})
    written(project, {"shop/main.py": silenced.replace("router.post", "router.get")})
    assert run.found() == ["shop/main.py:7:35 FAPI002"]
